//! `@strmatch`: the same as `@contains`. Source: `str_match.cc`.

pub(super) use super::contains::matches;
