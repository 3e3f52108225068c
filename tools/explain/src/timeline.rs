//! Why a filter decides as it does, for people: the same for the command line and the browser.

use crate::{Explanation, FilterKind, PolicyStep, PolicyVerdict, RuleStep, Step};
use serde::Serialize;

/// A step as people read it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// How it bears on the decision.
    pub tone: Tone,
    /// What it is, in a sentence.
    pub title: String,
    /// What belongs to it: a label and a value.
    pub details: Vec<(String, String)>,
}

/// How a step bears on the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// It decides against the request.
    Deny,
    /// It decides for it.
    Allow,
    /// It speaks against the request.
    Warn,
    /// It says something.
    Info,
    /// It is of interest only to who looks for it: rules that only set variables, policies that do not match.
    Quiet,
}

impl Entry {
    fn new(tone: Tone, title: impl Into<String>) -> Self {
        Self { tone, title: title.into(), details: Vec::new() }
    }

    fn with(mut self, label: impl Into<String>, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.details.push((label.into(), value));
        }
        self
    }
}

pub(crate) fn of(explanation: &Explanation) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    entries.extend(explanation.session.as_ref().map(session));
    entries.extend(explanation.steps.iter().flat_map(step));
    let is_waf = explanation.filter == FilterKind::Waf;
    for (what, changes) in
        [("request", &explanation.request_changes), ("response", &explanation.response_changes)]
    {
        if changes.is_empty() || (is_waf && what == "response") {
            continue;
        }
        let mut entry = Entry::new(Tone::Info, format!("headers of the {what} change"));
        for change in changes {
            let value = match (&change.before, &change.after) {
                (Some(_), None) => "removed".to_owned(),
                (None, Some(value)) => value.clone(),
                (before, after) => {
                    format!(
                        "{}, was {}",
                        after.as_deref().unwrap_or_default(),
                        before.as_deref().unwrap_or_default()
                    )
                }
            };
            entry = entry.with(change.name.clone(), value);
        }
        entries.push(entry);
    }
    let decision = &explanation.decision;
    let tone = if decision.passes { Tone::Allow } else { Tone::Deny };
    let mut last = Entry::new(tone, decision.summary.clone())
        .with("details", decision.details.clone().unwrap_or_default());
    for (key, value) in &explanation.state {
        last = last.with(format!("wasm.{key}"), value.clone());
    }
    entries.push(last);
    entries
}

fn session(cookie: &crate::explanation::Cookie) -> Entry {
    let (tone, title) = match cookie.state.as_str() {
        "valid" => (Tone::Allow, format!("the cookie {} opens", cookie.name)),
        "absent" => (Tone::Info, format!("there is no cookie {}", cookie.name)),
        state => {
            (Tone::Warn, format!("the cookie {} is not honoured: {}", cookie.name, state.replace('_', " ")))
        }
    };
    let get = |text: &Option<String>| text.clone().unwrap_or_default();
    Entry::new(tone, title)
        .with("bound to", get(&cookie.target))
        .with("since", get(&cookie.issued))
        .with("last seen", get(&cookie.seen))
        .with("cluster", get(&cookie.cluster))
        .with("sealed by", if cookie.under_old_key { "an older key: it is sealed anew" } else { "" })
}

fn step(step: &Step) -> Option<Entry> {
    Some(match step {
        Step::Rule(step) => rule(step),
        Step::Phase(end) => {
            if end.scores.is_empty() && end.stopped_by.is_none() {
                return None;
            }
            let tone = if end.stopped_by.is_some() { Tone::Deny } else { Tone::Quiet };
            let title = match &end.stopped_by {
                Some(by) => format!("phase {} ends: stopped by {by}", end.phase),
                None => format!("phase {} ends", end.phase),
            };
            let scores: Vec<String> = end
                .scores
                .iter()
                .filter(|(_, value)| value != "0")
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            Entry::new(tone, title).with("scores", scores.join(" "))
        }
        Step::Credential { credential, result, consumer } => {
            let name = match credential.as_str() {
                "api_key" => "API key",
                "basic" => "Basic credentials",
                "hmac" => "signature (HMAC)",
                other => other,
            };
            Entry::new(tone(result), format!("{name}: {result}"))
                .with("consumer", consumer.clone().unwrap_or_default())
        }
        Step::Token { issuer, result, subject } => {
            Entry::new(tone(result), format!("token of {issuer}: {result}"))
                .with("subject", subject.clone().unwrap_or_default())
        }
        Step::Requirement { route, result } => {
            let tone = if result == "met" { Tone::Info } else { Tone::Warn };
            let of = route.as_ref().map_or_else(String::new, |route| format!(" of the route {route}"));
            Entry::new(tone, format!("what is required{of}: {result}"))
        }
        Step::Policy(step) => policy(step),
        Step::Release { release, by, result, why } => {
            let tone = match result.as_str() {
                "in" => Tone::Allow,
                "out" => Tone::Info,
                _ => Tone::Quiet,
            };
            let result = match result.as_str() {
                "in" => "takes the request",
                "out" => "does not take the request",
                _ => "decides nothing",
            };
            Entry::new(tone, format!("release {release}: its {by} {result}")).with("why", why.clone())
        }
        Step::Key { source, key } => {
            Entry::new(Tone::Info, format!("drawn by {source}")).with("key", key.clone())
        }
        Step::Draw { release, bucket, threshold, target } => {
            let percent = |buckets: &u32| format!("{} %", f64::from(*buckets) / 1000.0);
            let is_in = bucket.is_none_or(|bucket| bucket < *threshold);
            let tone = if is_in { Tone::Allow } else { Tone::Info };
            let title = match bucket {
                Some(bucket) => format!(
                    "release {release}: bucket {bucket} of 100000 is {} its share",
                    if is_in { "in" } else { "not in" }
                ),
                None => format!("release {release} takes all requests"),
            };
            let scheduled = if threshold == target { String::new() } else { percent(target) };
            Entry::new(tone, title)
                .with("share", format!("{}, buckets below {threshold}", percent(threshold)))
                .with("at the end of the schedule", scheduled)
        }
    })
}

