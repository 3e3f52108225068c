//! `removeComments`: `/* */` and `<!-- -->`, either closed by either mark; `--` and `#` end the value. An unclosed
//! comment leaves one space. Source: `remove_comments.cc`.
//!
//! ModSecurity copies the byte after a closing mark even when the value ends there and so appends a NUL; so do we,
//! because rules and its tests see that byte. It also copies the byte after a mark without asking whether a new comment
//! starts with it; so do we.

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    let Some(first) = find_mark(input) else { return false };
    let (plain, mut rest) = input.split_at_checked(first).unwrap_or((input, &[]));
    out.extend_from_slice(plain);
    loop {
        rest = match rest {
            [] | [b'-', b'-', ..] | [b'#', ..] => return true,
            [b'/', b'*', comment @ ..] | [b'<', b'!', b'-', b'-', comment @ ..] => match skip(comment) {
                Some([after, tail @ ..]) => {
                    out.push(*after);
                    tail
                }
                Some([]) => {
                    out.push(0);
                    return true;
                }
                None => {
                    out.push(b' ');
                    return true;
                }
            },
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
}

/// Where the first mark is that starts a comment.
fn find_mark(input: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = input.get(from..)?;
        let next = rest.iter().position(|byte| matches!(byte, b'/' | b'<' | b'-' | b'#'))?;
        match rest.get(next..)? {
            [b'/', b'*', ..] | [b'<', b'!', b'-', b'-', ..] | [b'-', b'-', ..] | [b'#', ..] => {
                return Some(from + next);
            }
            _ => from += next + 1,
        }
    }
}

/// What follows the first closing mark.
fn skip(comment: &[u8]) -> Option<&[u8]> {
    let mut rest = comment;
    loop {
        let next = crate::find::either(b'*', b'-', rest)?;
        match rest.get(next..)? {
            [b'*', b'/', tail @ ..] | [b'-', b'-', b'>', tail @ ..] => return Some(tail),
            [_, tail @ ..] => rest = tail,
            [] => return None,
        }
    }
}
