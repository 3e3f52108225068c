//! What is known of members of variables from other transactions. See [`Recall`](crate::plan::Recall).

use portcullis_seclang::ast::VariableName;

use super::candidates::forms::scan_forms;
use super::twins::Twins;
use super::{Found, Member, Memory, Transaction, ValueId, Values};
use crate::plan::{
    Bits, CheckId, NameKind, NameKinds, Places, Plan, Recurrence, Recurring, Recurs, SourceUse, recurs,
};

/// What a transaction knows of its members that recur.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// For each of these members the conditions that it may meet, [`Recurrence::words`](crate::plan::Recurrence::words) words.
    bits: Vec<u64>,
    /// All of them together.
    all: Vec<u64>,
    /// The time, by the clock of [`Memory`](super::Memory), of what is known of members.
    at: u64,
    /// Whether the request line has come before.
    line: Option<bool>,
    /// For each variable of which members recur, by its place in [`Recurrence`](crate::plan::Recurrence), those of its members that are
    /// judged by themselves.
    fresh: Vec<Fresh>,
    /// Their places among the members.
    fresh_places: Vec<u32>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Fresh {
    /// A range of [`Known::fresh_places`].
    start: u32,
    end: u32,
    names: NameKinds,
}

/// A member's place in what is known, times the number of words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownId(u32);

impl KnownId {
    /// Nobody has looked for it yet.
    pub(crate) const UNSEEN: Self = Self(u32::MAX);
    /// It is judged by itself.
    pub(crate) const FRESH: Self = Self(u32::MAX - 1);
    /// It meets no condition.
    const IDLE: Self = Self(u32::MAX - 2);
}

impl Known {
    pub(super) fn reset(&mut self, recurrence: &Recurrence) {
        self.bits.clear();
        self.all.clear();
        self.all.resize(recurrence.words, 0);
        self.at = 0;
        self.line = None;
        self.fresh.clear();
        self.fresh.resize(recurrence.variables.len(), Fresh::default());
        self.fresh_places.clear();
    }

    /// The conditions that recurring members may meet.
    pub(super) fn all(&self) -> &[u64] {
        &self.all
    }

    /// Whether a recurring variable may have members with a name of this kind that are judged by themselves.
    pub(super) fn has_fresh(&self, variable: usize, name: NameKind) -> bool {
        self.fresh.get(variable).is_some_and(|fresh| fresh.start != fresh.end && fresh.names.may_have(name))
    }

    /// Whether it is as new as a variable that has changed at that time.
    pub(super) fn is_up_to_date(&self, changed: u64) -> bool {
        self.at >= changed
    }

    /// Whether all members of one are judged by themselves, of which there are so many.
    pub(super) fn are_all_fresh(&self, variable: usize, members: usize) -> bool {
        self.fresh.get(variable).is_some_and(|fresh| (fresh.end - fresh.start) as usize == members)
    }

    /// The places of the members of one that are judged by themselves.
    pub(super) fn fresh_places(&self, variable: usize) -> &[u32] {
        let Fresh { start, end, .. } = self.fresh.get(variable).copied().unwrap_or_default();
        self.fresh_places.get(start as usize..end as usize).unwrap_or(&[])
    }

    /// Whether a member can't meet a condition.
    #[inline]
    pub(super) fn rules_out(&self, member: KnownId, condition: CheckId) -> bool {
        if member == KnownId::IDLE {
            return true;
        }
        let bits = self.bits.get(member.0 as usize..);
        bits.is_some_and(|bits| !bits.is_empty() && !condition.is_in(bits))
    }
}

