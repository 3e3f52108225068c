//! `cmdLine`: removes `"`, `'`, `\` and `^`; turns runs of blanks, commas and semicolons into one space, drops that
//! space before `/` and `(`; lower case. Source: `cmd_line.cc`.

use super::scan::{any, keep_if_changed};

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    if !any(input, can_change) {
        return false;
    }
    let start = out.len();
    let mut after_space = false;
    for &byte in input {
        match byte {
            b'"' | b'\'' | b'\\' | b'^' => continue,
            b' ' | b',' | b';' | b'\t' | b'\r' | b'\n' => {
                if !after_space {
                    out.push(b' ');
                }
                after_space = true;
                continue;
            }
            b'/' | b'(' => {
                if after_space {
                    out.pop();
                }
                out.push(byte);
            }
            _ => out.push(byte.to_ascii_lowercase()),
        }
        after_space = false;
    }
    keep_if_changed(input, out, start)
}

const fn can_change(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'"' | b'\'' | b'\\' | b'^' | b' ' | b',' | b';' | b'\t' | b'\r' | b'\n')
}
