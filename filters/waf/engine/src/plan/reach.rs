//! Which rules a phase can come to, as far as that does not depend on the request.
//!
//! The Core Rule Set holds the rules of all paranoia levels, and skips those above the configured one by comparisons of TX
//! variables that its own first rules set. Here a phase is gone through with what is known of these variables: which rules never
//! match, which always do, and which stand where nothing leads to. Nothing is scanned for those that can't be come to, and
//! what rules that always match set one after the other is set at once ([`Prepared`]).
//!
//! What a phase supposes of the variables when it begins is looked up when it does; if it is otherwise, because an `allow` ended an
//! earlier phase or the host left one out, all of its rules are visited; and so are all that come after a `ctl` that takes out a rule
//! which is relied on here.

mod likely;

use std::rc::Rc;

use portcullis_seclang::ast::{AllowScope, Collection};

use super::prepared::{Building, FEWEST, Prepared};
use super::{
    Condition, ConstantId, Constants, Disruptive, Entry, KeyName, Link, Of, Operation, Part, PhasePlan, Plan,
    Rule, RuleId, Text, TxSlot,
};
use crate::actions::{Action, SetVar, SetVarOp};

/// What was found out about a rule set.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// For each phase what becomes of its entries.
    pub(super) fates: Vec<Vec<Fate>>,
    /// What each phase supposes.
    pub(super) supposed: Vec<Vec<Supposed>>,
    pub(super) prepared: Vec<Prepared>,
    pub(super) constants: Constants,
    pub(super) arguments: Vec<KnownArgument>,
    /// The rules that must not be taken out for this to hold, as bits.
    pub(super) relied: Vec<u64>,
}

/// What the macros in the argument of an operator stand for, and where it is.
#[derive(Debug)]
pub(super) struct KnownArgument {
    pub(super) rule: RuleId,
    pub(super) link: usize,
    pub(super) argument: Box<[u8]>,
}

/// What becomes of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing leads to it.
    Unreachable,
    /// It does not match.
    Never,
    Always,
    /// That depends on the request.
    Open,
}

/// A TX variable and the value that it must have when a phase begins. `None`: it is not set.
pub(crate) type Supposed = (TxSlot, Option<ConstantId>);

/// What is known of a TX variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    Unset,
    Is(Rc<[u8]>),
    Open,
}

type State = Vec<Known>;

impl Reach {
    #[inline(never)]
    pub(super) fn of(plan: &Plan) -> Self {
        let mut walk = Walk {
            plan,
            read: vec![false; plan.tx.len()],
            reach: Reach { relied: vec![0; plan.rules.len().div_ceil(64)], ..Reach::default() },
        };
        let mut state = vec![Known::Unset; plan.tx.len()];
        // Any pattern may set them.
        for name in [&b"msc_pcre_error"[..], b"msc_pcre_limits_exceeded"] {
            let slot = plan.tx.find(name);
            slot.and_then(|slot| state.get_mut(slot.0 as usize))
                .into_iter()
                .for_each(|known| *known = Known::Open);
        }
        for phase in &plan.phases {
            state = walk.phase(phase, state);
        }
        walk.reach
    }
}

struct Walk<'p> {
    plan: &'p Plan,
    /// The variables that were asked for in this phase.
    read: Vec<bool>,
    reach: Reach,
}

