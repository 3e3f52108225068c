//! A set of byte values.

use std::fmt;

/// The bits of `A` to `Z` and of `a` to `z` in the second word.
const UPPER: u64 = 0x07ff_fffe;
const LOWER: u64 = UPPER << 32;

/// A set of byte values, one bit each.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ByteSet([u64; 4]);

impl ByteSet {
    /// The set without bytes.
    pub const EMPTY: Self = Self([0; 4]);
    /// The set of all 256 bytes.
    pub const FULL: Self = Self([u64::MAX; 4]);

    /// The bytes from `first` to `last`, both included; empty if they are in the wrong order.
    #[must_use]
    pub fn range(first: u8, last: u8) -> Self {
        (first..=last).collect()
    }

    /// The bytes that occur in `text`.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        text.iter().copied().collect()
    }

    /// Adds a byte.
    #[inline]
    pub fn insert(&mut self, byte: u8) {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
    }

    /// Whether the byte is in the set.
    #[must_use]
    #[inline]
    pub fn contains(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    /// Both sets together.
    #[must_use]
    #[inline]
    pub fn union(self, other: Self) -> Self {
        self.zip(other, |a, b| a | b)
    }

    /// What is in both sets.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        self.zip(other, |a, b| a & b)
    }

    /// What is not in the set.
    #[must_use]
    pub fn complement(self) -> Self {
        self.zip(Self::FULL, |a, b| a ^ b)
    }

    /// The set with both cases of every ASCII letter in it.
    #[must_use]
    pub fn fold_case(self) -> Self {
        let [a, b, c, d] = self.0;
        Self([a, b | (b & UPPER) << 32 | (b & LOWER) >> 32, c, d])
    }

    /// The set with each upper-case ASCII letter replaced by its lower-case form.
    #[must_use]
    pub fn to_lowercase(self) -> Self {
        let [a, b, c, d] = self.0;
        Self([a, b & !UPPER | (b & UPPER) << 32, c, d])
    }

    /// The bits of all 256 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(self.0) {
            *bytes = word.to_le_bytes();
        }
        bytes
    }

    /// How many bytes are in the set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether no byte is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::EMPTY
    }

    /// The bytes in ascending order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..).step_by(64).zip(self.0).flat_map(|(first, mut word): (u32, u64)| {
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros())?;
                word &= word - 1;
                u8::try_from(first + bit).ok()
            })
        })
    }

    /// The bytes in ascending order as inclusive ranges, as few as possible.
    #[must_use]
    pub fn ranges(self) -> Vec<(u8, u8)> {
        let mut ranges: Vec<(u8, u8)> = Vec::new();
        for byte in self.iter() {
            match ranges.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(byte) => *last = byte,
                _ => ranges.push((byte, byte)),
            }
        }
        ranges
    }

    fn zip(self, other: Self, join: impl Fn(u64, u64) -> u64) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([join(a, e), join(b, f), join(c, g), join(d, h)])
    }
}

impl FromIterator<u8> for ByteSet {
    fn from_iter<T: IntoIterator<Item = u8>>(bytes: T) -> Self {
        let mut set = Self::EMPTY;
        bytes.into_iter().for_each(|byte| set.insert(byte));
        set
    }
}

impl fmt::Debug for ByteSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (first, last) in self.ranges() {
            write!(f, "{}", first.escape_ascii())?;
            if last > first {
                write!(f, "-{}", last.escape_ascii())?;
            }
        }
        f.write_str("]")
    }
}
