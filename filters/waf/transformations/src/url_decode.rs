//! `urlDecode`: `%XX` and `+`; anything else that starts with `%` stays. Source: `url_decode.cc`,
//! `urldecode_nonstrict_inplace`.

use super::hex;
use super::scan::keep_if_changed;

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    if crate::find::either(b'%', b'+', input).is_none() {
        return false;
    }
    let start = out.len();
    decode(input, out);
    keep_if_changed(input, out, start)
}

/// Appends the decoded `input` and returns how many `%` started no valid escape.
pub fn decode(input: &[u8], out: &mut Vec<u8>) -> usize {
    let mut invalid = 0;
    let mut rest = input;
    while let Some(next) = crate::find::byte(b'%', rest) {
        let (plain, escape) = rest.split_at_checked(next).unwrap_or((rest, &[]));
        add_without_plus(plain, out);
        rest = match escape {
            [b'%', high, low, tail @ ..] if hex::pair(*high, *low).is_some() => {
                out.extend(hex::pair(*high, *low));
                tail
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                invalid += 1;
                tail
            }
            [] => &[],
        };
    }
    add_without_plus(rest, out);
    invalid
}

/// Appends `plain`, in which each `+` is a space.
pub(super) fn add_without_plus(plain: &[u8], out: &mut Vec<u8>) {
    match crate::find::byte(b'+', plain) {
        Some(_) => out.extend(plain.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte })),
        None => out.extend_from_slice(plain),
    }
}
