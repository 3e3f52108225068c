//! `${NAME}` in the strings of a configuration.

use crate::locate::locate_byte;
use crate::{ConfigErrors, Environment, Path};
use std::borrow::Cow;

/// Puts the environment variables into the strings that refer to them: each `${NAME}` in a string that is a value, not
/// the name of a field, where `NAME` is letters, digits and underscores and begins with no digit. `$${NAME}` stands for
/// the text `${NAME}`, and everything else for itself. What a variable holds is not looked at again.
///
/// A variable that is not set, or is empty, is recorded in `errors` with the path of the string.
pub(crate) fn resolve<'a>(json: &'a [u8], env: &Environment<'_>, errors: &mut ConfigErrors) -> Cow<'a, [u8]> {
    let mut resolved = Vec::new();
    let (mut done, mut from) = (0, 0);
    while let Some(found) = behind(json, from).windows(2).position(|pair| pair == b"${") {
        let start = from + found;
        from = start + 2;
        let Some(name) = name(behind(json, from)) else { continue };
        let end = from + name.len() + 1;
        if is_field(behind(json, end)) {
            continue;
        }
        resolved.extend_from_slice(json.get(done..start).unwrap_or_default());
        if resolved.pop_if(|before| *before == b'$').is_some() {
            resolved.extend_from_slice(json.get(start..end).unwrap_or_default());
        } else if let Some(value) = env(name).filter(|value| !value.is_empty()) {
            escape(&value, &mut resolved);
        } else {
            missing(name, &locate_byte(json, from).path, errors);
        }
        (done, from) = (end, end);
    }
    if done == 0 {
        return Cow::Borrowed(json);
    }
    resolved.extend_from_slice(behind(json, done));
    Cow::Owned(resolved)
}

/// Records a reference to a variable that is not there.
pub(crate) fn missing(name: &str, path: &Path, errors: &mut ConfigErrors) {
    let found = ["a reference to the environment variable ", name, ", which is not set"].concat();
    errors.add(path, found, "a variable that vm_config.environment_variables sets, or $${…} for the text");
}

fn behind(json: &[u8], start: usize) -> &[u8] {
    json.get(start..).unwrap_or_default()
}

/// The name that stands before a `}`.
fn name(text: &[u8]) -> Option<&str> {
    let length = text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let (name, rest) = text.split_at_checked(length)?;
    let begins = name.first().is_some_and(|first| !first.is_ascii_digit());
    if begins && rest.first() == Some(&b'}') { std::str::from_utf8(name).ok() } else { None }
}

/// Whether the string that goes on so is the name of a field: a colon is behind it.
fn is_field(text: &[u8]) -> bool {
    let mut escaped = false;
    let end = text.iter().position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    });
    end.is_some_and(|end| behind(text, end + 1).trim_ascii_start().first() == Some(&b':'))
}

/// As a JSON string has it (RFC 8259 7).
fn escape(value: &str, json: &mut Vec<u8>) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    for byte in value.bytes() {
        match byte {
            b'"' | b'\\' => json.extend([b'\\', byte]),
            0..=0x1f => {
                let digit = |number: u8| DIGITS.get(usize::from(number)).copied().unwrap_or_default();
                json.extend([b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
            _ => json.push(byte),
        }
    }
}
