//! No input makes the detectors panic, and what they report of it keeps its limits.
//!
//! `cargo +nightly fuzz run detect`

#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_libinjection::tokens::{Context, Dialect, Folded, HtmlTokens, Quote, Tokenizer};
use portcullis_libinjection::{sqli, xss};

fuzz_target!(|input: &[u8]| {
    if let Some(fingerprint) = sqli(input) {
        assert!((1..=5).contains(&fingerprint.as_ref().len()));
        assert!(fingerprint.as_ref().is_ascii());
    }
    let _ = xss(input);
    for quote in [Quote::None, Quote::Single, Quote::Double] {
        for dialect in [Dialect::Ansi, Dialect::MySql] {
            let tokens = Tokenizer::new(input, quote, dialect);
            assert!(tokens.clone().all(|token| token.text.len() <= 31));
            assert!(tokens.clone().count() <= input.len());
            assert!(Folded::new(tokens).tokens().len() <= 6);
        }
    }
    for context in Context::ALL {
        let range = input.as_ptr_range();
        for token in HtmlTokens::new(input, context) {
            let text = token.text.as_ptr_range();
            assert!(range.start <= text.start && text.end <= range.end);
        }
    }
});
