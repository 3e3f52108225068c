//! Which rules of a phase are run, in which order, and those that are done without much ado.

use portcullis_seclang::ast::{EngineMode, Phase, VariableName};

use super::{Found, Memory, Transaction, debug, put_back};
use crate::plan::{
    Entry, Guards, Of, PhasePlan, Plan, Prepared, Quick, Quiet, Rule, RuleId, Segment, SourceId,
};

/// How a phase goes on after a rule.
enum Visit {
    Next,
    /// Over that many entries, and to that place first.
    Skip(u32, Option<usize>),
    End,
}

impl Transaction {
    pub(super) fn run_segments(&mut self, plan: &Plan, phase: Phase) {
        let entries = &plan.phase(phase).entries;
        let mut at = 0;
        for segment in self.segments(plan, plan.phase(phase)) {
            if at >= segment.end {
                continue;
            }
            self.enter_segment(plan, segment);
            while at < segment.end {
                let next = self.next_visit(at, segment.end);
                let place = next.unwrap_or(segment.end);
                self.pass_over(entries.get(at..place));
                at = place + usize::from(next.is_some());
                let Some(Entry::Rule(rule_id)) = next.and_then(|place| entries.get(place)) else { continue };
                let Some(rule) = plan.rules.get(*rule_id as usize) else { continue };
                match self.visit(plan, *rule_id, rule) {
                    Visit::Next => {}
                    Visit::Skip(skip, to) => {
                        if let Some(place) = to {
                            self.debug_skip_to(plan, phase, at, place);
                            at = place.max(at);
                        }
                        self.debug_skip(plan, entries.get(at..), skip);
                        at = at.saturating_add(skip as usize);
                    }
                    Visit::End => return,
                }
            }
        }
    }

