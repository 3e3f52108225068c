//! The memory of a transaction: one growing byte arena and the values that point into it.

mod interned;

use std::ops::Range;

use super::alike::{self, Alike, LineageId};
use super::{Work, decimal, put_back};
use crate::plan::{Chain, CheckId, Hit, Prefilter, Profile, Scanned, Scope, Settled, Step};
use crate::profile::measure;
use interned::Interned;
use portcullis_collections::beginnings::are_same;
use portcullis_collections::hash;

/// A value of the current transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ValueId(pub(super) u32);

impl ValueId {
    /// The empty value, present in every transaction.
    pub(crate) const EMPTY: ValueId = ValueId(0);
}

/// A value or none, in the room of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MaybeValue(ValueId);

impl MaybeValue {
    pub(crate) const NONE: MaybeValue = MaybeValue(ValueId(NONE));

    pub(crate) fn get(self) -> Option<ValueId> {
        (self != Self::NONE).then_some(self.0)
    }
}

impl From<Option<ValueId>> for MaybeValue {
    fn from(value: Option<ValueId>) -> Self {
        value.map_or(Self::NONE, MaybeValue)
    }
}

/// Values and what was derived from them. Reset, not freed, between transactions.
///
/// A transformed value is a value too: the results of `t:urlDecodeUni,t:lowercase` and of `t:lowercase` are the
/// same one wherever the bytes need no decoding, and whatever is known about it (its own transformations, its
/// scan) is known once.
#[derive(Debug)]
pub(crate) struct Values {
    arena: Vec<u8>,
    values: Vec<Value>,
    edges: Vec<Edge>,
    profiles: Vec<Profile>,
    scans: Vec<u64>,
    /// Long values that were scanned, and where literals are in them: what stands within them need not be gone through again.
    wholes: Vec<Whole>,
    hits: Vec<Hit>,
    alike: Alike,
    settled: Settled,
    /// The values that [`Values::intern`] made.
    interned: Interned,
    buffer: Vec<u8>,
    limit: usize,
    exhausted: bool,
    /// What was done with values.
    pub(crate) work: Work,
}

#[derive(Debug, Clone, Copy)]
struct Value {
    start: u32,
    len: u32,
    /// Its summary, or 0 while it has no profile, and where that is.
    summary: u32,
    profile: u32,
    first_edge: u32,
    scan: u32,
    /// See [`Values::note_source`].
    source: u32,
    /// Of a long value, when it is asked for; see [`Alike`].
    lineage: LineageId,
    scope: Scope,
    origin: Origin,
}

/// Where a value comes from, and whether its scan is still what its bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Given,
    /// Given, and [`Values::rule_out`] has changed its scan.
    Asked,
    /// A transformation has made it.
    Made,
}

impl Value {
    /// Where it stands in the arena.
    fn range(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.len as usize
    }
}

/// See [`Values::wholes`].
#[derive(Debug)]
struct Whole {
    /// In the arena.
    places: Range<usize>,
    scope: Scope,
    /// In [`Values::hits`].
    hits: Range<usize>,
}

impl Whole {
    /// So many are searched for each scan.
    const MOST: usize = 4;
    const SHORTEST: usize = 32;
}

/// One transformation of one value.
#[derive(Debug, Clone, Copy)]
struct Edge {
    step: u16,
    to: ValueId,
    next: u32,
}

const NONE: u32 = u32::MAX;

impl Values {
    pub(crate) fn new() -> Self {
        let mut values = Values {
            arena: Vec::new(),
            values: Vec::new(),
            edges: Vec::new(),
            profiles: Vec::new(),
            scans: Vec::new(),
            wholes: Vec::new(),
            hits: Vec::new(),
            alike: Alike::default(),
            settled: Settled::default(),
            interned: Interned::default(),
            buffer: Vec::new(),
            limit: usize::MAX,
            exhausted: false,
            work: Work::default(),
        };
        values.reset(usize::MAX);
        values
    }

