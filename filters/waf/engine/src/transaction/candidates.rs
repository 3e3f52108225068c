//! Which operators have to be asked: the results of scans, gathered for what many rules share.
//!
//! A [`Group`](crate::plan::Group) is a source after a chain, such as `ARGS` after `urlDecodeUni,lowercase`. The first
//! rule of a phase that looks at it has all its values scanned; whether any later rule can match anything in it is
//! then one bit. Only for rules whose bit is set are the values looked at one by one.

pub(super) mod forms;

use forms::scan_forms;
use portcullis_seclang::ast::VariableName;

use super::known::{Known, KnownId};
use super::{
    Memory, Transaction, ValueId, Values,
    collections::{Found, Member},
    put_back,
    twins::Twins,
};
use crate::operators::forget_inputs;
use crate::plan::{
    Bits, CheckId, Group, GroupId, NameKind, PhasePlan, Plan, Segment, SegmentSource, SourceId, Supposed,
    place_of,
};

/// Resolved sources and scanned groups.
///
/// What is known of a source or a group carries the time at which it was found out, by the clock of
/// [`Memory`]; it holds until the variable changes. So nothing is cleared between phases.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    sources: Vec<Resolved>,
    found: Vec<Found>,
    /// What is known of each of these as a member.
    found_known: Vec<KnownId>,
    pub(super) known: Known,
    buckets: Vec<Bucket>,
    /// What the scans of all values of a bucket or a source found, `words` words for each.
    totals: Vec<u64>,
    /// The values of the buckets, each with the place of the one before it in its bucket.
    members: Vec<(ValueId, u32)>,
    /// For each group the time of its bits.
    groups: Vec<u64>,
    bits: Vec<u64>,
    /// The places of the current phase that are to be visited.
    visit: Vec<u64>,
}

/// What is known of a source: its values as a range of `found`, its buckets as one of `buckets`, and since when.
#[derive(Debug, Clone, Copy, Default)]
struct Resolved {
    values: (u32, u32),
    values_at: u64,
    /// Those of them that are judged by themselves.
    fresh: (u32, u32),
    fresh_at: u64,
    buckets: (u32, u32),
    buckets_at: u64,
    /// The summaries and the scans of all values together; where the bits are in `totals`.
    summary: u32,
    total: u32,
}

/// The values of a source in which the same classes of bytes occur: a transformation leaves all of them as they are, or
/// may change any.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    summary: u32,
    /// The places of its last member, and of the last one of those that are [`Twins`] of others.
    last: u32,
    last_twin: u32,
    bits: u32,
}

/// No place.
const NONE: u32 = u32::MAX;

impl Candidates {
    /// Makes room for a rule set.
    pub(crate) fn reset(&mut self, plan: &Plan) {
        self.sources.resize(plan.sources.len(), Resolved::default());
        self.groups.resize(plan.groups.len(), 0);
        self.bits.resize(plan.groups.len() * plan.prefilter.words(), 0);
        self.found.clear();
        self.found_known.clear();
        self.known.reset(&plan.recurrence);
        self.buckets.clear();
        self.totals.clear();
        self.members.clear();
    }
}

impl Transaction {
    /// Starts a phase: only the rules that have to be visited anyway are marked.
    #[inline(never)]
    pub(crate) fn begin_phase(&mut self, plan: &Plan, phase: &PhasePlan) {
        forget_inputs();
        self.as_supposed = !self.relied_removed && self.holds(plan, &phase.supposed);
        let visit = &mut self.memory.candidates.visit;
        visit.clear();
        visit.extend_from_slice(&phase.always);
        if self.debug.is_some() || !self.as_supposed {
            // Every rule says what it does, or may do it.
            self.visit_all();
        }
        self.recall(plan);
        let Candidates { known, visit, .. } = &mut self.memory.candidates;
        mark(plan, known.all(), 0, &phase.numbers, visit);
    }

    /// Whether TX variables are as they are supposed to be.
    pub(super) fn holds(&self, plan: &Plan, supposed: &[Supposed]) -> bool {
        let Memory { values, tx, .. } = &*self.memory;
        supposed.iter().all(|(slot, value)| tx.slot_is(*slot, *value, &plan.constants, values))
    }

    /// Marks all rules of the phase.
    pub(crate) fn visit_all(&mut self) {
        self.as_supposed = false;
        self.memory.candidates.visit.fill(u64::MAX);
    }

