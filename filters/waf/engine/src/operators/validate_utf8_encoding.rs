//! `@validateUtf8Encoding`: matches if the input is not valid UTF-8 as RFC 3629 defines it: no overlong forms, no
//! surrogates, nothing above U+10FFFF. Source: `validate_utf8_encoding.cc`.

use super::Place;

/// The offset of the first wrong byte, with the length of the whole input.
pub(super) fn place(input: &[u8]) -> Option<Place> {
    str::from_utf8(input).err().map(|error| (error.valid_up_to(), input.len()))
}
