//! Where bytes are in a text, and which are white space. A call of `memchr` is inlined with all that it does, 400 bytes of code for each of some thirty
//! places; what goes through all the places of a byte, and the searches of the scan, still have it so.

/// The first place of `byte`.
#[inline(never)]
#[must_use]
pub fn byte(byte: u8, text: &[u8]) -> Option<usize> {
    memchr::memchr(byte, text)
}

/// The first place of `one` or `other`.
#[inline(never)]
#[must_use]
pub fn either(one: u8, other: u8, text: &[u8]) -> Option<usize> {
    memchr::memchr2(one, other, text)
}

/// C's `isspace` in the "C" locale: space, `\t`, `\n`, vertical tab, form feed, `\r`.
#[inline]
#[must_use]
pub const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}
