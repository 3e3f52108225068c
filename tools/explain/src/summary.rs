//! A decision in a sentence.

use crate::{FilterKind, RuleStep, Step};
use sdk_shim_testing::Outcome;
use std::collections::BTreeMap;

pub(crate) fn of(
    kind: FilterKind,
    passes: bool,
    outcome: &Outcome,
    steps: &[Step],
    state: &BTreeMap<String, String>,
) -> String {
    if outcome.hangs() {
        return "the request waits for what never comes".to_owned();
    }
    let what = if outcome.upstream.is_some() && !passes { "the response is blocked" } else { "blocked" };
    let details = outcome.details.as_deref().unwrap_or_default();
    let verdict = match kind {
        FilterKind::Waf => waf(passes, steps),
        FilterKind::Authz => authz(details, state.get("authz").map_or("", String::as_str)),
        FilterKind::Canary => {
            let release = state.iter().find(|(key, _)| !key.starts_with("canary_")).map(|(_, value)| value);
            let release = state.get("canary_dry_run").or(release).cloned().or_else(|| chosen(steps));
            let reason = state.get("canary_reason").map_or("default", String::as_str);
            let dry = if state.contains_key("canary_dry_run") { " in a dry run, so to stable" } else { "" };
            format!("goes to {}{dry}, by {reason}", release.as_deref().unwrap_or("stable"))
        }
        FilterKind::Affinity => match state.get("affinity").map(String::as_str) {
            Some("new") => "a new session: a cookie is set".to_owned(),
            Some("kept") => "the session is kept with its endpoint".to_owned(),
            Some("renewed") => "the session is kept, and its cookie renewed".to_owned(),
            Some("moved") => "the session moves to another endpoint, with a new cookie".to_owned(),
            Some("replaced") => "the endpoint was replaced: the session begins anew".to_owned(),
            Some("ended") => "the session ends".to_owned(),
            _ => "nothing to do: no session is for this request".to_owned(),
        },
    };
    match (passes, kind) {
        (true, FilterKind::Canary | FilterKind::Affinity) => verdict,
        (true, _) => format!("let through: {verdict}"),
        (false, _) if verdict.is_empty() => format!("{what} with {}: {details}", outcome.status()),
        (false, _) => format!("{what} with {}: {verdict}", outcome.status()),
    }
}

fn chosen(steps: &[Step]) -> Option<String> {
    steps.iter().rev().find_map(|step| match step {
        Step::Release { release, result, .. } if result == "in" => Some(release.clone()),
        _ => None,
    })
}

fn waf(passes: bool, steps: &[Step]) -> String {
    let rules = || {
        steps.iter().filter_map(|step| match step {
            Step::Rule(rule) => Some(rule),
            _ => None,
        })
    };
    let score = score(steps).map_or_else(String::new, |(score, threshold)| match threshold {
        Some(threshold) => format!(", score {score} of {threshold}"),
        None => format!(", score {score}"),
    });
    if !passes {
        let stopped = steps.iter().find_map(|step| match step {
            Step::Phase(end) => Some((end.stopped_by.clone()?, end.phase)),
            _ => None,
        });
        return stopped
            .map(|(by, phase)| format!("by {by} in phase {phase}{score}"))
            .unwrap_or_else(|| "by a limit".to_owned());
    }
    let would = |rule: &&RuleStep| !rule.stopped && !rule.incomplete && is_blocking(rule);
    if let Some(rule) = rules().find(would) {
        return format!("rule {} would have blocked it, but only detects{score}", rule.id);
    }
    match rules().filter(|rule| rule.logged && !rule.incomplete).count() {
        0 => "no rule that logs has matched".to_owned(),
        1 => format!("1 rule has matched{score}"),
        more => format!("{more} rules have matched{score}"),
    }
}

fn is_blocking(rule: &RuleStep) -> bool {
    rule.action.as_deref().is_some_and(|action| action != "allow")
}

/// The score at the end of the last phase before the decision, and its threshold.
pub(crate) fn score(steps: &[Step]) -> Option<(String, Option<String>)> {
    let phases = || {
        steps.iter().filter_map(|step| match step {
            Step::Phase(end) => Some(end),
            _ => None,
        })
    };
    let end =
        phases().find(|end| end.stopped_by.is_some()).or_else(|| phases().find(|end| end.phase == 2))?;
    let get = |name: &str| end.scores.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let outbound = end.phase > 2;
    let names = if outbound {
        ["blocking_outbound_anomaly_score", "outbound_anomaly_score", "score"]
    } else {
        ["blocking_inbound_anomaly_score", "anomaly_score", "score"]
    };
    let threshold =
        if outbound { "outbound_anomaly_score_threshold" } else { "inbound_anomaly_score_threshold" };
    names.into_iter().find_map(get).map(|score| (score, get(threshold)))
}

fn authz(details: &str, state: &str) -> String {
    let verdict = if state.is_empty() { details.strip_prefix("authz_").unwrap_or(details) } else { state };
    let (what, name) = verdict.split_once('[').unwrap_or((verdict, ""));
    let name = name.strip_suffix(']').unwrap_or(name);
    match what {
        "" => "no policy is against it, and there is no ALLOW policy".to_owned(),
        "allowed_policy" => format!("the ALLOW policy {name} matches"),
        "denied_policy" if name == "none" => "there are ALLOW policies, and none matches".to_owned(),
        "denied_policy" => format!("the policy {name} matches"),
        "denied_api_key" => format!("its API key is {name}"),
        "denied_basic" => format!("its Basic credentials are {name}"),
        "denied_hmac" => format!("its signature is {name}"),
        "denied_jwt" => format!("its token: {}", name.replace('_', " ")),
        "denied_requirement" if name == "none" => "it does not show what is required of it".to_owned(),
        "denied_requirement" => format!("it does not show what the route {name} requires"),
        _ => verdict.to_owned(),
    }
}