    /// Marks the rules of a segment that can match.
    #[inline(never)]
    pub(crate) fn enter_segment(&mut self, plan: &Plan, segment: &Segment) {
        for ((variable, name), wanted) in segment.variables.iter().zip(&segment.sources) {
            if self.may_be_fresh(plan, *variable, *name) {
                self.enter_source(plan, segment, wanted);
            }
        }
    }

    #[inline]
    fn enter_source(&mut self, plan: &Plan, segment: &Segment, wanted: &SegmentSource) {
        let values = self.fresh_values(plan, wanted.source);
        if values.is_empty() {
            return;
        }
        let visit = &mut self.memory.candidates.visit;
        for present in segment.bits(wanted.present) {
            if let Some(word) = visit.get_mut(present.word as usize) {
                *word |= present.bits;
            }
        }
        if wanted.checks.is_empty() {
            return;
        }
        let (summary, total) = self.scanned_source(plan, wanted.source, values);
        let Candidates { totals, visit, .. } = &mut self.memory.candidates;
        mark(plan, totals, total, segment.bits(wanted.checks), visit);
        if summary & wanted.triggers == 0 {
            return;
        }
        let groups = segment.groups(wanted.groups).iter();
        for group in groups.filter(|group| summary & group.triggers != 0) {
            let from = self.scanned_group(plan, group.group);
            let Candidates { bits, visit, .. } = &mut self.memory.candidates;
            mark(plan, bits, from, segment.bits(group.checks), visit);
        }
    }

    /// The next place in `from..end` that is to be visited.
    pub(crate) fn next_visit(&self, from: usize, end: usize) -> Option<usize> {
        let visit = &self.memory.candidates.visit;
        let mut at = from / 64;
        let mut word = visit.get(at)? & (u64::MAX << (from % 64));
        while word == 0 {
            at += 1;
            if at * 64 >= end {
                return None;
            }
            word = *visit.get(at)?;
        }
        Some(at * 64 + word.trailing_zeros() as usize).filter(|place| *place < end)
    }

    /// Whether any of these places is to be visited.
    pub(crate) fn visits_any(&self, places: &[Bits]) -> bool {
        let visit = &self.memory.candidates.visit;
        places.iter().any(|places| visit.get(places.word as usize).is_none_or(|word| word & places.bits != 0))
    }

    /// The values of a source that does not change during a phase, as a range for [`Transaction::static_value`].
    #[inline]
    pub(crate) fn static_values(&mut self, plan: &Plan, source: SourceId) -> std::ops::Range<usize> {
        let since = plan.sources.get(source).map_or(u64::MAX, |source| self.memory.changed(source.variable));
        if let Some(Resolved { values: (start, end), values_at, .. }) =
            self.memory.candidates.sources.get(source.0 as usize)
            && *values_at >= since
        {
            return *start as usize..*end as usize;
        }
        let range = if self.all_are_fresh(plan, source) {
            self.fresh_values(plan, source)
        } else {
            self.resolve_static(plan, source, false)
        };
        let now = self.memory.clock;
        if let Some(known) = self.memory.candidates.sources.get_mut(source.0 as usize) {
            known.values = (range.start as u32, range.end as u32);
            known.values_at = now;
        }
        range
    }

    /// Whether a source is of a variable whose members recur, but all of them are to be judged by themselves.
    fn all_are_fresh(&self, plan: &Plan, source: SourceId) -> bool {
        let Some(variable) = plan.sources.get(source).map(|source| source.variable) else { return false };
        let known = &self.memory.candidates.known;
        plan.recurrence.place(variable).is_some_and(|place| {
            known.is_up_to_date(self.memory.changed(variable))
                && known.are_all_fresh(place, self.members(variable).len())
        })
    }

    /// Whether of any value of a source it may be known what conditions it may meet.
    pub(super) fn may_be_known(&self, plan: &Plan, source: SourceId) -> bool {
        let is_covered =
            plan.sources.get(source).is_some_and(|source| plan.recurrence.covers(source.variable));
        is_covered && !self.all_are_fresh(plan, source)
    }

    /// Whether a source that does not change during a phase surely has no value.
    #[inline]
    fn has_none(&self, variable: VariableName) -> bool {
        !self.memory.has.get(variable as usize).is_some_and(|has| *has)
            && variable != VariableName::ModsecBuild
    }

