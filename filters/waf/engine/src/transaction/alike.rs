//! What long values that begin alike share: what was found in their beginnings, and what transformations make of them.
//!
//! JSON spells a long key out in the name of each value under it. Such names come one after the other, and so do their forms: a
//! *lineage* is the values that the same transformations have made. Each value of one is compared with the one before, and only
//! what follows their common beginning is gone through. What is looked up is what bytes and literals tell, to which the rest of
//! the value adds; what operators require besides is asked of each value by itself.

use std::ops::Range;

use crate::plan::{Prefilter, Profile, Scope, Seen};
use crate::transformations::Transformation;
use portcullis_collections::beginnings::common;

/// What is known of long values.
#[derive(Debug, Default)]
pub(super) struct Alike {
    lineages: Vec<Lineage>,
    /// The state at the end of what was gone through last.
    state: Vec<u64>,
}

/// The values that the same transformations have made. 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LineageId(u16);

impl LineageId {
    pub(super) const NONE: Self = Self(0);

    fn place(self) -> usize {
        usize::from(self.0).wrapping_sub(1)
    }
}

#[derive(Debug)]
struct Lineage {
    /// What it comes from, and by which transformation, or the scope of values that the request has.
    from: LineageId,
    by: u16,
    profiled: Line,
    scanned: Line,
    /// What its transformation was given last, and what it made of that.
    made: Option<(Range<usize>, Range<usize>)>,
}

/// The value that was gone through last, and its beginnings with what they tell.
#[derive(Debug, Default)]
struct Line {
    /// In the arena.
    last: Range<usize>,
    /// The lengths of the beginnings, in order, and for each a state.
    marks: Vec<usize>,
    states: Vec<u64>,
}

/// Values of fewer bytes cost no more than looking for what they share, if there are few; and so many are not few.
const SHORTEST: usize = 64;
const SHORTEST_OF_MANY: usize = 32;
const MANY: usize = 512;
/// The most lineages and marks that are kept, some 4 KB for each lineage of which values begin alike; how many marks come at once at the
/// most; and how far they are apart at least.
const MOST_LINEAGES: usize = 256;
const MOST_MARKS: usize = 24;
const NEW_MARKS: usize = 8;
const APART: usize = 24;

/// Whether a value of that length is to share what it can, among so many.
#[inline]
pub(super) fn is_long(len: usize, values: usize) -> bool {
    len >= SHORTEST_OF_MANY && (len >= SHORTEST || values >= MANY)
}

impl Alike {
    pub(super) fn reset(&mut self) {
        self.lineages.clear();
    }

    /// The values that the request has, and their `scope`.
    pub(super) fn root(&mut self, scope: Scope) -> LineageId {
        self.lineage(LineageId::NONE, u16::MAX - scope as u16)
    }

    /// What the transformation `step` makes of a lineage. None if there are too many.
    pub(super) fn lineage(&mut self, from: LineageId, by: u16) -> LineageId {
        let known = self.lineages.iter().position(|known| known.from == from && known.by == by);
        let place = known.unwrap_or(self.lineages.len());
        if place == MOST_LINEAGES {
            return LineageId::NONE;
        }
        if known.is_none() {
            let (profiled, scanned) = Default::default();
            self.lineages.push(Lineage { from, by, profiled, scanned, made: None });
        }
        LineageId(place as u16 + 1)
    }

    /// The profile of the value that stands there in the arena. `None` if it shares nothing with the last one of the lineage.
    pub(super) fn profile(
        &mut self,
        prefilter: &Prefilter,
        lineage: LineageId,
        arena: &[u8],
        value: Range<usize>,
    ) -> Option<Profile> {
        let line = &mut self.lineages.get_mut(lineage.place())?.profiled;
        let shared = line.shared(arena, &value)?;
        let bytes = arena.get(value).unwrap_or(b"");
        self.state.clear();
        self.state.extend(Seen::default().words());
        line.go(bytes.len(), shared, &mut self.state, &mut |state, part| {
            let seen = prefilter.look(Seen::of(state), bytes.get(part).unwrap_or(b""));
            state.copy_from_slice(&seen.words());
        });
        Some(Seen::of(&self.state).profile(bytes))
    }

