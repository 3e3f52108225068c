//! `@validateUrlEncoding`: matches if a `%` is not followed by two hexadecimal digits.
//! Source: `validate_url_encoding.cc`.

pub(super) fn matches(input: &[u8]) -> bool {
    memchr::memchr_iter(b'%', input).any(|percent| {
        let digits = input.get(percent + 1..percent + 3);
        !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}
