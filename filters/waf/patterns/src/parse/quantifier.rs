//! Quantifiers: `*`, `+`, `?`, `{2,3}`, and `?` or `+` behind them.

use super::{Flags, Parsed, Parser, decimal};
use crate::ast::{Mode, Node};
use crate::error::PatternErrorKind;

/// The largest repetition count, PCRE's.
const MAX_REPEAT: u32 = 65_535;

impl Parser<'_> {
    /// Behind what no quantifier may follow.
    pub(super) fn no_quantifier(&mut self) -> Parsed<()> {
        let error = self.error(PatternErrorKind::NothingToRepeat);
        match self.quantifier()? {
            Some(_) => Err(error),
            None => Ok(()),
        }
    }

    #[inline(never)]
    pub(super) fn quantified(&mut self, node: Node, flags: Flags) -> Parsed<Node> {
        self.skip_extended(flags);
        let Some((min, max)) = self.quantifier()? else { return Ok(node) };
        let (plain, marked) =
            if flags.ungreedy { (Mode::Lazy, Mode::Greedy) } else { (Mode::Greedy, Mode::Lazy) };
        let mode = match self.peek() {
            Some(b'?') => marked,
            Some(b'+') => Mode::Possessive,
            _ => plain,
        };
        if mode == Mode::Possessive || mode == marked {
            self.skip(1);
        }
        Ok(Node::Repeat { node: Box::new(node), min, max, mode })
    }

    fn quantifier(&mut self) -> Parsed<Option<(u32, Option<u32>)>> {
        let bounds = match self.peek() {
            Some(b'*') => (0, None),
            Some(b'+') => (1, None),
            Some(b'?') => (0, Some(1)),
            Some(b'{') => return self.braces(),
            _ => return Ok(None),
        };
        self.skip(1);
        Ok(Some(bounds))
    }

    /// `{2}`, `{2,}`, `{2,3}`; any other brace is a literal.
    fn braces(&mut self) -> Parsed<Option<(u32, Option<u32>)>> {
        let inside = self.rest().get(1..).unwrap_or_default();
        let Some(length) = memchr::memchr(b'}', inside) else { return Ok(None) };
        let inside = inside.get(..length).unwrap_or_default();
        let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let (min, max) = match memchr::memchr(b',', inside) {
            Some(comma) => (inside.get(..comma), inside.get(comma + 1..)),
            None => (Some(inside), None),
        };
        let (min, max) = match (min, max) {
            (Some(min), None) if is_number(min) => (min, Some(min)),
            (Some(min), Some([])) if is_number(min) => (min, None),
            (Some(min), Some(max)) if is_number(min) && is_number(max) => (min, Some(max)),
            _ => return Ok(None),
        };
        let bound = |digits: &[u8]| {
            let value = decimal(digits).and_then(|value| u32::try_from(value).ok());
            value
                .filter(|&value| value <= MAX_REPEAT)
                .ok_or_else(|| self.error(PatternErrorKind::QuantifierTooLarge))
        };
        let (min, max) = (bound(min)?, max.map(bound).transpose()?);
        if max.is_some_and(|max| max < min) {
            return Err(self.error(PatternErrorKind::QuantifierOrder));
        }
        self.skip(length + 2);
        Ok(Some((min, max)))
    }
}
