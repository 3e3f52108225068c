//! What a byte means to the SQL tokenizer, as one table.
//!
//! libinjection asks with `strchr`, for which NUL, the end of every C string, is in every set: hence the NULs
//! in the sets below.

/// Ends a word (`parse_word`).
pub(super) const ENDS_WORD: u8 = 1;
/// Ends a variable name (`parse_var`).
pub(super) const ENDS_VARIABLE: u8 = 2;
/// Stands between tokens (`parse_white`).
pub(super) const BLANK: u8 = 4;
/// Ends a word if what stands before it is a keyword.
pub(super) const SPLITS_WORD: u8 = 8;
/// Begins a money amount or a string, though not inside a word.
const DOLLAR: u8 = 16;

const CLASSES: [u8; 256] = classes();

#[inline]
pub(super) fn class(byte: u8) -> u8 {
    CLASSES.get(usize::from(byte)).copied().unwrap_or(0)
}

/// How many leading bytes satisfy `accept`.
#[inline]
pub(super) fn span(bytes: &[u8], mut accept: impl FnMut(u8) -> bool) -> usize {
    bytes.iter().position(|&byte| !accept(byte)).unwrap_or(bytes.len())
}

/// Where `first` stands directly before `second`.
pub(super) fn find_pair(bytes: &[u8], first: u8, second: u8) -> Option<usize> {
    memchr::memchr_iter(first, bytes).find(|at| bytes.get(at + 1) == Some(&second))
}

/// The white space that makes `--` a comment in every dialect (`char_is_white`).
pub(super) fn is_white(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ' | 0 | 0xA0)
}

pub(super) fn is_hex_digit(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || byte == 0
}

pub(super) fn is_binary_digit(byte: u8) -> bool {
    matches!(byte, b'0' | b'1' | 0)
}

pub(super) fn is_money_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'.' | b',' | 0)
}

pub(super) fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == 0
}

/// Whether the input is so plainly one word or number that no context makes an attack of it.
///
/// Without quotes, operators, blanks, dots and dollars, it is a word, a number, or a number and a word; the only
/// listed fingerprint of those is `1U`, which is an attack only if it was folded from more than two tokens. A
/// literal such as `0b1` can have another number directly after it, so it takes the long way.
pub(super) fn is_one_word(input: &[u8]) -> bool {
    !matches!(input, [b'0', b'b' | b'B', ..]) && input.iter().all(|&byte| is_plain(byte))
}

/// Whether the byte can't end or split a word.
pub(super) fn is_plain(byte: u8) -> bool {
    class(byte) & (ENDS_WORD | BLANK | SPLITS_WORD | DOLLAR) == 0
}

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, for which a bad index is an error")]
const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    mark(&mut classes, b" []{}<>:\\?=@!#~+-*/&|^%(),';\t\n\x0B\x0C\r\"\xA0\0", ENDS_WORD);
    mark(&mut classes, b" <>:\\?=@!#~+-*/&|^%(),';\t\n\x0B\x0C\r'`\"\0", ENDS_VARIABLE);
    mark(&mut classes, b".`", SPLITS_WORD);
    mark(&mut classes, b"$", DOLLAR);
    mark(&mut classes, b"\x7F\xA0", BLANK);
    let mut byte = 0;
    while byte <= b' ' as usize {
        classes[byte] |= BLANK;
        byte += 1;
    }
    classes
}

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, for which a bad index is an error")]
const fn mark(classes: &mut [u8; 256], mut bytes: &[u8], class: u8) {
    while let [byte, rest @ ..] = bytes {
        classes[*byte as usize] |= class;
        bytes = rest;
    }
}
