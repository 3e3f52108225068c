//! `htmlEntityDecode`: numeric entities, of which only the low byte is kept, and the named ones that write ASCII, in
//! any case, with or without the semicolon. Source: `html_entity_decode.cc`.

use super::scan::keep_if_changed;

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    if crate::find::byte(b'&', input).is_none() {
        return false;
    }
    let start = out.len();
    let mut rest = input;
    while let Some(next) = crate::find::byte(b'&', rest) {
        let (plain, entity) = rest.split_at_checked(next).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        rest = match decode(entity.get(1..).unwrap_or_default()) {
            Some((byte, [b';', tail @ ..] | tail)) => {
                out.push(byte);
                tail
            }
            None => {
                out.push(b'&');
                entity.get(1..).unwrap_or_default()
            }
        };
    }
    out.extend_from_slice(rest);
    keep_if_changed(input, out, start)
}

/// Decodes what follows `&`, up to the semicolon.
fn decode(input: &[u8]) -> Option<(u8, &[u8])> {
    match input {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16),
        [b'#', digits @ ..] => number(digits, 10),
        _ => {
            let length = input.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            let (name, tail) = input.split_at_checked(length)?;
            let found = NAMED.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name))?;
            Some((found.1, tail))
        }
    }
}

/// The low byte of a number, saturating at the largest `long` as `strtol` does.
fn number(input: &[u8], radix: u32) -> Option<(u8, &[u8])> {
    let length = input.iter().take_while(|&&byte| char::from(byte).is_digit(radix)).count();
    if length == 0 {
        return None;
    }
    let (digits, tail) = input.split_at_checked(length)?;
    let value = digits.iter().try_fold(0_i64, |value, &byte| {
        value.checked_mul(i64::from(radix))?.checked_add(i64::from(char::from(byte).to_digit(radix)?))
    });
    let [.., low] = value.unwrap_or(i64::MAX).to_be_bytes();
    Some((low, tail))
}

static NAMED: &[(&str, u8)] = &[
    ("amp", b'&'),
    ("apos", b'\''),
    ("ast", b'*'),
    ("bsol", b'\\'),
    ("caret", b'^'),
    ("colon", b':'),
    ("comma", b','),
    ("commat", b'@'),
    ("dollar", b'$'),
    ("equals", b'='),
    ("grave", b'`'),
    ("gt", b'>'),
    ("hyphen", b'-'),
    ("lbrace", b'{'),
    ("lbrack", b'['),
    ("lowbar", b'_'),
    ("lpar", b'('),
    ("lt", b'<'),
    ("nbsp", 0xa0),
    ("num", b'#'),
    ("percnt", b'%'),
    ("period", b'.'),
    ("plus", b'+'),
    ("quest", b'?'),
    ("quot", b'"'),
    ("rbrace", b'}'),
    ("rbrack", b']'),
    ("rpar", b')'),
    ("semi", b';'),
    ("sol", b'/'),
    ("tilde", b'~'),
    ("verbar", b'|'),
];
