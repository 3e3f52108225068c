//! Texts within texts that are short. The searchers of the crate memchr are made for long ones: to make one takes longer than to look.

/// Where a text begins within another, each time, overlapping ones as well. An empty text is everywhere.
pub(crate) fn find_all<'t>(text: &'t [u8], part: &'t [u8]) -> impl Iterator<Item = usize> + 't {
    (0..=text.len()).filter(move |at| text.get(*at..).is_some_and(|rest| rest.starts_with(part)))
}

/// Where a text first begins within another.
pub(crate) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    find_all(text, part).next()
}

#[cfg(test)]
mod tests;
