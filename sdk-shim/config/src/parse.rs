use crate::locate::{Place, locate};
use crate::objects::Objects;
use crate::{ConfigError, ConfigErrors, Environment, Path, references, secret};
use serde::de::{DeserializeOwned, IgnoredAny};
use std::borrow::Cow;

/// The largest configuration that is read, in bytes: 16 MiB.
pub const MAX_CONFIG_BYTES: usize = 16 << 20;

/// Reads a JSON configuration as [`parse`] does, and puts the environment variables into its strings: `${NAME}` stands
/// for the variable of that name anywhere in a string, `$${NAME}` for the text `${NAME}`. Other text with a `$` is itself.
///
/// What is wrong is recorded in `errors`. Where that is only variables that are not set, the configuration is returned all
/// the same, with nothing in their place: it can be checked further, not used.
///
/// ```
/// use sdk_shim_config::{ConfigErrors, parse_with};
///
/// #[derive(serde::Deserialize)]
/// struct Config { upstream: String, pattern: String }
///
/// let env = |name: &str| (name == "ZONE").then(|| "eu-1".to_owned());
/// let json = br#"{"upstream": "shop.${ZONE}.internal", "pattern": "$${ZONE}|${jndi:"}"#;
/// let mut errors = ConfigErrors::new();
/// let config = parse_with::<Config>(json, &env, &mut errors).unwrap();
/// assert_eq!(config.upstream, "shop.eu-1.internal");
/// assert_eq!(config.pattern, "${ZONE}|${jndi:");
///
/// parse_with::<Config>(br#"{"upstream": "${NONE}", "pattern": ""}"#, &env, &mut errors);
/// assert!(errors.to_string().starts_with("upstream: found a reference to the environment variable NONE"));
/// ```
pub fn parse_with<T: DeserializeOwned>(
    json: &[u8],
    env: &Environment<'_>,
    errors: &mut ConfigErrors,
) -> Option<T> {
    let is_too_long = json.len() > MAX_CONFIG_BYTES;
    let json = if is_too_long { Cow::Borrowed(json) } else { references::resolve(json, env, errors) };
    let parsed = secret::without_references(|| parse(&json));
    parsed.map_err(|found| errors.extend(found)).ok()
}

/// Reads a JSON configuration. Nothing, which is what a host passes where none is configured, reads as `{}`.
///
/// ```
/// #[derive(serde::Deserialize)]
/// struct Config { status: u16 }
///
/// assert_eq!(sdk_shim_config::parse::<Config>(br#"{"status": 403}"#).unwrap().status, 403);
/// let errors = sdk_shim_config::parse::<Config>(b"").err().unwrap();
/// assert!(errors.to_string().starts_with("status: found nothing (the configuration is empty)"));
/// ```
///
/// # Errors
/// JSON that does not parse, a type that does not fit, an unknown or a missing field: with the path to it.
pub fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, ConfigErrors> {
    if json.len() > MAX_CONFIG_BYTES {
        let found = format!("{} bytes", json.len());
        return Err(ConfigError::new(Path::root(), found, format!("at most {MAX_CONFIG_BYTES} bytes")).into());
    }
    let json = json.trim_ascii();
    let empty = json.is_empty();
    // serde would take a list for a struct, member by member.
    if !empty && json.first() != Some(&b'{') {
        let start = String::from_utf8_lossy(json.get(..20).unwrap_or(json)).into_owned();
        // Envoy passes a google.protobuf.Struct on as it is on the wire.
        let binary = json.iter().take(20).any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace());
        let expected =
            if binary { "a JSON object, such as in a google.protobuf.StringValue" } else { "a JSON object" };
        return Err(ConfigError::new(Path::root(), format!("`{}`", start.escape_debug()), expected).into());
    }
    let json = if empty { b"{}" } else { json };
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let value = T::deserialize(Objects(&mut deserializer)).map_err(|error| {
        let place = locate(json, error.line(), error.column());
        wrong_type(json, &error, &place).unwrap_or_else(|| describe(place, &error, empty))
    })?;
    deserializer.end().map_err(|error| syntax(Path::root(), &error))?;
    Ok(value)
}

/// serde_json calls it a syntax error where an enum stands as a number or a boolean: here it is told from broken JSON.
/// To read the configuration again into a tree of values would make every module larger by a sixth.
fn wrong_type(json: &[u8], error: &serde_json::Error, place: &Place<'_>) -> Option<ConfigErrors> {
    if !error.is_syntax() || place.token.is_empty() || serde_json::from_slice::<IgnoredAny>(json).is_err() {
        return None;
    }
    let found = format!("`{}`", place.token.escape_ascii());
    Some(ConfigError::new(place.path.clone(), found, "a value of another type, such as a string").into())
}

fn syntax(path: Path, error: &serde_json::Error) -> ConfigErrors {
    ConfigError::new(path, error.to_string(), "well-formed JSON").into()
}

/// Takes serde's message apart: its texts for what was found and expected are fixed by `serde::de::Error`.
fn describe(place: Place<'_>, error: &serde_json::Error, empty: bool) -> ConfigErrors {
    if error.is_syntax() || error.is_eof() {
        return syntax(place.path, error);
    }
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    let message = text.strip_suffix(&position).unwrap_or(&text);
    if let Some(name) = message.strip_prefix("missing field ") {
        let path = place.path.field(name.trim_matches('`'));
        let found = if empty { "nothing (the configuration is empty)" } else { "nothing" };
        return ConfigError::new(path, found, "a value: the field is required").into();
    }
    if let Some(name) = message.strip_prefix("duplicate field ") {
        return ConfigError::new(place.path, format!("field {name} twice"), "each field once").into();
    }
    if message.starts_with("invalid type: unit variant, ") {
        // A text stands for a variant that has more to say.
        let name = String::from_utf8_lossy(place.scalar).into_owned();
        let expected = format!("an object with the member {name}");
        return ConfigError::new(place.last.unwrap_or(place.path), name, expected).into();
    }
    // Said before any of it is read.
    let is_unread =
        ["map", "sequence"].iter().any(|kind| message.starts_with(&format!("invalid type: {kind}")));
    let path = match (place.key, place.last) {
        (Some(key), _) if message.starts_with("unknown field ") => place.path.field(&key),
        // What is wrong with a value as a whole is found when all of it was read, and what is around it with it.
        (None, None) if is_unread && place.token == b"[" => place.path.index(0),
        (None, Some(last)) if !is_unread && !message.starts_with("invalid length ") => last,
        _ => place.path,
    };
    let (found, expected) = message
        .split_once(", expected ")
        .or_else(|| message.split_once(", there are "))
        .unwrap_or((message, "a valid value"));
    let found = ["invalid type: ", "invalid value: ", "invalid "]
        .iter()
        .find_map(|prefix| found.strip_prefix(prefix))
        .unwrap_or(found);
    ConfigError::new(path, found.to_owned(), expected.to_owned()).into()
}
