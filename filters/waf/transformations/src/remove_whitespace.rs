//! `removeWhitespace`: white space and 0xA0, the no-break space of Latin-1. Source: `remove_whitespace.cc`.

use super::scan::is_space;

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    super::scan::retain_bytes(input, out, |byte| KEPT.get(usize::from(byte)).is_none_or(|kept| *kept))
}

static KEPT: [bool; 256] = {
    let mut kept = [true; 256];
    let mut byte = 0;
    #[expect(clippy::indexing_slicing, reason = "when it is compiled")]
    while byte < 256 {
        kept[byte] = !is_space(byte as u8) && byte != 0xa0;
        byte += 1;
    }
    kept
};
