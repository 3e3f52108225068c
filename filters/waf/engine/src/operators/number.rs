//! Numbers as C reads them, and comparisons of them.

use super::super::transformations::is_space;

/// How `@eq` and its kin compare.
#[derive(Clone, Copy, Debug)]
pub(super) struct Comparison {
    pub(super) read: fn(&[u8]) -> i64,
    pub(super) holds: fn(input: i64, argument: i64) -> bool,
}

/// A comparison with a number that is known when the rules are loaded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NumberTest {
    comparison: Comparison,
    argument: i64,
}

impl Comparison {
    pub(super) fn with(self, argument: &[u8]) -> NumberTest {
        NumberTest { comparison: self, argument: (self.read)(argument) }
    }
}

impl NumberTest {
    pub(crate) fn matches(&self, input: &[u8]) -> bool {
        (self.comparison.holds)((self.comparison.read)(input), self.argument)
    }

    /// As for the digits of `count`.
    pub(crate) fn matches_count(&self, count: usize) -> bool {
        // More than this many values no limit allows, and `@eq` would read them as 0.
        let count = i32::try_from(count).unwrap_or(0);
        (self.comparison.holds)(i64::from(count), self.argument)
    }

    pub(super) fn matches_with(&self, argument: &[u8], input: &[u8]) -> bool {
        self.comparison.with(argument).matches(input)
    }
}

/// `atoll`: white space, a sign, digits; anything else ends the number, and no digit is 0. Saturates.
pub(super) fn atoll(text: &[u8]) -> i64 {
    let start = text.iter().take_while(|&&byte| is_space(byte)).count();
    let text = text.get(start..).unwrap_or_default();
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let digits = digits.iter().take_while(|byte| byte.is_ascii_digit()).map(|byte| i64::from(byte - b'0'));
    // Counting down reaches i64::MIN, which has no positive counterpart.
    let value = digits.fold(0_i64, |value, digit| value.saturating_mul(10).saturating_sub(digit));
    if negative { value } else { value.checked_neg().unwrap_or(i64::MAX) }
}

/// `std::stoi` with errors read as 0: what does not fit in 32 bits is 0.
pub(super) fn stoi(text: &[u8]) -> i64 {
    let value = atoll(text);
    if i32::try_from(value).is_ok() { value } else { 0 }
}
