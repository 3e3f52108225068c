//! `@verifySSN`: a social security number of the USA; captures it. Source: `verify_ssn.cc`.

use super::verify_cc::digits;

pub(super) fn is_valid(number: &[u8]) -> bool {
    let ssn: Vec<u32> = digits(number).collect();
    let &[a, b, c, d, e, f, g, h, i] = ssn.as_slice() else { return false };
    let pairs = || ssn.iter().zip(ssn.iter().skip(1));
    let ascending = pairs().all(|(left, right)| left + 1 == *right);
    let repeated = pairs().all(|(left, right)| left == right);
    let (area, group, serial) = (a * 100 + b * 10 + c, d * 10 + e, f * 1000 + g * 100 + h * 10 + i);
    !ascending && !repeated && area != 0 && group != 0 && serial != 0 && area < 740 && area != 666
}
