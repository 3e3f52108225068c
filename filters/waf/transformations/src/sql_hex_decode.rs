//! `sqlHexDecode`: `0x` with at least one pair of digits becomes the bytes that they write.
//! Source: `sql_hex_decode.cc`.

use super::hex;

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let mut rest = input;
    let mut changed = false;
    while let Some(zero) = crate::find::byte(b'0', rest) {
        let (plain, literal) = rest.split_at_checked(zero).unwrap_or((rest, &[]));
        if let [b'0', b'x' | b'X', digits @ ..] = literal
            && let [high, low, ..] = digits
            && hex::pair(*high, *low).is_some()
        {
            changed = true;
            out.extend_from_slice(plain);
            rest = digits;
            while let [high, low, tail @ ..] = rest
                && let Some(byte) = hex::pair(*high, *low)
            {
                out.push(byte);
                rest = tail;
            }
        } else {
            out.extend_from_slice(rest.get(..=zero).unwrap_or_default());
            rest = rest.get(zero + 1..).unwrap_or_default();
        }
    }
    if !changed {
        out.truncate(start);
        return false;
    }
    out.extend_from_slice(rest);
    true
}
