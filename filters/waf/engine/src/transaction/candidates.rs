//! Which operators have to be asked: the results of scans, gathered for what many rules share.
//!
//! A [`Group`](crate::plan::Group) is a source after a chain, such as `ARGS` after `urlDecodeUni,lowercase`. The first
//! rule of a phase that looks at it has all its values scanned; whether any later rule can match anything in it is
//! then one bit. Only for rules whose bit is set are the values looked at one by one.

use super::{Scratch, Transaction, ValueId, collections::Found};
use crate::plan::{CheckId, Group, GroupId, PhasePlan, Plan, Segment, SourceId, place_of};

/// Resolved sources and scanned groups.
///
/// What is known of a source or a group carries the time at which it was found out, by the clock of
/// [`Scratch`]; it holds until the variable changes. So nothing is cleared between phases.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    sources: Vec<Resolved>,
    found: Vec<Found>,
    buckets: Vec<Bucket>,
    /// What the scans of all values of a bucket found, `words` words for each.
    bucket_bits: Vec<u64>,
    /// The values of the buckets.
    members: Vec<(u32, ValueId)>,
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
    buckets: (u32, u32),
    buckets_at: u64,
}

/// The values of a source in which the same classes of bytes occur: a transformation leaves all of them as they are, or
/// may change any.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    summary: u32,
    start: u32,
    end: u32,
}

impl Candidates {
    /// Makes room for a rule set.
    pub(crate) fn reset(&mut self, plan: &Plan) {
        self.sources.resize(plan.sources.len(), Resolved::default());
        self.groups.resize(plan.groups.len(), 0);
        self.bits.resize(plan.groups.len() * plan.prefilter.words(), 0);
        self.found.clear();
        self.buckets.clear();
        self.bucket_bits.clear();
        self.members.clear();
    }
}

impl Transaction {
    /// Starts a phase: only the rules that have to be visited anyway are marked.
    pub(crate) fn begin_phase(&mut self, phase: &PhasePlan) {
        let visit = &mut self.memory.candidates.visit;
        visit.clear();
        if self.debug.is_some() {
            // Every rule says what it does.
            visit.resize(phase.always.len(), u64::MAX);
        } else {
            visit.extend_from_slice(&phase.always);
        }
    }

