//! `@streq`. Source: `str_eq.cc`.

pub(super) fn matches(argument: &[u8], input: &[u8]) -> bool {
    input == argument
}
