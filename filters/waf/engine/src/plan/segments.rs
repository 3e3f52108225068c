//! Which rules of a phase a transaction has to visit at all.
//!
//! A phase is cut into segments at the rules that may skip and at the places that they skip to, so that what is skipped costs
//! nothing. What is always skipped is in no segment, and is no reason for a cut: with the Core Rule Set at one paranoia level
//! nearly all of a phase is one segment, and each source is looked at once. When a segment is entered, the scans of the groups
//! that its rules look at say which of the rules can match.

use portcullis_seclang::ast::VariableName;

use super::reach::Fate;
use super::recurring::is_recurring;
use super::{
    Chains, Entry, Group, GroupId, Link, NameKind, Operation, PhasePlan, Rule, Source, SourceId, Sources,
    Target, idle,
};
use crate::actions::Action;
use portcullis_collections::{change, sorted};

/// A part of a phase that is run as a whole, unless something in it skips.
#[derive(Debug)]
pub(crate) struct Segment {
    /// Places in the phase, the last one not included.
    pub(crate) end: usize,
    /// The variable of each source, and what it is to be named: most are nothing that a request has, and are passed over without a
    /// look at the source.
    pub(crate) variables: Vec<(VariableName, NameKind)>,
    pub(crate) sources: Vec<SegmentSource>,
    /// Those of all sources, and the bits of all of these: in one place, since mostly they are in no cache.
    groups: Vec<SegmentGroup>,
    bits: Vec<Bits>,
}

impl Segment {
    pub(crate) fn groups(&self, run: Run) -> &[SegmentGroup] {
        self.groups.get(run.start as usize..run.end as usize).unwrap_or(&[])
    }

    pub(crate) fn bits(&self, run: Run) -> &[Bits] {
        self.bits.get(run.start as usize..run.end as usize).unwrap_or(&[])
    }

    fn add_bits(&mut self, set: Words) -> Run {
        let start = self.bits.len() as u32;
        self.bits.extend(set.into_iter().map(|(word, bits)| Bits { word, bits }));
        Run { start, end: self.bits.len() as u32 }
    }
}

/// Some in a row of the groups or the bits of a segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    start: u32,
    end: u32,
}

impl Run {
    pub(crate) fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// What depends on the values of one source.
#[derive(Debug)]
pub(crate) struct SegmentSource {
    pub(crate) source: SourceId,
    /// The rules that are to be visited if there is any value: bits for places in the phase.
    pub(crate) present: Run,
    /// What the transformations of all groups wait for.
    pub(crate) triggers: u32,
    /// The checks of the other rules.
    pub(crate) checks: Run,
    pub(crate) groups: Run,
}

/// What depends on the values of one group.
#[derive(Debug)]
pub(crate) struct SegmentGroup {
    pub(crate) group: GroupId,
    pub(crate) triggers: u32,
    pub(crate) checks: Run,
}

/// A word of a bit set that is not empty.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bits {
    pub(crate) word: u32,
    pub(crate) bits: u64,
}

/// What rules refer to.
pub(super) struct Of<'p> {
    pub(super) rules: &'p [Rule],
    pub(super) groups: &'p [Group],
    pub(super) chains: &'p Chains,
    pub(super) sources: &'p Sources,
    /// See [`lists_rules`](super::idle::lists_rules).
    pub(super) lists_rules: bool,
}

/// Rules that skip what follows for few requests, such as those that have no response judged which is compressed. Where none of them
/// can match, the phase need not be cut at them.
#[derive(Debug)]
pub(crate) struct Guards {
    /// What says whether they can match.
    pub(crate) own: Segment,
    /// Their places in the phase.
    pub(crate) places: Vec<Bits>,
    /// The phase without them.
    pub(crate) segments: Vec<Segment>,
}

/// With fewer guards than these nothing is gained.
const FEWEST_GUARDS: usize = 2;

