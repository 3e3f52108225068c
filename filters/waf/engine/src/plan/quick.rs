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
    /// It holds for transactions that are as the plan supposes.
    pub(crate) supposes: bool,
    /// The value is transformed before, and only digits are left as they are: of other values the test says nothing.
    pub(crate) only_digits: bool,
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
    /// Whether the test says something of a value.
    pub(crate) fn tells(&self, value: &[u8]) -> bool {
        !self.only_digits || value.iter().all(u8::is_ascii_digit)
    }

    #[inline(never)]
    pub(super) fn of(rule: &Rule, sources: &Sources, chains: &Chains) -> Option<Self> {
        let link = rule.links.first()?;
        let condition = link.condition.as_ref()?;
        let test = condition.known_operator()?.number_test()?;
        let supposes = matches!(condition.operation, Operation::Dynamic { .. });
        let [target] = condition.targets.as_slice() else { return None };
        let chain = chains.get(condition.chain);
        if link.multi_match || !chain.leaves_digits() {
            return None;
        }
        let source = sources.get(target.source)?;
        let of = match (target.count, source.variable, source.slots.as_slice()) {
            (true, ..) => Of::Count(target.source),
            (false, VariableName::Tx, [slot]) if source.is_one_key() => Of::Tx(*slot),
            _ => return None,
        };
        let only_digits = !chain.steps.is_empty() && matches!(of, Of::Tx(_));
        Some(Quick { of, test, negated: condition.negated, supposes, only_digits })
    }
}

/// What a rule does that neither logs nor stops anything: it sets variables and skips.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quiet {
    /// Where the phase goes on after it.
    pub(crate) skip_to: Option<usize>,
}

impl Quiet {
    /// For a rule of one link whose only condition, if it has one, is `quick` and says something of any value.
    #[inline(never)]
    pub(super) fn of(rule: &Rule, phase: &PhasePlan) -> Option<Self> {
        use Action as A;
        let [link] = rule.links.as_slice() else { return None };
        let harmless = |action: &Action| {
            matches!(
                action,
                A::Log | A::AuditLog | A::NoLog | A::NoAuditLog | A::Status(_) | A::Tag(_) | A::SkipTo(_)
            )
        };
        let actions = || phase.default_actions.iter().chain(&link.actions);
        let is_quick = rule.quick.is_some_and(|quick| !quick.only_digits);
        let is_quiet = (is_quick || link.condition.is_none())
            && !(rule.open || link.capture || link.block)
            && link.for_each_match.is_empty()
            && link.meta.severity.is_none()
            && matches!(rule.disruptive, None | Some(Disruptive::Pass))
            && actions().all(harmless)
            && rule.silent;
        let mut skips = actions().filter_map(|action| match action {
            A::SkipTo(place) => Some(*place),
            _ => None,
        });
        is_quiet.then(|| Quiet { skip_to: skips.next_back() })
    }
}

/// Whether no match of a rule is logged. The actions of its first link are the last to run.
#[inline(never)]
pub(super) fn is_silent(rule: &Rule, phase: &PhasePlan) -> bool {
    use Action as A;
    let Some(link) = rule.links.first() else { return true };
    let stops = rule.links.iter().any(|link| link.block)
        || matches!(rule.disruptive, Some(Disruptive::Deny | Disruptive::Drop | Disruptive::Redirect(_)));
    let mut actions = phase.default_actions.iter().chain(&link.actions);
    let last = actions.rfind(|action| matches!(action, A::Log | A::AuditLog | A::NoLog));
    !stops && matches!(last, Some(A::NoLog))
}
