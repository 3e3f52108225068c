//! `sanitiseArg`, `sanitiseMatched`, `sanitiseMatchedBytes`, `sanitiseRequestHeader`, `sanitiseResponseHeader`: what the audit log
//! is not to show. ModSecurity v2 reference, "Actions"; v3 does not have them.
//!
//! Those of matches run for each value that matches, whatever the rest of the chain says: too much is hidden rather than too
//! little.

use portcullis_seclang::ast::VariableName;

use crate::transaction::{RAW_ARGUMENTS, RuleState, Transaction};
use crate::transformations::url_decode;

/// Something that the audit log is to hide. Names are compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sanitised {
    /// The argument of this name, wherever it stands.
    Argument(Vec<u8>),
    /// The request header of this name.
    RequestHeader(Vec<u8>),
    /// The response header of this name.
    ResponseHeader(Vec<u8>),
    /// This text, wherever it stands, but for some bytes at its start and at its end.
    Text {
        /// The text.
        text: Vec<u8>,
        /// Bytes to leave at its start.
        first: usize,
        /// Bytes to leave at its end.
        last: usize,
    },
}

/// `sanitiseMatched`: the variable that has matched.
#[inline(never)]
pub(super) fn matched(tx: &mut Transaction, state: &RuleState) {
    use VariableName as V;
    let Some((_, found)) = state.last else { return };
    let name = found.key.map(|key| tx.bytes(key).to_vec()).unwrap_or_default();
    tx.sanitise(match found.variable {
        V::Args | V::ArgsGet | V::ArgsGetNames | V::ArgsNames | V::ArgsPost | V::ArgsPostNames => {
            Sanitised::Argument(name)
        }
        // The log's arguments are known by their decoded names.
        variable if RAW_ARGUMENTS.contains(&variable) => {
            let mut decoded = Vec::new();
            url_decode(&name, &mut decoded);
            Sanitised::Argument(decoded)
        }
        V::RequestHeaders => Sanitised::RequestHeader(name),
        V::RequestCookies | V::RequestCookiesNames => Sanitised::RequestHeader(b"cookie".to_vec()),
        V::ResponseHeaders => Sanitised::ResponseHeader(name),
        _ => Sanitised::Text { text: tx.bytes(found.value).to_vec(), first: 0, last: 0 },
    });
}

/// `sanitiseMatchedBytes:first/last`: what the operator has captured, or the value where the rule does not capture.
#[inline(never)]
pub(super) fn matched_bytes(tx: &mut Transaction, state: &RuleState, first: usize, last: usize) {
    let Some((_, found)) = state.last else { return };
    let value = tx.bytes(found.value);
    // What a transformation has made is not what the log would show.
    let captured = tx.captured().filter(|text| memchr::memmem::find(value, text).is_some());
    tx.sanitise(match captured {
        Some(text) => Sanitised::Text { text: text.to_vec(), first, last },
        None => Sanitised::Text { text: value.to_vec(), first: 0, last: 0 },
    });
}
