//! `@eq`: equal as 32-bit numbers; what is no number, or does not fit, is 0. Source: `eq.cc`.

use super::number::stoi;

pub(super) fn matches(argument: &[u8], input: &[u8]) -> bool {
    stoi(input) == stoi(argument)
}
