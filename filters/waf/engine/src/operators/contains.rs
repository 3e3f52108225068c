//! `@contains`. Source: `contains.cc`.

pub(super) fn matches(argument: &[u8], input: &[u8]) -> bool {
    memchr::memmem::find(input, argument).is_some()
}
