//! `@gt`: `input > argument` as 64-bit numbers; what is no number is 0. Source: `gt.cc`.

use super::number::atoll;

pub(super) fn matches(argument: &[u8], input: &[u8]) -> bool {
    atoll(input) > atoll(argument)
}
