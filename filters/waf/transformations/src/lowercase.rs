//! `lowercase`, ASCII only. Source: `lower_case.cc` in the "C" locale.

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    super::scan::map_bytes(input, out, |byte| byte.to_ascii_lowercase())
}
