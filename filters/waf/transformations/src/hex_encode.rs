//! `hexEncode`: two lower-case digits for each byte. Source: `hex_encode.cc`.

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    out.extend(input.iter().flat_map(|&byte| encode(byte)));
    !input.is_empty()
}

/// The two lower-case digits of `byte`.
pub(super) const fn encode(byte: u8) -> [u8; 2] {
    const fn digit(value: u8) -> u8 {
        if value < 10 { b'0' + value } else { b'a' + value - 10 }
    }
    [digit(byte >> 4), digit(byte & 15)]
}
