//! `@validateByteRange`: matches if a byte lies *outside* the ranges, such as `9,10,13,32-126`; without ranges every
//! byte does.
//!
//! Source: `validate_byte_range.cc`. Departure: a range that is none is refused; ModSecurity ignores it.

use super::{ByteSet, MOST_PLACES, OperatorError, Place};

#[inline(never)]
pub(super) fn parse(argument: &[u8]) -> Result<ByteSet, OperatorError> {
    if argument.trim_ascii().is_empty() {
        return Ok(ByteSet::EMPTY);
    }
    argument.split(|&byte| byte == b',').try_fold(ByteSet::EMPTY, |set, part| {
        let bad = || OperatorError::BadByteRange(String::from_utf8_lossy(part).into_owned());
        let byte = |text: &[u8]| str::from_utf8(text.trim_ascii()).ok()?.parse::<u8>().ok();
        let (first, last) = match crate::find::byte(b'-', part) {
            Some(dash) => (part.get(..dash), part.get(dash + 1..)),
            None => (Some(part), Some(part)),
        };
        let (first, last) = first.and_then(byte).zip(last.and_then(byte)).ok_or_else(bad)?;
        if first > last {
            return Err(bad());
        }
        Ok(set.union(ByteSet::range(first, last)))
    })
}

pub(super) fn matches(allowed: ByteSet, input: &[u8]) -> bool {
    input.iter().any(|&byte| !allowed.contains(byte))
}

/// Of each byte outside.
pub(super) fn places(allowed: ByteSet, input: &[u8]) -> Vec<Place> {
    let outside = input.iter().enumerate().filter(|(_, byte)| !allowed.contains(**byte));
    outside.take(MOST_PLACES).map(|(at, _)| (at, 1)).collect()
}
