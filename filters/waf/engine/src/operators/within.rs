//! `@within`: the input occurs in the argument; an empty input always does. Source: `within.cc`.

pub(super) fn matches(argument: &[u8], input: &[u8]) -> bool {
    memchr::memmem::find(argument, input).is_some()
}
