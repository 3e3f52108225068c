const FACTOR: u64 = 0x517c_c1b7_2722_0a95;

/// FxHash, for tables in memory: fast, and no secret. What clients can bring to collide costs no more than comparisons,
/// bounded where the tables are.
///
/// Its highest bits are the best, and the lowest have some of them.
#[inline]
pub fn hash(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = bytes.len() as u64;
    for word in words {
        hash = add(hash, u64::from_le_bytes(*word));
    }
    // Of longer values the last eight bytes, of which some are there already, and so for those of four bytes and more.
    let four = |four: [u8; 4]| u64::from(u32::from_le_bytes(four));
    let last = match (bytes.last_chunk(), rest.first_chunk(), rest.last_chunk()) {
        (Some(last), ..) => u64::from_le_bytes(*last),
        (_, Some(first), Some(last)) => four(*first) << 32 | four(*last),
        _ => rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    hash = add(hash, last);
    hash ^ hash >> 32
}

#[inline]
fn add(hash: u64, word: u64) -> u64 {
    (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR)
}
