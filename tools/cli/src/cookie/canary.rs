use super::{Open, Opened};
use crate::clock;
use crate::configuration::Configuration;
use crate::error::Error;
use portcullis_canary_core::{Config, Signed};
use sdk_shim::ConfigErrors;
use serde_json::json;
use std::time::Duration;

pub(super) fn open(open: &Open, config: &Configuration, now: Duration) -> Result<Opened, Error> {
    let mut errors = ConfigErrors::new();
    let environment = |name: &str| config.variable(name);
    let config: Option<Config> = sdk_shim_config::parse_with(&config.json, &environment, &mut errors);
    let refused = |errors: &ConfigErrors| Error::unusable("the configuration", errors.to_string());
    let Some(config) = config.filter(|_| errors.is_empty()) else { return Err(refused(&errors)) };
    let Some(token) = &config.token else {
        return Err(Error::unusable(
            "the configuration",
            "no `token`: nothing is signed, and cookies are plain text",
        ));
    };
    // A cookie's value may be between others.
    let value = open.cookie.split(';').find_map(|pair| match (pair.trim().split_once('='), &open.name) {
        (Some((name, value)), Some(wanted)) => (name == wanted).then_some(value),
        (Some((_, value)), None) => Some(value),
        (None, _) => Some(pair.trim()),
    });
    let signed =
        Signed::open(token, &environment, value.unwrap_or_default()).map_err(|errors| refused(&errors))?;
    let (verdict, content, lines) = match signed {
        None => ("not_signed", json!(null), Vec::new()),
        Some(Signed::Token { release, expires }) => {
            let is_over = expires <= now.as_secs();
            let until = clock::format(expires);
            let known = config.releases.iter().any(|it| it.name == release) || open.config.is_none();
            let verdict = match (is_over, known) {
                (true, _) => "expired",
                (false, false) => "unknown_release",
                (false, true) => "valid",
            };
            let content = json!({ "kind": "token", "release": release, "expires": until });
            (verdict, content, vec![("release", release), ("expires", until)])
        }
        Some(Signed::Affinity { into, out_of }) => {
            let content = json!({ "kind": "affinity", "into": into, "out_of": out_of });
            ("valid", content, vec![("into", into.join(", ")), ("out of", out_of.join(", "))])
        }
    };
    Ok(Opened { verdict, meaning: "", content, lines })
}
