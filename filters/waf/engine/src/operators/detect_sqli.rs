//! `@detectSQLi`: libinjection; captures the fingerprint. Source: `detect_sqli.cc`.

use std::cell::RefCell;

use portcullis_libinjection::Recent;

use super::{Captures, Requirement};

thread_local! {
    /// Names of JSON under a long key begin alike.
    static RECENT: RefCell<Recent> = const { RefCell::new(Recent::new()) };
}

#[inline(never)]
pub(super) fn matches(input: &[u8], captures: Option<&mut Captures>) -> bool {
    let Some(fingerprint) = RECENT.with_borrow_mut(|recent| recent.sqli(input)) else { return false };
    if let Some(captures) = captures {
        captures.set_only(fingerprint.as_ref());
    }
    true
}

pub(super) fn forget_inputs() {
    RECENT.with_borrow_mut(Recent::forget);
}

/// A word or a number by itself is no attack, but where it begins with `0b`.
pub(super) fn requirement() -> Requirement {
    let others: Vec<u8> =
        (0..=u8::MAX).filter(|byte| !portcullis_libinjection::is_word_byte(*byte)).collect();
    Requirement::any_of(others.chunks(1).chain([&b"0b"[..]]))
}
