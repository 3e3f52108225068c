use crate::{ConfigError, ConfigErrors, Path};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_path_to_error::Segment;

/// The largest configuration that is read, in bytes: 16 MiB.
pub const MAX_CONFIG_BYTES: usize = 16 << 20;

/// Reads a JSON configuration. Nothing, which is what a host passes where none is configured, reads as `{}`.
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
    let mut deserializer = serde_json::Deserializer::from_slice(if empty { b"{}" } else { json });
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        wrong_type(json, &error).unwrap_or_else(|| describe(&to_path(error.path()), error.inner(), empty))
    })?;
    deserializer.end().map_err(|error| describe(&Path::root(), &error, false))?;
    Ok(value)
}

/// serde_json calls it a syntax error where an enum stands as a number or a boolean: here it is told from broken JSON.
/// To read the configuration again into a tree of values would make every module larger by a sixth.
fn wrong_type(json: &[u8], error: &serde_path_to_error::Error<serde_json::Error>) -> Option<ConfigErrors> {
    let inner = error.inner();
    if !inner.is_syntax() || serde_json::from_slice::<IgnoredAny>(json).is_err() {
        return None;
    }
    let line = json.split(|byte| *byte == b'\n').nth(inner.line().checked_sub(1)?)?;
    let (before, after) = line.split_at_checked(inner.column().checked_sub(1)?)?;
    let delimits = |byte: &u8| byte.is_ascii_whitespace() || b"{}[],:".contains(byte);
    let start = before.iter().rev().take_while(|byte| !delimits(byte)).count();
    let end = after.iter().take_while(|byte| !delimits(byte)).count();
    let found = line.get(before.len() - start..before.len() + end).filter(|found| !found.is_empty())?;
    let found = format!("`{}`", found.escape_ascii());
    Some(ConfigError::new(to_path(error.path()), found, "a value of another type, such as a string").into())
}

fn to_path(path: &serde_path_to_error::Path) -> Path {
    path.iter().fold(Path::root(), |path, segment| match segment {
        Segment::Seq { index } => path.index(*index),
        Segment::Map { key } => path.field(key),
        Segment::Enum { variant } => path.field(variant),
        Segment::Unknown => path,
    })
}

/// Takes serde's message apart: its texts for what was found and expected are fixed by `serde::de::Error`.
fn describe(path: &Path, error: &serde_json::Error, empty: bool) -> ConfigErrors {
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = error.to_string();
    let message = text.strip_suffix(&place).unwrap_or(&text);
    if error.is_syntax() || error.is_eof() {
        return ConfigError::new(path.clone(), format!("{message}{place}"), "well-formed JSON").into();
    }
    if let Some(name) = message.strip_prefix("missing field ") {
        let path = path.field(name.trim_matches('`'));
        let found = if empty { "nothing (the configuration is empty)" } else { "nothing" };
        return ConfigError::new(path, found, "a value: the field is required").into();
    }
    if let Some(name) = message.strip_prefix("duplicate field ") {
        return ConfigError::new(path.clone(), format!("field {name} twice"), "each field once").into();
    }
    let (found, expected) = message
        .split_once(", expected ")
        .or_else(|| message.split_once(", there are "))
        .unwrap_or((message, "a valid value"));
    let found = ["invalid type: ", "invalid value: ", "invalid "]
        .iter()
        .find_map(|prefix| found.strip_prefix(prefix))
        .unwrap_or(found);
    ConfigError::new(path.clone(), found, expected).into()
}