    /// Whether a source of the variable, with members of such a name, may have others than those of which it is known what conditions
    /// they may meet.
    #[inline]
    fn may_be_fresh(&self, plan: &Plan, variable: VariableName, name: NameKind) -> bool {
        match plan.recurrence.place(variable) {
            Some(place) => self.memory.candidates.known.has_fresh(place, name),
            None => !self.has_none(variable),
        }
    }

    /// The values of a source without those members.
    fn fresh_values(&mut self, plan: &Plan, id: SourceId) -> std::ops::Range<usize> {
        let Some(source) = plan.sources.get(id) else { return 0..0 };
        match plan.recurrence.place(source.variable) {
            None if self.has_none(source.variable) => return 0..0,
            None => return self.static_values(plan, id),
            Some(place) if self.memory.candidates.known.fresh_places(place).is_empty() => return 0..0,
            Some(_) => {}
        }
        let since = self.memory.changed(source.variable);
        if let Some(Resolved { fresh: (start, end), fresh_at, .. }) =
            self.memory.candidates.sources.get(id.0 as usize)
            && *fresh_at >= since
        {
            return *start as usize..*end as usize;
        }
        let range = self.resolve_static(plan, id, true);
        let now = self.memory.clock;
        if let Some(known) = self.memory.candidates.sources.get_mut(id.0 as usize) {
            known.fresh = (range.start as u32, range.end as u32);
            known.fresh_at = now;
        }
        range
    }

    fn resolve_static(&mut self, plan: &Plan, id: SourceId, only_fresh: bool) -> std::ops::Range<usize> {
        let mut found = std::mem::take(&mut self.memory.candidates.found);
        let start = found.len();
        // The debug log says what is resolved.
        match plan.sources.get(id).filter(|_| self.debug.is_none()) {
            Some(source) if is_kept_as_it_is(source.variable) && !self.may_be_known(plan, id) => {
                let members = self.members(source.variable).iter();
                self.each_of(source, members, |of, _| found.push(of));
            }
            Some(source) if let Some(place) = plan.recurrence.place(source.variable) => {
                let mut known = std::mem::take(&mut self.memory.candidates.found_known);
                known.resize(start, KnownId::FRESH);
                let members = self.members(source.variable);
                if only_fresh {
                    let places = self.memory.candidates.known.fresh_places(place).iter();
                    let fresh = places.filter_map(|place| members.get(*place as usize));
                    // What was set anew since is told with the next phase.
                    let fresh = fresh.filter(|member| member.known == KnownId::FRESH);
                    self.each_of(source, fresh, |of, member| add_known(&mut found, &mut known, of, member));
                } else {
                    let members = members.iter();
                    self.each_of(source, members, |of, member| add_known(&mut found, &mut known, of, member));
                }
                put_back(&mut self.memory.candidates.found_known, known);
            }
            _ => self.resolve(plan, id, &mut found),
        }
        let end = found.len();
        put_back(&mut self.memory.candidates.found, found);
        start..end
    }

    #[inline]
    pub(crate) fn static_value(&self, index: usize) -> Option<Found> {
        self.memory.candidates.found.get(index).copied()
    }

    /// What is known of a value as a member of its variable.
    pub(super) fn known_member(&self, index: usize) -> KnownId {
        self.memory.candidates.found_known.get(index).copied().unwrap_or(KnownId::FRESH)
    }

    /// The next of some values of a source of which it is not known yet that they can't meet a condition. `number`: its own, if the
    /// variable is one whose members recur; `check`: that of its operator, and the triggers of its transformations.
    pub(super) fn next_open(
        &self,
        plan: &Plan,
        places: std::ops::Range<usize>,
        number: Option<CheckId>,
        check: Option<(CheckId, u32)>,
    ) -> Option<usize> {
        let (start, values) = (places.start, &self.memory.values);
        let Candidates { found, found_known, known, .. } = &self.memory.candidates;
        let found = found.get(places.clone())?.iter();
        let rules_out = |found: &Found| {
            check.is_some_and(|(check, triggers)| {
                values.rules_out(found.value, triggers, check, &plan.prefilter)
            })
        };
        let offset = match number.zip(found_known.get(places)) {
            Some((number, known_of)) => found.zip(known_of).position(|(found, member)| match *member {
                KnownId::FRESH => !rules_out(found),
                member => !known.rules_out(member, number),
            }),
            None => found.clone().position(|found| !rules_out(found)),
        };
        offset.map(|offset| start + offset)
    }

