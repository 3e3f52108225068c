//! Which operators have to be asked: the results of scans, gathered for what many rules share.
//!
//! A [`Group`](crate::plan::Group) is a source after a chain, such as `ARGS` after `urlDecodeUni,lowercase`. The first
//! rule of a phase that looks at it has all its values scanned; whether any later rule can match anything in it is
//! then one bit. Only for rules whose bit is set are the values looked at one by one.

use super::{Scratch, Transaction, Values, collections::Found};
use crate::plan::{CheckId, Group, GroupId, Plan, SourceId};

/// Resolved sources and scanned groups of the current phase.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    /// For each source the range of its values in `found`, once it was resolved.
    sources: Vec<Option<(u32, u32)>>,
    found: Vec<Found>,
    ready: Vec<bool>,
    bits: Vec<u64>,
}

impl Candidates {
    fn begin(&mut self, sources: usize, groups: usize, words: usize) {
        self.sources.clear();
        self.sources.resize(sources, None);
        self.found.clear();
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
        for index in self.static_values(plan, group.source) {
            let Some(found) = self.static_value(index) else { continue };
            let Scratch { values, candidates, .. } = &mut self.memory;
            let Some(bits) = candidates.bits.get_mut(at..at + words) else { return };
            let mut add = |values: &mut Values, id| {
                values.ensure_scan(id, &plan.prefilter);
                for (bit, hit) in bits.iter_mut().zip(values.scan(id, words).unwrap_or(&[])) {
                    *bit |= hit;
                }
            };
            if group.multi_match {
                let mut id = found.value;
                add(values, id);
                for step in &chain.steps {
                    id = values.step(id, step, triggers);
                    add(values, id);
                }
            } else {
                let id = values.transform(found.value, chain, triggers);
                add(values, id);
            }
        }
    }

    /// Whether this value can match the operator of `check`.
    pub(crate) fn value_is_candidate(&mut self, plan: &Plan, id: super::ValueId, check: CheckId) -> bool {
        self.memory.values.ensure_scan(id, &plan.prefilter);
        self.memory.values.scan(id, plan.prefilter.words()).is_none_or(|bits| check.is_in(bits))
    }
}
