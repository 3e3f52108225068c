//! `@endsWith`. Source: `ends_with.cc`.

pub(super) fn matches(argument: &[u8], input: &[u8]) -> bool {
    input.ends_with(argument)
}
