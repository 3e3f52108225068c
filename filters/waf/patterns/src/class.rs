//! Bracketed classes, class shorthands and the escapes that write one byte.
//!
//! Source: `pcrepattern(3)`, with PCRE's default tables: everything beyond ASCII is no letter, no digit, no space.

use crate::byte_set::ByteSet;
use crate::error::PatternErrorKind;
use crate::parse::{Parsed, Parser};

/// Parses a class after its opening bracket.
pub(crate) fn parse(parser: &mut Parser<'_>, ignore_case: bool) -> Parsed<ByteSet> {
    let negated = parser.take(b"^");
    let mut set = ByteSet::EMPTY;
    let mut first = true;
    let mut quoted = false;
    loop {
        if parser.take(b"\\E") {
            quoted = false;
            continue;
        }
        if !quoted && parser.take(b"\\Q") {
            quoted = true;
            continue;
        }
        if !quoted && !first && parser.take(b"]") {
            break;
        }
        first = false;
        match item(parser, quoted)? {
            Item::Set(more) => set = set.union(more),
            Item::Byte(start) => {
                // A hyphen makes a range unless it is the last byte of the class or a shorthand follows.
                let end = match parser.rest() {
                    _ if quoted => None,
                    [b'-', b']', ..] | [b'-'] => None,
                    [b'-', ..] => {
                        parser.skip(1);
                        Some(item(parser, false)?)
                    }
                    _ => None,
                };
                match end {
                    None => set.insert(start),
                    Some(Item::Byte(end)) if end < start => {
                        return Err(parser.error(PatternErrorKind::RangeOrder));
                    }
                    Some(Item::Byte(end)) => set = set.union(ByteSet::range(start, end)),
                    Some(Item::Set(more)) => {
                        set = set.union(more).union(ByteSet::of(&[start, b'-']));
                    }
                }
            }
        }
    }
    let set = if ignore_case { set.fold_case() } else { set };
    Ok(if negated { set.complement() } else { set })
}

/// What `\letter` stands for, where it stands for several bytes.
pub(crate) fn shorthand(letter: u8) -> Option<ByteSet> {
    let set = match letter.to_ascii_lowercase() {
        b'd' => ByteSet::range(b'0', b'9'),
        b's' => space(),
        b'w' => word(),
        b'h' => ByteSet::of(b"\t \xa0"),
        b'v' => vertical(),
        b'n' if letter == b'N' => return Some(not_newline()),
        _ => return None,
    };
    Some(if letter.is_ascii_uppercase() { set.complement() } else { set })
}

/// The byte that an escape writes, from the letter after the backslash on.
pub(crate) fn escape(parser: &mut Parser<'_>) -> Parsed<u8> {
    let Some(letter) = parser.next() else {
        return Err(parser.error(PatternErrorKind::TrailingBackslash));
    };
    Ok(match letter {
        b'a' => 0x07,
        b'e' => 0x1b,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'c' => match parser.next() {
            Some(byte @ 0x20..=0x7e) => byte.to_ascii_uppercase() ^ 0x40,
            _ => return Err(parser.error(PatternErrorKind::BadEscape)),
        },
        b'0' => digits(parser, 8, 2)?,
        b'o' if parser.peek() == Some(b'{') => braced(parser, 8)?,
        b'x' if parser.peek() == Some(b'{') => braced(parser, 16)?,
        b'x' => digits(parser, 16, 2)?,
        // Perl's changes of case and other languages' code points: no library that reads SecLang knows them.
        b'l' | b'L' | b'u' | b'U' => return Err(parser.error(PatternErrorKind::BadEscape)),
        other => other,
    })
}

/// Up to three octal digits; 8 and 9 stand for themselves.
pub(crate) fn octal(parser: &mut Parser<'_>) -> Parsed<u8> {
    match parser.peek() {
        Some(byte @ (b'8' | b'9')) => {
            parser.skip(1);
            Ok(byte)
        }
        _ => digits(parser, 8, 3),
    }
}

enum Item {
    Byte(u8),
    Set(ByteSet),
}