    /// Forgets all values. `limit` is the most bytes that the arena may hold.
    pub(crate) fn reset(&mut self, limit: usize) {
        self.arena.clear();
        self.values.clear();
        self.edges.clear();
        self.profiles.clear();
        self.scans.clear();
        self.wholes.clear();
        self.hits.clear();
        self.alike.reset();
        self.settled.reset();
        self.interned.reset();
        self.limit = limit.min(u32::MAX as usize - 1);
        self.exhausted = false;
        self.work = Work::default();
        self.add(0, 0);
    }

    /// Gives back memory above `keep` bytes, so that one large request does not stay paid for.
    pub(crate) fn shrink(&mut self, keep: usize) {
        self.arena.shrink_to(keep);
        self.values.shrink_to(keep / size_of::<Value>());
        self.edges.shrink_to(keep / size_of::<Edge>());
        self.profiles.shrink_to(keep / size_of::<Profile>());
        self.scans.shrink_to(keep / size_of::<u64>());
        self.interned.shrink(keep);
        self.buffer.shrink_to(keep);
    }

    /// Whether a value was lost because the arena was full. What was decided since then can't be trusted.
    pub(crate) fn exhausted(&self) -> bool {
        self.exhausted
    }

    #[inline]
    pub(crate) fn bytes(&self, id: ValueId) -> &[u8] {
        let Some(value) = self.values.get(id.0 as usize) else { return b"" };
        self.arena.get(value.range()).unwrap_or(b"")
    }

    /// Bytes of all values.
    pub(crate) fn size(&self) -> usize {
        self.arena.len()
    }

    /// Where in another value a part of it starts that [`Values::sub`] made.
    pub(crate) fn offset_within(&self, part: ValueId, whole: ValueId) -> Option<usize> {
        let [part, whole] = [part, whole].map(|id| self.values.get(id.0 as usize));
        let (part, whole) = part.zip(whole)?;
        let offset = part.start.checked_sub(whole.start)?;
        (offset + part.len <= whole.len).then_some(offset as usize)
    }

    #[inline]
    pub(crate) fn len(&self, id: ValueId) -> usize {
        self.values.get(id.0 as usize).map_or(0, |value| value.len as usize)
    }

