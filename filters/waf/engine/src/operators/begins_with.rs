//! `@beginsWith`. Source: `begins_with.cc`.

pub(super) fn matches(argument: &[u8], input: &[u8]) -> bool {
    input.starts_with(argument)
}
