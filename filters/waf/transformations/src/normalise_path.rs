//! `normalizePath` (`normalisePath`) and their `Win` forms, which first turn backslashes into slashes.
//!
//! Multiple slashes, `.` and `..` segments go; a relative path keeps the `..` that it can't resolve; a path that did
//! not end in a slash does not end in one afterwards. As in ModSecurity, any segment that *ends* in `..` is taken as a
//! back reference. Source: `normalise_path.cc`, `normalize_path_inplace`.

use super::scan::keep_if_changed;

pub(super) fn apply(input: &[u8], out: &mut Vec<u8>) -> bool {
    if is_normal(input) {
        return false;
    }
    normalise(input, false, out)
}

pub(super) fn apply_win(input: &[u8], out: &mut Vec<u8>) -> bool {
    if is_normal(input) && crate::find::byte(b'\\', input).is_none() {
        return false;
    }
    normalise(input, true, out)
}

/// Whether there is nothing to do: no `//`, no segment that ends in a dot.
fn is_normal(input: &[u8]) -> bool {
    input.last() != Some(&b'.')
        && memchr::memchr_iter(b'/', input).all(|slash| {
            let before = slash.checked_sub(1).and_then(|index| input.get(index));
            before != Some(&b'.') && before != Some(&b'/')
        })
}

fn normalise(input: &[u8], win: bool, out: &mut Vec<u8>) -> bool {
    let at = |index: usize| match input.get(index) {
        Some(b'\\') if win => Some(b'/'),
        other => other.copied(),
    };
    let Some(end) = input.len().checked_sub(1) else { return false };
    let relative = at(0) != Some(b'/');
    let trailing_slash = at(end) == Some(b'/');
    let start = out.len();
    let mut at_root = false;
    let mut source = 0;
    while source <= end {
        let is_slash = |index: usize| at(index) == Some(b'/');
        if !is_slash(source) && !is_slash(source + 1) {
            // Bytes that no slash is beside, and that are not the last one, stay as they are.
            let rest = input.get(source..end).unwrap_or_default();
            let slash =
                if win { crate::find::either(b'/', b'\\', rest) } else { crate::find::byte(b'/', rest) };
            let plain = slash.unwrap_or(rest.len() + usize::from(!is_slash(end))).saturating_sub(1);
            out.extend_from_slice(rest.get(..plain).unwrap_or_default());
            source += plain;
        }
        let done = source == end;
        let written = out.len() - start;
        let last = if written > 0 { out.last().copied() } else { None };
        // Only the last byte of a segment can be part of a reference.
        if done || at(source + 1) == Some(b'/') {
            match at(source) {
                Some(b'/') if !done => {}
                Some(b'.') => match last {
                    Some(b'.') if relative && (at_root || written <= 2) => at_root = true,
                    Some(b'.') => {
                        let parent = out.get(start..).unwrap_or_default();
                        let parent = parent.get(..(written + 1).saturating_sub(3)).unwrap_or_default();
                        let keep = memchr::memrchr(b'/', parent).unwrap_or(0);
                        out.truncate(start + keep);
                        if keep == 0 {
                            at_root = true;
                            if !relative && done {
                                out.push(b'/');
                            }
                        }
                        if done {
                            break;
                        }
                        source += 1;
                    }
                    None | Some(b'/') if done => break,
                    None => source += 1,
                    Some(b'/') => {
                        out.pop();
                        source += 1;
                    }
                    Some(_) => {}
                },
                _ if written > 0 => at_root = false,
                _ => {}
            }
        }
        if at(source) == Some(b'/') {
            while source < end && at(source + 1) == Some(b'/') {
                source += 1;
            }
            if relative && out.len() == start {
                source += 1;
                continue;
            }
        }
        out.extend(at(source));
        source += 1;
        if done {
            break;
        }
    }
    if !trailing_slash && out.len() > start && out.last() == Some(&b'/') {
        out.pop();
    }
    keep_if_changed(input, out, start)
}
