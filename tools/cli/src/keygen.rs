use crate::error::Error;
use crate::{Outcome, Output};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use clap::ValueEnum;
use serde_json::json;

/// Make a key: 32 bytes of the system's randomness, as text
///
/// For a Secret: `portcullis keygen affinity | kubectl create secret generic affinity --from-file=key=/dev/stdin`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// What the key is for
    purpose: Purpose,
    /// How many
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    count: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Purpose {
    /// The `keys` of affinity, which seal its cookies
    Affinity,
    /// The `token.keys` of canary, which sign tokens and its cookie
    CanaryToken,
    /// A client's secret for authz's `hmac` signatures
    Hmac,
    /// A client's key for authz's `api_keys`
    ApiKey,
}

pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<Outcome, Error> {
    let keys = (0..arguments.count).map(|_| key(arguments.purpose)).collect::<Result<Vec<_>, _>>()?;
    if output.is_json() {
        output.json(&json!({ "keys": keys }))?;
    } else {
        keys.iter().try_for_each(|key| output.line(key))?;
    }
    Ok(Outcome::Fine)
}

fn key(purpose: Purpose) -> Result<String, Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Error::unusable("the system's randomness", error.to_string()))?;
    Ok(match purpose {
        // It goes into headers, and perhaps into URLs.
        Purpose::ApiKey => URL_SAFE_NO_PAD.encode(bytes),
        _ => STANDARD.encode(bytes),
    })
}
