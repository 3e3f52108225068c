//! Collections of what a configuration holds, with little code: V8 compiles all of it before the first request. And the hash
//! function of tables in memory, and comparing what is in them.

pub mod beginnings;
pub mod find;
mod hash;

use std::collections::BinaryHeap;
use std::hash::{BuildHasher, RandomState};

pub use hash::hash;

/// A table of what stands for texts. Its growth is code that is there once; that of `HashMap` is 1.5 KB for each pair of types.
#[derive(Debug, Clone)]
pub struct Map<K, V> {
    entries: Vec<(K, V)>,
    index: Index,
    /// For keys that clients choose.
    secret: Option<RandomState>,
}

/// For keys that no client chooses.
impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Map { entries: Vec::new(), index: Index::default(), secret: None }
    }
}

impl<K: AsRef<[u8]>, V> Map<K, V> {
    /// For keys that clients choose: they can't know which ones collide.
    pub fn of_clients() -> Self {
        Map { secret: Some(RandomState::new()), ..Map::default() }
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Option<&V> {
        self.entries.get(self.place(key, self.hash(key))?).map(|(_, value)| value)
    }

    /// The key itself, as it was added.
    pub fn key(&self, key: &[u8]) -> Option<&K> {
        self.entries.get(self.place(key, self.hash(key))?).map(|(known, _)| known)
    }

    /// All entries, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &(K, V)> {
        self.entries.iter()
    }

    /// Adds an entry, unless there is one of this key. Whether there was none.
    pub fn add(&mut self, key: K, value: V) -> bool {
        let hash = self.hash(key.as_ref());
        let is_new = self.place(key.as_ref(), hash).is_none();
        if is_new {
            self.push(key, hash, value);
        }
        is_new
    }

    /// Changes the value of a key.
    pub fn change(&mut self, key: K, change: impl FnOnce(&mut V))
    where
        V: Default,
    {
        let hash = self.hash(key.as_ref());
        let place = self.place(key.as_ref(), hash).unwrap_or(self.entries.len());
        if place == self.entries.len() {
            self.push(key, hash, V::default());
        }
        if let Some((_, value)) = self.entries.get_mut(place) {
            change(value);
        }
    }

    /// Adds an entry of a key that is not there.
    fn push(&mut self, key: K, hash: u64, value: V) {
        self.index.add(hash);
        self.entries.push((key, value));
    }

    fn place(&self, key: &[u8], hash: u64) -> Option<usize> {
        let is = |place| self.entries.get(place).is_some_and(|(known, _): &(K, V)| known.as_ref() == key);
        self.index.find(hash, is)
    }

    fn hash(&self, key: &[u8]) -> u64 {
        hash_of(key, self.secret.as_ref())
    }
}

#[inline(never)]
fn hash_of(key: &[u8], secret: Option<&RandomState>) -> u64 {
    secret.map_or_else(|| hash(key), |secret| secret.hash_one(key))
}

/// Finds the places of a list's items by their hashes.
#[derive(Debug, Clone, Default)]
pub struct Index {
    /// The lower half of a hash and, counted from 1, a place; 0 where there is none. A power of two, of which half are free.
    slots: Vec<(u32, u32)>,
    len: u32,
}

impl Index {
    /// The place for which `is` holds, of those with this hash.
    #[inline]
    pub fn find(&self, hash: u64, is: impl Fn(usize) -> bool) -> Option<usize> {
        let hash = hash as u32;
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        loop {
            let (known, place) = self.slots.get(at)?;
            let place = place.checked_sub(1)? as usize;
            if *known == hash && is(place) {
                return Some(place);
            }
            at = (at + 1) & mask;
        }
    }

    /// Adds the next place.
    #[inline(never)]
    pub fn add(&mut self, hash: u64) {
        if self.len as usize * 2 >= self.slots.len() {
            let size = (self.slots.len() * 2).max(16);
            for (hash, place) in std::mem::replace(&mut self.slots, vec![(0, 0); size]) {
                if place != 0 {
                    self.put(hash, place);
                }
            }
        }
        self.len += 1;
        self.put(hash as u32, self.len);
    }

    fn put(&mut self, hash: u32, place: u32) {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        while self.slots.get(at).is_some_and(|(_, place)| *place != 0) {
            at = (at + 1) & mask;
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = (hash, place);
        }
    }
}

/// Sorts on a heap: the standard library's sorts are 4 to 6 KB of code for each type. Equal items may change places.
pub fn sorted<T: Ord>(items: Vec<T>) -> Vec<T> {
    BinaryHeap::from(items).into_sorted_vec()
}

/// Adds an item to a list in order, unless it is there. For short lists.
pub fn insert<T: Ord>(list: &mut Vec<T>, item: T) {
    if let Err(at) = list.binary_search(&item) {
        list.insert(at, item);
    }
}

/// Changes the value of a key in a list in the order of its keys: a B-tree is 2 KB of code for each type. For short lists.
pub fn change<K: Ord, V: Default>(list: &mut Vec<(K, V)>, key: K, change: impl FnOnce(&mut V)) {
    let found = list.binary_search_by(|(known, _)| known.cmp(&key));
    let at = found.unwrap_or_else(|at| at);
    if found.is_err() {
        list.insert(at, (key, V::default()));
    }
    if let Some((_, value)) = list.get_mut(at) {
        change(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_finds_what_was_added() {
        for mut map in [Map::default(), Map::of_clients()] {
            for number in 0..1000_u32 {
                assert_eq!(map.get(&number.to_le_bytes()), None);
                assert!(map.add(number.to_le_bytes(), number));
                assert!(!map.add(number.to_le_bytes(), 0));
            }
            map.change(7_u32.to_le_bytes(), |value| *value += 1);
            map.change(1000_u32.to_le_bytes(), |value| *value += 1);
            let found = |key: u32| map.get(&key.to_le_bytes()).copied();
            assert_eq!([found(0), found(7), found(999), found(1000)], [Some(0), Some(8), Some(999), Some(1)]);
            assert_eq!((found(1001), map.iter().count()), (None, 1001));
        }
    }
}
