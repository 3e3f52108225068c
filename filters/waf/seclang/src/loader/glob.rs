//! Globs as in `Include rules/*.conf`.

/// Whether the path has wildcards.
pub(crate) fn is_glob(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// Whether a name matches a glob: `*` and `?` stand for bytes other than `/`, `[a-c]` and `[!a-c]` for one of a set.
/// A `[` without `]` stands for itself.
pub(crate) fn matches(glob: &[u8], name: &[u8]) -> bool {
    let (mut glob, mut name) = (glob, name);
    // Where to go on when the text after the last `*` does not fit: that `*` takes one byte more.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        let step = match (glob, name) {
            ([b'*', rest @ ..], _) => {
                retry = Some((rest, name));
                Some((rest, name))
            }
            ([], []) => return true,
            (_, [first, after @ ..]) => one(glob, *first).map(|rest| (rest, after)),
            (_, []) => None,
        };
        match (step, retry) {
            (Some(next), _) => (glob, name) = next,
            (None, Some((rest, [taken, after @ ..]))) if *taken != b'/' => {
                retry = Some((rest, after));
                (glob, name) = (rest, after);
            }
            _ => return false,
        }
    }
}

/// Matches one byte against the start of the glob; gives the rest of the glob.
fn one(glob: &[u8], byte: u8) -> Option<&[u8]> {
    match glob {
        [b'?', rest @ ..] => (byte != b'/').then_some(rest),
        [b'[', set @ ..] => match set.iter().skip(1).position(|&end| end == b']') {
            Some(end) => {
                let (members, rest) = set.split_at(end + 1);
                (byte != b'/' && in_set(members, byte)).then(|| rest.get(1..).unwrap_or_default())
            }
            None => (byte == b'[').then_some(set),
        },
        [literal, rest @ ..] => (byte == *literal).then_some(rest),
        [] => None,
    }
}

fn in_set(members: &[u8], byte: u8) -> bool {
    let (wanted, mut members) = match members {
        [b'!' | b'^', rest @ ..] => (false, rest),
        _ => (true, members),
    };
    let mut found = false;
    while let [first, rest @ ..] = members {
        members = match rest {
            [b'-', last, after @ ..] => {
                found |= (*first..=*last).contains(&byte);
                after
            }
            _ => {
                found |= *first == byte;
                rest
            }
        };
    }
    found == wanted
}
