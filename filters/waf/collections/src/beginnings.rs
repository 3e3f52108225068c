//! Comparing values. Inlined, as this crate is compiled for size and those who compare are not.

/// How many bytes two values begin with that are the same.
#[inline]
#[must_use]
pub fn common(one: &[u8], other: &[u8]) -> usize {
    let ((ones, _), (others, _)) = (one.as_chunks::<16>(), other.as_chunks::<16>());
    let same = ones.iter().zip(others).take_while(|(one, other)| one == other).count() * 16;
    let rest = one.get(same..).unwrap_or(b"").iter().zip(other.get(same..).unwrap_or(b""));
    same + rest.take_while(|(one, other)| one == other).count()
}

/// Whether two values are the same, eight bytes at a time. `==` calls `memcmp`, which in the module goes byte by byte.
#[inline]
#[must_use]
pub fn are_same(one: &[u8], other: &[u8]) -> bool {
    let same_eight =
        |(one, other): (&[u8; 8], &[u8; 8])| u64::from_ne_bytes(*one) == u64::from_ne_bytes(*other);
    let ((ones, one_rest), (others, other_rest)) = (one.as_chunks(), other.as_chunks());
    one.len() == other.len()
        && ones.iter().zip(others).all(same_eight)
        && match (one.last_chunk(), other.last_chunk()) {
            // Some of them again.
            (Some(one), Some(other)) => same_eight((one, other)),
            _ => one_rest.iter().zip(other_rest).all(|(one, other)| one == other),
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_so_many_bytes_in_common() {
        for length in 0..70 {
            let one = vec![b'a'; length];
            for at in 0..=length {
                let other = [&one[..at], b"b"].concat();
                assert_eq!(common(&one, &other), at);
                assert_eq!(common(&other, &one), at);
                assert_eq!(common(&one[..at], &one), at);
                assert!(!are_same(&one, &other));
                let mut changed = one.clone();
                changed.get_mut(at).into_iter().for_each(|byte| *byte = b'b');
                assert_eq!(are_same(&one, &changed), at == length);
            }
        }
    }
}
