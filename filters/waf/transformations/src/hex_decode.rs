//! `hexDecode`: each two characters become a byte, whether they are digits or not; an odd last one is dropped.
//! Source: `hex_decode.cc`, `x2c`.

use super::scan::keep_if_changed;

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let (pairs, _odd) = input.as_chunks::<2>();
    out.extend(pairs.iter().map(|&[high, low]| x2c(high).wrapping_mul(16).wrapping_add(x2c(low))));
    keep_if_changed(input, out, start)
}

/// ModSecurity's unchecked digit: what it makes of other characters is kept, since rules see its result.
const fn x2c(byte: u8) -> u8 {
    if byte >= b'A' { (byte & 0xdf).wrapping_sub(b'A').wrapping_add(10) } else { byte.wrapping_sub(b'0') }
}