fn tone(result: &str) -> Tone {
    match result {
        "accepted" => Tone::Allow,
        "absent" => Tone::Quiet,
        _ => Tone::Warn,
    }
}

fn policy(step: &PolicyStep) -> Entry {
    let dry = if step.dry_run { ", in a dry run" } else { "" };
    let (tone, verdict) = match (step.verdict, step.action.as_str()) {
        (PolicyVerdict::Decides, "ALLOW") => (Tone::Allow, "matches and decides"),
        (PolicyVerdict::Decides, _) if step.dry_run => (Tone::Warn, "matches and would decide"),
        (PolicyVerdict::Decides, _) => (Tone::Deny, "matches and decides"),
        (PolicyVerdict::Matches, _) => (Tone::Info, "matches"),
        (PolicyVerdict::DoesNotMatch, _) => (Tone::Quiet, "does not match"),
    };
    let mut entry = Entry::new(tone, format!("{} policy {}{dry}: {verdict}", step.action, step.policy));
    if !step.why_not.is_empty() {
        entry = entry.with("what does not hold", step.why_not.join("; "));
    }
    entry
}

fn rule(step: &RuleStep) -> Entry {
    let is_loud = step.stopped || step.logged || step.changes.iter().any(|it| is_score(&it.variable));
    let tone = match step.action.as_deref() {
        _ if step.stopped => Tone::Deny,
        _ if step.incomplete || !is_loud || step.matches.is_empty() => Tone::Quiet,
        Some("allow") => Tone::Allow,
        _ if step.logged => Tone::Warn,
        _ => Tone::Info,
    };
    let mut title = format!("rule {} in phase {}", step.id, step.phase);
    if step.incomplete {
        title.push_str(", only the beginning of its chain");
    }
    if !step.message.is_empty() {
        title = format!("{title}: {}", step.message);
    }
    let mut entry = Entry::new(tone, title);
    for found in &step.matches {
        entry = entry.with(found.variable.clone(), found.value.clone());
        if let Some(form) = &found.transformed {
            entry = entry.with(format!("  as {}", found.transformations.join(", ")), form.clone());
        }
        let shown: String = found.argument.chars().take(LONGEST_ARGUMENT).collect();
        let dots = if shown.len() < found.argument.len() { "…" } else { "" };
        let operator = format!("{} {shown}{dots}", found.operator);
        entry = entry.with("  matches", operator.trim_end());
    }
    if step.more_matches > 0 {
        entry = entry.with("more values", step.more_matches.to_string());
    }
    for change in &step.changes {
        if is_score(&change.variable) || tone == Tone::Quiet {
            let value = |text: &Option<String>| text.clone().unwrap_or_else(|| "unset".to_owned());
            let before = change.before.as_ref().map_or_else(String::new, |before| format!("{before} → "));
            entry =
                entry.with(format!("tx.{}", change.variable), format!("{before}{}", value(&change.after)));
        }
    }
    let action = match (&step.action, step.stopped) {
        (Some(action), true) => action.clone(),
        (Some(action), false) if action != "allow" && !step.incomplete => {
            format!("{action}, not taken: the engine only detects")
        }
        (action, _) => action.clone().unwrap_or_default(),
    };
    entry
        .with("severity", step.severity.clone().unwrap_or_default())
        .with("action", action)
        .with("at", format!("{}:{}", step.file, step.line))
}

fn is_score(variable: &str) -> bool {
    variable == "score" || variable.contains("anomaly_score")
}

/// Characters of an operator's argument.
const LONGEST_ARGUMENT: usize = 80;
