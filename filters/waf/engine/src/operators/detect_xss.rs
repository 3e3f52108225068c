//! `@detectXSS`: libinjection; captures the input. Source: `detect_xss.cc`.

use super::Captures;

pub(super) fn matches(input: &[u8], captures: Option<&mut Captures>) -> bool {
    let found = portcullis_libinjection::xss(input);
    if let Some(captures) = captures.filter(|_| found) {
        captures.set_only(input);
    }
    found
}
