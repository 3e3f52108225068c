use super::Open;
use crate::error::Error;
use crate::{Outcome, Output, clock};
use portcullis_canary_core::{Config, Signed};
use sdk_shim::{ConfigErrors, Environment};
use serde_json::json;
use std::time::Duration;

pub(super) fn open(
    open: &Open,
    config: &[u8],
    environment: &Environment<'_>,
    now: Duration,
    output: &mut Output,
) -> Result<Outcome, Error> {
    let mut errors = ConfigErrors::new();
    let config: Option<Config> = sdk_shim_config::parse_with(config, environment, &mut errors);
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
        Signed::open(token, environment, value.unwrap_or_default()).map_err(|errors| refused(&errors))?;
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
    if output.is_json() {
        output.json(&json!({ "filter": "canary", "verdict": verdict, "content": content }))?;
    } else {
        output.line(format_args!("verdict   {verdict}"))?;
        lines.iter().try_for_each(|(name, value)| output.line(format_args!("{name:<9} {value}")))?;
    }
    Ok(if verdict == "valid" { Outcome::Fine } else { Outcome::Findings })
}
