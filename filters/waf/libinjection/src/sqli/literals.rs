//! Strings, numbers and variables (`parse_string`, `parse_number`, `parse_money`, `parse_var` and their kin).

use memchr::{memchr, memchr_iter};

use super::bytes::{
    ENDS_VARIABLE, class, find_pair, is_binary_digit, is_hex_digit, is_letter, is_money_digit,
};
use super::bytes::{is_white, span};
use super::keywords;
use super::token::Kind;
use super::tokenizer::{Marks, Scan, word};

/// A string that begins after `prefix` bytes, the last of which is its quote; without any, the input began
/// inside the string.
pub(super) fn string(rest: &[u8], prefix: usize, quote: u8) -> Scan {
    let body = rest.get(prefix..).unwrap_or_default();
    let open = if prefix > 0 { quote } else { 0 };
    delimited(rest, body, closing_quote(body, quote), 1, open, quote)
}

/// PostgreSQL's `E'…'`, MySQL's `N'…'`.
pub(super) fn escape_string(rest: &[u8]) -> Scan {
    match rest {
        [_, b'\'', _, ..] => string(rest, 2, b'\''),
        _ => word(rest),
    }
}

/// `U&'…'`.
pub(super) fn unicode_string(rest: &[u8]) -> Scan {
    let Some(quoted @ [b'\'', ..]) = rest.strip_prefix(b"U&").or_else(|| rest.strip_prefix(b"u&")) else {
        return word(rest);
    };
    let scan = string(quoted, 1, b'\'');
    let close = if scan.marks.close() == 0 { 0 } else { b'u' };
    Scan { marks: Marks::new(b'u', close, 0), ..scan.after(2) }
}

/// `N'…'`, or Oracle's `NQ'[…]'`.
pub(super) fn national_string(rest: &[u8]) -> Scan {
    match rest {
        [_, b'\'', _, ..] => string(rest, 2, b'\''),
        _ => q_string(rest, 1),
    }
}

/// Oracle's `q'[…]'`, whose `q` stands after `prefix` bytes.
pub(super) fn q_string(rest: &[u8], prefix: usize) -> Scan {
    let Some([b'q' | b'Q', b'\'', delimiter, body @ ..]) = rest.get(prefix..) else { return word(rest) };
    let close = match delimiter {
        b'(' => b')',
        b'[' => b']',
        b'{' => b'}',
        b'<' => b'>',
        // What is above 127 is below 33 as a signed char.
        0..=32 | 128.. => return word(rest),
        other => *other,
    };
    delimited(rest, body, find_pair(body, close, b'\''), 2, b'q', b'q')
}

/// `b'01'` and `x'0F'`, and how many bytes were looked at.
pub(super) fn quoted_number(rest: &[u8], is_digit: fn(u8) -> bool) -> (Scan, usize) {
    let [_, b'\'', body @ ..] = rest else { return (word(rest), 0) };
    let digits = span(body, is_digit);
    let scan = match body.get(digits) {
        Some(b'\'') => Scan::new(Kind::Number, digits + 3),
        _ => word(rest),
    };
    (scan, digits + 3)
}

/// MySQL's backticks quote a name, which may be a function's.
pub(super) fn tick(rest: &[u8]) -> Scan {
    let scan = string(rest, 1, b'`');
    let name = rest.get(1..1 + usize::from(scan.text_length)).unwrap_or_default();
    let is_function = keywords::lookup(name) == Some(Kind::Function);
    Scan { kind: if is_function { Kind::Function } else { Kind::Bareword }, ..scan }
}

/// `@name`, `@@name`, and either with the name in quotes.
pub(super) fn variable(rest: &[u8]) -> Scan {
    let sigils = if matches!(rest, [_, b'@', ..]) { 2 } else { 1 };
    let name = rest.get(usize::from(sigils)..).unwrap_or_default();
    let scan = match name.first() {
        Some(b'`') => tick(name),
        Some(quote @ (b'\'' | b'"')) => string(name, 1, *quote),
        _ => Scan::new(Kind::Variable, span(name, |byte| class(byte) & ENDS_VARIABLE == 0)),
    };
    let marks = Marks::new(scan.marks.open(), scan.marks.close(), sigils);
    Scan { kind: Kind::Variable, marks, ..scan.after(usize::from(sigils)) }
}