impl Walk<'_> {
    /// Goes through a phase that begins with this state. The state that it ends with.
    fn phase(&mut self, phase: &PhasePlan, entry: State) -> State {
        self.read.fill(false);
        let mut fates = Vec::with_capacity(phase.entries.len());
        // For each place what is known on the ways that skip to it; the last is the end.
        let mut jumps: Vec<Option<State>> = vec![None; phase.entries.len() + 1];
        let mut ends: Option<State> = None;
        let mut state = Some(entry.clone());
        let mut building = Building::default();
        for (place, entry) in phase.entries.iter().enumerate() {
            join(&mut state, jumps.get_mut(place).and_then(Option::take));
            let Entry::Rule(id) = entry else {
                fates.push(Fate::Open);
                continue;
            };
            let (Some(now), Some(rule)) = (&mut state, self.plan.rules.get(*id as usize)) else {
                fates.push(Fate::Unreachable);
                continue;
            };
            if !building.goes_on_at(place) {
                self.prepared(&mut building);
            }
            let fate = self.fate(rule, now);
            fates.push(fate);
            match fate {
                Fate::Unreachable => {}
                Fate::Never => building.passes_over(*id, place),
                Fate::Always | Fate::Open => {
                    if fate == Fate::Always {
                        self.rely(*id);
                    }
                    let sets = self.matches(rule, phase, now, fate == Fate::Always);
                    self.arguments(*id, rule, now);
                    let quiet = rule.quiet.filter(|_| fate == Fate::Always);
                    let skip_to = quiet.and_then(|quiet| quiet.skip_to);
                    match (quiet, sets) {
                        (Some(_), Some(sets)) => building.add(*id, rule, sets, skip_to.unwrap_or(place + 1)),
                        _ => self.prepared(&mut building),
                    }
                    if let Some(Disruptive::Allow(AllowScope::Phase | AllowScope::Request)) = &rule.disruptive
                    {
                        join(&mut ends, Some(now.clone()));
                    }
                    match (quiet, skip_to) {
                        (Some(_), Some(to)) => jump(&mut jumps, to.max(place + 1), state.take()),
                        (Some(_), None) => {}
                        (None, _) => {
                            for to in targets(rule, phase, place) {
                                jump(&mut jumps, to, Some(now.clone()));
                            }
                        }
                    }
                }
            }
        }
        self.prepared(&mut building);
        join(&mut state, jumps.pop().flatten());
        join(&mut state, ends);
        let read = self.read.iter().zip(&entry).zip(0..).filter(|((read, _), _)| **read);
        let supposed = read.filter_map(|((_, known), slot)| match known {
            Known::Unset => Some((TxSlot(slot), None)),
            Known::Is(value) => Some((TxSlot(slot), Some(self.reach.constants.intern(value)))),
            Known::Open => None,
        });
        let supposed = supposed.collect();
        self.reach.supposed.push(supposed);
        self.reach.fates.push(fates);
        state.unwrap_or_else(|| vec![Known::Open; entry.len()])
    }

    /// Ends what was being gathered.
    fn prepared(&mut self, building: &mut Building) {
        let Some((prepared, passed)) = std::mem::take(building).finish(FEWEST, &mut self.reach.constants)
        else {
            return;
        };
        passed.into_iter().for_each(|rule| self.rely(rule));
        self.reach.prepared.push(prepared);
    }

    fn rely(&mut self, rule: RuleId) {
        if let Some(word) = self.reach.relied.get_mut(rule as usize / 64) {
            *word |= 1 << (rule % 64);
        }
    }

    #[inline(never)]
    fn fate(&mut self, rule: &Rule, state: &State) -> Fate {
        let matches = match (&rule.quick, rule.links.first()) {
            (Some(quick), _) => {
                let slots = match quick.of {
                    Of::Tx(slot) => vec![slot],
                    Of::Count(source) => match self.plan.sources.get(source) {
                        Some(source) if source.is_one_tx() => source.slots.clone(),
                        _ => return Fate::Open,
                    },
                };
                let known: Option<Vec<&Known>> = slots.iter().map(|slot| self.known(state, *slot)).collect();
                let Some(known) = known else { return Fate::Open };
                let holds = match (quick.of, known.as_slice()) {
                    (Of::Tx(_), [Known::Is(value)]) if !quick.tells(value) => return Fate::Open,
                    (Of::Tx(_), [Known::Is(value)]) => quick.test.matches(value),
                    (Of::Tx(_), _) => return Fate::Never,
                    (Of::Count(_), known) => quick
                        .test
                        .matches_count(known.iter().filter(|known| ***known != Known::Unset).count()),
                };
                holds != quick.negated
            }
            (None, Some(link)) => {
                if link.condition.is_some() {
                    return Fate::Open;
                }
                true
            }
            (None, None) => return Fate::Open,
        };
        match matches {
            false => Fate::Never,
            true if rule.open || rule.links.len() != 1 => Fate::Open,
            true => Fate::Always,
        }
    }

    /// What is known of a variable; `None` if nothing is. Notes that it was asked for.
    fn known<'s>(&mut self, state: &'s State, slot: TxSlot) -> Option<&'s Known> {
        let known = state.get(slot.0 as usize).filter(|known| **known != Known::Open)?;
        self.read.get_mut(slot.0 as usize).into_iter().for_each(|read| *read = true);
        Some(known)
    }

    /// Notes what operators compare with, as far as that is known. `state`: with what the rule itself may change.
    #[inline(never)]
    fn arguments(&mut self, id: RuleId, rule: &Rule, state: &State) {
        for (link, condition) in rule.links.iter().map(|link| &link.condition).enumerate() {
            if let Some(Condition { operation: Operation::Dynamic { .. }, argument, .. }) = condition
                && let Known::Is(argument) = self.value(argument, state)
            {
                self.reach.arguments.push(KnownArgument { rule: id, link, argument: (&*argument).into() });
            }
        }
    }

    /// What changes where a rule matches, or may have. If it surely does and what it sets is known, that.
    #[inline(never)]
    fn matches(
        &mut self,
        rule: &Rule,
        phase: &PhasePlan,
        state: &mut State,
        surely: bool,
    ) -> Option<Vec<(TxSlot, Known)>> {
        let mut sets = Some(Vec::new());
        for link in &rule.links {
            if link.capture {
                state.iter_mut().take(10).for_each(|capture| *capture = Known::Open);
            }
            for set_var in &link.set_vars {
                let set = self.set(set_var, state, surely);
                sets = sets.zip(set).map(|(mut sets, set)| {
                    sets.push(set);
                    sets
                });
            }
        }
        for action in actions(rule, phase) {
            if let Action::SetVar(set_var) = action {
                self.set(set_var, state, false);
            }
        }
        sets.filter(|_| surely)
    }

    /// The variable that is set, and to what, if both are known.
    #[inline(never)]
    fn set(&mut self, set_var: &SetVar, state: &mut State, surely: bool) -> Option<(TxSlot, Known)> {
        if set_var.collection != Collection::Tx {
            return None;
        }
        let slot = match &set_var.key {
            KeyName::Slot(slot) => *slot,
            KeyName::Text(name) => {
                self.forget(name, state);
                return None;
            }
        };
        let value = match &set_var.op {
            SetVarOp::Set(text) => self.value(text, state),
            SetVarOp::Unset => Known::Unset,
            SetVarOp::Add(_) | SetVarOp::Subtract(_) => Known::Open,
        };
        let known = state.get_mut(slot.0 as usize)?;
        if surely || *known == value {
            known.clone_from(&value);
        } else {
            *known = Known::Open;
        }
        (value != Known::Open).then_some((slot, value))
    }

    /// Forgets all variables whose names macros may make.
    #[inline(never)]
    fn forget(&self, name: &Text, state: &mut State) {
        let prefix = match name {
            Text::Literal(name) => &**name,
            Text::Macro(parts) => match parts.first() {
                Some(Part::Literal(prefix)) => &**prefix,
                _ => &[],
            },
        };
        for (slot, known) in self.plan.tx.slots().zip(state) {
            let name = self.plan.tx.name(slot);
            if name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)) {
                *known = Known::Open;
            }
        }
    }

    #[inline(never)]
    fn value(&mut self, text: &Text, state: &State) -> Known {
        let mut value = Vec::new();
        let parts = match text {
            Text::Literal(text) => {
                value.extend_from_slice(text);
                &[][..]
            }
            Text::Macro(parts) => parts,
        };
        for part in parts {
            match part {
                Part::Literal(text) => value.extend_from_slice(text),
                Part::Tx(slot) => match self.known(state, *slot) {
                    Some(Known::Is(part)) => value.extend_from_slice(part),
                    Some(Known::Unset) => {}
                    _ => return Known::Open,
                },
                Part::Rule(_) | Part::Variable(_) => return Known::Open,
            }
        }
        if value.len() > self.plan.limits.tx_value { Known::Open } else { Known::Is(value.into()) }
    }
}

