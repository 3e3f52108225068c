//! Rules that always match and of which nothing remains: those that skip the rules above the paranoia level, once these are known
//! to be skipped, and come to nothing themselves.

use portcullis_seclang::ast::VariableName;

use super::reach::Fate;
use super::{Entry, Link, Part, PhasePlan, Rule, Sources, Text};
use crate::actions::{Action, Ctl};

/// Whether the audit log may list the rules that have matched, whether or not they do anything.
#[inline(never)]
pub(super) fn lists_rules(parts: &[u8], rules: &[Rule]) -> bool {
    let links = rules.iter().flat_map(|rule| &rule.links);
    let mut actions = links.flat_map(Link::all_actions);
    parts.contains(&b'K')
        || actions.any(
            |action| matches!(action, Action::Ctl(Ctl::AuditLogParts(_, parts)) if parts.contains(&b'K')),
        )
}

/// Whether a rule of the phase may look at what the rule before it has matched.
#[inline(never)]
pub(super) fn looks_back(phase: &PhasePlan, rules: &[Rule], sources: &Sources) -> bool {
    let of_phase = phase.entries.iter().filter_map(|entry| match entry {
        Entry::Rule(rule) => rules.get(*rule as usize)?.links.first(),
        Entry::Marker => None,
    });
    of_phase.into_iter().any(|link| link_looks_back(link, sources))
}

/// Whether there is no need to visit the rule at this place, as far as it depends on what becomes of the phase's rules.
#[inline(never)]
pub(super) fn is_idle(place: usize, rule: &Rule, phase: &PhasePlan, fates: &[Fate]) -> bool {
    let Some(quiet) = rule.quiet.filter(|_| fates.get(place) == Some(&Fate::Always)) else { return false };
    let is_left_out = |place: usize| match phase.entries.get(place) {
        Some(Entry::Rule(_)) => matches!(fates.get(place), Some(Fate::Unreachable | Fate::Never)),
        Some(Entry::Marker) | None => true,
    };
    let end = quiet.skip_to.unwrap_or(place + 1).min(phase.entries.len());
    rule.prepared.is_none()
        && rule.links.iter().all(|link| link.set_vars.is_empty())
        && (place + 1..end).all(is_left_out)
}

fn link_looks_back(link: &Link, sources: &Sources) -> bool {
    let Some(condition) = &link.condition else {
        let looks_back =
            |action: &Action| matches!(action, Action::SanitiseMatched | Action::SanitiseMatchedBytes(..));
        return link.texts().any(|text| text_looks_back(text, sources)) || link.all_actions().any(looks_back);
    };
    let is_matched =
        |target: &super::Target| sources.get(target.source).is_some_and(|source| is_matched(source.variable));
    condition.targets.iter().any(is_matched) || text_looks_back(&condition.argument, sources)
}

fn text_looks_back(text: &Text, sources: &Sources) -> bool {
    let Text::Macro(parts) = text else { return false };
    parts.iter().any(|part| match part {
        Part::Variable(source) => sources.get(*source).is_some_and(|source| is_matched(source.variable)),
        // It may be the rule's message.
        Part::Rule(_) => true,
        Part::Literal(_) | Part::Tx(_) => false,
    })
}

fn is_matched(variable: VariableName) -> bool {
    use VariableName as V;
    matches!(variable, V::MatchedVar | V::MatchedVarName | V::MatchedVars | V::MatchedVarsNames | V::Rule)
}
