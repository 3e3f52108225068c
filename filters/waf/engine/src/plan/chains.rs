//! Chains of transformations, each known once, and the byte classes that tell when one changes nothing.

mod effects;

use portcullis_seclang::ast;

use crate::transformations::{Transformation, UnicodeMap, is_space};

/// An index into [`Chains`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ChainId(pub(crate) u16);

/// The chains of a rule set.
#[derive(Debug)]
pub(crate) struct Chains {
    chains: Vec<Chain>,
}

/// The transformations of a rule, in order, without `none`.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) steps: Vec<Step>,
    /// The union of the steps' triggers.
    pub(crate) triggers: u32,
    /// The same without what only changes case, of which a scan takes no notice.
    pub(crate) scan_triggers: u32,
    /// How many steps there are before those at the end that only change case.
    scan_steps: usize,
    /// One of the steps is rare.
    pub(crate) is_rare: bool,
    writers: Vec<effects::Writer>,
}

impl Chain {
    /// How long a form of a value of this summary can get in which there are bytes that it does not have itself, in
    /// quarters of its length. 0: none of its forms has, but for blanks and case, and none is longer. `None`: any.
    #[inline]
    pub(crate) fn longest(&self, summary: u32) -> Option<usize> {
        effects::longest(&self.writers, summary)
    }

    /// Whether a step changes nothing unless a pair of bytes occurs.
    pub(crate) fn waits_for_pairs(&self) -> bool {
        self.triggers & of_pairs(0x7f) != 0
    }

    /// The steps that a scan takes notice of.
    pub(crate) fn scan_steps(&self) -> &[Step] {
        self.steps.get(..self.scan_steps).unwrap_or(&self.steps)
    }
}

/// One transformation of a chain.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) id: u16,
    pub(crate) name: &'static str,
    pub(crate) transformation: Transformation,
    /// The transformation leaves a value as it is if none of these classes occurs in it.
    pub(crate) triggers: u32,
    /// Few rules have it, so that few operators are asked about what it makes of a value.
    pub(crate) is_rare: bool,
}

impl Chains {
    pub(crate) fn new() -> Self {
        Chains { chains: Vec::new() }
    }

    pub(crate) fn get(&self, id: ChainId) -> &Chain {
        static EMPTY: Chain = Chain {
            steps: Vec::new(),
            triggers: 0,
            scan_triggers: 0,
            scan_steps: 0,
            is_rare: false,
            writers: Vec::new(),
        };
        self.chains.get(id.0 as usize).unwrap_or(&EMPTY)
    }

    /// The chain of these transformations. `None` if there are more chains than 16 bits can number, or if a
    /// transformation is not known.
    pub(crate) fn intern(&mut self, names: &[ast::Transformation], map: UnicodeMap) -> Option<ChainId> {
        let found = self.chains.iter().position(|chain| {
            chain.steps.len() == names.len()
                && chain.steps.iter().zip(names).all(|(step, name)| step.id == *name as u16)
        });
        if let Some(found) = found {
            return u16::try_from(found).ok().map(ChainId);
        }
        let mut steps = Vec::new();
        for name in names {
            let transformation = Transformation::by_name(name.as_str().as_bytes())?.with_unicode_map(map);
            steps.push(Step {
                id: *name as u16,
                name: name.as_str(),
                transformation,
                triggers: triggers_of(*name),
                is_rare: is_rare(*name),
            });
        }
        let triggers = steps.iter().fold(0, |all, step| all | step.triggers);
        let id = u16::try_from(self.chains.len()).ok()?;
        // Case is all that these steps change in a value without the triggers that are left.
        let scan_triggers = triggers & !(UPPER | LOWER);
        let case = |step: &&Step| step.triggers & !(UPPER | LOWER) == 0;
        let scan_steps = steps.len() - steps.iter().rev().take_while(case).count();
        let writers = effects::writers(&steps);
        let is_rare = steps.iter().any(|step| step.is_rare);
        self.chains.push(Chain { steps, triggers, scan_triggers, scan_steps, is_rare, writers });
        Some(ChainId(id))
    }
}

/// Set in every summary, and the trigger of a transformation that may change any value.
pub(crate) const ALWAYS: u32 = 1;
pub(super) const UPPER: u32 = 1 << 1;
const LOWER: u32 = 1 << 2;
const PERCENT: u32 = 1 << 3;
const PLUS: u32 = 1 << 4;
const AMPERSAND: u32 = 1 << 5;
const BACKSLASH: u32 = 1 << 6;
const NUL: u32 = 1 << 7;
/// Space, `\t`, `\n`, `\v`, `\f`, `\r`, and 0xa0, which ModSecurity takes for white space.
const BLANK: u32 = 1 << 8;
const HASH: u32 = 1 << 12;
/// 0x80 and above.
const HIGH: u32 = 1 << 14;
/// `"`, `'`, `^`, `,`, `;`
const COMMAND: u32 = 1 << 15;
/// `\n`
pub(super) const NEWLINE: u32 = 1 << 17;
/// White space other than a space.
const ODD_BLANK: u32 = 1 << 18;
/// Two bytes of white space together.
const BLANKS: u32 = 1 << 19;
/// White space before `/` or `(`.
const BLANK_BEFORE: u32 = 1 << 20;
/// `/*`
const COMMENT: u32 = 1 << 21;
/// `*/`
const COMMENT_END: u32 = 1 << 22;
/// `--`
const DASHES: u32 = 1 << 23;
/// `//` or `./`
const PATH: u32 = 1 << 24;
/// `0x`
const HEX: u32 = 1 << 25;
/// `.` at the end.
const DOT_END: u32 = 1 << 26;
/// What no Base64 holds, except after a NUL.
const NOT_BASE64: u32 = 1 << 27;
/// Nothing of that kind, or a NUL.
const BASE64: u32 = 1 << 28;
/// White space at one of the ends.
const BLANK_END: u32 = 1 << 29;

