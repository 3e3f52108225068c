//! SQL injection and XSS detection with the answers of [libinjection]: same verdicts, same fingerprints.
//!
//! [`sqli`] reads its input as SQL would in each quoting context, folds the tokens to at most five, and looks
//! their types up in libinjection's list of attack fingerprints. [`xss`] reads it as HTML in each context and
//! looks for what runs script. Both take bytes, never allocate, never panic, and take time linear in the input.
//! [`Recent`] is for inputs that begin alike.
//!
//! The semantics are those of libinjection's `libinjection_sqli.c`, `libinjection_html5.c` and
//! `libinjection_xss.c` at commit 85e252a, in the behaviour of a platform with signed `char`. Word lists and
//! fingerprints are libinjection's (BSD-3-Clause, see `LICENSE-libinjection`); the code is our own.
//!
//! [libinjection]: https://github.com/libinjection/libinjection

mod sqli;
mod xss;

pub use sqli::{Fingerprint, Recent, is_word_byte, sqli};
pub use xss::xss;

/// The tokenizers under the detectors, for conformance suites and tools that explain a verdict.
pub mod tokens {
    pub use crate::sqli::fold::Folded;
    pub use crate::sqli::token::{Kind, Token};
    pub use crate::sqli::tokenizer::{Dialect, Quote, Tokenizer};
    pub use crate::xss::html5::{Context, HtmlKind, HtmlToken, HtmlTokens};
}
