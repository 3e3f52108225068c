//! What a decision says of itself to tools, with the feature `trace` only.

use crate::condition::{Condition, Test};
use crate::inputs::Inputs;
use crate::key::Key;
use crate::patterns::Subject;
use crate::wish::Verdict;
use crate::{Reason, Release};
pub(crate) use portcullis_trace::is_heard;
use portcullis_trace::{Step, note};

/// A release was looked at.
pub(crate) fn release(release: &Release, by: &str, result: &str, why: impl Into<String>) {
    note(|| Step::Release {
        release: release.name().to_owned(),
        by: by.to_owned(),
        result: result.to_owned(),
        why: why.into(),
    });
}

/// A header or cookie of the request was asked about a release.
pub(crate) fn wish(of: &Release, by: &str, read: Option<(Verdict, Reason)>) {
    if !is_heard() {
        return;
    }
    match read {
        Some((Verdict::In, reason)) => release(of, by, "in", reason.as_str()),
        Some((Verdict::Out, reason)) => release(of, by, "out", reason.as_str()),
        None => release(of, by, "next", format!("the {by} asks for nothing")),
    }
}

/// A key was found that the request is drawn by.
pub(crate) fn key(source: &Key, inputs: &Inputs<'_>, key: &[u8]) {
    note(|| Step::Key {
        source: match source {
            Key::Header(id) => format!("header {}", inputs.name(Subject::Header(*id))),
            Key::Cookie(id) => format!("cookie {}", inputs.name(Subject::Cookie(*id))),
            Key::IdCookie(id) => format!("the filter's own cookie {}", inputs.name(Subject::Cookie(*id))),
            Key::Claim(id) => format!("claim {}", inputs.name(Subject::Claim(*id))),
            Key::SourceIp => "the client's address".to_owned(),
            Key::Random => "a random number: another one each time".to_owned(),
        },
        key: if matches!(source, Key::Random) { String::new() } else { key.escape_ascii().to_string() },
    });
}

/// What of a condition does not hold.
pub(crate) fn why_not(condition: &Condition, inputs: &mut Inputs<'_>) -> String {
    match condition {
        Condition::All(conditions) => {
            let failing = conditions.iter().find(|condition| !condition.holds(inputs));
            failing.map_or_else(String::new, |failing| why_not(failing, inputs))
        }
        Condition::Any(conditions) => {
            let whys: Vec<String> = conditions.iter().map(|condition| why_not(condition, inputs)).collect();
            whys.join("; ")
        }
        Condition::Not(_) => "a condition under `not` holds".to_owned(),
        Condition::Value(subject, test) => {
            let value = inputs.value(*subject).map(<[u8]>::to_vec);
            let name = inputs.subject(*subject);
            match (value, test) {
                (None, _) => format!("there is no {name}"),
                (Some(value), Test::Present(_)) => format!("{name} is there: {}", shown(&value)),
                (Some(value), _) => format!("{name} is {}", shown(&value)),
            }
        }
        Condition::Pattern(_) => "a pattern does not match".to_owned(),
        Condition::PathPrefix(_) => format!("the path is {}", shown(inputs.path())),
        Condition::Method(_) => format!("the method is {}", shown(inputs.method())),
        Condition::SourceIp(_) => match inputs.source_ip() {
            Some(address) => format!("the client's address is {address}"),
            None => "the client's address is not known".to_owned(),
        },
        Condition::Country(header, _) => match inputs.header(*header).map(<[u8]>::to_vec) {
            Some(value) if inputs.may_name_country() => format!("the country is {}", shown(&value)),
            Some(_) => "only a trusted client may name the country".to_owned(),
            None => "no header names the country".to_owned(),
        },
        Condition::Never => "the condition was refused".to_owned(),
    }
}

impl Inputs<'_> {
    fn subject(&self, subject: Subject) -> String {
        let kind = match subject {
            Subject::Header(_) => "header",
            Subject::Cookie(_) => "cookie",
            Subject::Query(_) => "query parameter",
            Subject::Claim(_) => "claim",
            Subject::Path => return "path".to_owned(),
        };
        format!("{kind} {}", self.name(subject))
    }
}

fn shown(value: &[u8]) -> String {
    const LONGEST: usize = 200;
    format!("\"{}\"", value.get(..LONGEST).unwrap_or(value).escape_ascii())
}
