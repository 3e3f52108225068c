//! Whether a transaction needs the client's address: to ask for it is a call of the host.
//!
//! The Core Rule Set looks at it in exceptions for requests that hardly anybody sends. Such a chain needs no address where
//! another of its links can't match, which the request's head tells before phase 1.

use portcullis_seclang::ast::{Phase, VariableName};

use super::reach::{Fate, Reach};
use super::{
    Condition, Disruptive, Entry, Link, Operation, Part, PhasePlan, Plan, Rule, RuleId, Target, Text,
};
use crate::actions::{Action, Ctl};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ClientUse {
    Always,
    /// Where one of these links of rules matches in phase 1, if there is any.
    Where(Vec<(RuleId, usize)>),
}

impl ClientUse {
    #[inline(never)]
    pub(super) fn of(plan: &Plan, reach: &Reach) -> Self {
        let mut gates = Vec::new();
        for (phase, fates) in plan.phases.iter().zip(&reach.fates) {
            let is_named = |disruptive: &Option<Disruptive>| match disruptive {
                Some(Disruptive::Redirect(to)) => text_names_client(plan, to),
                _ => false,
            };
            let mut texts = phase.default_actions.iter().flat_map(Action::texts);
            if texts.any(|text| text_names_client(plan, text)) || is_named(&phase.default_disruptive) {
                return ClientUse::Always;
            }
            for (entry, fate) in phase.entries.iter().zip(fates) {
                let Entry::Rule(id) = entry else { continue };
                let Some(rule) = plan.rules.get(*id as usize) else { continue };
                if is_named(&rule.disruptive) {
                    return ClientUse::Always;
                }
                if !rule.links.iter().any(|link| names_client(plan, link)) {
                    continue;
                }
                match fate {
                    _ if rule.phase != Phase::RequestHeaders => return ClientUse::Always,
                    Fate::Unreachable | Fate::Never if stays_out(plan, *id) => {}
                    Fate::Unreachable | Fate::Never | Fate::Always => return ClientUse::Always,
                    Fate::Open => match gate(plan, rule) {
                        Some(link) => gates.push((*id, link)),
                        None => return ClientUse::Always,
                    },
                }
            }
        }
        ClientUse::Where(gates)
    }
}

/// A link of a rule without which nothing comes of those that look at the client.
fn gate(plan: &Plan, rule: &Rule) -> Option<usize> {
    for (index, link) in rule.links.iter().enumerate() {
        let looks = names_client(plan, link);
        if !looks
            && !link.multi_match
            && link.condition.as_ref().is_some_and(|condition| is_gate(plan, condition))
        {
            return Some(index);
        }
        // What it does where the rest of the chain does not match is to be done.
        if looks && !(link.set_vars.is_empty() && link.for_each_match.is_empty() && !link.capture) {
            return None;
        }
    }
    None
}

/// Whether phase 1 finds the values that are there before.
fn is_gate(plan: &Plan, condition: &Condition) -> bool {
    let of_head = |target: &Target| {
        let source = plan.sources.get(target.source);
        target.group.is_some() && !target.count && source.is_some_and(|source| is_of_head(source.variable))
    };
    matches!(&condition.operation, Operation::Fixed(operator) if operator.dtd().is_none())
        && !condition.negated
        && condition.targets.iter().all(of_head)
}

fn is_of_head(variable: VariableName) -> bool {
    use VariableName as V;
    matches!(
        variable,
        V::QueryString
            | V::RequestBasename
            | V::RequestCookies
            | V::RequestCookiesNames
            | V::RequestFilename
            | V::RequestHeaders
            | V::RequestHeadersNames
            | V::RequestLine
            | V::RequestMethod
            | V::RequestProtocol
            | V::RequestUri
            | V::RequestUriRaw
    )
}

/// Whether a rule of phase 1 that is not come to remains so: nothing takes out what that relies on, and leaves it in.
fn stays_out(plan: &Plan, id: RuleId) -> bool {
    let is_relied =
        |rule: &RuleId| plan.relied.get(*rule as usize / 64).is_some_and(|word| word >> (rule % 64) & 1 == 1);
    let keeps_out = |action: &Action| match action {
        Action::Ctl(Ctl::RemoveRules(rules, _)) => !rules.iter().any(is_relied) || rules.contains(&id),
        Action::Ctl(Ctl::RemoveTargets(removals)) => {
            !removals.iter().any(|removal| removal.rules.iter().any(is_relied))
        }
        _ => true,
    };
    let own = |link: &Link| link.all_actions().all(keeps_out);
    let default = |phase: &PhasePlan| phase.default_actions.iter().all(keeps_out);
    plan.rules.iter().flat_map(|rule| &rule.links).all(own) && plan.phases.iter().all(default)
}

fn names_client(plan: &Plan, link: &Link) -> bool {
    let named = |text: &Text| text_names_client(plan, text);
    let condition = link.condition.as_ref();
    let targets = condition.into_iter().flat_map(|condition| &condition.targets);
    targets
        .into_iter()
        .any(|target| plan.sources.get(target.source).is_some_and(|source| is_client(source.variable)))
        || condition.is_some_and(|condition| named(&condition.argument))
        || link.texts().any(named)
}

fn text_names_client(plan: &Plan, text: &Text) -> bool {
    let Text::Macro(parts) = text else { return false };
    parts.iter().any(|part| match part {
        Part::Variable(source) => plan.sources.get(*source).is_some_and(|source| is_client(source.variable)),
        Part::Literal(_) | Part::Tx(_) | Part::Rule(_) => false,
    })
}

fn is_client(variable: VariableName) -> bool {
    use VariableName as V;
    matches!(variable, V::RemoteAddr | V::RemoteHost | V::RemotePort)
}
