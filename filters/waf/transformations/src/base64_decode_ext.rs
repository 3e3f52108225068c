//! `base64DecodeExt`: Base64 with everything outside the alphabet skipped, `-` and `_` included in it.
//!
//! A `=` that stands where no byte can end, and is not followed by another one, empties the value.
//! Source: `base64_decode_ext.cc`, `Base64::decode_forgiven_engine`.

use super::scan::keep_if_changed;

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    if input.is_empty() {
        return false;
    }
    let start = out.len();
    let (mut pending, mut position) = (0_u8, 0_u8);
    let mut rest = input;
    let mut ends_with_padding = false;
    while let [byte, tail @ ..] = rest {
        rest = tail;
        ends_with_padding = *byte == b'=';
        if ends_with_padding && position == 1 && tail.first() != Some(&b'=') {
            out.truncate(start);
            return true;
        }
        let Some(bits) = value(*byte) else { continue };
        match position {
            0 => pending = bits << 2,
            1 => {
                out.push(pending | bits >> 4);
                pending = bits << 4;
            }
            2 => {
                out.push(pending | bits >> 2);
                pending = bits << 6;
            }
            _ => out.push(pending | bits),
        }
        position = (position + 1) % 4;
    }
    if ends_with_padding && position == 1 {
        out.truncate(start);
    }
    keep_if_changed(input, out, start)
}

const fn value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}
