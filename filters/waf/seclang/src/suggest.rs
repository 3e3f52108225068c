//! "Did you mean": the known name that is nearest to a wrong one.

/// The nearest of the names, if it is near enough to be what was meant: at most a third of the letters differ.
pub(crate) fn nearest(wrong: &[u8], names: &[&'static str]) -> Option<&'static str> {
    // Beyond this no name is near, and the distance takes quadratic time.
    const LONGEST: usize = 64;
    if wrong.is_empty() || wrong.len() > LONGEST {
        return None;
    }
    let distances = names.iter().map(|name| (distance(wrong, name.as_bytes()), *name));
    let (distance, name) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= (wrong.len() / 3).max(1)).then_some(name)
}

/// Levenshtein's distance without regard to ASCII case.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let (first, cells) = row.split_first_mut().unwrap_or((&mut diagonal, &mut []));
        diagonal = std::mem::replace(first, left);
        for (cell, y) in cells.iter_mut().zip(b) {
            let substituted = diagonal + usize::from(!x.eq_ignore_ascii_case(y));
            diagonal = *cell;
            left = substituted.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}