    /// Whether any value of the group can match the operator of `check`.
    pub(crate) fn is_candidate(&mut self, plan: &Plan, group: GroupId, check: CheckId) -> bool {
        let words = plan.prefilter.words();
        let Some(wanted) = plan.groups.get(group as usize) else { return true };
        let variable = plan.sources.get(wanted.source).map(|source| source.variable);
        if variable.is_some_and(|variable| plan.recurrence.covers(variable))
            && check.is_in(self.memory.candidates.known.all())
        {
            return true;
        }
        let values = self.fresh_values(plan, wanted.source);
        if values.is_empty() {
            return false;
        }
        let (summary, total) = self.scanned_source(plan, wanted.source, values);
        let bits = if summary & plan.chains.get(wanted.chain).scan_triggers == 0 {
            self.memory.candidates.totals.get(total..total + words)
        } else {
            let from = self.scanned_group(plan, group);
            self.memory.candidates.bits.get(from..from + words)
        };
        bits.is_none_or(|bits| check.is_in(bits))
    }

    /// Where the bits of a group begin, which are up to date then.
    fn scanned_group(&mut self, plan: &Plan, group: GroupId) -> usize {
        let words = plan.prefilter.words();
        let at = group as usize * words;
        let Some(wanted) = plan.groups.get(group as usize) else { return at };
        let since =
            plan.sources.get(wanted.source).map_or(u64::MAX, |source| self.memory.changed(source.variable));
        if self.memory.candidates.groups.get(group as usize).is_some_and(|made| *made >= since) {
            return at;
        }
        self.scan_group(plan, group, wanted, at, words);
        let now = self.memory.clock;
        if let Some(made) = self.memory.candidates.groups.get_mut(group as usize) {
            *made = now;
        }
        at
    }

    fn scan_group(&mut self, plan: &Plan, number: GroupId, group: &Group, at: usize, words: usize) {
        let chain = plan.chains.get(group.chain);
        let range = self.fresh_values(plan, group.source);
        self.scanned_source(plan, group.source, range);
        let Memory { values, candidates, .. } = &mut *self.memory;
        let Candidates { sources, buckets, totals, members, bits, .. } = candidates;
        let Some(bits) = bits.get_mut(at..at + words) else { return };
        bits.fill(0);
        let Some(Resolved { buckets: (first, last), .. }) = sources.get(group.source.0 as usize) else {
            return;
        };
        for bucket in buckets.get(*first as usize..*last as usize).unwrap_or(&[]) {
            let triggered = chain.scan_triggers & bucket.summary != 0;
            let mut unchanged = group.multi_match || !triggered;
            let twins = if chain.keeps_words { NONE } else { bucket.last_twin };
            for last in [bucket.last, twins] {
                let mut next = if triggered { last } else { NONE };
                while let Some((member, before)) = members.get(next as usize).copied() {
                    unchanged |= scan_forms(values, plan, number, member, |scan| add(bits, scan));
                    next = before;
                }
            }
            if unchanged {
                add(bits, totals.get(bucket.bits as usize..bucket.bits as usize + words).unwrap_or(&[]));
            }
        }
    }

