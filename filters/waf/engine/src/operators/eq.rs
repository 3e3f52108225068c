//! `@eq`: equal as 32-bit numbers; what is no number, or does not fit, is 0. Source: `eq.cc`.

use super::number::{Comparison, stoi};

pub(super) const COMPARISON: Comparison =
    Comparison { read: stoi, holds: |input, argument| input == argument };
