//! Rules that need no value to be made, which is what most rules of the Core Rule Set that are not about the request come
//! to: those that skip the rules above a paranoia level, and those that set what the operator has not set.

use portcullis_seclang::ast::VariableName;

use super::{Chains, Disruptive, Operation, PhasePlan, Rule, SourceId, Sources, TxSlot};
use crate::actions::Action;
use crate::operators::NumberTest;

/// Whether a rule's first link can match, by a comparison of one number.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quick {
    pub(crate) of: Of,
    pub(crate) test: NumberTest,
    pub(crate) negated: bool,
}

/// Which number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of {
    /// A TX variable; it does not match where it is not set.
    Tx(TxSlot),
    /// How many values a source has.
    Count(SourceId),
}

impl Quick {
    pub(super) fn of(rule: &Rule, sources: &Sources, chains: &Chains) -> Option<Self> {
        let link = rule.links.first()?;
        let condition = link.condition.as_ref()?;
        let Operation::Fixed(operator) = &condition.operation else { return None };
        let test = operator.number_test()?;
        let [target] = condition.targets.as_slice() else { return None };
        if link.multi_match || !chains.get(condition.chain).steps.is_empty() {
            return None;
        }
        let source = sources.get(target.source)?;
        let of = match (target.count, source.variable, source.slots.as_slice()) {
            (true, ..) => Of::Count(target.source),
            (false, VariableName::Tx, [slot]) if source.is_one_key() => Of::Tx(*slot),
            _ => return None,
        };
        Some(Quick { of, test, negated: condition.negated })
    }
}

/// Where the phase goes on after the rule has matched, if that is all that it does.
pub(super) fn gate(rule: &Rule, phase: &PhasePlan) -> Option<usize> {
    let Some(Quick { of: Of::Tx(_), .. }) = rule.quick else { return None };
    let [link] = rule.links.as_slice() else { return None };
    let silent = !rule.open
        && !(link.capture || link.block)
        && link.choose_records.is_empty()
        && link.set_vars.is_empty()
        && link.meta.severity.is_none()
        && matches!(rule.disruptive, None | Some(Disruptive::Pass));
    let harmless = |action: &Action| {
        use Action as A;
        matches!(action, A::Log | A::AuditLog | A::NoLog | A::NoAuditLog | A::Status(_) | A::Tag(_) | A::SkipTo(_))
    };
    let mut actions = phase.default_actions.iter().chain(&link.actions);
    if !silent || !actions.clone().all(harmless) {
        return None;
    }
    let logs = actions.clone().rfind(|action| matches!(action, Action::Log | Action::AuditLog | Action::NoLog))?;
    let mut skips = actions.by_ref().filter_map(|action| match action {
        Action::SkipTo(place) => Some(*place),
        _ => None,
    });
    let place = skips.next_back()?;
    matches!(logs, Action::NoLog).then_some(place)
}