    /// Scans the values of a source, which stand at `range`, and sorts them into buckets. The summary of all, and where
    /// their bits are in `totals`.
    fn scanned_source(
        &mut self,
        plan: &Plan,
        source: SourceId,
        range: std::ops::Range<usize>,
    ) -> (u32, usize) {
        if let Some(Resolved { values_at, fresh_at, buckets_at, summary, total, .. }) =
            self.memory.candidates.sources.get(source.0 as usize)
            && buckets_at >= values_at.max(fresh_at)
        {
            return (*summary, *total as usize);
        }
        let words = plan.prefilter.words();
        let Memory { values, candidates, clock, .. } = &mut *self.memory;
        let Candidates { found, sources, buckets, totals, members, .. } = candidates;
        let first_bucket = buckets.len();
        let first_total = totals.len();
        // The bucket that was made last for each of some hashes. Where two summaries have the same one, buckets are made anew, which
        // is no more than a bucket for each value.
        let mut places = [NONE; 16];
        let (mut summary, many) = (0, range.len());
        for found in found.get(range).unwrap_or(&[]) {
            let id = found.value;
            // The same value again, as often in JSON, is known already.
            if !values.note_source(id, first_total as u32 + 1) {
                continue;
            }
            let own = values.summary(id, &plan.prefilter);
            let Some(place) = places.get_mut((own.wrapping_mul(0x9e37_79b1) >> 28) as usize) else {
                continue;
            };
            if buckets.get(*place as usize).is_none_or(|bucket| bucket.summary != own) {
                summary |= own;
                *place = buckets.len() as u32;
                buckets.push(Bucket { summary: own, last: NONE, last_twin: NONE, bits: totals.len() as u32 });
                totals.resize(totals.len() + words, 0);
            }
            let Some(bucket) = buckets.get_mut(*place as usize) else { continue };
            values.ensure_scan(id, &plan.prefilter);
            let bits = totals.get_mut(bucket.bits as usize..bucket.bits as usize + words);
            add(bits.unwrap_or(&mut []), values.scan(id, words).unwrap_or(&[]));
            members.push((id, bucket.last));
            bucket.last = members.len() as u32 - 1;
        }
        if let Some(twins) = Twins::among(many) {
            set_apart(twins, values, plan, buckets.get_mut(first_bucket..).unwrap_or(&mut []), members);
        }
        // Of one bucket the bits are those of all.
        let mut total = first_total;
        if buckets.len() > first_bucket + 1 {
            total = totals.len();
            totals.resize(total + words, 0);
            let (each, all) = totals.split_at_mut(total);
            each.get(first_total..).unwrap_or(&[]).chunks_exact(words.max(1)).for_each(|bits| add(all, bits));
        }
        if let Some(known) = sources.get_mut(source.0 as usize) {
            known.buckets = (first_bucket as u32, buckets.len() as u32);
            known.buckets_at = *clock;
            known.summary = summary;
            known.total = total as u32;
        }
        (summary, total)
    }

    /// Whether this value can match the operator of `check`.
    #[inline]
    pub(crate) fn value_is_candidate(&mut self, plan: &Plan, id: ValueId, check: CheckId) -> bool {
        self.memory.values.ensure_scan(id, &plan.prefilter);
        self.memory.values.scan(id, plan.prefilter.words()).is_none_or(|bits| check.is_in(bits))
    }
}

/// Sets the members apart that are twins of others.
#[inline(never)]
fn set_apart(
    mut twins: Twins,
    values: &mut Values,
    plan: &Plan,
    buckets: &mut [Bucket],
    members: &mut [(ValueId, u32)],
) {
    for bucket in buckets {
        let mut next = std::mem::replace(&mut bucket.last, NONE);
        while let Some((member, before)) = members.get_mut(next as usize) {
            let is_twin = twins.find(values, &plan.prefilter, *member).is_ok();
            let last = if is_twin { &mut bucket.last_twin } else { &mut bucket.last };
            let this = std::mem::replace(last, next);
            next = std::mem::replace(before, this);
        }
    }
}

#[inline]
fn add_known(found: &mut Vec<Found>, known: &mut Vec<KnownId>, of: Found, member: &Member) {
    found.push(of);
    known.push(member.known);
}

/// Whether the values of a variable, which does not change during a phase, are its members.
fn is_kept_as_it_is(variable: VariableName) -> bool {
    !matches!(variable, VariableName::ModsecBuild | VariableName::Xml)
}

/// Marks the places of those of `checks` whose bits are set.
#[inline]
fn mark(plan: &Plan, bits: &[u64], from: usize, checks: &[Bits], visit: &mut [u64]) {
    for checks in checks {
        let mut hits = bits.get(from + checks.word as usize).map_or(u64::MAX, |word| *word) & checks.bits;
        while hits != 0 {
            let check = checks.word as usize * 64 + hits.trailing_zeros() as usize;
            hits &= hits - 1;
            let place = place_of(&plan.check_places, check);
            if let Some(word) = visit.get_mut(place / 64) {
                *word |= 1 << (place % 64);
            }
        }
    }
}

fn add(bits: &mut [u64], more: &[u64]) {
    for (bit, more) in bits.iter_mut().zip(more) {
        *bit |= more;
    }
}

#[cfg(test)]
mod tests;
