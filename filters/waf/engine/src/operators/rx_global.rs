//! `@rxGlobal`: like `@rx`, but captures the groups of all matches, one after the other.
//!
//! Source: `rx_global.cc`, `Regex::searchGlobal`; from its tests: an empty match is captured only if it is the first.

use super::pcre::{Groups, LimitExceeded, Pattern};

/// An [`EachMatch`](super::rx::EachMatch).
pub(super) fn each(
    pattern: &Pattern,
    input: &[u8],
    take: &mut dyn FnMut(&Groups) -> bool,
) -> Result<(), LimitExceeded> {
    let (mut start, mut is_first) = (0, true);
    while let Some(groups) = pattern.find_at(input, start)?
        && let [Some((from, to)), ..] = groups
    {
        if (to > from || is_first) && !take(&groups) {
            return Ok(());
        }
        is_first = false;
        start = if to > from { to } else { to + 1 };
    }
    Ok(())
}
