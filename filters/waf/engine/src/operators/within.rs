//! `@within`: the input occurs in the argument; an empty input always does. Source: `within.cc`.

use super::Place;

pub(super) fn matches(argument: &[u8], input: &[u8]) -> bool {
    memchr::memmem::find(argument, input).is_some()
}

/// Within the argument.
pub(super) fn place(argument: &[u8], input: &[u8]) -> Option<Place> {
    let at = memchr::memmem::find(argument, input)?;
    (!input.is_empty()).then_some((at, input.len()))
}