impl Transaction {
    /// Recalls what is known of the members that have come since the last time, or finds it out.
    pub(super) fn recall(&mut self, plan: &Plan) {
        let words = plan.recurrence.words;
        let since = self.memory.candidates.known.at;
        let mut to_find_out = Vec::new();
        let mut places = plan.recall.lock();
        let mut before = usize::MAX;
        let line = self.line_comes_again(places.as_deref_mut());
        let of_query = self.members(VariableName::ArgsGet).len();
        for (of, (variable, uses)) in plan.recurrence.variables.iter().enumerate() {
            if self.memory.changed(*variable) <= since {
                continue;
            }
            let Memory { values, members, candidates, .. } = &mut *self.memory;
            let Known { bits, all, fresh, fresh_places, .. } = &mut candidates.known;
            let members = members.get_mut(*variable as usize).map_or(&mut [][..], Vec::as_mut_slice);
            let mut found = Fresh { start: fresh_places.len() as u32, ..Fresh::default() };
            let with_line = recurs(*variable, b"") == Recurs::WithLine;
            let may_recur = match variable {
                _ if with_line && !line => 0,
                // Those of the query come first.
                VariableName::Args => of_query,
                _ => members.len(),
            };
            let (may_recur, others) = members.split_at_mut(may_recur.min(members.len()));
            for (index, member) in may_recur.iter_mut().enumerate() {
                if member.known == KnownId::UNSEEN {
                    member.known = KnownId::FRESH;
                    let recurring = recurring(values, *variable, *member);
                    let recurs = match recurs(*variable, values.bytes(member.key)) {
                        Recurs::Always | Recurs::WithLine => true,
                        Recurs::Maybe => {
                            places.as_mut().is_some_and(|places| places.comes_again(recurring.value))
                        }
                        Recurs::Never => false,
                    };
                    if recurs && recurring.fits() {
                        member.known = KnownId(bits.len() as u32);
                        let place = places.as_mut().and_then(|places| places.find_after(before, recurring));
                        before = place.unwrap_or(usize::MAX);
                        match places.as_ref().zip(place) {
                            Some((places, place)) if places.is_idle(place) => member.known = KnownId::IDLE,
                            Some((places, place)) => {
                                let known = places.bits(place, words);
                                bits.extend_from_slice(known);
                                all.iter_mut().zip(known).for_each(|(all, known)| *all |= *known);
                            }
                            None => {
                                to_find_out.push((*variable, uses.as_slice(), index));
                                bits.resize(bits.len() + words, 0);
                            }
                        }
                    }
                }
                if member.known == KnownId::FRESH {
                    fresh_places.push(index as u32);
                    found.names.insert(NameKind::of(values.bytes(member.key)));
                }
            }
            if !others.is_empty() {
                let first = may_recur.len() as u32;
                fresh_places.extend(first..first + others.len() as u32);
                others.iter_mut().for_each(|other| other.known = KnownId::FRESH);
                found.names = NameKinds::ALL;
            }
            found.end = fresh_places.len() as u32;
            fresh.get_mut(of).into_iter().for_each(|fresh| *fresh = found);
        }
        drop(places);
        if !to_find_out.is_empty() {
            self.find_out_all(plan, to_find_out);
        }
        self.memory.candidates.known.at = self.memory.clock;
    }

    /// Whether the request line has come before, so that what follows from it comes again.
    fn line_comes_again(&mut self, places: Option<&mut Places>) -> bool {
        let Memory { values, members, candidates, .. } = &mut *self.memory;
        let line = members.get(VariableName::RequestLine as usize).and_then(|members| members.first());
        let (Some(line), Some(places)) = (line, places) else { return false };
        let line = recurring(values, VariableName::RequestLine, *line);
        *candidates.known.line.get_or_insert_with(|| line.fits() && places.comes_again(line.value))
    }

    /// The same for members, by their places, that nobody has looked at before.
    #[inline(never)]
    fn find_out_all(&mut self, plan: &Plan, members: Vec<(VariableName, &[SourceUse], usize)>) {
        let words = plan.recurrence.words;
        let (mut before, many) = (usize::MAX, members.len());
        let (mut twins, mut last) = (None, None);
        for (variable, uses, index) in members {
            let Some(member) = self.members(variable).get(index).copied() else { continue };
            if last.replace(variable) != Some(variable) {
                twins = Twins::among(many).map(|twins| TwinNames { twins, met: Vec::new() });
            }
            let mut bits = std::mem::take(&mut self.memory.candidates.known.bits);
            let at = member.known.0 as usize;
            let met = bits.get_mut(at..at + words).unwrap_or(&mut []);
            let place =
                twins.as_mut().and_then(|twins| twins.find(&mut self.memory.values, plan, member, met));
            self.find_out(plan, variable, uses, member, matches!(place, Some(Ok(_))), met);
            if let (Some(twins), Some(Err(place))) = (&mut twins, place) {
                twins.keep(place, met);
            }
            before = plan.recall.keep(before, recurring(&self.memory.values, variable, member), met);
            let all = &mut self.memory.candidates.known.all;
            all.iter_mut().zip(&*met).for_each(|(all, known)| *all |= *known);
            self.memory.candidates.known.bits = bits;
        }
    }

