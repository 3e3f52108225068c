//! `escapeSeqDecode`: ANSI C escapes; a backslash before anything else is dropped. Source: `escape_seq_decode.cc`.

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
            [b'\\', b'x' | b'X', high, low, tail @ ..] if hex::pair(*high, *low).is_some() => {
                out.extend(hex::pair(*high, *low));
                tail
            }
            [b'\\', tail @ ..] if matches!(tail, [b'0'..=b'7', ..]) => {
                let (value, count) = hex::octal(tail);
                let [_, low] = value.to_be_bytes();
                out.push(low);
                tail.get(count..).unwrap_or_default()
            }
            [b'\\', letter, tail @ ..] => {
                out.push(control(*letter));
                tail
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
    keep_if_changed(input, out, start)
}

/// The control character that `\letter` writes, or the letter.
pub(super) const fn control(letter: u8) -> u8 {
    match letter {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0b,
        other => other,
    }
}
