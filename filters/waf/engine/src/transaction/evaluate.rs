//! Phases and rules. ModSecurity v3, `src/rules_set.cc`, `src/rule_with_operator.cc`, `src/rule_with_actions.cc`.

use portcullis_seclang::ast::{AllowScope, BodyProcessor, EngineMode, Phase, Severity};

use super::known::KnownId;
use super::reference::Match;
use super::{Found, Hex, Transaction, ValueId, debug, put_back};
use crate::intervention::{Cause, Intervention, InterventionKind};
use crate::plan::{Chain, Condition, Link, Operation, Plan, Rule, RuleId, Select, SourceId, Target};

/// What the actions of a rule that matched have said so far.
#[derive(Debug)]
pub(crate) struct RuleState {
    pub(crate) log: bool,
    pub(crate) audit_log: bool,
    pub(crate) status: Option<u16>,
    pub(crate) skip: u32,
    pub(crate) skip_to: Option<usize>,
    pub(crate) severity: Option<Severity>,
    pub(crate) disruptive: bool,
    /// The link and the value, before transformations, that matched last.
    pub(crate) last: Option<(usize, Found)>,
    /// What has matched last, if what is captured of it is not known yet.
    uncaptured: Option<ValueId>,
    /// How many values have matched, for which variables are still to be set.
    unset: usize,
    /// Nothing of the rule will be logged.
    pub(crate) silent: bool,
    /// What has matched.
    pub(crate) places: Vec<Match>,
    texts: Option<Box<Texts>>,
}

/// What is logged of a rule that matched. Apart, as most rules that are run don't match, and leave nothing to be freed then.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    pub(crate) tags: Vec<Vec<u8>>,
    pub(crate) message: Vec<u8>,
    pub(crate) data: Vec<u8>,
    /// [`RuleState::places`] as text.
    pub(crate) reference: Vec<u8>,
}

/// The digits of a number and its sign.
const LONGEST_NUMBER: usize = 20;

impl RuleState {
    fn new(silent: bool) -> Self {
        RuleState {
            log: true,
            audit_log: true,
            status: None,
            skip: 0,
            skip_to: None,
            severity: None,
            disruptive: false,
            last: None,
            uncaptured: None,
            unset: 0,
            silent,
            places: Vec::new(),
            texts: None,
        }
    }

    #[cfg(feature = "trace")]
    pub(super) fn message(&self) -> &[u8] {
        self.texts.as_ref().map_or(b"", |texts| &texts.message)
    }

    pub(crate) fn texts(&mut self) -> &mut Texts {
        self.texts.get_or_insert_default()
    }

    pub(crate) fn set_text(&mut self, text: Vec<u8>, which: fn(&mut Texts) -> &mut Vec<u8>) {
        if self.texts.is_some() || !text.is_empty() {
            *which(self.texts()) = text;
        }
    }
}

impl Transaction {
    /// Runs the rules of a phase.
    pub(crate) fn run_phase(&mut self, plan: &Plan, phase: Phase) -> Option<Intervention> {
        if self.engine() == EngineMode::Off {
            debug!(self, 4, "Rule engine disabled, returning...");
            return None;
        }
        let entries = &plan.phase(phase).entries;
        debug!(self, 9, "This phase consists of {} rule(s).", entries.len());
        let skipped = match self.allow {
            Some(AllowScope::Transaction) => phase != Phase::Logging,
            Some(AllowScope::Request) => matches!(phase, Phase::RequestHeaders | Phase::RequestBody),
            _ => false,
        };
        if skipped {
            debug!(
                self,
                9,
                "Skipping all rules evaluation on this phase as request through the utilization of an `allow' action."
            );
            return None;
        }
        self.allow = None;
        for (id, directive) in &plan.phase(phase).removed {
            debug!(self, 9, "Skipped rule id '{id}'. Removed by {directive} directive.");
        }
        self.begin_phase(plan, plan.phase(phase));
        self.run_segments(plan, phase);
        let is_cut = self.memory.values.exhausted() || self.headers_truncated;
        if is_cut && self.intervention.is_none() && self.engine() == EngineMode::On {
            self.intervention =
                Some(Intervention { kind: InterventionKind::Deny, status: 403, cause: Cause::Memory });
        }
        #[cfg(feature = "trace")]
        self.trace_phase(phase, self.intervention.as_ref());
        self.intervention.take()
    }

    pub(super) fn is_removed(&self, rule: RuleId) -> bool {
        let word = self.memory.removed_rules.get(rule as usize / 64);
        word.is_some_and(|word| word >> (rule % 64) & 1 == 1)
    }

