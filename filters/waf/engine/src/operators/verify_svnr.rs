//! `@verifySVNR`: an Austrian social insurance number with its check digit; captures it. Source: `verify_svnr.cc`.

use super::verify_cc::digits;

/// Only the first ten digits count, as in ModSecurity.
pub(super) fn is_valid(number: &[u8]) -> bool {
    let svnr: Vec<u32> = digits(number).take(10).collect();
    let &[a, b, c, check, d, e, f, g, h, i] = svnr.as_slice() else { return false };
    if svnr.iter().all(|digit| *digit == check) || BAD.iter().any(|bad| svnr == bad) {
        return false;
    }
    let sum = a * 3 + b * 7 + c * 9 + d * 5 + e * 8 + f * 4 + g * 2 + h + i * 6;
    // ModSecurity reads a remainder of 10, which no number has, as 0.
    sum % 11 % 10 == check
}

const BAD: [[u32; 10]; 2] = [[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]];
