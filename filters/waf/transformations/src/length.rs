//! `length`: the number of bytes, in decimal. Source: `length.cc`.

use std::io::Write;

use super::scan::keep_if_changed;

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    // Writing to a vector can't fail.
    let _ = write!(out, "{}", input.len());
    keep_if_changed(input, out, start)
}
