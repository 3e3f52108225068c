//! What the bytes of values settle without their literals, kept for values that have the same bytes and the same length.
//!
//! JSON makes of one key hundreds of names that differ in their last digits, and each has ten forms. Which checks the bytes of a value
//! fulfil, and which of these have all that they need besides, is most of what the scan of such a form takes.

use super::{NEWLINE, Profile};

/// What is kept, by hash.
#[derive(Debug, Default)]
pub struct Settled {
    keys: Vec<Key>,
    /// For each of these its words.
    words: Vec<u64>,
}

/// All that what is settled depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    classes: u128,
    has_newline: bool,
    len: usize,
}

const PLACES: usize = 64;
/// With fewer values too few are alike.
const MANY: usize = 512;

impl Key {
    /// Of a place that has none: no value has it.
    const NONE: Self = Key { classes: 0, has_newline: true, len: usize::MAX };

    pub(super) fn of(profile: Profile, len: usize) -> Self {
        Key { classes: profile.classes, has_newline: profile.summary & NEWLINE != 0, len }
    }

    fn place(self) -> usize {
        let classes = self.classes as u64 ^ (self.classes >> 64) as u64;
        let hash = (classes ^ (self.len as u64) << 1 ^ u64::from(self.has_newline))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash >> 58) as usize % PLACES
    }
}

impl Settled {
    /// Forgets all.
    pub fn reset(&mut self) {
        self.keys.clear();
    }

    /// What is kept among so many values of a transaction.
    #[inline]
    pub fn among(&mut self, values: usize) -> Option<&mut Self> {
        (values >= MANY).then_some(self)
    }

    pub(super) fn find(&self, key: Key, words: usize) -> Option<&[u64]> {
        let place = key.place();
        if self.keys.get(place) != Some(&key) {
            return None;
        }
        self.words.get(place * words..(place + 1) * words)
    }

    pub(super) fn keep(&mut self, key: Key, words: &[u64]) {
        self.keys.resize(PLACES, Key::NONE);
        self.words.resize(PLACES * words.len(), 0);
        let place = key.place();
        let kept = self.words.get_mut(place * words.len()..(place + 1) * words.len());
        if let Some((known, kept)) = self.keys.get_mut(place).zip(kept) {
            *known = key;
            kept.copy_from_slice(words);
        }
    }
}
