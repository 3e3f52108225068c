//! `@verifyCC`: a payment card number that the pattern finds and the Luhn check accepts; captures it. Also what it shares
//! with `@verifyCPF`, `@verifySSN` and `@verifySVNR`.
//!
//! Source: `verify_cc.cc`, `verify_cpf.cc`. ModSecurity tries the pattern at every offset; so do we, but skip offsets
//! whose leftmost match is the one just seen. Departure: the pattern always sees what precedes the offset, where
//! ModSecurity's `@verifyCPF` and its like cut it off, so that `^` holds everywhere.

use super::PatternError;
use super::pcre::{LimitExceeded, Pattern};
use super::{Captures, Place, Requirement};

#[derive(Clone, Debug)]
pub(super) struct Verify {
    pattern: Option<Pattern>,
    is_valid: fn(&[u8]) -> bool,
}

impl Verify {
    /// An empty pattern never matches.
    #[inline(never)]
    pub(super) fn new(argument: &[u8], is_valid: fn(&[u8]) -> bool) -> Result<Self, PatternError> {
        let pattern = if argument.is_empty() { None } else { Some(Pattern::new(argument)?) };
        Ok(Self { pattern, is_valid })
    }

    #[inline(never)]
    pub(super) fn matches(
        &self,
        input: &[u8],
        captures: Option<&mut Captures>,
    ) -> Result<bool, LimitExceeded> {
        let Some((from, to)) = self.find(input)? else { return Ok(false) };
        if let Some(captures) = captures {
            captures.set_only(input.get(from..to).unwrap_or_default());
        }
        Ok(true)
    }

    /// Of the first valid number. ModSecurity's `@verifyCC` tells none.
    pub(super) fn place(&self, input: &[u8]) -> Option<Place> {
        let (from, to) = self.find(input).ok().flatten()?;
        Some((from, to - from))
    }

    /// The start and the end of the first valid number.
    fn find(&self, input: &[u8]) -> Result<Option<(usize, usize)>, LimitExceeded> {
        let Some(pattern) = &self.pattern else { return Ok(None) };
        let mut start = 0;
        while start < input.len()
            && let Some([Some((from, to)), ..]) = pattern.find_at(input, start)?
        {
            if (self.is_valid)(input.get(from..to).unwrap_or_default()) {
                return Ok(Some((from, to)));
            }
            start = from + 1;
        }
        Ok(None)
    }

    pub(super) fn requirement(&self) -> Requirement {
        self.pattern.as_ref().map(Pattern::requirement).unwrap_or_default()
    }
}

/// The Luhn check (ISO/IEC 7812-1, Annex B) over the digits, other bytes ignored.
pub(super) fn is_valid(number: &[u8]) -> bool {
    let digits = digits(number).rev().enumerate();
    let weighted = digits.map(|(index, digit)| match (index % 2, digit) {
        (0, digit) => digit,
        (_, 0..=4) => digit * 2,
        (_, digit) => digit * 2 - 9,
    });
    let (count, sum) = weighted.fold((0, 0), |(count, sum), digit| (count + 1, sum + digit));
    count > 0 && sum % 10 == 0
}

/// The values of the digits in `text`.
pub(super) fn digits(text: &[u8]) -> impl DoubleEndedIterator<Item = u32> {
    text.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0'))
}
