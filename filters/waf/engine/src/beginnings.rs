//! What values begin with.

/// How many bytes two values begin with that are the same.
pub(crate) fn common(one: &[u8], other: &[u8]) -> usize {
    let ((ones, _), (others, _)) = (one.as_chunks::<16>(), other.as_chunks::<16>());
    let same = ones.iter().zip(others).take_while(|(one, other)| one == other).count() * 16;
    let rest = one.get(same..).unwrap_or(b"").iter().zip(other.get(same..).unwrap_or(b""));
    same + rest.take_while(|(one, other)| one == other).count()
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
            }
        }
    }
}
