//! `replaceNulls`: NUL becomes a space. Source: `replace_nulls.cc`.

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    super::scan::map_bytes(input, out, |byte| if byte == 0 { b' ' } else { byte })
}
