//! `urlDecodeUni`: `%XX`, `+`, and IIS's `%uXXXX`, which becomes the byte that the Unicode map names or else the low
//! byte of the code point. Source: `url_decode_uni.cc`.

use super::UnicodeMap;
use super::hex;
use super::scan::keep_if_changed;
use super::url_decode::add_without_plus;

pub(super) fn apply(input: &[u8], map: UnicodeMap, out: &mut Vec<u8>) -> bool {
    if crate::find::either(b'%', b'+', input).is_none() {
        return false;
    }
    let start = out.len();
    let mut rest = input;
    while let Some(next) = crate::find::byte(b'%', rest) {
        let (plain, escape) = rest.split_at_checked(next).unwrap_or((rest, &[]));
        add_without_plus(plain, out);
        rest = match escape {
            [b'%', u @ (b'u' | b'U'), tail @ ..] => match unicode(tail, map) {
                Some((byte, tail)) => {
                    out.push(byte);
                    tail
                }
                None => {
                    out.extend_from_slice(&[b'%', *u]);
                    tail
                }
            },
            [b'%', high, low, tail @ ..] if hex::pair(*high, *low).is_some() => {
                out.extend(hex::pair(*high, *low));
                tail
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
            [] => &[],
        };
    }
    add_without_plus(rest, out);
    keep_if_changed(input, out, start)
}

fn unicode(input: &[u8], map: UnicodeMap) -> Option<(u8, &[u8])> {
    let [a, b, c, d, tail @ ..] = input else { return None };
    let (high, low) = (hex::pair(*a, *b)?, hex::pair(*c, *d)?);
    let byte = map.lookup(u16::from_be_bytes([high, low])).unwrap_or_else(|| hex::narrow(high, low));
    Some((byte, tail))
}
