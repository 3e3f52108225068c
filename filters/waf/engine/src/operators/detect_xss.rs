//! `@detectXSS`: libinjection; captures the input. Source: `detect_xss.cc`.

use super::{ByteSet, Captures, Requirement};

#[inline(never)]
pub(super) fn matches(input: &[u8], captures: Option<&mut Captures>) -> bool {
    let found = portcullis_libinjection::xss(input);
    if let Some(captures) = captures.filter(|_| found) {
        captures.set_only(input);
    }
    found
}

/// Tags, comments and doctypes begin with `<`, and `=` stands before the value of a named attribute.
pub(super) fn requirement() -> Requirement {
    Requirement { bytes: Some(ByteSet::of(b"<=")), min_length: 1, ..Requirement::default() }
}
