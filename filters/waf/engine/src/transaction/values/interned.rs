//! Finds the value that was made of the same bytes before.

/// An open hash table: a part of the hash, and the number of a value; 0 is a free place.
#[derive(Debug, Default)]
pub(super) struct Interned {
    places: Vec<(u32, u32)>,
    count: usize,
}

impl Interned {
    /// Forgets all.
    pub(super) fn reset(&mut self) {
        // As large as the last transactions needed it, so that it need not grow again.
        if self.count * 8 < self.places.len() {
            self.places.truncate(self.places.len() / 2);
        }
        self.places.fill((0, 0));
        self.count = 0;
    }

    /// Gives back memory, if it is more than `keep` bytes.
    pub(super) fn shrink(&mut self, keep: usize) {
        if self.places.len() > keep / size_of::<(u32, u32)>() {
            *self = Self::default();
        }
    }

    /// Makes room for one more.
    #[inline]
    pub(super) fn make_room(&mut self) {
        if self.count * 2 >= self.places.len() {
            self.grow();
        }
    }

    /// The value for which `is` holds, of those with this hash, or the place for it.
    #[inline]
    pub(super) fn find(&self, hash: u32, is: impl Fn(u32) -> bool) -> Result<u32, usize> {
        let mask = self.places.len().wrapping_sub(1);
        let mut at = hash as usize & mask;
        while let Some(&(tag, known)) = self.places.get(at) {
            if known == 0 {
                break;
            }
            if tag == hash && is(known) {
                return Ok(known);
            }
            at = (at + 1) & mask;
        }
        Err(at)
    }

    /// Notes a value at its place.
    pub(super) fn note(&mut self, at: usize, hash: u32, value: u32) {
        if let Some(place) = self.places.get_mut(at) {
            *place = (hash, value);
            self.count += 1;
        }
    }

    #[inline(never)]
    fn grow(&mut self) {
        let size = (self.places.len() * 2).max(64);
        let old = std::mem::replace(&mut self.places, vec![(0, 0); size]);
        for (hash, value) in old.into_iter().filter(|(_, value)| *value != 0) {
            if let Err(at) = self.find(hash, |_| false)
                && let Some(place) = self.places.get_mut(at)
            {
                *place = (hash, value);
            }
        }
    }
}
