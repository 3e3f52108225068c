//! `trim`, `trimLeft`, `trimRight`. Source: `trim.cc`.

use super::scan::is_space;

pub(super) fn both(input: &[u8], out: &mut Vec<u8>) -> bool {
    append_if_shorter(input, without_trailing(without_leading(input)), out)
}

pub(super) fn left(input: &[u8], out: &mut Vec<u8>) -> bool {
    append_if_shorter(input, without_leading(input), out)
}

pub(super) fn right(input: &[u8], out: &mut Vec<u8>) -> bool {
    append_if_shorter(input, without_trailing(input), out)
}

fn append_if_shorter(input: &[u8], trimmed: &[u8], out: &mut Vec<u8>) -> bool {
    if trimmed.len() == input.len() {
        return false;
    }
    out.extend_from_slice(trimmed);
    true
}

fn without_leading(mut input: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = input
        && is_space(*first)
    {
        input = rest;
    }
    input
}

fn without_trailing(mut input: &[u8]) -> &[u8] {
    while let [rest @ .., last] = input
        && is_space(*last)
    {
        input = rest;
    }
    input
}