    /// Finds out which conditions a member may meet. Of a twin those are known that another one may meet.
    #[inline(never)]
    fn find_out(
        &mut self,
        plan: &Plan,
        variable: VariableName,
        uses: &[SourceUse],
        member: Member,
        is_twin: bool,
        met: &mut [u64],
    ) {
        let words = plan.prefilter.words();
        for SourceUse { source, any, groups } in uses {
            let Some(source) = plan.sources.get(*source) else { continue };
            if variable.is_collection() && !source.contains(self.memory.values.bytes(member.key)) {
                continue;
            }
            // What the other one may meet is what this one may, if it is of the source, too.
            let is_known = is_twin && source.has_all();
            any.iter().for_each(|bits| add(met, *bits, u64::MAX));
            let values = &mut self.memory.values;
            for (group, checks) in groups {
                let chain = plan.groups.get(*group as usize).map(|group| plan.chains.get(group.chain));
                if is_known && chain.is_some_and(|chain| chain.keeps_words) {
                    continue;
                }
                let triggers = chain.map_or(u32::MAX, |chain| chain.scan_triggers);
                let mut add_scan = |scan: &[u64]| {
                    for bits in checks {
                        add(met, *bits, scan.get(bits.word as usize).map_or(u64::MAX, |word| *word));
                    }
                };
                if values.summary(member.value, &plan.prefilter) & triggers == 0
                    || scan_forms(values, plan, *group, member.value, &mut add_scan)
                {
                    values.ensure_scan(member.value, &plan.prefilter);
                    add_scan(values.scan(member.value, words).unwrap_or(&[]));
                }
            }
        }
    }

    /// Notes that a value does not meet a condition, in any of the forms that are asked about.
    pub(super) fn note_not_met(&mut self, plan: &Plan, found: Found, known: KnownId, condition: CheckId) {
        let words = plan.recurrence.words;
        let at = known.0 as usize;
        let Some(bits) = self.memory.candidates.known.bits.get_mut(at..at.saturating_add(words)) else {
            return;
        };
        condition.take_from(bits);
        let member = Member { key: found.key.unwrap_or(ValueId::EMPTY), value: found.value, known };
        plan.recall.rule_out(recurring(&self.memory.values, found.variable, member), words, condition);
    }
}

/// Names that may be twins of others, and the conditions that those may meet.
#[derive(Debug)]
struct TwinNames {
    twins: Twins,
    /// For each place its words.
    met: Vec<u64>,
}

impl TwinNames {
    /// The place of a name, as [`Twins::find`] says; for a twin, what the other one may meet is in `met` then.
    fn find(
        &mut self,
        values: &mut Values,
        plan: &Plan,
        member: Member,
        met: &mut [u64],
    ) -> Option<Result<usize, usize>> {
        if member.key != member.value || !values.is_unasked(member.value) {
            return None;
        }
        let place = self.twins.find(values, &plan.prefilter, member.value);
        if let Ok(place) = place {
            let known = self.met.get(place * met.len()..(place + 1) * met.len())?;
            met.iter_mut().zip(known).for_each(|(met, known)| *met |= known);
        }
        Some(place)
    }

    fn keep(&mut self, place: usize, met: &[u64]) {
        self.met.resize(self.met.len().max((place + 1) * met.len()), 0);
        let kept = self.met.get_mut(place * met.len()..(place + 1) * met.len());
        kept.into_iter().for_each(|kept| kept.copy_from_slice(met));
    }
}

#[inline]
fn recurring(values: &Values, variable: VariableName, member: Member) -> Recurring<'_> {
    let name = if member.key == member.value { b"" } else { values.bytes(member.key) };
    Recurring { variable, name, value: values.bytes(member.value) }
}

fn add(met: &mut [u64], bits: Bits, which: u64) {
    if let Some(word) = met.get_mut(bits.word as usize) {
        *word |= bits.bits & which;
    }
}
