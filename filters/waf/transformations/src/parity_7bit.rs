//! `parityEven7bit`, `parityOdd7bit`, `parityZero7bit`. Source: the files of the same names.

use super::scan::map_bytes;

pub(super) fn even(input: &[u8], out: &mut Vec<u8>) -> bool {
    map_bytes(input, out, |byte| with_top_bit(byte, byte.count_ones() % 2 == 1))
}

pub(super) fn odd(input: &[u8], out: &mut Vec<u8>) -> bool {
    map_bytes(input, out, |byte| with_top_bit(byte, byte.count_ones() % 2 == 0))
}

pub(super) fn zero(input: &[u8], out: &mut Vec<u8>) -> bool {
    map_bytes(input, out, |byte| with_top_bit(byte, false))
}

/// The count is over all eight bits, top bit included, as ModSecurity's table has it.
const fn with_top_bit(byte: u8, set: bool) -> u8 {
    if set { byte | 0x80 } else { byte & 0x7f }
}
