//! A phase as it is for a request in which no rule finds anything: what rules set from scores that are still zero is set at once,
//! too, where a look at these scores shows that it is so.

use portcullis_seclang::ast::Collection;

use super::{Building, Fate, Known, Reach, State, Supposed, Walk};
use crate::actions::{SetVar, SetVarOp, number};
use crate::plan::{Constants, Entry, KeyName, PhasePlan, Plan, Prepared, Rule, RuleId, TxSlot};
use crate::transaction::decimal;

impl Reach {
    /// Adds what is likely to be set. `plan` knows what operators compare with.
    #[inline(never)]
    pub(crate) fn add_likely(self, plan: &Plan) -> Self {
        // Tools are told of what each rule sets.
        if crate::is_traced() {
            return self;
        }
        let mut state = vec![Known::Unset; plan.tx.len()];
        let mut walk = Walk { plan, read: vec![false; plan.tx.len()], reach: self };
        for (number, phase) in plan.phases.iter().enumerate() {
            let fates = walk.reach.fates.get(number).cloned().unwrap_or_default();
            walk.likely(phase, fates, &mut state);
        }
        walk.reach
    }
}

impl Walk<'_> {
    /// Goes through a phase as it is if no rule matches of which that depends on the request.
    #[inline(never)]
    fn likely(&mut self, phase: &PhasePlan, fates: Vec<Fate>, state: &mut State) {
        let certain: Vec<RuleId> =
            self.reach.prepared.iter().flat_map(|prepared| &prepared.rules).copied().collect();
        let mut run = Likely::default();
        let mut next = 0;
        for (place, (entry, fate)) in phase.entries.iter().zip(fates).enumerate() {
            let Entry::Rule(id) = entry else { continue };
            let Some(rule) = self.plan.rules.get(*id as usize) else { continue };
            if place < next || matches!(fate, Fate::Unreachable | Fate::Never) {
                continue;
            }
            if run.building.is_empty() {
                run.start.clone_from(state);
                run.supposed.clear();
                run.written.clear();
            }
            self.read.fill(false);
            let fate = self.fate(rule, state);
            let quiet = rule.quiet.filter(|_| fate == Fate::Always);
            match (fate, quiet) {
                (Fate::Never, _) => {
                    run.suppose(&self.read, &mut self.reach.constants);
                    run.building.passes_over(*id, place);
                }
                (_, Some(quiet)) => {
                    run.suppose(&self.read, &mut self.reach.constants);
                    let sets = self.likely_sets(rule, state, &mut run);
                    next = quiet.skip_to.unwrap_or_default();
                    match sets.filter(|_| !certain.contains(id)) {
                        // With one that only skips there is nothing to begin.
                        Some(sets) if sets.is_empty() && run.building.is_empty() => {}
                        Some(sets) => run.building.add(*id, rule, sets, next.max(place + 1)),
                        None => self.end_likely(&mut run),
                    }
                }
                _ => {
                    self.end_likely(&mut run);
                    if fate == Fate::Always {
                        self.matches(rule, phase, state, true);
                    }
                }
            }
        }
        self.end_likely(&mut run);
    }

    fn end_likely(&mut self, run: &mut Likely) {
        let building = std::mem::take(&mut run.building);
        if let Some((prepared, _)) = building.finish(1, &mut self.reach.constants) {
            let supposed = std::mem::take(&mut run.supposed);
            self.reach.prepared.push(Prepared { supposed, ..prepared });
        }
    }

    /// What a rule that matches sets, as far as all of it is known.
    fn likely_sets(
        &mut self,
        rule: &Rule,
        state: &mut State,
        run: &mut Likely,
    ) -> Option<Vec<(TxSlot, Known)>> {
        let mut sets = Some(Vec::new());
        for set_var in rule.links.iter().flat_map(|link| &link.set_vars) {
            self.read.fill(false);
            let sum = self.sum(set_var, state);
            let set = self.set(set_var, state, true).or(sum.clone());
            if let Some((slot, known)) = sum
                && let Some(place) = state.get_mut(slot.0 as usize)
            {
                *place = known;
            }
            run.suppose(&self.read, &mut self.reach.constants);
            run.written.extend(set.iter().map(|(slot, _)| *slot));
            sets = sets.zip(set).map(|(mut sets, set)| {
                sets.push(set);
                sets
            });
        }
        sets
    }

    /// What a variable is to which a number is added, or from which it is subtracted.
    #[inline(never)]
    fn sum(&mut self, set_var: &SetVar, state: &State) -> Option<(TxSlot, Known)> {
        let (KeyName::Slot(slot), Collection::Tx) = (&set_var.key, set_var.collection) else { return None };
        let (text, sign) = match &set_var.op {
            SetVarOp::Add(text) => (text, 1),
            SetVarOp::Subtract(text) => (text, -1),
            SetVarOp::Set(_) | SetVarOp::Unset => return None,
        };
        let Known::Is(value) = self.value(text, state) else { return None };
        let before = match self.known(state, *slot)? {
            Known::Is(before) => number(before),
            _ => 0,
        };
        let mut digits = [0; 20];
        let after = before.saturating_add(sign * number(&value));
        Some((*slot, Known::Is(decimal(after, &mut digits).into())))
    }
}

/// Rules that are likely to do the same for all requests.
#[derive(Default)]
struct Likely {
    building: Building,
    /// What is known before the first of them.
    start: State,
    supposed: Vec<Supposed>,
    /// What they have set so far.
    written: Vec<TxSlot>,
}

impl Likely {
    /// Notes the variables that were asked for and that none of the rules has set.
    fn suppose(&mut self, read: &[bool], constants: &mut Constants) {
        for ((slot, known), _) in (0..).map(TxSlot).zip(&self.start).zip(read).filter(|(_, read)| **read) {
            let value = match known {
                Known::Unset => None,
                Known::Is(value) => Some(constants.intern(value)),
                Known::Open => continue,
            };
            let is_noted =
                self.written.contains(&slot) || self.supposed.iter().any(|(noted, _)| *noted == slot);
            if !is_noted {
                self.supposed.push((slot, value));
            }
        }
    }
}