/// Cuts a phase of whose rules `fates` says what is known. For each check that its rules begin with, `places` gets the rule's place.
#[inline(never)]
pub(super) fn cut(
    phase: &mut PhasePlan,
    of: &Of<'_>,
    prefilter: bool,
    fates: &[Fate],
    places: &mut Vec<u32>,
) {
    // Tools are told of every rule that matches.
    let may_idle = !(crate::is_traced() || of.lists_rules || idle::looks_back(phase, of.rules, of.sources));
    let reached = |place: usize| {
        let Some(Entry::Rule(rule)) = phase.entries.get(place) else { return None };
        let rule = of.rules.get(*rule as usize)?;
        let is_passed = matches!(fates.get(place), Some(Fate::Unreachable | Fate::Never))
            || may_idle && idle::is_idle(place, rule, phase, fates);
        (!is_passed).then_some(rule)
    };
    let mut always = vec![0; phase.entries.len().div_ceil(64)];
    let mut numbers = Words::new();
    let mut segments_without = |guards: &[usize]| {
        let mut segments = Vec::new();
        let mut wanted = Wanted { numbers: std::mem::take(&mut numbers), ..Wanted::default() };
        let landings = landings(phase, of, fates, guards);
        for place in 0..phase.entries.len() {
            if landings.binary_search(&place).is_ok() {
                wanted.end_at(place, of, &mut segments);
            }
            let Some(rule) = reached(place).filter(|_| guards.binary_search(&place).is_err()) else {
                continue;
            };
            if !prefilter || !wanted.add(place, rule, of, places) {
                set(&mut always, place);
            }
            if may_skip(rule, fates.get(place)) {
                wanted.end_at(place + 1, of, &mut segments);
            }
        }
        wanted.finish(phase.entries.len(), of, &mut segments);
        numbers = wanted.numbers;
        segments
    };
    let segments = segments_without(&[]);
    let is_guard = |place: &usize| {
        reached(*place).is_some_and(|rule| may_skip(rule, fates.get(*place)) && is_for_few(rule, of))
    };
    let guards: Vec<usize> = (0..phase.entries.len()).filter(|_| prefilter).filter(is_guard).collect();
    let without = (guards.len() >= FEWEST_GUARDS).then(|| segments_without(&guards));
    phase.guards = without.and_then(|segments| {
        let (mut wanted, mut own, mut bits) = (Wanted::default(), Vec::new(), Words::new());
        for place in &guards {
            reached(*place).into_iter().for_each(|rule| {
                wanted.add(*place, rule, of, places);
            });
            add(&mut bits, *place);
        }
        wanted.finish(0, of, &mut own);
        Some(Guards { own: own.pop()?, places: self::bits(bits), segments })
    });
    (phase.always, phase.segments, phase.numbers) = (always, segments, bits(numbers));
}

/// The place of a rule by its check.
pub(crate) fn place_of(places: &[u32], check: usize) -> usize {
    places.get(check).map_or(usize::MAX, |place| *place as usize)
}

#[derive(Default)]
struct Wanted {
    sources: Vec<(SourceId, OfSource)>,
    /// The conditions, of the whole phase, that recurring members may meet.
    numbers: Words,
}

/// Words of a bit set, by their places.
pub(super) type Words = Vec<(u32, u64)>;

/// What is wanted of the values of a source.
#[derive(Default)]
pub(super) struct OfSource {
    /// Of any value.
    pub(super) any: Words,
    /// Of values in which a scan finds something, by group.
    pub(super) groups: Vec<(GroupId, Words)>,
}

impl Wanted {
    /// False if the rule has to be visited whatever the values are.
    #[inline(never)]
    fn add(&mut self, place: usize, rule: &Rule, of: &Of<'_>, places: &mut Vec<u32>) -> bool {
        let Some(needs) = narrowest(rule, of) else { return false };
        for Need { source, scanned, number } in needs {
            change(&mut self.sources, source, |wanted| match scanned {
                Some((group, check)) => change(&mut wanted.groups, group, |checks| add(checks, check)),
                None => add(&mut wanted.any, place),
            });
            number.into_iter().for_each(|number| add(&mut self.numbers, number));
            for number in scanned.map(|(_, check)| check).into_iter().chain(number) {
                if places.len() <= number {
                    places.resize(number + 1, u32::MAX);
                }
                if let Some(known) = places.get_mut(number) {
                    *known = place as u32;
                }
            }
        }
        true
    }

    /// Ends the segment here, unless it has nothing that is worth it.
    fn end_at(&mut self, place: usize, of: &Of<'_>, segments: &mut Vec<Segment>) {
        if !self.sources.is_empty() {
            self.finish(place, of, segments);
        }
    }

    #[inline(never)]
    fn finish(&mut self, end: usize, of: &Of<'_>, segments: &mut Vec<Segment>) {
        let mut segment =
            Segment { end, variables: Vec::new(), sources: Vec::new(), groups: Vec::new(), bits: Vec::new() };
        for (source, wanted) in std::mem::take(&mut self.sources) {
            let Some(found) = of.sources.get(source) else { continue };
            segment.variables.push((found.variable, NameKind::of_source(found)));
            let mut all = Words::new();
            for (_, checks) in &wanted.groups {
                checks.iter().for_each(|(word, bits)| change(&mut all, *word, |all| *all |= *bits));
            }
            let (present, checks) = (segment.add_bits(wanted.any), segment.add_bits(all));
            let start = segment.groups.len() as u32;
            let mut all_triggers = 0;
            for (group, checks) in wanted.groups {
                let chain = of.groups.get(group as usize).map(|group| of.chains.get(group.chain));
                let triggers = chain.map_or(u32::MAX, |chain| chain.scan_triggers);
                all_triggers |= triggers;
                let checks = segment.add_bits(checks);
                segment.groups.push(SegmentGroup { group, triggers, checks });
            }
            let groups = Run { start, end: segment.groups.len() as u32 };
            segment.sources.push(SegmentSource { source, present, triggers: all_triggers, checks, groups });
        }
        segment.groups.shrink_to_fit();
        segment.bits.shrink_to_fit();
        segments.push(segment);
    }
}

