//! Chains of transformations, each known once, and the byte classes that tell when one changes nothing.

use portcullis_seclang::ast;

use crate::transaction::ALWAYS;
use crate::transformations::{Transformation, UnicodeMap};

/// An index into [`Chains`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ChainId(pub(crate) u16);

/// The chains of a rule set.
#[derive(Debug)]
pub(crate) struct Chains {
    chains: Vec<Chain>,
    pub(crate) triggers: Triggers,
}

/// The transformations of a rule, in order, without `none`.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) steps: Vec<Step>,
    /// The union of the steps' triggers.
    pub(crate) triggers: u32,
}

/// One transformation of a chain.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    pub(crate) id: u16,
    pub(crate) name: &'static str,
    pub(crate) transformation: Transformation,
    /// The transformation leaves a value as it is if none of these classes occurs in it.
    pub(crate) triggers: u32,
}

impl Chains {
    pub(crate) fn new() -> Self {
        Chains { chains: Vec::new(), triggers: Triggers::new() }
    }

    pub(crate) fn get(&self, id: ChainId) -> &Chain {
        static EMPTY: Chain = Chain { steps: Vec::new(), triggers: 0 };
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
            });
        }
        let triggers = steps.iter().fold(0, |all, step| all | step.triggers);
        let id = u16::try_from(self.chains.len()).ok()?;
        self.chains.push(Chain { steps, triggers });
        Some(ChainId(id))
    }
}

const UPPER: u32 = 1 << 1;
const LOWER: u32 = 1 << 2;
const PERCENT: u32 = 1 << 3;
const PLUS: u32 = 1 << 4;
const AMPERSAND: u32 = 1 << 5;
const BACKSLASH: u32 = 1 << 6;
const NUL: u32 = 1 << 7;
/// Space, `\t`, `\n`, `\v`, `\f`, `\r`, and 0xa0, which ModSecurity takes for white space.
const BLANK: u32 = 1 << 8;
const SLASH: u32 = 1 << 9;
/// `.`
const DOT: u32 = 1 << 10;
/// `-`
const DASH: u32 = 1 << 11;
/// `#`
const HASH: u32 = 1 << 12;
/// `*`
const STAR: u32 = 1 << 13;
/// 0x80 and above.
const HIGH: u32 = 1 << 14;
/// `"`, `'`, `^`, `,`, `;`
const COMMAND: u32 = 1 << 15;
/// `<`, `>`, `!`
const ANGLE: u32 = 1 << 16;

/// The classes without which a transformation changes nothing.
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
        T::RemoveWhitespace | T::CompressWhitespace => BLANK,
        T::Trim | T::TrimLeft | T::TrimRight => BLANK,
        T::NormalizePath => SLASH | DOT,
        T::NormalizePathWin => SLASH | DOT | BACKSLASH,
        T::RemoveComments => SLASH | STAR | ANGLE | DASH | HASH,
        T::RemoveCommentsChar => SLASH | STAR | ANGLE | DASH | HASH,
        T::ReplaceComments => SLASH | STAR,
        T::CmdLine => UPPER | BACKSLASH | BLANK | COMMAND,
        T::ParityZero7bit => HIGH,
        // NUL too: ModSecurity drops it.
        T::Utf8ToUnicode => HIGH | NUL,
        _ => ALWAYS,
    }
}

/// For each byte the classes that it belongs to.
#[derive(Debug)]
pub(crate) struct Triggers {
    table: [u32; 256],
}

impl Triggers {
    fn new() -> Self {
        let mut table = [0; 256];
        for (byte, slot) in (0..=u8::MAX).zip(table.iter_mut()) {
            *slot = match byte {
                b'A'..=b'Z' => UPPER,
                b'a'..=b'z' => LOWER,
                b'%' => PERCENT,
                b'+' => PLUS,
                b'&' => AMPERSAND,
                b'\\' => BACKSLASH,
                0 => NUL,
                b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r' => BLANK,
                0xa0 => BLANK | HIGH,
                b'/' => SLASH,
                b'.' => DOT,
                b'-' => DASH,
                b'#' => HASH,
                b'*' => STAR,
                b'"' | b'\'' | b'^' | b',' | b';' => COMMAND,
                b'<' | b'>' | b'!' => ANGLE,
                0x80.. => HIGH,
                _ => 0,
            };
        }
        Triggers { table }
    }

    /// The classes that occur in `bytes`.
    pub(crate) fn summary(&self, bytes: &[u8]) -> u32 {
        bytes.iter().fold(0, |all, byte| all | self.table.get(*byte as usize).copied().unwrap_or(ALWAYS))
    }
}

#[cfg(test)]
mod tests;