    /// Copies `bytes` in. When the arena is full the value is empty and [`Values::exhausted`] says so.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> ValueId {
        self.push_here(bytes)
    }

    /// The same, for those who are called often.
    #[inline(always)]
    fn push_here(&mut self, bytes: &[u8]) -> ValueId {
        if bytes.is_empty() {
            return ValueId::EMPTY;
        }
        if self.arena.len().saturating_add(bytes.len()) > self.limit {
            self.exhausted = true;
            return ValueId::EMPTY;
        }
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        self.add(start, bytes.len())
    }

    /// Like [`Values::push`], but gives back the value that was interned before with the same bytes. Arguments repeat
    /// themselves, in JSON above all, and what is known of a value is then known of all.
    pub(crate) fn intern(&mut self, bytes: &[u8]) -> ValueId {
        if bytes.is_empty() {
            return ValueId::EMPTY;
        }
        self.interned.make_room();
        let hash = (hash(bytes) >> 32) as u32;
        match self.interned.find(hash, |known| are_same(self.bytes(ValueId(known)), bytes)) {
            Ok(known) => ValueId(known),
            Err(place) => {
                let id = self.push_here(bytes);
                self.interned.note(place, hash, id.0);
                id
            }
        }
    }

    /// Copies the pieces in as one value.
    pub(crate) fn push_all(&mut self, pieces: &[&[u8]]) -> ValueId {
        let total = pieces.iter().map(|piece| piece.len()).fold(0usize, usize::saturating_add);
        if self.arena.len().saturating_add(total) > self.limit {
            self.exhausted = true;
            return ValueId::EMPTY;
        }
        let start = self.arena.len();
        for piece in pieces {
            self.arena.extend_from_slice(piece);
        }
        self.add(start, total)
    }

    pub(crate) fn push_number(&mut self, number: i64) -> ValueId {
        let mut digits = [0; 20];
        self.push(decimal(number, &mut digits))
    }

    /// A part of a value, without a copy. Empty if the range is not within the value.
    pub(crate) fn sub(&mut self, id: ValueId, range: Range<usize>) -> ValueId {
        let Some(value) = self.values.get(id.0 as usize).copied() else { return ValueId::EMPTY };
        if range.start >= range.end || range.end > value.len as usize {
            return ValueId::EMPTY;
        }
        self.add(value.start as usize + range.start, range.end - range.start)
    }

    #[inline]
    fn add(&mut self, start: usize, len: usize) -> ValueId {
        // The arena is limited to u32, and there are at most as many values as the limits on arguments allow.
        let id = ValueId(self.values.len() as u32);
        self.values.push(Value {
            start: start as u32,
            len: len as u32,
            summary: 0,
            profile: NONE,
            first_edge: NONE,
            scan: NONE,
            source: 0,
            lineage: LineageId::NONE,
            scope: Scope::Request,
            origin: Origin::Given,
        });
        id
    }

    /// Notes that a value is among those of a source. False if that was noted last. No source is 0.
    pub(super) fn note_source(&mut self, id: ValueId, source: u32) -> bool {
        let value = self.values.get_mut(id.0 as usize);
        value.map(|value| std::mem::replace(&mut value.source, source)) != Some(source)
    }

    /// Notes what is looked for in a value, which was just made and is no name of the request.
    pub(crate) fn set_scope(&mut self, id: ValueId, scope: Scope) {
        if let Some(value) = self.values.get_mut(id.0 as usize) {
            (value.scope, value.lineage) = (scope, LineageId::NONE);
        }
    }

    /// What is looked for in a value.
    pub(super) fn scope(&self, id: ValueId) -> Scope {
        self.values.get(id.0 as usize).map(|value| value.scope).unwrap_or_default()
    }

    /// Whether what is known of a value and its forms tells of others that would have the same: no operator was asked about it.
    pub(super) fn is_unasked(&self, id: ValueId) -> bool {
        self.values.get(id.0 as usize).is_some_and(|value| value.origin == Origin::Given)
    }

    /// The profile of a value, found once.
    #[inline]
    pub(super) fn profile(&mut self, id: ValueId, prefilter: &Prefilter) -> Profile {
        let known =
            self.values.get(id.0 as usize).and_then(|value| self.profiles.get(value.profile as usize));
        match known {
            Some(known) => *known,
            None => self.make_profile(id, prefilter),
        }
    }

    #[inline(never)]
    fn make_profile(&mut self, id: ValueId, prefilter: &Prefilter) -> Profile {
        let Some(value) = self.values.get(id.0 as usize) else {
            return prefilter.profile(b"", Scope::Request);
        };
        let (range, scope) = (value.range(), value.scope);
        let is_long = alike::is_long(range.len(), self.values.len());
        let shared = if is_long { self.shared_profile(id, prefilter) } else { None };
        let profile =
            shared.unwrap_or_else(|| prefilter.profile(self.arena.get(range).unwrap_or(b""), scope));
        if let Some(value) = self.values.get_mut(id.0 as usize) {
            value.profile = self.profiles.len() as u32;
            value.summary = profile.summary;
        }
        self.profiles.push(profile);
        profile
    }

    #[inline(never)]
    fn shared_profile(&mut self, id: ValueId, prefilter: &Prefilter) -> Option<Profile> {
        let lineage = self.lineage(id);
        self.alike.profile(prefilter, lineage, &self.arena, self.range(id))
    }

    /// The classes of bytes and pairs that transformations ask for.
    #[inline]
    pub(crate) fn summary(&mut self, id: ValueId, prefilter: &Prefilter) -> u32 {
        match self.values.get(id.0 as usize) {
            Some(value) if value.summary != 0 => value.summary,
            _ => self.profile(id, prefilter).summary,
        }
    }

    /// The value after all steps of a chain.
    pub(crate) fn transform(&mut self, id: ValueId, chain: &Chain, prefilter: &Prefilter) -> ValueId {
        if chain.steps.is_empty() || self.summary(id, prefilter) & chain.triggers == 0 {
            return id;
        }
        self.after(id, &chain.steps, prefilter)
    }

    /// The value after these steps.
    pub(crate) fn after(&mut self, id: ValueId, steps: &[Step], prefilter: &Prefilter) -> ValueId {
        let mut id = id;
        let mut summary = self.summary(id, prefilter);
        for step in steps {
            if summary & step.triggers != 0 {
                let to = self.changed_by(id, step);
                if to != id {
                    id = to;
                    summary = self.summary(id, prefilter);
                }
            }
        }
        id
    }

    /// The value after one transformation.
    #[inline]
    pub(crate) fn step(&mut self, id: ValueId, step: &Step, prefilter: &Prefilter) -> ValueId {
        if self.summary(id, prefilter) & step.triggers == 0 { id } else { self.changed_by(id, step) }
    }

    /// The same for a value that need not be profiled for it.
    pub(crate) fn step_unprofiled(&mut self, id: ValueId, step: &Step) -> ValueId {
        let summary = self.values.get(id.0 as usize).map_or(0, |value| value.summary);
        if summary != 0 && summary & step.triggers == 0 { id } else { self.changed_by(id, step) }
    }

    #[inline(never)]
    fn changed_by(&mut self, id: ValueId, step: &Step) -> ValueId {
        let first = self.values.get(id.0 as usize).map_or(NONE, |value| value.first_edge);
        let mut next = first;
        while let Some(edge) = self.edges.get(next as usize) {
            if edge.step == step.id {
                return edge.to;
            }
            next = edge.next;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        self.work.transformed_bytes += self.len(id) as u64;
        let what = || format!("t:{}", step.name);
        let is_long = alike::is_long(self.len(id), self.values.len());
        let lineage = if is_long { self.lineage_by(id, step) } else { LineageId::NONE };
        let changed = measure(what, || match lineage {
            LineageId::NONE => step.transformation.apply(self.bytes(id), &mut buffer),
            _ => self.alike.apply(step.transformation, lineage, &self.arena, self.range(id), &mut buffer),
        });
        let to = if changed { self.push(&buffer) } else { id };
        if lineage != LineageId::NONE && !self.exhausted {
            self.alike.note_made(lineage, self.range(id), self.range(to));
        }
        if changed
            && let Some(scope) = self.values.get(id.0 as usize).map(|value| value.scope)
            && let Some(to) = self.values.get_mut(to.0 as usize)
        {
            to.scope = step.scope_after(scope);
            to.lineage = lineage;
            to.origin = Origin::Made;
        }
        put_back(&mut self.buffer, buffer);
        let edge = self.edges.len() as u32;
        self.edges.push(Edge { step: step.id, to, next: first });
        if let Some(value) = self.values.get_mut(id.0 as usize) {
            value.first_edge = edge;
        }
        to
    }

    /// That of a long value.
    fn lineage(&mut self, id: ValueId) -> LineageId {
        let Some(value) = self.values.get_mut(id.0 as usize) else { return LineageId::NONE };
        if value.lineage == LineageId::NONE {
            value.lineage = self.alike.root(value.scope);
        }
        value.lineage
    }

    /// That of what a transformation makes of a long value.
    #[inline(never)]
    fn lineage_by(&mut self, id: ValueId, step: &Step) -> LineageId {
        match self.lineage(id) {
            LineageId::NONE => LineageId::NONE,
            from => self.alike.lineage(from, step.id),
        }
    }

    /// Where a value stands in the arena.
    fn range(&self, id: ValueId) -> Range<usize> {
        let value = self.values.get(id.0 as usize);
        value.map_or(0..0, Value::range)
    }

    /// The result of the scan of a value, if it was made: `words` words.
    pub(crate) fn scan(&self, id: ValueId, words: usize) -> Option<&[u64]> {
        let value = self.values.get(id.0 as usize)?;
        if value.scan == NONE {
            return None;
        }
        self.scans.get(value.scan as usize..value.scan as usize + words)
    }

    /// Whether it is known already that the operator of `check` does not match the value after a chain of these triggers.
    #[inline]
    pub(crate) fn rules_out(
        &self,
        id: ValueId,
        triggers: u32,
        check: CheckId,
        prefilter: &Prefilter,
    ) -> bool {
        let Some(value) = self.values.get(id.0 as usize) else { return false };
        if value.summary == 0 || value.summary & triggers != 0 || value.scan == NONE {
            return false;
        }
        usize::from(check.0) / 64 < prefilter.words()
            && self.scans.get(value.scan as usize..).is_some_and(|bits| !check.is_in(bits))
    }

    /// Makes the scan of a value if it was not made yet.
    #[inline]
    pub(crate) fn ensure_scan(&mut self, id: ValueId, prefilter: &Prefilter) {
        if self.values.get(id.0 as usize).is_some_and(|value| value.scan == NONE) {
            self.make_scan(id, prefilter);
        }
    }

    #[inline(never)]
    fn make_scan(&mut self, id: ValueId, prefilter: &Prefilter) {
        let Some(value) = self.values.get(id.0 as usize).copied() else { return };
        let profile = self.profile(id, prefilter);
        let at = self.scans.len();
        let Range { start, end } = value.range();
        let whole = self.wholes.iter().find(|whole| {
            whole.scope == value.scope && whole.places.start <= start && whole.places.end >= end
        });
        if let Some(whole) = whole {
            let hits = self.hits.get(whole.hits.clone()).unwrap_or(&[]);
            let part = Scanned::Part { start, end, hits };
            let settled = self.settled.among(self.values.len());
            prefilter.scan(part, value.scope, profile, settled, &mut self.scans);
        } else {
            let first = self.hits.len();
            let shared = measure(|| "scan".to_owned(), || self.scan_anew(id, value, prefilter, profile));
            self.work.scans += 1;
            self.work.scan_bytes += u64::from(value.len) - shared.unwrap_or(0) as u64;
            let are_few = shared.is_none() && self.hits.len() <= first + Hit::MOST;
            if are_few && end - start >= Whole::SHORTEST && self.wholes.len() < Whole::MOST {
                let hits = first..self.hits.len();
                self.wholes.push(Whole { places: start..end, scope: value.scope, hits });
            } else {
                self.hits.truncate(first);
            }
        }
        if let Some(value) = self.values.get_mut(id.0 as usize) {
            value.scan = at as u32;
        }
    }

    /// Appends the scan of a value. Which part of it was known, and nothing is added to the hits, if it shares something with another one.
    #[inline]
    fn scan_anew(
        &mut self,
        id: ValueId,
        value: Value,
        prefilter: &Prefilter,
        profile: Profile,
    ) -> Option<usize> {
        if alike::is_long(value.len as usize, self.values.len())
            && let Some(from) = self.shared_scan(id, value.scope, prefilter, profile)
        {
            return Some(from);
        }
        let Range { start, end } = value.range();
        let bytes = self.arena.get(start..end).unwrap_or(b"");
        let scanned = Scanned::Whole { bytes, start, hits: &mut self.hits };
        let settled = self.settled.among(self.values.len());
        prefilter.scan(scanned, value.scope, profile, settled, &mut self.scans);
        None
    }

    /// The same for a long one. `None` if it shares nothing with the last one of its lineage.
    #[inline(never)]
    fn shared_scan(
        &mut self,
        id: ValueId,
        scope: Scope,
        prefilter: &Prefilter,
        profile: Profile,
    ) -> Option<usize> {
        let (lineage, range) = (self.lineage(id), self.range(id));
        let len = range.len();
        let (checks, from) = self.alike.scan(prefilter, lineage, scope, &self.arena, range)?;
        let settled = self.settled.among(self.values.len());
        prefilter.scan(Scanned::Known { len, checks }, scope, profile, settled, &mut self.scans);
        Some(from)
    }

    /// Notes that the operator of `check` does not match a value, which no transformation of its rule changes. Of forms it is not noted:
    /// their scans tell of those of [`Twins`](super::twins::Twins), too.
    pub(crate) fn rule_out(&mut self, id: ValueId, check: CheckId, prefilter: &Prefilter) {
        let Some(value) = self.values.get_mut(id.0 as usize) else { return };
        if value.scan == NONE || value.origin == Origin::Made {
            return;
        }
        value.origin = Origin::Asked;
        let at = value.scan as usize;
        if let Some(bits) = self.scans.get_mut(at..at + prefilter.words()) {
            check.take_from(bits);
        }
    }
}
