//! `removeCommentsChar`: drops the marks `/*`, `*/`, `<!--`, `-->`, `--` and `#`. Source: `remove_comments_char.cc`.

use super::scan::{any, keep_if_changed};

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    if !any(input, |byte| matches!(byte, b'/' | b'*' | b'<' | b'-' | b'#')) {
        return false;
    }
    let start = out.len();
    let mut rest = input;
    loop {
        rest = match rest {
            [] => break,
            [b'/', b'*', tail @ ..]
            | [b'*', b'/', tail @ ..]
            | [b'<', b'!', b'-', b'-', tail @ ..]
            | [b'-', b'-', b'>', tail @ ..]
            | [b'-', b'-', tail @ ..]
            | [b'#', tail @ ..] => tail,
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
    keep_if_changed(input, out, start)
}
