//! What happens when a rule has matched: its actions, and the disruptive one.

use portcullis_seclang::ast::{AllowScope, EngineMode};

use super::{RuleState, Transaction, debug};
use crate::actions::Action;
use crate::intervention::{Cause, Intervention, InterventionKind};
use crate::plan::{Disruptive, Link, Plan, Rule, Text};

impl Transaction {
    /// The actions of a link once the whole chain has matched.
    #[inline(never)]
    pub(super) fn run_actions(
        &mut self,
        plan: &Plan,
        rule: &Rule,
        link: &Link,
        defaults: &[Action],
        state: &mut RuleState,
    ) {
        for action in defaults {
            debug!(self, 9, "Running action: {}", action.name());
            action.run(self, plan, state);
        }
        if let Some(severity) = link.meta.severity {
            debug!(
                self,
                9,
                "This rule severity is: {} current transaction is: {}",
                severity.number(),
                self.highest_severity.map_or(255, |highest| highest.number())
            );
            state.severity = Some(severity);
            if self.highest_severity.is_none_or(|highest| severity.number() < highest.number()) {
                self.highest_severity = Some(severity);
            }
        }
        for action in &link.actions {
            debug!(self, 9, "Running action: {}", action.name());
            action.run(self, plan, state);
            if matches!(action, Action::Log | Action::AuditLog) {
                debug!(self, 9, "Saving transaction to logs");
            }
        }
        // After the other actions: a message is needed only if nolog did not stand among them.
        let log = state.log;
        if let Some(text) = &link.meta.log_data {
            let data = self.text_if_logged(plan, text, log, &rule.disruptive);
            state.set_text(data, |texts| &mut texts.data);
        }
        if let Some(text) = &link.meta.msg {
            let message = self.text_if_logged(plan, text, log, &rule.disruptive);
            debug!(self, 9, "Saving msg: {}", String::from_utf8_lossy(&message));
            state.set_text(message, |texts| &mut texts.message);
        }
        if link.block
            && let Some(disruptive) = &plan.phase(rule.phase).default_disruptive
        {
            debug!(self, 8, "Marking request as disruptive.");
            self.run_disruptive(plan, rule, disruptive, "block", state);
        }
    }

    fn text_if_logged(
        &mut self,
        plan: &Plan,
        text: &Text,
        log: bool,
        disruptive: &Option<Disruptive>,
    ) -> Vec<u8> {
        let stops = matches!(disruptive, Some(Disruptive::Deny | Disruptive::Drop | Disruptive::Redirect(_)));
        if log || stops || self.debug.is_some() { self.expand(plan, text) } else { Vec::new() }
    }

    #[inline(never)]
    pub(super) fn disrupt(&mut self, plan: &Plan, rule: &Rule, state: &mut RuleState) {
        if let Some(disruptive) = &rule.disruptive {
            let name = match disruptive {
                Disruptive::Allow(_) => "allow",
                Disruptive::Deny => "deny",
                Disruptive::Drop => "drop",
                Disruptive::Pass => "pass",
                Disruptive::Redirect(_) => "redirect",
            };
            self.run_disruptive(plan, rule, disruptive, name, state);
        }
    }

    fn run_disruptive(
        &mut self,
        plan: &Plan,
        rule: &Rule,
        disruptive: &Disruptive,
        name: &str,
        state: &mut RuleState,
    ) {
        if self.engine() != EngineMode::On {
            debug!(self, 4, "Not running any disruptive action (or block): {name}. SecRuleEngine is not On.");
            return;
        }
        debug!(self, 4, "Running (disruptive)     action: {name}.");
        let (kind, status) = match disruptive {
            Disruptive::Pass => {
                debug!(self, 8, "Running action pass");
                return;
            }
            Disruptive::Allow(scope) => {
                debug!(
                    self,
                    4,
                    "Dropping the evaluation of upcoming rules in favor of an `allow' action of type: {}",
                    match scope {
                        AllowScope::Transaction => "FromNowOn",
                        AllowScope::Request => "Request",
                        AllowScope::Phase => "Phase",
                    }
                );
                self.allow = Some(*scope);
                return;
            }
            Disruptive::Deny => {
                debug!(self, 8, "Running action deny");
                (InterventionKind::Deny, state.status.unwrap_or(403))
            }
            Disruptive::Drop => {
                debug!(self, 8, "Running action drop [executing deny instead of drop.]");
                (InterventionKind::Drop, state.status.unwrap_or(403))
            }
            Disruptive::Redirect(url) => {
                let url = self.expand(plan, url);
                let status = state.status.filter(|status| (301..=307).contains(status)).unwrap_or(302);
                (InterventionKind::Redirect(url), status)
            }
        };
        state.disruptive = true;
        if self.intervention.is_none() {
            self.intervention = Some(Intervention { kind, status, cause: Cause::Rule(rule.id) });
        }
    }
}
