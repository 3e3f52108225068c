//! Chains of transformations, each known once, and the byte classes that tell when one changes nothing.

mod effects;
mod words;

use portcullis_scan::summary::{
    ALL_PAIRS, ALWAYS, AMPERSAND, BACKSLASH, BASE64, BLANK, BLANK_BEFORE, BLANK_END, BLANKS, COMMAND,
    COMMENT, COMMENT_END, DASHES, DOT_END, HASH, HEX, HIGH, LOWER, NUL, ODD_BLANK, PATH, PERCENT, PLUS,
    UPPER,
};
use portcullis_seclang::ast;

use crate::transformations::{Transformation, UnicodeMap};

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
    /// Its steps leave words as they are; see [`words`].
    pub(crate) keeps_words: bool,
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
        self.triggers & ALL_PAIRS != 0
    }

    /// Whether no step changes a value of nothing but digits.
    pub(super) fn leaves_digits(&self) -> bool {
        self.triggers & (ALWAYS | BASE64) == 0
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
            keeps_words: true,
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
        let keeps_words = names.iter().all(|name| words::keeps_words(*name));
        self.chains.push(Chain { steps, triggers, scan_triggers, scan_steps, is_rare, keeps_words, writers });
        Some(ChainId(id))
    }
}

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

#[cfg(test)]
mod tests;
