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
    let start = out.len();
    out.extend_from_slice(plain);
    if crate::find::byte(b'+', plain).is_some()
        && let Some(copy) = out.get_mut(start..)
    {
        let (eights, rest) = copy.as_chunks_mut();
        eights.iter_mut().for_each(|eight| *eight = without_plus(*eight));
        rest.iter_mut().filter(|byte| **byte == b'+').for_each(|byte| *byte = b' ');
    }
}

/// Eight bytes at once: the compiler makes no SIMD of a loop in the module.
fn without_plus(eight: [u8; 8]) -> [u8; 8] {
    const LOW: u64 = u64::from_ne_bytes([0x7f; 8]);
    let bytes = u64::from_ne_bytes(eight);
    let other = bytes ^ u64::from_ne_bytes([b'+'; 8]);
    // The highest bit of each byte that is none of them.
    let others = ((other & LOW) + LOW) | other;
    let plus = !others >> 7 & u64::from_ne_bytes([1; 8]);
    (bytes ^ (plus * u64::from(b'+' ^ b' '))).to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plus_is_a_space_wherever_it_stands() {
        for length in 0..40 {
            let all: Vec<u8> = (0..=255_u8).cycle().skip(length * 7).take(length).collect();
            for first in 0..=length {
                let mut plain = all.clone();
                plain.iter_mut().skip(first).step_by(3).for_each(|byte| *byte = b'+');
                let wanted: Vec<u8> =
                    plain.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
                let mut out = b"+".to_vec();
                add_without_plus(&plain, &mut out);
                assert_eq!(out, [b"+", wanted.as_slice()].concat());
            }
        }
        // Of neighbours in one word none is taken for another.
        for byte in 0..=255 {
            assert_eq!(without_plus([b'+', byte, byte ^ 1, b'+', byte ^ 0x80, 0, byte, 255])[0], b' ');
            let eight = [byte, b'*', b',', byte ^ 0x80, 0xab, 0xaa, 0xac, b'k'];
            let wanted = eight.map(|byte| if byte == b'+' { b' ' } else { byte });
            assert_eq!(without_plus(eight), wanted);
        }
    }
}
