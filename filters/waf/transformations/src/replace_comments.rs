//! `replaceComments`: each `/* */`, closed or not, becomes one space. Source: `replace_comments.cc`.

use memchr::memmem;

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    let mut rest = input;
    let mut changed = false;
    while let Some(open) = memmem::find(rest, b"/*") {
        changed = true;
        out.extend_from_slice(rest.get(..open).unwrap_or_default());
        out.push(b' ');
        let comment = rest.get(open + 2..).unwrap_or_default();
        rest = match memmem::find(comment, b"*/") {
            Some(close) => comment.get(close + 2..).unwrap_or_default(),
            None => &[],
        };
    }
    if changed {
        out.extend_from_slice(rest);
    }
    changed
}
