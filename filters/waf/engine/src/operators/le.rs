//! `@le`: `input <= argument` as 64-bit numbers; what is no number is 0. Source: `le.cc`.

use super::number::{Comparison, atoll};

pub(super) const COMPARISON: Comparison =
    Comparison { read: atoll, holds: |input, argument| input <= argument };