/// Those of pairs are the seven bits from here on.
const PAIRS_FROM: u32 = 19;
const _: () = assert!(BLANKS == 1 << PAIRS_FROM && HEX == BLANKS << 6);

/// The classes of bytes and pairs without which a transformation changes nothing.
///
/// A class too many costs time; one too few would be a bypass, which `triggers_are_sound` looks for.
fn triggers_of(name: ast::Transformation) -> u32 {
    use ast::Transformation as T;
    match name {
        T::None => 0,
        T::Lowercase => UPPER,
        T::Uppercase => LOWER,
        T::UrlDecode | T::UrlDecodeUni => PERCENT | PLUS,
        T::HtmlEntityDecode => AMPERSAND,
        T::JsDecode | T::CssDecode | T::EscapeSeqDecode => BACKSLASH,
        T::RemoveNulls | T::ReplaceNulls => NUL,
        T::RemoveWhitespace => BLANK,
        T::CompressWhitespace => ODD_BLANK | BLANKS,
        T::Trim | T::TrimLeft | T::TrimRight => BLANK_END,
        T::NormalizePath => PATH | DOT_END,
        T::NormalizePathWin => PATH | DOT_END | BACKSLASH,
        T::RemoveComments => COMMENT | DASHES | HASH,
        T::RemoveCommentsChar => COMMENT | COMMENT_END | DASHES | HASH,
        T::ReplaceComments => COMMENT,
        T::CmdLine => UPPER | BACKSLASH | COMMAND | ODD_BLANK | BLANKS | BLANK_BEFORE,
        T::ParityZero7bit => HIGH,
        T::Base64Decode => BASE64,
        T::SqlHexDecode => HEX,
        // NUL too: ModSecurity drops it.
        T::Utf8ToUnicode => HIGH | NUL,
        _ => ALWAYS,
    }
}

/// Transformations that ordinary values trigger, and that few rules of the Core Rule Set have. Where many have them, nothing is gained.
fn is_rare(name: ast::Transformation) -> bool {
    use ast::Transformation as T;
    matches!(
        name,
        T::RemoveWhitespace
            | T::CompressWhitespace
            | T::Base64Decode
            | T::Base64DecodeExt
            | T::RemoveComments
            | T::RemoveCommentsChar
            | T::ReplaceComments
            | T::HexDecode
            | T::SqlHexDecode
    )
}

/// What a byte tells of the values that it stands in, as bits of a summary.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Triggers {
    pub(super) alone: u32,
    /// The pairs that it is the first byte of, and those that it is the second of.
    pub(super) first: u32,
    pub(super) second: u32,
}

/// For each byte the pairs that it is the first of, and those that it is the second of; see [`of_pairs`].
pub(super) struct Pairs {
    pub(super) first: [u8; 256],
    pub(super) second: [u8; 256],
}

pub(super) static PAIRS: Pairs = {
    let mut pairs = Pairs { first: [0; 256], second: [0; 256] };
    let mut byte = 0;
    #[expect(clippy::indexing_slicing, reason = "when it is compiled")]
    while byte < 256 {
        let Triggers { first, second, .. } = Triggers::of(byte as u8);
        (pairs.first[byte], pairs.second[byte]) = ((first >> PAIRS_FROM) as u8, (second >> PAIRS_FROM) as u8);
        byte += 1;
    }
    pairs
};

/// The bits of a summary for pairs that [`PAIRS`] tells of.
pub(super) fn of_pairs(pairs: u8) -> u32 {
    u32::from(pairs) << PAIRS_FROM
}

impl Triggers {
    pub(super) const fn of(byte: u8) -> Self {
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
pub(super) fn of_whole(bytes: &[u8], summary: u32) -> u32 {
    let blank = |byte: Option<&u8>| byte.is_some_and(|byte| is_space(*byte));
    let blank = blank(bytes.first()) || blank(bytes.last());
    let dot = bytes.last() == Some(&b'.');
    let base64 = summary & NOT_BASE64 == 0 || summary & NUL != 0;
    let bit = |on, bit| if on { bit } else { 0 };
    bit(blank, BLANK_END) | bit(dot, DOT_END) | bit(base64, BASE64)
}

#[cfg(test)]
mod tests;
