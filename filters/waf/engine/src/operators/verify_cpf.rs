//! `@verifyCPF`: a Brazilian taxpayer number (CPF) with its two check digits; captures it. Source: `verify_cpf.cc`.

use super::verify_cc::digits;

/// Only the first eleven digits count, as in ModSecurity.
pub(super) fn is_valid(number: &[u8]) -> bool {
    let cpf: Vec<u32> = digits(number).take(11).collect();
    let [body @ .., first, second] = cpf.as_slice() else { return false };
    if cpf.len() != 11 || cpf.iter().all(|digit| digit == first) || cpf == BAD {
        return false;
    }
    let sum =
        |digits: &[u32]| digits.iter().rev().zip(2..).map(|(digit, weight)| digit * weight).sum::<u32>();
    let check = |sum: u32| if sum % 11 < 2 { 0 } else { 11 - sum % 11 };
    let expected = check(sum(body));
    *first == expected && *second == check(sum(&[body, &[expected]].concat()))
}

const BAD: [u32; 11] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0];
