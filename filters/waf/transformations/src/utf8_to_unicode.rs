//! `utf8toUnicode`: UTF-8 sequences become `%uXXXX` with at least four lower-case digits.
//!
//! Invalid UTF-8 is treated as ModSecurity treats it: a first byte without its continuation is dropped, a stray
//! continuation byte stays, an overlong form or a surrogate is followed by its first byte. NUL bytes are dropped.
//! Source: `utf8_to_unicode.cc`.

use std::io::Write;

use super::scan::any;

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    if !any(input, |byte| byte >= 0x80 || byte == 0) {
        return false;
    }
    let start = out.len();
    let mut rest = input;
    loop {
        rest = match rest {
            [] => break,
            [0, tail @ ..] => tail,
            [byte @ (0x01..=0xbf | 0xf8..), tail @ ..] => {
                out.push(*byte);
                tail
            }
            [first @ 0xc0..=0xdf, a, tail @ ..] if is_continuation(*a) => {
                push(out, *first, code(u32::from(first & 0x1f), &[*a]), 0x80);
                tail
            }
            [first @ 0xe0..=0xef, a, b, tail @ ..] if is_continuation(*a) && is_continuation(*b) => {
                push(out, *first, code(u32::from(first & 0x0f), &[*a, *b]), 0x800);
                tail
            }
            [first @ 0xf0..=0xf7, a, b, c, tail @ ..]
                if is_continuation(*a) && is_continuation(*b) && is_continuation(*c) =>
            {
                if *first >= 0xf5 {
                    out.push(*first);
                }
                push(out, *first, code(u32::from(first & 0x07), &[*a, *b, *c]), 0x1_0000);
                tail
            }
            [first @ 0xf5..=0xf7, tail @ ..] => {
                out.push(*first);
                tail
            }
            [_, tail @ ..] => tail,
        };
    }
    super::scan::keep_if_changed(input, out, start)
}

fn push(out: &mut Vec<u8>, first: u8, code: u32, least: u32) {
    // Writing to a vector can't fail.
    let _ = write!(out, "%u{code:04x}");
    if (0xd800..=0xdfff).contains(&code) {
        out.push(first);
    }
    if code < least {
        out.push(first);
    }
}

fn code(bits: u32, continuation: &[u8]) -> u32 {
    continuation.iter().fold(bits, |code, byte| code << 6 | u32::from(byte & 0x3f))
}

const fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}
