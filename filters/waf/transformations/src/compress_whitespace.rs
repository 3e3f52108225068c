//! `compressWhitespace`: each run of white space becomes one space. Source: `compress_whitespace.cc`.

use super::scan::{any, is_space, keep_if_changed};

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    if !any(input, is_space) {
        return false;
    }
    let start = out.len();
    let mut in_space = false;
    for &byte in input {
        if !is_space(byte) {
            out.push(byte);
        } else if !in_space {
            out.push(b' ');
        }
        in_space = is_space(byte);
    }
    keep_if_changed(input, out, start)
}
