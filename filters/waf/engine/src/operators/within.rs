//! `@within`: the input occurs in the argument; an empty input always does. Source: `within.cc`.

use super::{Place, byte_frequency};

/// Up to this length of the argument a search that builds nothing is faster than one that can't get slow.
const SHORT: usize = 1024;

/// How rare a byte is in ordinary text.
#[allow(clippy::indexing_slicing, reason = "when compiled")]
static RARITY: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = (1.0 / byte_frequency(byte as u8)) as u16;
        byte += 1;
    }
    table
};

pub(super) fn matches(argument: &[u8], input: &[u8]) -> bool {
    if input.len() > argument.len() {
        return false;
    }
    if argument.len() > SHORT {
        return memchr::memmem::find(argument, input).is_some();
    }
    let rarity = |byte: &u8| RARITY.get(usize::from(*byte)).copied().unwrap_or_default();
    let rarest = input.iter().enumerate().max_by_key(|(_, byte)| rarity(byte));
    let Some((at, rarest)) = rarest else { return true };
    memchr::memchr_iter(*rarest, argument).any(|found| {
        let start = found.checked_sub(at);
        start.and_then(|start| argument.get(start..start + input.len())) == Some(input)
    })
}

/// Within the argument.
pub(super) fn place(argument: &[u8], input: &[u8]) -> Option<Place> {
    let at = memchr::memmem::find(argument, input)?;
    (!input.is_empty()).then_some((at, input.len()))
}
