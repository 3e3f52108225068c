//! What the bytes of a value tell about transformations: each leaves a value as it is that lacks the classes of bytes and pairs which it acts on.

use portcullis_collections::find::is_space;

/// Set in every summary, and the trigger of a transformation that may change any value.
pub const ALWAYS: u32 = 1;
/// An upper-case letter.
pub const UPPER: u32 = 1 << 1;
/// A lower-case letter.
pub const LOWER: u32 = 1 << 2;
/// `%`
pub const PERCENT: u32 = 1 << 3;
/// `+`
pub const PLUS: u32 = 1 << 4;
/// `&`
pub const AMPERSAND: u32 = 1 << 5;
/// `\`
pub const BACKSLASH: u32 = 1 << 6;
/// A zero byte.
pub const NUL: u32 = 1 << 7;
/// Space, `\t`, `\n`, `\v`, `\f`, `\r`, and 0xa0, which ModSecurity takes for white space.
pub const BLANK: u32 = 1 << 8;
/// `#`
pub const HASH: u32 = 1 << 12;
/// 0x80 and above.
pub const HIGH: u32 = 1 << 14;
/// `"`, `'`, `^`, `,`, `;`
pub const COMMAND: u32 = 1 << 15;
/// `\n`
pub const NEWLINE: u32 = 1 << 17;
/// White space other than a space.
pub const ODD_BLANK: u32 = 1 << 18;
/// Two bytes of white space together.
pub const BLANKS: u32 = 1 << 19;
/// White space before `/` or `(`.
pub const BLANK_BEFORE: u32 = 1 << 20;
/// `/*`
pub const COMMENT: u32 = 1 << 21;
/// `*/`
pub const COMMENT_END: u32 = 1 << 22;
/// `--`
pub const DASHES: u32 = 1 << 23;
/// `//` or `./`
pub const PATH: u32 = 1 << 24;
/// `0x`
pub const HEX: u32 = 1 << 25;
/// `.` at the end.
pub const DOT_END: u32 = 1 << 26;
/// What no Base64 holds, except after a NUL.
pub const NOT_BASE64: u32 = 1 << 27;
/// Nothing of that kind, or a NUL.
pub const BASE64: u32 = 1 << 28;
/// White space at one of the ends.
pub const BLANK_END: u32 = 1 << 29;

/// Those of pairs are the seven bits from here on.
const PAIRS_FROM: u32 = 19;
/// All pairs.
pub const ALL_PAIRS: u32 = 0x7f << PAIRS_FROM;
const _: () = assert!(BLANKS == 1 << PAIRS_FROM && HEX == BLANKS << 6);

/// What a byte tells of the values that it stands in, as bits of a summary.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Triggers {
    pub(crate) alone: u32,
    /// The pairs that it is the first byte of, and those that it is the second of.
    pub(crate) first: u32,
    pub(crate) second: u32,
}

/// For each byte the pairs that it is the first of, and those that it is the second of; see [`of_pairs`].
pub(crate) static PAIRS: [[u8; 2]; 256] = {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    #[expect(clippy::indexing_slicing, reason = "when it is compiled")]
    while byte < 256 {
        let Triggers { first, second, .. } = Triggers::of(byte as u8);
        pairs[byte] = [(first >> PAIRS_FROM) as u8, (second >> PAIRS_FROM) as u8];
        byte += 1;
    }
    pairs
};

/// The bits of a summary for pairs that [`PAIRS`] tells of.
pub(crate) fn of_pairs(pairs: u8) -> u32 {
    u32::from(pairs) << PAIRS_FROM
}

impl Triggers {
    pub(crate) const fn of(byte: u8) -> Self {
        let (alone, first, second) = match byte {
            b'x' => (LOWER, 0, HEX),
            b'X' => (UPPER, 0, HEX),
            b'0' => (0, HEX, 0),
            b'A'..=b'Z' => (UPPER, 0, 0),
            b'a'..=b'z' => (LOWER, 0, 0),
            b'%' => (PERCENT, 0, 0),
            b'+' => (PLUS, 0, 0),
            b'&' => (AMPERSAND, 0, 0),
            b'\\' => (BACKSLASH, 0, 0),
            0 => (NUL, 0, 0),
            b' ' => (BLANK, BLANKS | BLANK_BEFORE, BLANKS),
            b'\n' => (BLANK | ODD_BLANK | NEWLINE, BLANKS | BLANK_BEFORE, BLANKS),
            b'\t' | 0x0b | 0x0c | b'\r' => (BLANK | ODD_BLANK, BLANKS | BLANK_BEFORE, BLANKS),
            0xa0 => (BLANK | HIGH, 0, 0),
            b'/' => (0, COMMENT | PATH, BLANK_BEFORE | COMMENT_END | PATH),
            b'.' => (0, PATH, 0),
            b'(' => (0, 0, BLANK_BEFORE),
            b'*' => (0, COMMENT_END, COMMENT),
            b'-' => (0, DASHES, DASHES),
            b'#' => (HASH, 0, 0),
            b'"' | b'\'' | b'^' | b',' | b';' => (COMMAND, 0, 0),
            0x80.. => (HIGH, 0, 0),
            _ => (0, 0, 0),
        };
        let is_base64 =
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b' ' | b'\r' | b'\n');
        let alone = if is_base64 { alone } else { alone | NOT_BASE64 };
        Triggers { alone, first, second }
    }
}

/// What the ends of a value tell, and the whole of it, of which `summary` is known.
#[inline]
pub(crate) fn of_whole(bytes: &[u8], summary: u32) -> u32 {
    let blank = |byte: Option<&u8>| byte.is_some_and(|byte| is_space(*byte));
    let blank = blank(bytes.first()) || blank(bytes.last());
    let dot = bytes.last() == Some(&b'.');
    let base64 = summary & NOT_BASE64 == 0 || summary & NUL != 0;
    let bit = |on, bit| if on { bit } else { 0 };
    bit(blank, BLANK_END) | bit(dot, DOT_END) | bit(base64, BASE64)
}
