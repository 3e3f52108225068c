//! Matches for the log.

use std::sync::Arc;

use super::evaluate::Texts;
use super::{Hex, RuleState, Transaction, debug};
use crate::matched::MatchedRule;
use crate::plan::{Plan, Rule};

impl Transaction {
    /// Keeps what is known about a rule that matched, if it is to be logged or has stopped the transaction.
    #[inline(never)]
    pub(crate) fn record(&mut self, plan: &Plan, rule: &Rule, state: &mut RuleState) {
        self.note_fired(plan);
        if state.audit_log && state.log {
            self.audit_relevant = true;
        }
        if !state.log && !state.disruptive {
            return;
        }
        if self.matches.len() >= plan.limits.matched_rules {
            self.matches_dropped += 1;
            return;
        }
        let Some(starter) = rule.links.first() else { return };
        let meta = |wanted: fn(&crate::plan::Meta) -> &[u8]| {
            rule.links
                .iter()
                .map(|link| wanted(&link.meta))
                .find(|text| !text.is_empty())
                .unwrap_or(b"")
                .to_vec()
        };
        let limit = plan.limits.matched_data;
        let cut = |mut text: Vec<u8>| {
            text.truncate(limit);
            text
        };
        let mut variable = Vec::new();
        let mut value = Vec::new();
        if let Some((_, found)) = state.last {
            self.write_full_name(&found, &mut variable);
            let bytes = self.memory.values.bytes(found.value);
            value.extend_from_slice(bytes.get(..limit).unwrap_or(bytes));
        }
        for tag in rule.links.iter().flat_map(|link| &link.meta.tags) {
            let tag = self.expand(plan, tag);
            debug!(self, 9, "Rule tag: {}", String::from_utf8_lossy(&tag));
            state.texts().tags.push(tag);
        }
        let details = self.details(plan, rule, state, &variable);
        let Texts { tags, message, data, reference } = std::mem::take(state.texts());
        self.matches.push(MatchedRule {
            id: rule.id,
            phase: rule.phase,
            message: cut(message),
            data: cut(data),
            tags: tags.into_iter().map(cut).collect(),
            severity: state.severity,
            revision: meta(|meta| &meta.rev),
            version: meta(|meta| &meta.ver),
            maturity: rule.links.iter().map(|link| link.meta.maturity).max().unwrap_or(0),
            accuracy: rule.links.iter().map(|link| link.meta.accuracy).max().unwrap_or(0),
            file: plan.files.get(starter.file as usize).cloned().unwrap_or_else(|| Arc::from("")),
            line: starter.line,
            variable: cut(variable),
            value,
            details,
            reference,
            disruptive: state.disruptive,
            log: state.log,
            audit_log: state.audit_log,
        });
    }

    /// ModSecurity v3, `Operator::resolveMatchMessage`.
    fn details(&mut self, plan: &Plan, rule: &Rule, state: &RuleState, variable: &[u8]) -> Vec<u8> {
        let Some((index, found)) = state.last else { return Vec::new() };
        let Some(condition) = rule.links.get(index).and_then(|link| link.condition.as_ref()) else {
            return Vec::new();
        };
        if let Some(message) = condition.match_message {
            return message.as_bytes().to_vec();
        }
        let argument = self.expand(plan, &condition.argument);
        let value = self.memory.values.bytes(found.value);
        // No byte is shown by less than a character.
        let start = Hex(value.get(..VALUE_SHOWN).unwrap_or(value)).to_string();
        let mut out = Vec::new();
        for piece in [
            &b"Matched \"Operator `"[..],
            condition.operator_name.as_bytes(),
            b"' with parameter `",
            &limited(&argument, argument.len(), 200),
            b"' against variable `",
            variable,
            b"' (Value: `",
            &limited(start.as_bytes(), Hex(value).len(), VALUE_SHOWN),
            b"' )",
        ] {
            out.extend_from_slice(piece);
        }
        out
    }
}

/// How much of the value that matched is in the details, in bytes.
const VALUE_SHOWN: usize = 100;

/// Of a text of this length, of which at least the part within the limit is there. ModSecurity v3, `utils::string::limitTo`.
fn limited(text: &[u8], len: usize, limit: usize) -> Vec<u8> {
    match text.get(..limit) {
        Some(start) if len > limit => {
            let mut out = start.to_vec();
            out.extend_from_slice(format!(" ({} characters omitted)", len - limit).as_bytes());
            out
        }
        _ => text.to_vec(),
    }
}
