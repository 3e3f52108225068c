//! `removeNulls`. Source: `remove_nulls.cc`.

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    super::scan::retain_bytes(input, out, |byte| byte != 0)
}
