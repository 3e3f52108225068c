//! The W3C `baggage` header (<https://www.w3.org/TR/baggage/>): members separated by commas, each `key=value` with
//! properties behind semicolons.

use sdk_shim_http::Headers;

/// The most bytes of members that are kept beside a new one. The specification has everybody pass on 8192.
pub(crate) const MAX_BYTES: usize = 8192;

/// The value of the first member with this key.
pub(crate) fn get<'a>(headers: &'a Headers, key: &str) -> Option<&'a [u8]> {
    members(headers).find_map(|member| value(member, key))
}

/// All headers as one, without members of this key, and with a new one behind the others where a value is given. Members
/// are kept byte for byte; those beyond [`MAX_BYTES`] are dropped.
pub(crate) fn with(headers: &Headers, key: &str, new: Option<&str>) -> Vec<u8> {
    let mut line = Vec::new();
    let others = members(headers).filter(|member| value(member, key).is_none());
    for member in others {
        if line.len() + member.len() < MAX_BYTES {
            push(&mut line, member);
        }
    }
    if let Some(new) = new {
        push(&mut line, &[key.as_bytes(), b"=", new.as_bytes()].concat());
    }
    line
}

fn push(line: &mut Vec<u8>, member: &[u8]) {
    if !line.is_empty() {
        line.push(b',');
    }
    line.extend_from_slice(member);
}

/// Neither keys nor values hold commas, not even quoted.
fn members(headers: &Headers) -> impl Iterator<Item = &[u8]> {
    headers
        .get_all(b"baggage")
        .flat_map(|line| line.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
}

fn value<'a>(member: &'a [u8], key: &str) -> Option<&'a [u8]> {
    let mut parts = member.split(|byte| *byte == b';');
    let pair = parts.next()?;
    let at = pair.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (pair.get(..at)?, pair.get(at + 1..)?);
    (name.trim_ascii() == key.as_bytes()).then(|| value.trim_ascii())
}
