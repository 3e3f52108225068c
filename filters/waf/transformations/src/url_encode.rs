//! `urlEncode`: everything but letters, digits and `*`; a space becomes `+`. Source: `url_encode.cc`.

use super::hex_encode::encode;
use super::scan::any;

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    if !any(input, |byte| !is_safe(byte)) {
        return false;
    }
    for &byte in input {
        match byte {
            b' ' => out.push(b'+'),
            _ if is_safe(byte) => out.push(byte),
            _ => {
                out.push(b'%');
                out.extend_from_slice(&encode(byte));
            }
        }
    }
    true
}

const fn is_safe(byte: u8) -> bool {
    byte == b'*' || byte.is_ascii_alphanumeric()
}
