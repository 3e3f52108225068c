//! The scans that decide whether a value stays as it is, and the common tails of the transformations.

use portcullis_collections::beginnings::are_same;
pub use portcullis_collections::find::is_space;

/// Whether `wanted` holds for any byte. Tests blocks without branches in between, which the compiler turns into SIMD.
pub(super) fn any(input: &[u8], wanted: impl Fn(u8) -> bool) -> bool {
    const BLOCK: usize = 32;
    input.chunks(BLOCK).any(|block| block.iter().fold(false, |found, &byte| found | wanted(byte)))
}

/// Maps each byte by itself; reports `false` if `map` is the identity on all of them.
pub(super) fn map_bytes(input: &[u8], out: &mut Vec<u8>, map: impl Fn(u8) -> u8) -> bool {
    if !any(input, |byte| map(byte) != byte) {
        return false;
    }
    out.extend(input.iter().map(|&byte| map(byte)));
    true
}

/// Copies the bytes for which `keep` holds; reports `false` if it holds for all.
pub(super) fn retain_bytes(input: &[u8], out: &mut Vec<u8>, keep: impl Fn(u8) -> bool) -> bool {
    if !any(input, |byte| !keep(byte)) {
        return false;
    }
    let start = out.len();
    out.resize(start + input.len(), 0);
    let (mut at, kept) = (0, out.get_mut(start..).unwrap_or_default());
    // Whether a byte stays is hard to foretell, so there is no branch.
    for &byte in input {
        kept.get_mut(at).into_iter().for_each(|place| *place = byte);
        at += usize::from(keep(byte));
    }
    out.truncate(start + at);
    true
}

/// Drops what was appended after `start` if it equals `input`, and reports whether anything changed.
#[inline(never)]
pub(super) fn keep_if_changed(input: &[u8], out: &mut Vec<u8>, start: usize) -> bool {
    let changed = !out.get(start..).is_some_and(|made| are_same(made, input));
    if !changed {
        out.truncate(start);
    }
    changed
}
