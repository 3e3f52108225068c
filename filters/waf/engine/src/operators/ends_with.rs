//! `@endsWith`. Source: `ends_with.cc`.

use super::Place;

pub(super) fn matches(argument: &[u8], input: &[u8]) -> bool {
    input.ends_with(argument)
}

pub(super) fn place(argument: &[u8], input: &[u8]) -> Option<Place> {
    Some((input.len().checked_sub(argument.len())?, argument.len()))
}
