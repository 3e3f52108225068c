//! `@validateUrlEncoding`: matches if a `%` is not followed by two hexadecimal digits.
//! Source: `validate_url_encoding.cc`.

use super::Place;

/// The offset of the wrong escape, with the length of the whole input.
pub(super) fn place(input: &[u8]) -> Option<Place> {
    let wrong = memchr::memchr_iter(b'%', input).find(|percent| {
        let digits = input.get(*percent + 1..*percent + 3);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    Some((wrong?, input.len()))
}
