//! `application/x-www-form-urlencoded` bodies and query strings.
//!
//! Source: ModSecurity v3, `Transaction::extractArguments`.

use super::{ArgumentSink, BodyError, Budget, Limits};
use crate::transformations::url_decode;

/// Hands each `name=value` to `sink`, percent-decoded, and returns how many `%` started no valid escape, which is what
/// sets `URLENCODED_ERROR`. Names and values are decoded in `scratch`, which keeps its memory between calls.
///
/// As in ModSecurity an empty pair (`a&&b`) is an argument without a name; a trailing separator adds none.
///
/// # Errors
///
/// A limit is exceeded, or the sink stopped the parser.
pub fn parse(
    input: &[u8],
    separator: u8,
    limits: &Limits,
    scratch: &mut Vec<u8>,
    sink: &mut (impl ArgumentSink + ?Sized),
) -> Result<usize, BodyError> {
    let mut budget = Budget::new(limits, input.len());
    let mut invalid = 0;
    for pair in pairs(input, separator) {
        let (name, value) = split(pair);
        if crate::find::either(b'%', b'+', pair).is_none() {
            budget.argument(sink, name, value)?;
            continue;
        }
        scratch.clear();
        invalid += url_decode(name, scratch);
        let name_length = scratch.len();
        invalid += url_decode(value, scratch);
        let (name, value) = scratch.split_at_checked(name_length).unwrap_or_default();
        budget.argument(sink, name, value)?;
    }
    Ok(invalid)
}

/// The names and values that [`parse`] finds, not decoded.
pub fn raw(input: &[u8], separator: u8) -> impl Iterator<Item = (&[u8], &[u8])> {
    pairs(input, separator).map(split)
}

#[inline]
fn pairs(input: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let input = input.strip_suffix(&[separator]).unwrap_or(input);
    let mut rest = Some(input).filter(|input| !input.is_empty());
    std::iter::from_fn(move || {
        let input = rest?;
        match crate::find::byte(separator, input).and_then(|at| input.split_at_checked(at)) {
            Some((pair, tail)) => {
                rest = tail.get(1..);
                Some(pair)
            }
            None => rest.take(),
        }
    })
}

#[inline]
fn split(pair: &[u8]) -> (&[u8], &[u8]) {
    match crate::find::byte(b'=', pair).and_then(|at| pair.split_at_checked(at)) {
        Some((name, value)) => (name, value.get(1..).unwrap_or_default()),
        None => (pair, &[]),
    }
}