fn item(parser: &mut Parser<'_>, quoted: bool) -> Parsed<Item> {
    if !quoted && let Some(set) = posix(parser)? {
        return Ok(Item::Set(set));
    }
    match parser.next() {
        None => Err(parser.error(PatternErrorKind::UnclosedClass)),
        Some(b'\\') if !quoted => {
            let Some(letter) = parser.peek() else {
                return Err(parser.error(PatternErrorKind::UnclosedClass));
            };
            if let Some(set) = shorthand(letter).filter(|_| letter != b'N') {
                parser.skip(1);
                return Ok(Item::Set(set));
            }
            match letter {
                b'b' => {
                    parser.skip(1);
                    Ok(Item::Byte(0x08))
                }
                b'p' | b'P' => Err(parser.error(PatternErrorKind::Unsupported("\\p"))),
                b'0'..=b'9' => octal(parser).map(Item::Byte),
                _ => escape(parser).map(Item::Byte),
            }
        }
        Some(byte) => Ok(Item::Byte(byte)),
    }
}

/// `[:alpha:]` and its like.
fn posix(parser: &mut Parser<'_>) -> Parsed<Option<ByteSet>> {
    let [b'[', b':', inside @ ..] = parser.rest() else { return Ok(None) };
    let negated = inside.first() == Some(&b'^');
    let start = usize::from(negated);
    let length = inside.iter().skip(start).take_while(|byte| byte.is_ascii_alphabetic()).count();
    let Some(b":]") = inside.get(start + length..start + length + 2) else { return Ok(None) };
    let set: ByteSet = match inside.get(start..start + length).unwrap_or_default() {
        b"alnum" => (0..=0x7f).filter(u8::is_ascii_alphanumeric).collect(),
        b"alpha" => (0..=0x7f).filter(u8::is_ascii_alphabetic).collect(),
        b"ascii" => ByteSet::range(0, 0x7f),
        b"blank" => ByteSet::of(b"\t "),
        b"cntrl" => (0..=0x7f).filter(u8::is_ascii_control).collect(),
        b"digit" => ByteSet::range(b'0', b'9'),
        b"graph" => ByteSet::range(0x21, 0x7e),
        b"lower" => ByteSet::range(b'a', b'z'),
        b"print" => ByteSet::range(0x20, 0x7e),
        b"punct" => (0..=0x7f).filter(u8::is_ascii_punctuation).collect(),
        b"space" => space(),
        b"upper" => ByteSet::range(b'A', b'Z'),
        b"word" => word(),
        b"xdigit" => (0..=0x7f).filter(u8::is_ascii_hexdigit).collect(),
        _ => return Err(parser.error(PatternErrorKind::UnknownPosixClass)),
    };
    parser.skip(start + length + 4);
    Ok(Some(if negated { set.complement() } else { set }))
}

/// At most `most` digits; none write NUL.
fn digits(parser: &mut Parser<'_>, radix: u32, most: usize) -> Parsed<u8> {
    let length =
        parser.rest().iter().take(most).take_while(|&&byte| char::from(byte).is_digit(radix)).count();
    let value = number(parser.rest().get(..length).unwrap_or_default(), radix);
    parser.skip(length);
    value.ok_or_else(|| parser.error(PatternErrorKind::BadEscape))
}

/// `{1f}`, with the parser at the opening brace.
fn braced(parser: &mut Parser<'_>, radix: u32) -> Parsed<u8> {
    let inside = parser.rest().get(1..).unwrap_or_default();
    let length = memchr::memchr(b'}', inside).filter(|&length| length > 0);
    let value = length.and_then(|length| number(inside.get(..length)?, radix));
    parser.skip(length.unwrap_or(0) + 2);
    value.ok_or_else(|| parser.error(PatternErrorKind::BadEscape))
}

fn number(digits: &[u8], radix: u32) -> Option<u8> {
    let value = digits.iter().try_fold(0_u32, |value, &byte| {
        value.checked_mul(radix)?.checked_add(char::from(byte).to_digit(radix)?)
    });
    value.and_then(|value| u8::try_from(value).ok())
}

pub(crate) fn not_newline() -> ByteSet {
    ByteSet::of(b"\n").complement()
}

/// `\v`, and what `\R` matches besides CRLF.
pub(crate) fn vertical() -> ByteSet {
    ByteSet::of(b"\n\x0b\x0c\r\x85")
}

/// The bytes that `\b` and `\w` take for parts of a word.
pub(crate) fn word() -> ByteSet {
    (0..=0x7f).filter(|&byte: &u8| is_word(byte)).collect()
}

/// Whether `\w` matches the byte.
#[inline]
#[must_use]
pub const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn space() -> ByteSet {
    ByteSet::of(b" \t\n\x0b\x0c\r")
}