    /// Runs a rule with its chain. `None`: it did not match.
    #[inline(never)]
    pub(super) fn run_rule(&mut self, plan: &Plan, id: RuleId, rule: &Rule) -> Option<RuleState> {
        let mut state = RuleState::new(rule.silent);
        #[cfg(feature = "trace")]
        self.trace_start();
        self.matched_vars_stale = true;
        for (index, link) in rule.links.iter().enumerate() {
            self.current = Some((id, index));
            if index > 0 {
                debug!(self, 4, "Executing chained rule.");
            }
            if !self.run_link(plan, rule, id, index, link, &mut state) {
                debug!(self, 4, "Rule returned 0.");
                debug!(self, 9, "Matched vars cleaned.");
                self.memory.matched_vars.clear();
                #[cfg(feature = "trace")]
                self.trace_end(plan, rule, None, false);
                return None;
            }
            debug!(self, 4, "Rule returned 1.");
        }
        if rule.open {
            debug!(self, 4, "Rule is marked as chained but there isn't a subsequent rule.");
            return None;
        }
        self.refer(plan, rule, &mut state);
        let default = plan.phase(rule.phase);
        for (index, link) in rule.links.iter().enumerate().rev() {
            self.current = Some((id, index));
            self.run_actions(plan, rule, link, &default.default_actions, &mut state);
        }
        self.current = Some((id, 0));
        self.disrupt(plan, rule, &mut state);
        #[cfg(feature = "trace")]
        self.trace_end(plan, rule, Some(&state), true);
        self.record(plan, rule, &mut state);
        Some(state)
    }

    /// The check of a condition, unless every operator has to be asked for the debug log, or compares with what is not known.
    fn usable_check(&self, condition: &Condition) -> Option<crate::plan::CheckId> {
        let is_known = self.as_supposed || condition.known.is_none();
        condition.check.filter(|_| is_known && self.debug.is_none())
    }

    /// The number of a condition that is the same for the same bytes, whatever else the transaction has.
    fn usable_number(&self, condition: &Condition) -> Option<crate::plan::CheckId> {
        let is_fixed =
            condition.known_operator().is_some() && (self.as_supposed || condition.known.is_none());
        condition.number.filter(|_| is_fixed && self.debug.is_none())
    }

    fn run_link(
        &mut self,
        plan: &Plan,
        rule: &Rule,
        id: RuleId,
        index: usize,
        link: &Link,
        state: &mut RuleState,
    ) -> bool {
        let Some(condition) = &link.condition else {
            debug!(self, 4, "(Rule: {}) Executing unconditional rule...", rule.id);
            self.run_independent(plan, link, state);
            return true;
        };
        if self.debugs(4) {
            self.debug_condition(plan, if index == 0 { rule.id } else { 0 }, condition);
        }
        if let Operation::Fixed(operator) = &condition.operation
            && let Some(dtd) = operator.dtd()
        {
            return self.validate(plan, index, link, condition, dtd, state);
        }
        let check = self.usable_check(condition);
        self.memory.dynamic.forget_argument();
        let mut matched = false;
        for target in &condition.targets {
            if let (Some(check), Some(group)) = (check, target.group)
                && !condition.negated
                && !self.is_candidate(plan, group, check)
            {
                continue;
            }
            if target.group.is_some() && !target.count {
                let number = self.usable_number(condition);
                let rules_out = check.filter(|_| !condition.negated);
                let chain = plan.chains.get(condition.chain);
                // With multiMatch, a form that differs in case alone is asked about too.
                let triggers = if link.multi_match { chain.triggers } else { chain.scan_triggers };
                let places = self.static_values(plan, target.source);
                let number = number.filter(|_| self.may_be_known(plan, target.source));
                let mut next = places.start;
                while let Some(place) =
                    self.next_open(plan, next..places.end, number, rules_out.map(|check| (check, triggers)))
                {
                    next = place + 1;
                    let Some(found) = self.static_value(place) else { break };
                    if self.is_removed_from(plan, id, target, &found) {
                        continue;
                    }
                    let known = self.known_member(place);
                    if let Some(number) = number
                        && known != KnownId::FRESH
                    {
                        let met = self.try_value(plan, index, link, condition, found, None, state);
                        if !met && !self.has_doubts {
                            self.note_not_met(plan, found, known, number);
                        }
                        matched |= met;
                        continue;
                    }
                    matched |= self.try_value(plan, index, link, condition, found, check, state);
                }
                continue;
            }
            let start = self.find(plan, target);
            for place in start..self.memory.found.len() {
                let Some(found) = self.memory.found.get(place).copied() else { break };
                if self.is_removed_from(plan, id, target, &found) {
                    continue;
                }
                matched |= self.try_value(plan, index, link, condition, found, None, state);
            }
            self.memory.found.truncate(start);
        }
        match std::mem::take(&mut state.unset) {
            0 => {}
            times => link.set_vars.iter().for_each(|set_var| set_var.run_times(self, plan, times)),
        }
        if let Some(form) = state.uncaptured.take() {
            self.capture(condition, form, state);
        }
        matched
    }

