//! Which rules of a phase a transaction has to visit at all.
//!
//! A phase is cut into segments at the rules that skip and at the markers that they skip to, so that what is skipped costs
//! nothing. When a segment is entered, the scans of the groups that its rules look at say which of the rules can match.

use std::collections::BTreeMap;

use super::{CheckId, Entry, GroupId, Group, Link, PhasePlan, Rule, SourceId};
use crate::actions::Action;

/// A part of a phase that is run as a whole, unless something in it skips.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Places in the phase, the last one not included.
    pub(crate) end: usize,
    pub(crate) groups: Vec<SegmentGroup>,
}

/// What depends on the values of one group.
#[derive(Debug)]
pub(crate) struct SegmentGroup {
    pub(crate) group: GroupId,
    pub(crate) source: SourceId,
    /// The rules that are to be visited if there is any value: bits for places in the phase.
    pub(crate) present: Vec<Bits>,
    /// The checks of the other rules.
    pub(crate) checks: Vec<Bits>,
}

/// A word of a bit set that is not empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bits {
    pub(crate) word: u32,
    pub(crate) bits: u64,
}

/// Cuts a phase. For each check that its rules begin with, `places` gets the rule's place.
pub(super) fn cut(phase: &mut PhasePlan, rules: &[Rule], groups: &[Group], prefilter: bool, places: &mut Vec<u32>) {
    phase.always = vec![0; phase.entries.len().div_ceil(64)];
    let mut wanted = Wanted::default();
    for (place, entry) in phase.entries.iter().enumerate() {
        let rule = match entry {
            Entry::Rule(rule) => rules.get(*rule as usize),
            Entry::Marker => None,
        };
        let Some(rule) = rule else {
            wanted.end_at(place, groups, &mut phase.segments);
            continue;
        };
        if !prefilter || !wanted.add(place, rule, places) {
            set(&mut phase.always, place);
        }
        if rule.links.iter().any(skips) {
            wanted.end_at(place + 1, groups, &mut phase.segments);
        }
    }
    wanted.finish(phase.entries.len(), groups, &mut phase.segments);
}

/// The place of a rule by its check.
pub(crate) fn place_of(places: &[u32], check: usize) -> usize {
    places.get(check).map_or(usize::MAX, |place| *place as usize)
}

#[derive(Default)]
struct Wanted {
    groups: BTreeMap<GroupId, (BTreeMap<u32, u64>, BTreeMap<u32, u64>)>,
}

impl Wanted {
    /// False if the rule has to be visited whatever the values are.
    fn add(&mut self, place: usize, rule: &Rule, places: &mut Vec<u32>) -> bool {
        let Some(condition) = rule.links.first().and_then(|link| link.condition.as_ref()) else { return false };
        if condition.targets.iter().any(|target| target.group.is_none()) {
            return false;
        }
        for group in condition.targets.iter().filter_map(|target| target.group) {
            let (present, checks) = self.groups.entry(group).or_default();
            match condition.check.filter(|_| !condition.negated) {
                Some(CheckId(check)) => {
                    let check = usize::from(check);
                    if places.len() <= check {
                        places.resize(check + 1, u32::MAX);
                    }
                    if let Some(known) = places.get_mut(check) {
                        *known = place as u32;
                    }
                    *checks.entry(check as u32 / 64).or_default() |= 1 << (check % 64);
                }
                None => *present.entry(place as u32 / 64).or_default() |= 1 << (place % 64),
            }
        }
        true
    }

    /// Ends the segment here, unless it has nothing that is worth it.
    fn end_at(&mut self, place: usize, groups: &[Group], segments: &mut Vec<Segment>) {
        if !self.groups.is_empty() {
            self.finish(place, groups, segments);
        }
    }

    fn finish(&mut self, end: usize, groups: &[Group], segments: &mut Vec<Segment>) {
        let bits = |set: BTreeMap<u32, u64>| set.into_iter().map(|(word, bits)| Bits { word, bits }).collect();
        let wanted = std::mem::take(&mut self.groups).into_iter();
        let groups = wanted.filter_map(|(group, (present, checks))| {
            let source = groups.get(group as usize)?.source;
            Some(SegmentGroup { group, source, present: bits(present), checks: bits(checks) })
        });
        segments.push(Segment { end, groups: groups.collect() });
    }
}

fn skips(link: &Link) -> bool {
    link.actions.iter().any(|action| matches!(action, Action::Skip(_) | Action::SkipTo(_)))
}

fn set(words: &mut [u64], bit: usize) {
    if let Some(word) = words.get_mut(bit / 64) {
        *word |= 1 << (bit % 64);
    }
}
