//! `replaceComments`: each `/* */`, closed or not, becomes one space. Source: `replace_comments.cc`.

use memchr::memchr_iter;

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    let mut rest = input;
    let mut changed = false;
    while let Some(open) = opening(rest) {
        changed = true;
        out.extend_from_slice(rest.get(..open).unwrap_or_default());
        out.push(b' ');
        let comment = rest.get(open + 2..).unwrap_or_default();
        rest = match closing(comment) {
            Some(close) => comment.get(close + 2..).unwrap_or_default(),
            None => &[],
        };
    }
    if changed {
        out.extend_from_slice(rest);
    }
    changed
}

/// Where the first `/*` is. Of its bytes the star is the rarer one; and `memmem` takes 400 instructions before it looks for anything.
fn opening(text: &[u8]) -> Option<usize> {
    let mut slashes = memchr_iter(b'*', text).filter_map(|star| star.checked_sub(1));
    slashes.find(|slash| text.get(*slash) == Some(&b'/'))
}

/// Where the first `*/` is.
fn closing(text: &[u8]) -> Option<usize> {
    memchr_iter(b'*', text).find(|star| text.get(star + 1) == Some(&b'/'))
}
