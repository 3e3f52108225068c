//! `@beginsWith`. Source: `begins_with.cc`.

use super::Place;

pub(super) fn matches(argument: &[u8], input: &[u8]) -> bool {
    input.starts_with(argument)
}

pub(super) fn place(argument: &[u8], _: &[u8]) -> Option<Place> {
    Some((0, argument.len()))
}