    /// The segments that a phase is run by.
    fn segments<'p>(&mut self, plan: &Plan, phase: &'p PhasePlan) -> &'p [Segment] {
        if let Some(Guards { own, places, segments }) = &phase.guards {
            self.enter_segment(plan, own);
            if !self.visits_any(places) {
                return segments;
            }
        }
        &phase.segments
    }

    /// Rules that can't match are like others that don't: `MATCHED_VARS` is empty after them.
    fn pass_over(&mut self, entries: Option<&[Entry]>) {
        if self.memory.matched_vars.is_empty() {
            return;
        }
        let mut rules = entries.unwrap_or(&[]).iter();
        if rules.any(|entry| matches!(entry, Entry::Rule(rule) if !self.is_removed(*rule))) {
            self.memory.matched_vars.clear();
        }
    }

    fn visit(&mut self, plan: &Plan, id: RuleId, rule: &Rule) -> Visit {
        self.memory.values.work.rules += 1;
        if self.is_removed(id) {
            self.debug_removed(id, rule);
            return Visit::Next;
        }
        if self.debug.is_none() {
            if let Some(quick) = &rule.quick
                && (self.as_supposed || !quick.supposes)
                && !self.quick(plan, quick)
            {
                self.memory.matched_vars.clear();
                return Visit::Next;
            }
            if let Some(prepared) = rule.prepared.and_then(|prepared| plan.prepared.get(prepared as usize))
                && self.as_supposed
                && self.is_prepared(plan, prepared)
            {
                return self.run_prepared(plan, prepared);
            }
            if let Some(listed) = &rule.listed
                && self.as_supposed
                && self.is_unlisted(plan, id, rule, listed)
            {
                return Visit::Next;
            }
            if let Some(quiet) = &rule.quiet
                && !self.is_touched(plan, id, rule)
            {
                return self.run_quiet(plan, id, rule, quiet);
            }
        }
        let Some(state) = self.run_rule(plan, id, rule) else { return Visit::Next };
        if self.intervention.is_some() {
            debug!(self, 8, "Skipping this phase as this request was already intercepted.");
            return Visit::End;
        }
        if self.allow.is_some() || self.engine() == EngineMode::Off {
            self.debug_allowed(plan, rule.phase, id);
            return Visit::End;
        }
        match (state.skip, state.skip_to) {
            (0, None) => Visit::Next,
            (skip, to) => Visit::Skip(skip, to),
        }
    }

    /// Whether `ctl:ruleRemoveTarget…` may have taken the target of a rule that has one.
    fn is_touched(&self, plan: &Plan, id: RuleId, rule: &Rule) -> bool {
        let Some(quick) = &rule.quick else { return false };
        let variable = match quick.of {
            Of::Tx(_) => Some(VariableName::Tx),
            Of::Count(source) => plan.sources.get(source).map(|source| source.variable),
        };
        self.memory
            .removed_targets
            .iter()
            .any(|removal| Some(removal.variable) == variable && removal.rules.binary_search(&id).is_ok())
    }

    /// Runs a rule of one link that matches.
    fn run_quiet(&mut self, plan: &Plan, id: RuleId, rule: &Rule, quiet: &Quiet) -> Visit {
        self.current = Some((id, 0));
        self.matched_vars_stale = true;
        #[cfg(feature = "trace")]
        self.trace_start();
        if let Some(quick) = &rule.quick {
            self.note_quick_match(plan, quick);
        }
        for set_var in rule.links.iter().flat_map(|link| &link.set_vars) {
            set_var.run(self, plan);
        }
        self.note_fired(plan);
        #[cfg(feature = "trace")]
        self.trace_end(plan, rule, None, true);
        quiet.skip_to.map_or(Visit::Next, |place| Visit::Skip(0, Some(place)))
    }

    /// Whether what these rules come to is known.
    fn is_prepared(&self, plan: &Plan, prepared: &Prepared) -> bool {
        prepared.supposed.is_empty()
            || (self.memory.removed_rules.is_empty()
                && self.memory.removed_targets.iter().all(|removal| removal.variable != VariableName::Tx)
                && self.holds(plan, &prepared.supposed))
    }

    /// Runs rules that all match as one.
    #[inline(never)]
    fn run_prepared(&mut self, plan: &Plan, prepared: &Prepared) -> Visit {
        self.note_all_fired(plan, &prepared.rules);
        self.current = prepared.rules.last().map(|rule| (*rule, 0));
        self.matched_vars_stale = prepared.stale;
        let Memory { tx, matched_vars, .. } = &mut *self.memory;
        if prepared.clears_matched {
            matched_vars.clear();
        }
        for (slot, constant) in &prepared.sets {
            tx.set_constant(*slot, *constant);
        }
        Visit::Skip(0, Some(prepared.next))
    }

    /// Whether the first condition of a rule may be met.
    fn quick(&mut self, plan: &Plan, quick: &Quick) -> bool {
        let holds = match quick.of {
            Of::Tx(slot) => {
                let Memory { values, tx, .. } = &*self.memory;
                match tx.slot_bytes(slot, &plan.constants, values) {
                    Some(bytes) if !quick.tells(bytes) => return true,
                    Some(bytes) => quick.test.matches(bytes),
                    None => return false,
                }
            }
            Of::Count(source) => quick.test.matches_count(self.count_values(plan, source)),
        };
        holds != quick.negated
    }

    fn count_values(&mut self, plan: &Plan, id: SourceId) -> usize {
        let Some(source) = plan.sources.get(id) else { return 0 };
        if source.is_static() {
            return self.static_values(plan, id).len();
        }
        if source.variable == VariableName::Tx && source.is_one_key() {
            return source.slots.iter().filter(|slot| self.memory.tx.has_slot(**slot)).count();
        }
        let mut found = std::mem::take(&mut self.memory.found);
        let start = found.len();
        self.resolve(plan, id, &mut found);
        let count = found.len() - start;
        found.truncate(start);
        put_back(&mut self.memory.found, found);
        count
    }

    /// As `try_form` does, for `MATCHED_VAR` and its kin.
    #[inline(never)]
    fn note_quick_match(&mut self, plan: &Plan, quick: &Quick) {
        let mut found = std::mem::take(&mut self.memory.found);
        let start = found.len();
        match quick.of {
            Of::Tx(slot) => {
                let Memory { values, tx, .. } = &mut *self.memory;
                if let Some(value) = tx.slot(slot, &plan.constants, values) {
                    let key = Some(tx.name(slot, plan, values));
                    found.push(Found { variable: VariableName::Tx, key, value });
                }
            }
            Of::Count(source) => {
                let count = self.count_values(plan, source);
                self.push_count(plan, source, count, &mut found);
            }
        }
        let last = found.get(start).copied();
        found.truncate(start);
        put_back(&mut self.memory.found, found);
        if let Some(last) = last {
            self.note_match(plan, last);
        }
    }

    #[inline(never)]
    fn debug_removed(&mut self, id: RuleId, rule: &Rule) {
        let found = self.removed_by.iter().find(|(rules, _)| rules.contains(&id));
        match found.map(|(_, option)| *option) {
            Some(option @ ("ruleRemoveByTag" | "ruleRemoveByMsg")) => {
                debug!(self, 9, "Skipped rule id '{}'. Skipped due to a {option} action.", rule.id);
            }
            _ => debug!(self, 9, "Rule id: {} was skipped due to a ruleRemoveById action...", rule.id),
        }
    }

    /// The rules of the phase that stand after one with `allow`.
    #[inline(never)]
    fn debug_allowed(&mut self, plan: &Plan, phase: Phase, from: RuleId) {
        if !self.debugs(9) || self.allow.is_none() {
            return;
        }
        let entries = plan.phase(phase).entries.iter();
        let after = entries.skip_while(|entry| !matches!(entry, Entry::Rule(rule) if *rule == from)).skip(1);
        for entry in after {
            if let Entry::Rule(rule) = entry
                && let Some(rule) = plan.rules.get(*rule as usize)
            {
                let line = format!(
                    "Skipped rule id '{}' as request trough the utilization of an `allow' action.",
                    rule.id
                );
                self.write_debug(9, line);
            }
        }
    }

    #[inline(never)]
    fn debug_skip(&mut self, plan: &Plan, entries: Option<&[Entry]>, mut skip: u32) {
        if !self.debugs(9) {
            return;
        }
        for entry in entries.unwrap_or(&[]) {
            if skip == 0 {
                return;
            }
            skip -= 1;
            if let Entry::Rule(rule) = entry
                && let Some(rule) = plan.rules.get(*rule as usize)
            {
                debug!(
                    self,
                    9, "Skipped rule id '{}' due to a `skip' action. Still {skip} to be skipped.", rule.id
                );
            }
        }
    }

    #[inline(never)]
    fn debug_skip_to(&mut self, plan: &Plan, phase: Phase, from: usize, to: usize) {
        if !self.debugs(9) {
            return;
        }
        for entry in plan.phase(phase).entries.get(from..to).unwrap_or(&[]) {
            if let Entry::Rule(rule) = entry
                && let Some(rule) = plan.rules.get(*rule as usize)
            {
                let line = format!("Skipped rule id '{}' due to a SecMarker", rule.id);
                self.write_debug(9, line);
            }
        }
    }
}