/// Skips to a place; what stands behind the end is the end.
fn jump(jumps: &mut [Option<State>], to: usize, state: Option<State>) {
    let last = jumps.len().saturating_sub(1);
    if let Some(known) = jumps.get_mut(to.min(last)) {
        join(known, state);
    }
}

/// What is known where two ways meet.
#[inline(never)]
fn join(state: &mut Option<State>, other: Option<State>) {
    match (state.as_mut(), other) {
        (Some(state), Some(other)) => {
            for (known, other) in state.iter_mut().zip(other) {
                if *known != other {
                    *known = Known::Open;
                }
            }
        }
        (None, other) => *state = other,
        (Some(_), None) => {}
    }
}

fn actions<'r>(rule: &'r Rule, phase: &'r PhasePlan) -> impl Iterator<Item = &'r Action> {
    rule.links.iter().flat_map(Link::all_actions).chain(&phase.default_actions)
}

/// The places at which a phase may go on after a rule, other than the next.
fn targets(rule: &Rule, phase: &PhasePlan, place: usize) -> Vec<usize> {
    let mut places = vec![place + 1];
    for action in actions(rule, phase) {
        if let Action::SkipTo(to) = action {
            places.push((*to).max(place + 1));
        }
    }
    let plain = places.clone();
    for action in actions(rule, phase) {
        if let Action::Skip(count) = action {
            places.extend(plain.iter().map(|place| place.saturating_add(*count as usize)));
        }
    }
    places.retain(|to| *to != place + 1);
    places
}
