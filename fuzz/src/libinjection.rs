//! SQL injection and script detection.

use portcullis_libinjection::tokens::{Context, Dialect, Folded, HtmlTokens, Quote, Tokenizer};
use portcullis_libinjection::{Recent, sqli, xss};

/// The detectors answer, the same each time, within the bounds that the C library has: fingerprints of up to five ASCII
/// characters, tokens of up to 31 bytes that stand in the text, and no more of them than bytes.
pub fn check(text: &[u8]) {
    let fingerprint = sqli(text);
    if let Some(fingerprint) = &fingerprint {
        assert!((1..=5).contains(&fingerprint.as_ref().len()));
        assert!(fingerprint.as_ref().is_ascii());
    }
    let copy = text.to_vec();
    assert_eq!(fingerprint.is_some(), sqli(&copy).is_some(), "the same text elsewhere");
    assert_eq!(xss(text), xss(&copy), "the same text elsewhere");
    begin_alike(text);
    for quote in [Quote::None, Quote::Single, Quote::Double] {
        for dialect in [Dialect::Ansi, Dialect::MySql] {
            let tokens = Tokenizer::new(text, quote, dialect);
            assert!(tokens.clone().all(|token| token.text.len() <= 31));
            assert!(tokens.clone().count() <= text.len());
            assert!(Folded::new(tokens).tokens().len() <= 6);
        }
    }
    let range = text.as_ptr_range();
    for context in Context::ALL {
        let mut count = 0;
        for token in HtmlTokens::new(text, context) {
            let inside = token.text.as_ptr_range();
            assert!(range.start <= inside.start && inside.end <= range.end);
            count += 1;
        }
        assert!(count <= 2 * text.len() + 2, "{count} tokens");
    }
}

/// What was asked before changes no answer: texts that go on as this one, from the same bytes on.
fn begin_alike(text: &[u8]) {
    let mut recent = Recent::new();
    let long = text.repeat((100 / text.len().max(1)).min(20) + 1);
    for parts in [8, 5, 3] {
        for part in 1..=parts {
            let (beginning, rest) = long.split_at(long.len() * part / parts);
            for tail in [rest, text, b"1", b""] {
                let input = [beginning, tail].concat();
                assert_eq!(recent.sqli(&input), sqli(&input), "{}", input.escape_ascii());
            }
        }
    }
}
