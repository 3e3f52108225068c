//! What a transaction says of itself to tools, with the feature `trace` only.

use portcullis_seclang::ast::{Collection, Phase};
use portcullis_trace::{Change, Match, PhaseEnd, RuleStep, Step, is_heard, note};

use super::{Found, Place, RuleState, Transaction, ValueId};
use crate::intervention::{Cause, Intervention};
use crate::plan::{Condition, Disruptive, Plan, Rule};

/// The scores of the Core Rule Set 4 and 3, and of the starter. Those that are set are told.
const SCORES: [&str; 20] = [
    "blocking_inbound_anomaly_score",
    "detection_inbound_anomaly_score",
    "inbound_anomaly_score_threshold",
    "blocking_outbound_anomaly_score",
    "detection_outbound_anomaly_score",
    "outbound_anomaly_score_threshold",
    "anomaly_score",
    "inbound_anomaly_score",
    "outbound_anomaly_score",
    "sql_injection_score",
    "xss_score",
    "rfi_score",
    "lfi_score",
    "rce_score",
    "php_injection_score",
    "http_violation_score",
    "session_fixation_score",
    "blocking_paranoia_level",
    "detection_paranoia_level",
    "score",
];

/// Bytes that are told of a value.
const LONGEST: usize = 1024;

impl Transaction {
    /// A rule is about to run.
    pub(super) fn trace_start(&mut self) {
        self.trace = is_heard().then(RuleStep::default);
    }

    /// An operator has matched a value, which transformations have given this form.
    pub(super) fn trace_match(
        &mut self,
        plan: &Plan,
        link: usize,
        condition: &Condition,
        found: &Found,
        form: ValueId,
    ) {
        let Some(mut step) = self.trace.take() else { return };
        if step.matches.len() >= RuleStep::MAX_MATCHES {
            step.more_matches += 1;
        } else {
            let argument = self.expand(plan, &condition.argument);
            let mut variable = Vec::new();
            self.write_full_name(found, &mut variable);
            let value = text(self.bytes(found.value));
            let transformed = Some(text(self.bytes(form))).filter(|form| *form != value);
            let chain = plan.chains.get(condition.chain);
            step.matches.push(Match {
                link,
                variable: text(&variable),
                value,
                transformed,
                transformations: chain.steps.iter().map(|step| step.name.to_owned()).collect(),
                operator: format!(
                    "{}@{}",
                    if condition.negated { "!" } else { "" },
                    operator(condition.operator_name)
                ),
                argument: text(&argument),
            });
        }
        self.trace = Some(step);
    }

    /// A variable is about to get this value.
    pub(super) fn trace_change(
        &mut self,
        plan: &Plan,
        collection: Collection,
        (place, name): (Place, &[u8]),
        after: Option<&[u8]>,
    ) {
        if self.trace.is_none() || collection != Collection::Tx {
            return;
        }
        let before = self.get(plan, collection, place, name).map(|value| text(self.bytes(value)));
        let variable = text(&name.to_ascii_lowercase());
        let after = after.map(text);
        let Some(step) = self.trace.as_mut().filter(|_| before != after) else { return };
        if let Some(change) = step.changes.iter_mut().find(|change| change.variable == variable) {
            change.after = after;
        } else if step.changes.len() < plan.limits.tx_names {
            step.changes.push(Change { variable, before, after });
        }
    }

    /// A rule has run. Without `state`, the end of its chain did not match, or it is one that only sets variables.
    pub(super) fn trace_end(&mut self, plan: &Plan, rule: &Rule, state: Option<&RuleState>, matched: bool) {
        let Some(mut step) = self.trace.take() else { return };
        if !matched && step.changes.is_empty() {
            return;
        }
        let Some(starter) = rule.links.first() else { return };
        step.id = rule.id;
        step.phase = rule.phase.number();
        step.file = plan.files.get(starter.file as usize).map_or_else(String::new, |file| file.to_string());
        step.line = starter.line;
        step.incomplete = !matched;
        if let Some(state) = state {
            step.logged = state.log;
            step.message = text(state.message());
            step.severity = state.severity.map(|severity| format!("{severity:?}").to_uppercase());
            step.stopped = state.disruptive;
        }
        step.tags = rule
            .links
            .iter()
            .flat_map(|link| &link.meta.tags)
            .map(|tag| text(&self.expand(plan, tag)))
            .collect();
        let own = rule.disruptive.as_ref().and_then(name);
        let by_default = rule.links.iter().any(|link| link.block);
        let default = plan.phase(rule.phase).default_disruptive.as_ref().filter(|_| by_default);
        step.action = own.or_else(|| default.and_then(name)).map(str::to_owned);
        note(|| Step::Rule(step));
    }

    /// A phase has ended.
    pub(super) fn trace_phase(&self, phase: Phase, intervention: Option<&Intervention>) {
        note(|| {
            let score = |name: &&str| Some(((*name).to_owned(), text(self.tx_variable(name.as_bytes())?)));
            Step::Phase(PhaseEnd {
                phase: phase.number(),
                scores: SCORES.iter().filter_map(score).collect(),
                stopped_by: intervention.map(|intervention| match intervention.cause {
                    Cause::Rule(id) => format!("rule {id}"),
                    Cause::RequestBodyLimit => "SecRequestBodyLimit".to_owned(),
                    Cause::ResponseBodyLimit => "SecResponseBodyLimit".to_owned(),
                    Cause::Memory => "the limits on memory, headers and cookies".to_owned(),
                }),
            })
        });
    }
}

/// Actions that stop something.
fn name(disruptive: &Disruptive) -> Option<&'static str> {
    match disruptive {
        Disruptive::Allow(_) => Some("allow"),
        Disruptive::Deny => Some("deny"),
        Disruptive::Drop => Some("drop"),
        Disruptive::Redirect(_) => Some("redirect"),
        Disruptive::Pass => None,
    }
}

/// ModSecurity prints operators with a capital, and rules are written without.
fn operator(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.len() <= LONGEST && !text.chars().any(char::is_control) => text.to_owned(),
        _ => bytes.get(..LONGEST).unwrap_or(bytes).escape_ascii().to_string(),
    }
}
