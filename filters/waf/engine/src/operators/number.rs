//! Numbers as C reads them.

use super::super::transformations::is_space;

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
