use crate::{Entry, FilterKind, Step};
use portcullis_affinity_core::{Affinity, Session, Target};
use sdk_shim_testing::Message;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

/// What a filter decides on an exchange, and why.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// The filter.
    pub filter: FilterKind,
    /// What it decides.
    pub decision: Decision,
    /// Why, for people.
    pub timeline: Vec<Entry>,
    /// Why, as the filter noted it.
    pub steps: Vec<Step>,
    /// The filter state that it set, which access logs and routes see as `wasm.<key>`.
    pub state: BTreeMap<String, String>,
    /// What the session's cookie says, for affinity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Cookie>,
    /// What it changed in the request's headers.
    pub request_changes: Vec<HeaderChange>,
    /// What it changed in the response's headers.
    pub response_changes: Vec<HeaderChange>,
    /// Its own answer to the client, where it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<Reply>,
    /// What it logged, at level `info` and above.
    pub log: Vec<String>,
}

/// What a filter decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// Whether request and response pass.
    pub passes: bool,
    /// The status that the client gets; 0 where it would wait for ever.
    pub status: u16,
    /// The details of a denial, which Envoy shows as `%RESPONSE_CODE_DETAILS%`.
    pub details: Option<String>,
    /// Whether it is the response that does not pass.
    pub at_response: bool,
    /// All of it in a sentence.
    pub summary: String,
}

/// A header that was changed. Both values: it was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeaderChange {
    /// Its name.
    pub name: String,
    /// Its value before; `None` for one that was added.
    pub before: Option<String>,
    /// Its value now; `None` for one that was removed.
    pub after: Option<String>,
}

/// A filter's own answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// What a session's cookie says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cookie {
    /// The name of the cookie.
    pub name: String,
    /// `absent`, `valid`, or why it is not honoured: `malformed`, `unknown_key`, `tampered`, `expired`, `idle`, `future`.
    pub state: String,
    /// The endpoint, or the key, that the session is bound to.
    pub target: Option<String>,
    /// When it was bound to it.
    pub issued: Option<String>,
    /// When it was last seen.
    pub seen: Option<String>,
    /// The cluster, where that counts.
    pub cluster: Option<String>,
    /// Whether a key other than the first sealed it.
    pub under_old_key: bool,
}

impl Cookie {
    pub(crate) fn of(affinity: &Affinity, session: &Session) -> Self {
        let name = affinity.config().cookie.name.clone();
        let none = Self {
            name,
            state: "absent".to_owned(),
            target: None,
            issued: None,
            seen: None,
            cluster: None,
            under_old_key: false,
        };
        let time = |seconds: u32| {
            let time = UNIX_EPOCH + Duration::from_secs(seconds.into());
            Some(humantime::format_rfc3339_seconds(time).to_string())
        };
        match session {
            Session::Absent => none,
            Session::Rejected(rejection) => Self { state: rejection.as_str().to_owned(), ..none },
            Session::Pinned(pin) => Self {
                state: "valid".to_owned(),
                target: Some(match pin.target() {
                    Target::Endpoint(endpoint) => endpoint.to_string(),
                    Target::Key(key) => format!("the key {:032x}", u128::from_be_bytes(key)),
                }),
                issued: time(pin.issued()),
                seen: time(pin.seen()),
                cluster: affinity.cluster(pin).map(str::to_owned),
                under_old_key: pin.under_old_key(),
                ..none
            },
        }
    }
}

impl Reply {
    pub(crate) fn of(message: &Message) -> Self {
        let headers = message.headers.iter().filter(|(name, _)| !name.starts_with(':'));
        Self {
            status: message.status(),
            headers: headers.map(|(name, value)| (name.clone(), text(value))).collect(),
            body: text(message.body.get(..LONGEST_BODY).unwrap_or(&message.body)),
        }
    }
}

/// Bytes of a reply's body that are shown.
const LONGEST_BODY: usize = 4096;

/// What of the headers is other than it was, by name.
pub(crate) fn changes(before: &[(String, Vec<u8>)], after: &[(String, Vec<u8>)]) -> Vec<HeaderChange> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in before.iter().chain(after) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let values = |headers: &[(String, Vec<u8>)], name: &str| -> Vec<String> {
        headers.iter().filter(|(other, _)| other == name).map(|(_, value)| text(value)).collect()
    };
    let mut changes = Vec::new();
    for name in names {
        let (old, new) = (values(before, name), values(after, name));
        if old == new {
            continue;
        }
        let common = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
        let (old, new) = (old.get(common..).unwrap_or_default(), new.get(common..).unwrap_or_default());
        for at in 0..old.len().max(new.len()) {
            let (before, after) = (old.get(at).cloned(), new.get(at).cloned());
            changes.push(HeaderChange { name: name.to_owned(), before, after });
        }
    }
    changes
}

/// Bytes as text, what is no printable UTF-8 escaped.
pub(crate) fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(|it| it.is_control() && it != '\n' && it != '\t') => text.to_owned(),
        _ => bytes.escape_ascii().to_string(),
    }
}