/// A source of which a link must have a value for it to match; one of several does. If the value is scanned, the group and the
/// check that has to be among what the scan finds.
struct Need {
    source: SourceId,
    scanned: Option<(GroupId, usize)>,
    /// The condition's number, if members of the source recur.
    number: Option<usize>,
}

/// What the link of a rule needs that the fewest requests have. Links that come before it leave nothing behind unless the whole
/// chain matches, so they need not be run. `None`: no link needs anything.
fn narrowest(rule: &Rule, of: &Of<'_>) -> Option<Vec<Need>> {
    let has_effects =
        |link: &Link| link.capture || !(link.set_vars.is_empty() && link.for_each_match.is_empty());
    let last = rule.links.iter().position(has_effects).unwrap_or(usize::MAX);
    let all = rule.links.iter().take(last.saturating_add(1)).filter_map(|link| needs(link, of));
    all.min_by_key(|needs| needs.iter().map(|need| commonness(need, of)).max())
}

#[inline(never)]
fn needs(link: &Link, of: &Of<'_>) -> Option<Vec<Need>> {
    let condition = link.condition.as_ref()?;
    // This one looks at the body, whatever its targets are.
    if matches!(&condition.operation, Operation::Fixed(operator) if operator.dtd().is_some()) {
        return None;
    }
    let check = condition.scanned_for().map(|check| usize::from(check.0));
    let need = |target: &Target| {
        let number = match of.sources.get(target.source) {
            Some(source) if is_recurring(source.variable) => Some(usize::from(condition.number?.0)),
            _ => None,
        };
        if target.count {
            let test = condition.known_operator()?.number_test()?;
            let is_static = of.sources.get(target.source)?.is_static();
            let needs_some = test.matches_count(0) == condition.negated;
            let is_plain = of.chains.get(condition.chain).steps.is_empty();
            return (is_static && needs_some && is_plain).then_some(Need {
                source: target.source,
                scanned: None,
                number,
            });
        }
        let group = target.group?;
        let source = of.groups.get(group as usize)?.source;
        Some(Need { source, scanned: check.map(|check| (group, check)), number })
    };
    condition.targets.iter().map(need).collect()
}

/// How many requests have what is needed, by rank.
fn commonness(need: &Need, of: &Of<'_>) -> usize {
    use VariableName as V;
    let source = of.sources.get(need.source);
    let is_named = source.is_some_and(Source::is_one_key);
    let is_usual = source.is_some_and(|source| {
        matches!(source.variable, V::RequestLine | V::RequestMethod | V::RequestProtocol | V::ResponseStatus)
    });
    match (need.scanned.is_some(), is_named) {
        (true, true) => 0,
        (true, false) if !is_usual => 1,
        (false, true) => 2,
        (true, false) => 3,
        (false, false) => 4,
    }
}

pub(super) fn add(set: &mut Words, bit: usize) {
    change(set, (bit / 64) as u32, |bits| *bits |= 1 << (bit % 64));
}

pub(super) fn bits(set: Words) -> Vec<Bits> {
    set.into_iter().map(|(word, bits)| Bits { word, bits }).collect()
}

/// Whether a rule is visited only where a member of a certain name has what a scan looks for.
fn is_for_few(rule: &Rule, of: &Of<'_>) -> bool {
    narrowest(rule, of).is_some_and(|needs| needs.iter().all(|need| commonness(need, of) == 0))
}

/// Whether the rule skips or does not, as the request has it.
fn may_skip(rule: &Rule, fate: Option<&Fate>) -> bool {
    let is_known = match fate {
        Some(Fate::Unreachable | Fate::Never) => true,
        Some(Fate::Always) => rule.quiet.is_some(),
        Some(Fate::Open) | None => false,
    };
    let skips = |action: &Action| matches!(action, Action::Skip(_) | Action::SkipTo(_));
    !is_known && rule.links.iter().any(|link| link.actions.iter().any(skips))
}

/// The places that rules of which that is not known skip to, in order; without those of some rules, by their places.
#[inline(never)]
fn landings(phase: &PhasePlan, of: &Of<'_>, fates: &[Fate], without: &[usize]) -> Vec<usize> {
    let mut landings = Vec::new();
    for (place, entry) in phase.entries.iter().enumerate() {
        let Entry::Rule(rule) = entry else { continue };
        let is_wanted =
            |rule: &&Rule| may_skip(rule, fates.get(place)) && without.binary_search(&place).is_err();
        let rule = of.rules.get(*rule as usize).filter(is_wanted);
        for action in rule.iter().flat_map(|rule| &rule.links).flat_map(|link| &link.actions) {
            if let Action::SkipTo(to) = action {
                landings.push(*to);
            }
        }
    }
    sorted(landings)
}

fn set(words: &mut [u64], bit: usize) {
    if let Some(word) = words.get_mut(bit / 64) {
        *word |= 1 << (bit % 64);
    }
}
