use super::{Open, Opened};
use crate::clock;
use crate::configuration::Configuration;
use crate::error::Error;
use portcullis_affinity_core::{Affinity, Pin, Rejection, Session, Target};
use sdk_shim::{ConfigErrors, Environment};
use serde_json::{Value, json};
use std::time::Duration;

pub(super) fn open(open: &Open, config: &Configuration, now: Duration) -> Result<Opened, Error> {
    let environment = |name: &str| config.variable(name);
    let affinity = load(&config.json, &environment)?;
    let name = &affinity.config().cookie.name;
    let header =
        if open.cookie.contains('=') { open.cookie.clone() } else { format!("{name}={}", open.cookie) };
    let session = |affinity: &Affinity| affinity.open_in(open.scope.as_bytes(), [header.as_bytes()], now);
    let (rejection, pin) = match session(&affinity) {
        Session::Pinned(pin) => (None, Some(pin)),
        Session::Absent => {
            return Err(Error::misuse(format!(
                "no cookie {name} in there; --scope says what a session is for"
            )));
        }
        Session::Rejected(rejection) => {
            // What is over can be read all the same.
            let pin = match session(&load(&without_timeouts(&config.json), &environment)?) {
                Session::Pinned(pin) => Some(pin),
                _ => None,
            };
            (Some(rejection), pin)
        }
    };
    Ok(Opened {
        verdict: rejection.map_or("valid", Rejection::as_str),
        meaning: rejection.map(meaning).unwrap_or_default(),
        content: json!(pin.as_ref().map(|pin| content(pin, &affinity))),
        lines: pin.iter().flat_map(|pin| lines(pin, &affinity)).collect(),
    })
}

fn load(config: &[u8], environment: &Environment<'_>) -> Result<Affinity, Error> {
    let mut errors = ConfigErrors::new();
    let config = sdk_shim_config::parse_with(config, environment, &mut errors);
    let affinity = config.map(|config| Affinity::new(config, environment));
    match affinity {
        Some(Ok(affinity)) if errors.is_empty() => Ok(affinity),
        Some(Err(found)) if errors.is_empty() => Err(Error::unusable("the configuration", found.to_string())),
        _ => Err(Error::unusable("the configuration", errors.to_string())),
    }
}

fn without_timeouts(config: &[u8]) -> Vec<u8> {
    let mut config: Value = serde_json::from_slice(config).unwrap_or_default();
    if let Some(members) = config.as_object_mut() {
        members.remove("absolute_timeout");
        members.remove("idle_timeout");
    }
    config.to_string().into_bytes()
}

fn target(pin: &Pin) -> (&'static str, String) {
    match pin.target() {
        Target::Endpoint(endpoint) => ("endpoint", endpoint.to_string()),
        Target::Key(key) => ("key", format!("{:032x}", u128::from_be_bytes(key))),
    }
}

fn content(pin: &Pin, affinity: &Affinity) -> Value {
    let (kind, value) = target(pin);
    json!({
        kind: value,
        "issued": clock::format(pin.issued().into()),
        "seen": clock::format(pin.seen().into()),
        "cluster": affinity.cluster(pin),
        "under_old_key": pin.under_old_key(),
    })
}

fn lines(pin: &Pin, affinity: &Affinity) -> Vec<(&'static str, String)> {
    let (kind, value) = target(pin);
    let mut lines = vec![
        (kind, value),
        ("issued", clock::format(pin.issued().into())),
        ("seen", clock::format(pin.seen().into())),
    ];
    lines.extend(affinity.cluster(pin).map(|name| ("cluster", name.to_owned())));
    let which = if pin.under_old_key() { "an old one: the next answer seals it anew" } else { "the first" };
    lines.push(("sealed by", which.to_owned()));
    lines
}

fn meaning(rejection: Rejection) -> &'static str {
    match rejection {
        Rejection::Malformed => ": it has not the form of a sealed cookie",
        Rejection::UnknownKey => ": sealed with a key that is not among these",
        Rejection::Tampered => ": altered, or sealed for another audience, cookie name or scope",
        Rejection::Expired => ": older than absolute_timeout",
        Rejection::Idle => ": last seen longer ago than idle_timeout",
        Rejection::Future => ": from more than a day ahead; a clock is wrong",
    }
}
