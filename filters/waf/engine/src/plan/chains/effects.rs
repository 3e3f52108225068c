//! What a chain can make of a value: which bytes, and how many. So values are left alone in whose forms nothing can be found.

use portcullis_seclang::ast;

use super::Step;
use portcullis_scan::summary::{
    ALWAYS, AMPERSAND, BACKSLASH, BASE64, BLANK, BLANK_END, BLANKS, HIGH, LOWER, NUL, ODD_BLANK, PERCENT,
    PLUS, UPPER,
};

/// A step that can write bytes which a value does not have.
#[derive(Debug)]
pub(super) struct Writer {
    /// It does not in a value without these classes, whatever the steps before it have made of it.
    triggers: u32,
    /// How much of a value's length is left at the most, in quarters. `None`: it can grow.
    quarters: Option<usize>,
}

/// What a transformation does to the bytes of a value, case aside.
enum Effect {
    /// Takes some away, or has blanks instead.
    Keeps,
    /// Can write others, but no more than there are; so many quarters of them.
    Shrinks(usize),
    Any,
}

/// The writers of a chain.
pub(super) fn writers(steps: &[Step]) -> Vec<Writer> {
    let mut writers: Vec<Writer> = Vec::new();
    // What the steps before can have taken out or put in.
    let mut before = 0;
    for step in steps {
        let (own, quarters) = match step.effect() {
            Effect::Keeps => (0, None),
            Effect::Shrinks(quarters) => (waits_for(step.triggers, before), Some(quarters)),
            Effect::Any => (waits_for(step.triggers, before), None),
        };
        if own != 0 {
            // What others write can make a value grow. Where none does, they have left at least as much.
            let others = writers.iter().fold(0, |all, writer| all | writer.triggers);
            let triggers = if quarters.is_none() { own | others } else { own };
            writers.push(Writer { triggers, quarters });
        }
        before |= step.triggers & !(UPPER | LOWER);
    }
    writers
}

/// See [`Chain::longest`](super::Chain::longest).
#[inline]
pub(super) fn longest(writers: &[Writer], summary: u32) -> Option<usize> {
    let fired = writers.iter().filter(|writer| writer.triggers & summary != 0);
    fired.map(|writer| writer.quarters).try_fold(0, |most, quarters| Some(most.max(quarters?)))
}

/// The classes without which a step of these triggers changes nothing behind steps of the triggers `before`. Those steps
/// bring no single byte that counts here, but they can bring others together, or take away what Base64 can't have.
fn waits_for(triggers: u32, before: u32) -> u32 {
    const BYTES: u32 = PERCENT | PLUS | AMPERSAND | BACKSLASH | NUL | HIGH;
    const WITHOUT_BLANKS: u32 = BYTES | BLANK | ODD_BLANK | BLANKS | BLANK_END;
    if before == 0 || triggers & !BYTES == 0 {
        triggers
    } else if triggers == BASE64 && before & !WITHOUT_BLANKS == 0 {
        // Blanks that are not in Base64's way have no class of their own here; what wrote others counts by itself.
        BASE64 | ODD_BLANK | HIGH | NUL
    } else {
        ALWAYS
    }
}

impl Step {
    fn effect(&self) -> Effect {
        effect_of(self.name)
    }
}

fn effect_of(name: &str) -> Effect {
    use ast::Transformation as T;
    let is = |names: &[T]| names.iter().any(|known| known.as_str() == name);
    if is(&[
        T::None,
        T::Lowercase,
        T::Uppercase,
        T::RemoveNulls,
        T::ReplaceNulls,
        T::RemoveWhitespace,
        T::CompressWhitespace,
        T::Trim,
        T::TrimLeft,
        T::TrimRight,
        T::RemoveCommentsChar,
        T::ReplaceComments,
        T::CmdLine,
    ]) {
        Effect::Keeps
    } else if is(&[
        T::UrlDecode,
        T::UrlDecodeUni,
        T::HtmlEntityDecode,
        T::JsDecode,
        T::CssDecode,
        T::EscapeSeqDecode,
        T::NormalizePath,
        T::NormalizePathWin,
        // A comment without an end leaves a NUL.
        T::RemoveComments,
        T::SqlHexDecode,
        T::HexDecode,
    ]) {
        Effect::Shrinks(4)
    } else if is(&[T::Base64Decode]) {
        Effect::Shrinks(3)
    } else {
        Effect::Any
    }
}

#[cfg(test)]
mod tests;
