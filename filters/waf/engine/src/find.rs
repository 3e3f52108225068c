//! Where bytes are in a text. A call of `memchr` is inlined with all that it does, 400 bytes of code for each of some thirty
//! places; what goes through all the places of a byte, and the searches of the scan, still have it so.

/// The first place of `byte`.
#[inline(never)]
pub(crate) fn byte(byte: u8, text: &[u8]) -> Option<usize> {
    memchr::memchr(byte, text)
}

/// The first place of `one` or `other`.
#[inline(never)]
pub(crate) fn either(one: u8, other: u8, text: &[u8]) -> Option<usize> {
    memchr::memchr2(one, other, text)
}
