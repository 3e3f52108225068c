//! `base64Decode`: Base64 as mbed TLS reads it.
//!
//! Line ends are skipped, and blanks before them; anything else outside the alphabet, or more than two `=`, makes the
//! value invalid, and an invalid value stays as it is. Only what precedes the first NUL is read, and a last group of
//! fewer than four characters is dropped. Source: `base64_decode.cc`, mbed TLS `base64.c`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::scan::keep_if_changed;

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    if input.is_empty() {
        return false;
    }
    let text = crate::find::byte(0, input).and_then(|end| input.get(..end)).unwrap_or(input);
    let start = out.len();
    // Mostly there is nothing to skip.
    let (whole, rest) = text.split_at_checked(text.len() / 4 * 4).unwrap_or((text, b""));
    if rest.iter().all(|byte| value(*byte).is_some()) && STANDARD_NO_PAD.decode_vec(whole, out).is_ok() {
        return keep_if_changed(input, out, start);
    }
    out.truncate(start);
    if !is_valid(text) {
        return false;
    }
    let (mut group, mut digits, mut padding) = (0_u32, 0_u8, 0_u8);
    for &byte in text {
        match (byte, value(byte)) {
            (b'\r' | b'\n' | b' ', _) => continue,
            (_, Some(bits)) => group = group << 6 | u32::from(bits),
            (_, None) => {
                group <<= 6;
                padding += 1;
            }
        }
        digits += 1;
        if digits == 4 {
            let [_, bytes @ ..] = group.to_be_bytes();
            out.extend(bytes.iter().take(3_usize.saturating_sub(usize::from(padding))));
            (group, digits) = (0, 0);
        }
    }
    keep_if_changed(input, out, start)
}

fn is_valid(text: &[u8]) -> bool {
    let mut padding = 0;
    let mut rest = text;
    loop {
        let spaces = rest.iter().take_while(|&&byte| byte == b' ').count();
        let trimmed = rest.get(spaces..).unwrap_or_default();
        rest = match trimmed {
            [] => return true,
            [b'\r', b'\n', tail @ ..] | [b'\n', tail @ ..] => tail,
            _ if spaces > 0 => return false,
            [b'=', tail @ ..] if padding < 2 => {
                padding += 1;
                tail
            }
            [byte, tail @ ..] if padding == 0 && value(*byte).is_some() => tail,
            _ => return false,
        };
    }
}

#[inline]
const fn value(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}
