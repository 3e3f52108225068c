//! `@containsWord`: the argument with no ASCII letter beside it; digits and `_` end a word.
//!
//! As in ModSecurity, the argument at the very end of the input, or at its start, needs only the other side to be free,
//! and an empty argument always matches. Source: `contains_word.cc`.

use memchr::memmem;

use super::Place;

pub(super) fn matches(argument: &[u8], input: &[u8]) -> bool {
    argument.is_empty() || argument == input || place(argument, input).is_some()
}

/// Of a match that is not the whole input.
pub(super) fn place(argument: &[u8], input: &[u8]) -> Option<Place> {
    if argument.is_empty() || argument == input {
        return None;
    }
    let mut from = 0;
    while let Some(found) = input.get(from..).and_then(|rest| memmem::find(rest, argument)) {
        let at = from + found;
        let end = at + argument.len();
        let free_before = at.checked_sub(1).is_some_and(|index| is_free(input, index));
        let free_after = is_free(input, end);
        if at == 0 && free_after || end == input.len() && free_before || free_before && free_after {
            return Some((at, argument.len()));
        }
        from = at + 1;
    }
    None
}

fn is_free(input: &[u8], index: usize) -> bool {
    input.get(index).is_some_and(|byte| !byte.is_ascii_alphabetic())
}
