//! `jsDecode`: JavaScript escapes, of which only the low byte is kept. Source: `js_decode.cc`.

use super::escape_seq_decode::control;
use super::hex;
use super::scan::keep_if_changed;

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(first) = crate::find::byte(b'\\', input) else { return false };
    let start = out.len();
    let (plain, mut rest) = input.split_at_checked(first).unwrap_or((input, &[]));
    out.extend_from_slice(plain);
    loop {
        rest = match rest {
            [] => break,
            [b'\\', tail @ ..] => match escape(tail) {
                Some((byte, tail)) => {
                    out.push(byte);
                    tail
                }
                None => {
                    out.push(b'\\');
                    tail
                }
            },
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
    keep_if_changed(input, out, start)
}

fn escape(input: &[u8]) -> Option<(u8, &[u8])> {
    match input {
        [b'u', a, b, c, d, tail @ ..]
            if let (Some(high), Some(low)) = (hex::pair(*a, *b), hex::pair(*c, *d)) =>
        {
            Some((hex::narrow(high, low), tail))
        }
        [b'x', high, low, tail @ ..] if let Some(byte) = hex::pair(*high, *low) => Some((byte, tail)),
        [b'0'..=b'7', ..] => {
            let (value, count) = hex::octal(input);
            // Three digits that would not fit in a byte count as two.
            let (value, count) = if value > 0xff { (value >> 3, 2) } else { (value, count) };
            let [_, low] = value.to_be_bytes();
            Some((low, input.get(count..).unwrap_or_default()))
        }
        [letter, tail @ ..] => Some((control(*letter), tail)),
        [] => None,
    }
}
