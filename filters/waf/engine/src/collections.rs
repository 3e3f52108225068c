//! Collections of what a configuration holds, with little code: V8 compiles all of it before the first request.

use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

/// A hash table for keys that no client chooses: the standard library's hash function, which withstands chosen keys, is three times the
/// code in each table.
pub(crate) type Map<K, V> = HashMap<K, V, BuildHasherDefault<Fnv>>;

/// Sorts on a heap: the standard library's sorts are 4 to 6 KB of code for each type. Equal items may change places.
pub(crate) fn sorted<T: Ord>(items: Vec<T>) -> Vec<T> {
    BinaryHeap::from(items).into_sorted_vec()
}

/// Changes the value of a key in a list in the order of its keys: a B-tree is 2 KB of code for each type. For short lists.
pub(crate) fn change<K: Ord, V: Default>(list: &mut Vec<(K, V)>, key: K, change: impl FnOnce(&mut V)) {
    let found = list.binary_search_by(|(known, _)| known.cmp(&key));
    let at = found.unwrap_or_else(|at| at);
    if found.is_err() {
        list.insert(at, (key, V::default()));
    }
    if let Some((_, value)) = list.get_mut(at) {
        change(value);
    }
}

/// FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>.
pub(crate) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
