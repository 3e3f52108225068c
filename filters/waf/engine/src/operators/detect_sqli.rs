//! `@detectSQLi`: libinjection; captures the fingerprint. Source: `detect_sqli.cc`.

use super::Captures;

pub(super) fn matches(input: &[u8], captures: Option<&mut Captures>) -> bool {
    let Some(fingerprint) = portcullis_libinjection::sqli(input) else { return false };
    if let Some(captures) = captures {
        captures.set_only(fingerprint.as_ref());
    }
    true
}
