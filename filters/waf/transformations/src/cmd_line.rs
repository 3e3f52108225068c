//! `cmdLine`: removes `"`, `'`, `\` and `^`; turns runs of blanks, commas and semicolons into one space, drops that
//! space before `/` and `(`; lower case. Source: `cmd_line.cc`.

use super::scan::{any, keep_if_changed};

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    if !any(input, can_change) {
        return false;
    }
    let start = out.len();
    out.resize(start + input.len(), 0);
    let (mut at, kept) = (0, out.get_mut(start..).unwrap_or_default());
    let mut after_space = false;
    for &byte in input {
        let mut written = PLAIN.get(usize::from(byte)).copied().unwrap_or_default();
        if written == 0 {
            match byte {
                b'"' | b'\'' | b'\\' | b'^' => continue,
                b' ' | b',' | b';' | b'\t' | b'\r' | b'\n' if after_space => continue,
                b' ' | b',' | b';' | b'\t' | b'\r' | b'\n' => written = b' ',
                b'/' | b'(' => {
                    at -= usize::from(after_space);
                    written = byte;
                }
                _ => {}
            }
        }
        after_space = written == b' ';
        kept.get_mut(at).into_iter().for_each(|place| *place = written);
        at += 1;
    }
    out.truncate(start + at);
    keep_if_changed(input, out, start)
}

/// What becomes of a byte wherever it stands. 0 for others, and for itself.
static PLAIN: [u8; 256] = {
    let mut plain = [0; 256];
    let mut byte = 0;
    #[expect(clippy::indexing_slicing, reason = "when it is compiled")]
    while byte < 256 {
        plain[byte] = match byte as u8 {
            b'/' | b'(' => 0,
            byte @ b'A'..=b'Z' => byte.to_ascii_lowercase(),
            byte if can_change(byte) => 0,
            byte => byte,
        };
        byte += 1;
    }
    plain
};

const fn can_change(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'"' | b'\'' | b'\\' | b'^' | b' ' | b',' | b';' | b'\t' | b'\r' | b'\n')
}