    /// Gathers values that can change within a phase, or their number (`&ARGS`), behind what was found before. Where they begin.
    #[inline(never)]
    fn find(&mut self, plan: &Plan, target: &Target) -> usize {
        let mut found = std::mem::take(&mut self.memory.found);
        let start = found.len();
        self.resolve(plan, target.source, &mut found);
        if target.count {
            let count = found.len() - start;
            found.truncate(start);
            self.push_count(plan, target.source, count, &mut found);
        }
        put_back(&mut self.memory.found, found);
        start
    }

    #[inline(never)]
    pub(super) fn push_count(&mut self, plan: &Plan, source: SourceId, count: usize, found: &mut Vec<Found>) {
        let Some(source) = plan.sources.get(source) else { return };
        let value = self.memory.values.push_number(i64::try_from(count).unwrap_or(i64::MAX));
        let key = match &source.select {
            Select::Key(name) => Some(self.memory.values.push(name)),
            _ => None,
        };
        found.push(Found { variable: source.variable, key, value });
    }

    /// Asks the operator about one value in all forms that the rule wants. Whether it matched.
    #[expect(
        clippy::too_many_arguments,
        reason = "the loop's state; a struct for it would be made for each value"
    )]
    fn try_value(
        &mut self,
        plan: &Plan,
        index: usize,
        link: &Link,
        condition: &Condition,
        found: Found,
        check: Option<crate::plan::CheckId>,
        state: &mut RuleState,
    ) -> bool {
        let chain = plan.chains.get(condition.chain);
        if link.multi_match {
            return self.try_each_form(plan, index, link, condition, found, check, state);
        }
        // A scan takes no notice of case, so where only that changes the value itself tells as much as its form.
        let early = check
            .filter(|_| self.memory.values.summary(found.value, &plan.prefilter) & chain.scan_triggers == 0);
        if let Some(check) = early
            && !self.value_is_candidate(plan, found.value, check)
            && !condition.negated
        {
            return false;
        }
        let form = if self.debugs(9) {
            self.transform_with_debug(plan, found.value, chain)
        } else {
            self.memory.values.transform(found.value, chain, &plan.prefilter)
        };
        let check = if early.is_some() && !condition.negated { None } else { check };
        let matched = self.try_form(plan, index, link, condition, found, form, check, state);
        if matched {
            self.note_place(condition, index, (found, form), 0..chain.steps.len(), state);
        }
        matched
    }

    /// As [`Transaction::try_value`], for `multiMatch`.
    #[expect(clippy::too_many_arguments, reason = "as try_value")]
    #[inline(never)]
    fn try_each_form(
        &mut self,
        plan: &Plan,
        index: usize,
        link: &Link,
        condition: &Condition,
        found: Found,
        check: Option<crate::plan::CheckId>,
        state: &mut RuleState,
    ) -> bool {
        let mut form = found.value;
        let mut matched = self.try_form(plan, index, link, condition, found, form, check, state);
        if matched {
            self.note_place(condition, index, (found, form), 0..0, state);
        }
        for (number, step) in plan.chains.get(condition.chain).steps.iter().enumerate() {
            let next = self.memory.values.step(form, step, &plan.prefilter);
            if next != form {
                form = next;
                if self.try_form(plan, index, link, condition, found, form, check, state) {
                    matched = true;
                    self.note_place(condition, index, (found, form), number..number + 1, state);
                }
            }
        }
        matched
    }

    #[expect(clippy::too_many_arguments, reason = "as try_value")]
    fn try_form(
        &mut self,
        plan: &Plan,
        index: usize,
        link: &Link,
        condition: &Condition,
        found: Found,
        form: ValueId,
        check: Option<crate::plan::CheckId>,
        state: &mut RuleState,
    ) -> bool {
        let possible = check.is_none_or(|check| self.value_is_candidate(plan, form, check));
        if !possible && !condition.negated {
            return false;
        }
        if self.debugs(9) {
            self.debug_target(&found, form);
        }
        // The debug log shows the captures of each value.
        let captures_last = link.captures_last && self.debug.is_none();
        let captures = link.capture && !captures_last;
        if captures {
            self.memory.captures.clear();
        }
        let unchanged = form == found.value && self.is_only_form(plan, link, condition, form);
        let answer = possible && self.ask(plan, condition, form, captures, unchanged);
        if answer == condition.negated {
            return false;
        }
        if captures {
            self.store_captures(condition.operator_name);
        }
        state.uncaptured = Some(form).filter(|_| captures_last);
        state.last = Some((index, found));
        self.note_match(plan, Found { value: form, ..found });
        #[cfg(feature = "trace")]
        self.trace_match(plan, index, condition, &found, form);
        // Those that look on see what is set for each value.
        if link.sets_last
            && self.debug.is_none()
            && !crate::is_traced()
            && plan.limits.tx_value >= LONGEST_NUMBER
        {
            state.unset += 1;
        } else {
            self.run_independent(plan, link, state);
        }
        true
    }

    /// Whether a rule asks about the value itself and no other form of it.
    fn is_only_form(&mut self, plan: &Plan, link: &Link, condition: &Condition, value: ValueId) -> bool {
        !link.multi_match
            || self.memory.values.summary(value, &plan.prefilter) & plan.chains.get(condition.chain).triggers
                == 0
    }

    #[inline(never)]
    fn debug_target(&mut self, found: &Found, form: ValueId) {
        let mut name = Vec::new();
        self.write_full_name(found, &mut name);
        let value = self.memory.values.bytes(form);
        let cut = value.get(..80).unwrap_or(value);
        let dots = if value.len() > 80 {
            format!(" ({} characters omitted)", value.len() - 80)
        } else {
            String::new()
        };
        let name = String::from_utf8_lossy(&name);
        let line = format!("Target value: \"{}{dots}\" (Variable: {name})", Hex(cut));
        self.write_debug(9, line);
    }

    /// The actions that do not wait for the rest of the chain.
    pub(super) fn run_independent(&mut self, plan: &Plan, link: &Link, state: &mut RuleState) {
        self.memory.dynamic.forget_argument();
        for action in &link.for_each_match {
            action.run(self, plan, state);
        }
        for set_var in &link.set_vars {
            debug!(self, 4, "Running [independent] (non-disruptive) action: setvar");
            set_var.run(self, plan);
        }
    }

    pub(super) fn note_match(&mut self, plan: &Plan, found: Found) {
        debug!(self, 9, "Matched vars updated.");
        if std::mem::take(&mut self.matched_vars_stale) {
            self.memory.matched_vars.clear();
        }
        if self.memory.matched_vars.len() >= plan.limits.matched_vars {
            // MATCHED_VAR is the last one.
            self.memory.matched_vars.pop();
        }
        self.memory.matched_vars.push(found);
    }

    /// Whether `ctl:ruleRemoveTarget…` takes a value out of a target. Without a selector it takes targets out that have none:
    /// `ARGS` is not `ARGS:a`. ModSecurity v3, `RuleWithOperator::getFinalVars`.
    #[inline]
    fn is_removed_from(&self, plan: &Plan, rule: RuleId, target: &Target, found: &Found) -> bool {
        let has_selector =
            || plan.sources.get(target.source).is_some_and(|source| !matches!(source.select, Select::All));
        self.memory.removed_targets.iter().any(|removal| {
            removal.variable == found.variable
                && removal.rules.binary_search(&rule).is_ok()
                && match &removal.select {
                    Select::All => !has_selector(),
                    select => select.matches(found.key.map_or(b"", |key| self.memory.values.bytes(key))),
                }
        })
    }

    #[inline(never)]
    fn transform_with_debug(&mut self, plan: &Plan, value: ValueId, chain: &Chain) -> ValueId {
        let mut id = value;
        for step in &chain.steps {
            id = self.memory.values.step(id, step, &plan.prefilter);
            let bytes = self.memory.values.bytes(id);
            let text = String::from_utf8_lossy(bytes.get(..80).unwrap_or(bytes)).into_owned();
            debug!(self, 9, " T (0) t:{}: \"{text}\"", step.name);
        }
        id
    }

    #[inline(never)]
    fn debug_condition(&mut self, plan: &Plan, rule_id: u64, condition: &Condition) {
        let argument = self.expand(plan, &condition.argument);
        let mut targets = String::new();
        for target in &condition.targets {
            let Some(source) = plan.sources.get(target.source) else { continue };
            if !targets.is_empty() {
                targets.push('|');
            }
            if target.count {
                targets.push('&');
            }
            targets.push_str(source.variable.as_str());
            if let Select::Key(name) = &source.select {
                targets.push(':');
                targets.push_str(&String::from_utf8_lossy(name));
            }
        }
        let argument = String::from_utf8_lossy(&argument);
        let raw = condition.argument.without_macros();
        let param = match (condition.argument.as_literal(), argument.as_ref()) {
            (Some(_), "") => String::new(),
            (Some(_), argument) => format!(" with param \"{argument}\""),
            (None, argument) => {
                format!(" with param \"{argument}\" Was: \"{}\"", String::from_utf8_lossy(&raw))
            }
        };
        let operator = condition.operator_name;
        let line = format!("(Rule: {rule_id}) Executing operator \"{operator}\"{param} against {targets}.");
        self.write_debug(4, line);
        if self.body_processor == Some(BodyProcessor::Xml) {
            self.debug_namespaces(plan, condition);
        }
    }
}
