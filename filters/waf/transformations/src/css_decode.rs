//! `cssDecode`: CSS 2 escapes, of which only the low byte is kept. Source: `css_decode.cc`.

use super::hex;
use super::scan::is_space;

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(first) = crate::find::byte(b'\\', input) else { return false };
    let (plain, mut rest) = input.split_at_checked(first).unwrap_or((input, &[]));
    out.extend_from_slice(plain);
    loop {
        rest = match rest {
            [] => return true,
            // A backslash at the end continues into nothing; before a line end it joins the lines.
            [b'\\'] => return true,
            [b'\\', b'\n', tail @ ..] => tail,
            [b'\\', tail @ ..] => match escape(tail) {
                Some((byte, tail)) => {
                    out.push(byte);
                    tail
                }
                None => tail,
            },
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
}

/// Decodes what follows a backslash: one to six hexadecimal digits and one white space, or any character as it is.
fn escape(input: &[u8]) -> Option<(u8, &[u8])> {
    let count = input.iter().take(6).take_while(|&&byte| hex::digit(byte).is_some()).count();
    let (digits, tail) = input.split_at_checked(count)?;
    let byte = match digits {
        [] => return tail.split_first().map(|(&byte, tail)| (byte, tail)),
        [low] => hex::digit(*low)?,
        [.., high, low] => {
            let byte = hex::pair(*high, *low)?;
            // Four digits, or longer ones with leading zeros, may name a full-width form.
            match digits {
                [a, b, _, _] | [b'0', a, b, _, _] | [b'0', b'0', a, b, _, _] => {
                    hex::narrow(hex::pair(*a, *b)?, byte)
                }
                _ => byte,
            }
        }
    };
    match tail {
        [space, tail @ ..] if is_space(*space) => Some((byte, tail)),
        _ => Some((byte, tail)),
    }
}