    /// Marks the rules of a segment that can match.
    pub(crate) fn enter_segment(&mut self, plan: &Plan, segment: &Segment) {
        for wanted in &segment.groups {
            if self.static_values(plan, wanted.source).is_empty() {
                continue;
            }
            let visit = &mut self.memory.candidates.visit;
            for present in &wanted.present {
                if let Some(word) = visit.get_mut(present.word as usize) {
                    *word |= present.bits;
                }
            }
            if wanted.checks.is_empty() {
                continue;
            }
            let from = self.scanned_group(plan, wanted.group);
            let Candidates { bits, visit, .. } = &mut self.memory.candidates;
            for checks in &wanted.checks {
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

    /// The values of a source that does not change during a phase, as a range for [`Transaction::static_value`].
    pub(crate) fn static_values(&mut self, plan: &Plan, source: SourceId) -> std::ops::Range<usize> {
        let since = plan.sources.get(source).map_or(u64::MAX, |source| self.memory.changed(source.variable));
        if let Some(Resolved { values: (start, end), values_at, .. }) =
            self.memory.candidates.sources.get(source.0 as usize)
            && *values_at >= since
        {
            return *start as usize..*end as usize;
        }
        let mut found = std::mem::take(&mut self.memory.candidates.found);
        let start = found.len();
        self.resolve(plan, source, &mut found);
        let end = found.len();
        self.memory.candidates.found = found;
        let now = self.memory.clock;
        if let Some(known) = self.memory.candidates.sources.get_mut(source.0 as usize) {
            known.values = (start as u32, end as u32);
            known.values_at = now;
        }
        start..end
    }

    pub(crate) fn static_value(&self, index: usize) -> Option<Found> {
        self.memory.candidates.found.get(index).copied()
    }

    /// Whether any value of the group can match the operator of `check`.
    pub(crate) fn is_candidate(&mut self, plan: &Plan, group: GroupId, check: CheckId) -> bool {
        let from = self.scanned_group(plan, group);
        self.memory.candidates.bits.get(from..from + plan.prefilter.words()).is_none_or(|bits| check.is_in(bits))
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
        if let Some(bits) = self.memory.candidates.bits.get_mut(at..at + words) {
            bits.fill(0);
        }
        self.scan_group(plan, wanted, at, words);
        let now = self.memory.clock;
        if let Some(made) = self.memory.candidates.groups.get_mut(group as usize) {
            *made = now;
        }
        at
    }

    fn scan_group(&mut self, plan: &Plan, group: &Group, at: usize, words: usize) {
        let chain = plan.chains.get(group.chain);
        let triggers = &plan.chains.triggers;
        for bucket_at in self.buckets(plan, group.source, words) {
            let Scratch { values, candidates, .. } = &mut self.memory;
            let Candidates { buckets, bucket_bits, members, bits, .. } = candidates;
            let Some(bucket) = buckets.get(bucket_at) else { break };
            let Some(bits) = bits.get_mut(at..at + words) else { return };
            if chain.triggers & bucket.summary == 0 {
                add(bits, bucket_bits.get(bucket_at * words..(bucket_at + 1) * words).unwrap_or(&[]));
                continue;
            }
            for (_, id) in members.get(bucket.start as usize..bucket.end as usize).unwrap_or(&[]) {
                let mut id = *id;
                if group.multi_match {
                    values.ensure_scan(id, &plan.prefilter);
                    add(bits, values.scan(id, words).unwrap_or(&[]));
                    for step in &chain.steps {
                        id = values.step(id, step, triggers);
                        values.ensure_scan(id, &plan.prefilter);
                        add(bits, values.scan(id, words).unwrap_or(&[]));
                    }
                } else {
                    id = values.transform(id, chain, triggers);
                    values.ensure_scan(id, &plan.prefilter);
                    add(bits, values.scan(id, words).unwrap_or(&[]));
                }
            }
        }
    }

    /// Sorts the values of a source into buckets and scans them, once for each phase.
    fn buckets(&mut self, plan: &Plan, source: SourceId, words: usize) -> std::ops::Range<usize> {
        let range = self.static_values(plan, source);
        if let Some(Resolved { values_at, buckets: (start, end), buckets_at, .. }) =
            self.memory.candidates.sources.get(source.0 as usize)
            && buckets_at >= values_at
        {
            return *start as usize..*end as usize;
        }
        let Scratch { values, candidates, clock, .. } = &mut self.memory;
        let Candidates { found, sources, buckets, bucket_bits, members, .. } = candidates;
        let (first_member, first_bucket) = (members.len(), buckets.len());
        for found in found.get(range).unwrap_or(&[]) {
            members.push((values.summary(found.value, &plan.chains.triggers), found.value));
        }
        let sorted = members.get_mut(first_member..).unwrap_or(&mut []);
        sorted.sort_unstable();
        let mut last = None;
        for (offset, (summary, id)) in sorted.iter().enumerate() {
            let at = (first_member + offset) as u32;
            if last.is_none_or(|(known, _)| known != *summary) {
                buckets.push(Bucket { summary: *summary, start: at, end: at });
                bucket_bits.resize(buckets.len() * words, 0);
            } else if last == Some((*summary, *id)) {
                // The same value again, as often in JSON: its scan is known already.
                if let Some(bucket) = buckets.last_mut() {
                    bucket.end = at + 1;
                }
                continue;
            }
            last = Some((*summary, *id));
            values.ensure_scan(*id, &plan.prefilter);
            if let Some(bucket) = buckets.last_mut() {
                bucket.end = at + 1;
            }
            let bits = bucket_bits.len() - words;
            add(bucket_bits.get_mut(bits..).unwrap_or(&mut []), values.scan(*id, words).unwrap_or(&[]));
        }
        if let Some(known) = sources.get_mut(source.0 as usize) {
            known.buckets = (first_bucket as u32, buckets.len() as u32);
            known.buckets_at = *clock;
        }
        first_bucket..buckets.len()
    }

    /// Whether this value can match the operator of `check`.
    pub(crate) fn value_is_candidate(&mut self, plan: &Plan, id: ValueId, check: CheckId) -> bool {
        self.memory.values.ensure_scan(id, &plan.prefilter);
        self.memory.values.scan(id, plan.prefilter.words()).is_none_or(|bits| check.is_in(bits))
    }
}

fn add(bits: &mut [u64], more: &[u64]) {
    for (bit, more) in bits.iter_mut().zip(more) {
        *bit |= more;
    }
}
