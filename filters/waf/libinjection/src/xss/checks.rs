//! Which tags, attributes, URLs and comments can run script.

use memchr::memchr;

use super::names::{ATTRIBUTES, EVENTS, TAGS};

/// What an attribute can do, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    /// Nothing.
    Harmless,
    /// Run script, whatever its value.
    Dangerous,
    /// Load the URL that is its value.
    Url,
    /// Set the attribute whose name is its value.
    Indirect,
}

impl Attribute {
    /// Source: `is_black_attr`.
    pub(super) fn of(name: &[u8]) -> Self {
        if name.len() >= 5 {
            let event = name.get(2..).filter(|_| begins_with(name, "ON"));
            // XMLNS and XLINK can make any tag.
            if event.is_some_and(is_event) || begins_with(name, "XMLNS") || begins_with(name, "XLINK") {
                return Self::Dangerous;
            }
        }
        find(&ATTRIBUTES, name, |(listed, _)| listed).map_or(Self::Harmless, |(_, attribute)| *attribute)
    }
}

/// Source: `is_black_tag`.
pub(super) fn is_dangerous_tag(name: &[u8]) -> bool {
    name.len() >= 3
        && (find(&TAGS, name, |tag| tag).is_some() || begins_with(name, "SVG") || begins_with(name, "XSL"))
}

/// Whether Internet Explorer, or an XML parser, sees more in it than a comment. Source: `libinjection_is_xss`.
pub(super) fn is_dangerous_comment(text: &[u8]) -> bool {
    memchr(b'`', text).is_some()
        || (text.len() > 3 && (begins_with(text, "[IF") || begins_with(text, "XML")))
        || begins_with(text, "IMPORT")
        || begins_with(text, "ENTITY")
}

/// Source: `is_black_url`.
pub(super) fn is_dangerous_url(url: &[u8]) -> bool {
    // Browsers have taken bytes above ASCII for white space.
    let start = url.iter().position(|byte| matches!(byte, 33..=126)).unwrap_or(url.len());
    let url = url.get(start..).unwrap_or_default();
    ["DATA", "VIEW-SOURCE", "JAVA", "VBSCRIPT"].iter().any(|scheme| decodes_to_prefix(url, scheme))
}

/// Whether some event's name is a prefix of `name`.
fn is_event(name: &[u8]) -> bool {
    // No event's name is a prefix of another's, so only the last one that does not sort after `name` can be.
    let after = EVENTS.partition_point(|event| event.bytes().le(name.iter().map(u8::to_ascii_uppercase)));
    after.checked_sub(1).and_then(|at| EVENTS.get(at)).is_some_and(|event| begins_with(name, event))
}

fn begins_with(text: &[u8], upper: &str) -> bool {
    text.get(..upper.len()).is_some_and(|text| text.eq_ignore_ascii_case(upper.as_bytes()))
}

/// The first of `list` whose name is `text` in any case and with any NULs in it. Source: `cstrcasecmp_with_null`.
fn find<'l, T>(list: &'l [T], text: &[u8], name: impl Fn(&'l T) -> &'static str) -> Option<&'l T> {
    let mut letters = text.iter().filter(|byte| **byte != 0).map(u8::to_ascii_uppercase);
    let first = letters.next()?;
    list.iter().find(|item| match name(item).as_bytes() {
        [initial, rest @ ..] => *initial == first && letters.clone().eq(rest.iter().copied()),
        [] => false,
    })
}

/// Whether `text`, its character references decoded, begins with `upper`. Leading white space and control
/// characters, NULs and line feeds don't count. Source: `htmlencode_startswith`.
fn decodes_to_prefix(mut text: &[u8], upper: &str) -> bool {
    let mut wanted = upper.bytes();
    let Some(mut next) = wanted.next() else { return true };
    let mut at_start = true;
    while !text.is_empty() {
        let (character, length) = decode(text);
        text = text.get(length..).unwrap_or_default();
        if (at_start && character <= 32) || matches!(character, 0 | 10) {
            continue;
        }
        at_start = false;
        let folded = if matches!(character, 0x61..=0x7A) { character - 0x20 } else { character };
        // Only the low byte is compared: `&#x144;` passes for `D`.
        if folded as u8 != next {
            return false;
        }
        match wanted.next() {
            Some(letter) => next = letter,
            None => return true,
        }
    }
    false
}

/// The first character, decoded if it is a numeric reference, and its length in bytes. Source:
/// `html_decode_char_at`.
fn decode(text: &[u8]) -> (u32, usize) {
    match text {
        [b'&', b'#', b'x' | b'X', digits @ ..] => decode_reference(digits, 16, 3),
        [b'&', b'#', digits @ ..] => decode_reference(digits, 10, 2),
        [first, ..] => (u32::from(*first), 1),
        [] => (0, 0),
    }
}

fn decode_reference(digits: &[u8], radix: u32, prefix: usize) -> (u32, usize) {
    const AMPERSAND: (u32, usize) = (b'&' as u32, 1);
    let mut value = 0;
    let mut length = 0;
    for digit in digits.iter().map_while(|byte| char::from(*byte).to_digit(radix)) {
        value = value * radix + digit;
        length += 1;
        if value > 0x10_00FF {
            return AMPERSAND;
        }
    }
    if length == 0 {
        return AMPERSAND;
    }
    (value, prefix + length + usize::from(digits.get(length) == Some(&b';')))
}
