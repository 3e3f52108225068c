//! `@validateUtf8Encoding`: matches if the input is not valid UTF-8 as RFC 3629 defines it: no overlong forms, no
//! surrogates, nothing above U+10FFFF. Source: `validate_utf8_encoding.cc`.

pub(super) fn matches(input: &[u8]) -> bool {
    str::from_utf8(input).is_err()
}
