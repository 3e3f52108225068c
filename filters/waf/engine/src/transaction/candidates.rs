//! Which operators have to be asked: the results of scans, gathered for what many rules share.
//!
//! A [`Group`](crate::plan::Group) is a source after a chain, such as `ARGS` after `urlDecodeUni,lowercase`. The first
//! rule of a phase that looks at it has all its values scanned; whether any later rule can match anything in it is
//! then one bit. Only for rules whose bit is set are the values looked at one by one.

use super::{Scratch, Transaction, ValueId, collections::Found};
use crate::plan::{CheckId, Group, GroupId, Plan, SourceId};

/// Resolved sources and scanned groups of the current phase.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    /// For each source the range of its values in `found`, once it was resolved.
    sources: Vec<Option<(u32, u32)>>,
    found: Vec<Found>,
    /// For each source the range of its buckets, once they were made.
    source_buckets: Vec<Option<(u32, u32)>>,
    buckets: Vec<Bucket>,
    /// What the scans of all values of a bucket found, `words` words for each.
    bucket_bits: Vec<u64>,
    /// The values of the buckets.
    members: Vec<(u32, ValueId)>,
    ready: Vec<bool>,
    bits: Vec<u64>,
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
    fn begin(&mut self, sources: usize, groups: usize, words: usize) {
        self.sources.clear();
        self.sources.resize(sources, None);
        self.found.clear();
        self.source_buckets.clear();
        self.source_buckets.resize(sources, None);
        self.buckets.clear();
        self.bucket_bits.clear();
        self.members.clear();
        self.ready.clear();
        self.ready.resize(groups, false);
        self.bits.clear();
        self.bits.resize(groups * words, 0);
    }
}

impl Transaction {
    /// Forgets what was known of the last phase: bodies and responses add values.
    pub(crate) fn begin_candidates(&mut self, plan: &Plan) {
        self.memory.candidates.begin(plan.sources.len(), plan.groups.len(), plan.prefilter.words());
    }

    /// The values of a source that does not change during a phase, as a range for [`Transaction::static_value`].
    pub(crate) fn static_values(&mut self, plan: &Plan, source: SourceId) -> std::ops::Range<usize> {
        if let Some(Some((start, end))) = self.memory.candidates.sources.get(source.0 as usize) {
            return *start as usize..*end as usize;
        }
        let mut found = std::mem::take(&mut self.memory.candidates.found);
        let start = found.len();
        self.resolve(plan, source, &mut found);
        let end = found.len();
        self.memory.candidates.found = found;
        if let Some(slot) = self.memory.candidates.sources.get_mut(source.0 as usize) {
            *slot = Some((start as u32, end as u32));
        }
        start..end
    }

    pub(crate) fn static_value(&self, index: usize) -> Option<Found> {
        self.memory.candidates.found.get(index).copied()
    }

    /// Whether any value of the group can match the operator of `check`.
    pub(crate) fn is_candidate(&mut self, plan: &Plan, group: GroupId, check: CheckId) -> bool {
        let words = plan.prefilter.words();
        let at = group as usize * words;
        if self.memory.candidates.ready.get(group as usize) == Some(&false) {
            let Some(wanted) = plan.groups.get(group as usize) else { return true };
            self.scan_group(plan, wanted, at, words);
            if let Some(ready) = self.memory.candidates.ready.get_mut(group as usize) {
                *ready = true;
            }
        }
        self.memory.candidates.bits.get(at..at + words).is_none_or(|bits| check.is_in(bits))
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
        if let Some(Some((start, end))) = self.memory.candidates.source_buckets.get(source.0 as usize) {
            return *start as usize..*end as usize;
        }
        let range = self.static_values(plan, source);
        let Scratch { values, candidates, .. } = &mut self.memory;
        let Candidates { found, source_buckets, buckets, bucket_bits, members, .. } = candidates;
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
        if let Some(slot) = source_buckets.get_mut(source.0 as usize) {
            *slot = Some((first_bucket as u32, buckets.len() as u32));
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