/// An amount of money, PostgreSQL's `$$…$$` and `$tag$…$tag$`, or just a dollar sign; and how many bytes were looked at.
pub(super) fn money(rest: &[u8]) -> (Scan, usize) {
    let after = rest.get(1..).unwrap_or_default();
    let digits = span(after, is_money_digit);
    match (digits, after) {
        (0, [b'$', body @ ..]) => (delimited(rest, body, find_pair(body, b'$', b'$'), 2, b'$', b'$'), 0),
        (0, _) => {
            let tag_length = span(after, is_letter) + 2;
            (tagged_string(rest, tag_length), tag_length)
        }
        (1, [b'.', ..]) => (word(rest), 0),
        _ => (Scan::new(Kind::Number, digits + 1), 0),
    }
}

fn tagged_string(rest: &[u8], tag_length: usize) -> Scan {
    match rest.split_at_checked(tag_length) {
        Some((tag @ [_, _, .., b'$'], body)) => {
            let end =
                memchr_iter(b'$', body).find(|at| body.get(*at..).is_some_and(|at| at.starts_with(tag)));
            delimited(rest, body, end, tag_length, b'$', b'$')
        }
        _ => Scan::new(Kind::Bareword, 1),
    }
}

pub(super) fn number(rest: &[u8]) -> Scan {
    match rest {
        [b'0', b'x' | b'X', digits @ ..] => return radix_number(span(digits, is_hex_digit)),
        [b'0', b'b' | b'B', digits @ ..] => return radix_number(span(digits, is_binary_digit)),
        _ => {}
    }
    let digits_from = |at: usize| span(rest.get(at..).unwrap_or_default(), |byte| byte.is_ascii_digit());
    let mut length = digits_from(0);
    if rest.get(length) == Some(&b'.') {
        length += 1;
        length += digits_from(length);
        if length == 1 {
            return Scan::new(Kind::Dot, 1);
        }
    }
    let mut exponent_lacks_digits = false;
    if let Some(b'e' | b'E') = rest.get(length) {
        length += 1;
        length += usize::from(matches!(rest.get(length), Some(b'+' | b'-')));
        let digits = digits_from(length);
        exponent_lacks_digits = digits == 0;
        length += digits;
    }
    // Oracle's suffix for a double or float. `1fUNION` is `1f UNION`, `1FROM` is `1 FROM`.
    if let Some([b'd' | b'D' | b'f' | b'F', after @ ..]) = rest.get(length..) {
        let ends = match after.first() {
            None | Some(b';' | b'u' | b'U') => true,
            Some(byte) => is_white(*byte),
        };
        length += usize::from(ends);
    }
    Scan::new(if exponent_lacks_digits { Kind::Bareword } else { Kind::Number }, length)
}

fn radix_number(digits: usize) -> Scan {
    let kind = if digits == 0 { Kind::Bareword } else { Kind::Number };
    Scan::new(kind, digits + 2)
}

/// The string whose `body` is the end of `rest`, and whose closing delimiter is `close_length` bytes at `end`.
fn delimited(rest: &[u8], body: &[u8], end: Option<usize>, close_length: usize, open: u8, close: u8) -> Scan {
    let start = rest.len() - body.len();
    match end {
        Some(end) => Scan {
            marks: Marks::new(open, close, 0),
            ..Scan::within(Kind::String, start, end, start + end + close_length)
        },
        None => Scan {
            marks: Marks::new(open, 0, 0),
            ..Scan::within(Kind::String, start, body.len(), rest.len())
        },
    }
}

/// Where the quote stands that neither a backslash nor its own doubling escapes.
fn closing_quote(body: &[u8], quote: u8) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr(quote, body.get(from..)?)?;
        let backslashes = body.get(..at)?.iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 1 {
            from = at + 1;
        } else if body.get(at + 1) == Some(&quote) {
            from = at + 2;
        } else {
            return Some(at);
        }
    }
}
