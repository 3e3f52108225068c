//! `base64Encode`. Source: `base64_encode.cc`.

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    for group in input.chunks(3) {
        let at = |index: usize| group.get(index).copied().unwrap_or(0);
        let bits = u32::from_be_bytes([0, at(0), at(1), at(2)]);
        out.extend((0..4).map(|index| match index <= group.len() {
            true => ALPHABET.get((bits >> (18 - 6 * index) & 63) as usize).copied().unwrap_or(b'='),
            false => b'=',
        }));
    }
    !input.is_empty()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
