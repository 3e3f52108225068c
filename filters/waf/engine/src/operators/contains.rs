//! `@contains`. Source: `contains.cc`.

use super::Place;

pub(super) fn matches(argument: &[u8], input: &[u8]) -> bool {
    memchr::memmem::find(input, argument).is_some()
}

pub(super) fn place(argument: &[u8], input: &[u8]) -> Option<Place> {
    Some((memchr::memmem::find(input, argument)?, argument.len()))
}
