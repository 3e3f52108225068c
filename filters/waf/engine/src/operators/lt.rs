//! `@lt`: `input < argument` as 64-bit numbers; what is no number is 0. Source: `lt.cc`.

use super::number::{Comparison, atoll};

pub(super) const COMPARISON: Comparison =
    Comparison { read: atoll, holds: |input, argument| input < argument };