    /// Finds the checks that the literals of a value fulfil, which are the first words of what is given back, and from which place on
    /// the value was gone through. `None` if it shares nothing with the last one of the lineage.
    pub(super) fn scan(
        &mut self,
        prefilter: &Prefilter,
        lineage: LineageId,
        scope: Scope,
        arena: &[u8],
        value: Range<usize>,
    ) -> Option<(&[u64], usize)> {
        let line = &mut self.lineages.get_mut(lineage.place())?.scanned;
        let shared = line.shared(arena, &value)?;
        let bytes = arena.get(value).unwrap_or(b"");
        self.state.clear();
        // Behind the checks stands where a value that begins alike has to be searched from.
        self.state.resize(prefilter.words() + 1, 0);
        let from = line.go(bytes.len(), shared, &mut self.state, &mut |state, part| {
            let Some((next, checks)) = state.split_last_mut() else { return };
            let text = (bytes.get(..part.end).unwrap_or(b""), 0);
            *next = prefilter.find_literals(text, *next as usize, scope, checks, None) as u64;
        });
        Some((&self.state, from))
    }

    /// Puts what `transformation` makes of a value into `out`, which is empty. What it makes is of the lineage. False if it leaves the value as it is.
    pub(super) fn apply(
        &mut self,
        transformation: Transformation,
        lineage: LineageId,
        arena: &[u8],
        value: Range<usize>,
        out: &mut Vec<u8>,
    ) -> bool {
        let bytes = arena.get(value).unwrap_or(b"");
        let made = self.lineages.get(lineage.place()).and_then(|known| known.made.clone());
        if let Some((given, made)) = made
            && let Some((given, made)) = arena.get(given).zip(arena.get(made))
            && let Some(from) =
                transformation.restart(bytes, common(given, bytes)).filter(|from| *from >= APART)
            && let Some((beginning, rest)) = bytes.split_at_checked(from)
            && let Some(given) = given.get(from..)
        {
            // What it made of the beginning is what it made of all without what it makes of the rest.
            let len = if transformation.apply(given, out) { out.len() } else { given.len() };
            out.clear();
            if let Some(shared) = made.len().checked_sub(len).and_then(|len| made.get(..len)) {
                out.extend_from_slice(shared);
                if !transformation.apply(rest, out) {
                    out.extend_from_slice(rest);
                }
                let changed = out.get(..from) != Some(beginning) || out.get(from..) != Some(rest);
                if !changed {
                    out.clear();
                }
                return changed;
            }
        }
        transformation.apply(bytes, out)
    }

    /// Notes what a transformation was given and what it made.
    pub(super) fn note_made(&mut self, lineage: LineageId, given: Range<usize>, made: Range<usize>) {
        if let Some(known) = self.lineages.get_mut(lineage.place()) {
            known.made = Some((given, made));
        }
    }
}

impl Line {
    /// How many bytes the next value has in common with the last one. `None` if it is too few.
    fn shared(&mut self, arena: &[u8], value: &Range<usize>) -> Option<usize> {
        let [before, bytes] = [&self.last, value].map(|range| arena.get(range.clone()).unwrap_or(b""));
        let shared = common(before, bytes);
        self.last = value.clone();
        if shared < APART {
            self.marks.clear();
            self.states.clear();
        }
        (shared >= APART).then_some(shared)
    }

    /// Goes through that value, of `len` bytes, in parts, with `state` as it is at its start, from the longest beginning on of which
    /// the state is known. From where.
    fn go(
        &mut self,
        len: usize,
        shared: usize,
        state: &mut [u64],
        on: &mut dyn FnMut(&mut [u64], Range<usize>),
    ) -> usize {
        let size = state.len();
        while self.marks.last().is_some_and(|mark| *mark > shared) {
            self.forget(size);
        }
        let start = self.marks.last().copied().unwrap_or(0);
        if let Some(known) = self.states.len().checked_sub(size).and_then(|at| self.states.get(at..)) {
            state.copy_from_slice(known);
        }
        let mut from = start;
        // Marks in between, too: the values to come may be shorter.
        let apart = APART.max((shared - start) / NEW_MARKS);
        while shared >= from + APART {
            let mark = if shared >= from + 2 * apart { from + apart } else { shared };
            on(state, from..mark);
            if self.marks.len() == MOST_MARKS {
                self.forget(size);
            }
            self.marks.push(mark);
            self.states.extend_from_slice(state);
            from = mark;
        }
        on(state, from..len);
        start
    }

    fn forget(&mut self, size: usize) {
        self.marks.pop();
        self.states.truncate(self.marks.len() * size);
    }
}

#[cfg(test)]
mod tests;
