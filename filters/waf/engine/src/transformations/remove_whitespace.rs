//! `removeWhitespace`: white space and 0xA0, the no-break space of Latin-1. Source: `remove_whitespace.cc`.

use super::scan::is_space;

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    super::scan::retain_bytes(input, out, |byte| !is_space(byte) && byte != 0xa0)
}
