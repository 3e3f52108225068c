//! What operators compile when they are first asked about a value, kept within a budget.
//!
//! Most patterns and lists of phrases of a rule set are never asked by ordinary traffic, because the scan rules them out. So they
//! cost neither time at the start nor memory.
//!
//! Memory is bounded by what the rules need when all of them have been asked, which is the operator's choice, plus what
//! searches may add to that, which is a client's.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread::LocalKey;

use portcullis_collections::sorted;

/// The matchers of one kind that a thread (in Envoy: a worker) has.
#[derive(Debug)]
pub(super) struct Store<T> {
    /// In the order of the keys.
    entries: Vec<(u64, Box<Kept<T>>)>,
    /// How many bytes searches may add to what was expected. Where they would add more, those matchers go that were not asked
    /// for longest.
    growth_limit: usize,
    /// How many bytes the matchers of all keys of this thread are expected to take.
    expected: usize,
    /// Bytes of all.
    memory: usize,
    /// Counts searches.
    clock: u64,
}

#[derive(Debug)]
struct Kept<T> {
    matcher: T,
    /// Bytes, when last counted.
    memory: usize,
    /// When it was last asked.
    asked: u64,
}

/// A matcher that may grow while it searches.
pub(super) trait Measured {
    /// Bytes of memory. To count them takes lines of the caches that a search does not need.
    fn memory(&self) -> usize;

    /// Whether a search may have made it larger since this was asked last.
    fn has_grown(&mut self) -> bool {
        false
    }
}

/// A store's entry, present or not. A clone is another one.
#[derive(Debug)]
pub(super) struct Key<T: Measured + 'static> {
    number: u64,
    expected: usize,
    /// Where the entry was last. It may have moved, and other threads have it elsewhere.
    last: AtomicU32,
    store: &'static LocalKey<RefCell<Store<T>>>,
}

impl<T: Measured> Key<T> {
    /// `expected`: how many bytes the matcher will take at first, about.
    pub(super) fn new(store: &'static LocalKey<RefCell<Store<T>>>, expected: usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        store.with_borrow_mut(|store| store.expected = store.expected.saturating_add(expected));
        Self { number: NEXT.fetch_add(1, Ordering::Relaxed), expected, last: AtomicU32::new(0), store }
    }

    /// What no other entry of the store has, and never 0.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Searches with the matcher, which is made if it is not there. `None` if it can't be made.
    pub(super) fn with<R>(
        &self,
        make: impl FnOnce() -> Option<T>,
        search: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        self.store.with_borrow_mut(|store| {
            store.clock += 1;
            let mut at = self.last.load(Ordering::Relaxed) as usize;
            if store.entries.get(at).is_none_or(|(number, _)| *number != self.number) {
                at = match store.place(self.number) {
                    Ok(at) => at,
                    Err(at) => {
                        let kept = Kept { matcher: make()?, memory: 0, asked: 0 };
                        store.entries.insert(at, (self.number, Box::new(kept)));
                        at
                    }
                };
                self.last.store(at as u32, Ordering::Relaxed);
            }
            let (_, kept) = store.entries.get_mut(at)?;
            kept.asked = store.clock;
            let found = search(&mut kept.matcher);
            if kept.memory == 0 || kept.matcher.has_grown() {
                let now = kept.matcher.memory();
                let before = std::mem::replace(&mut kept.memory, now);
                store.memory = store.memory.saturating_sub(before).saturating_add(now);
                if store.memory > store.limit() {
                    store.shrink();
                }
            }
            Some(found)
        })
    }
}

impl<T: Measured> Clone for Key<T> {
    fn clone(&self) -> Self {
        Self::new(self.store, self.expected)
    }
}

impl<T: Measured> Drop for Key<T> {
    fn drop(&mut self) {
        // The thread may be ending; what other threads have goes in time.
        let _ = self.store.try_with(|store| {
            if let Ok(mut store) = store.try_borrow_mut() {
                store.remove(self.number);
                store.expected = store.expected.saturating_sub(self.expected);
            }
        });
    }
}

impl<T: Measured> Store<T> {
    pub(super) fn new(growth_limit: usize) -> RefCell<Self> {
        RefCell::new(Self { entries: Vec::new(), growth_limit, expected: 0, memory: 0, clock: 0 })
    }

    fn limit(&self) -> usize {
        self.growth_limit.saturating_add(self.expected)
    }

    /// Drops what was not asked for longest until a quarter of the memory is free, so that this is rare.
    #[cold]
    fn shrink(&mut self) {
        let oldest: Vec<(u64, u64)> = self.entries.iter().map(|(key, kept)| (kept.asked, *key)).collect();
        for (_, key) in sorted(oldest) {
            if self.memory <= self.limit() / 4 * 3 {
                return;
            }
            self.remove(key);
        }
    }

    fn remove(&mut self, key: u64) {
        if let Ok(at) = self.place(key) {
            let (_, gone) = self.entries.remove(at);
            self.memory = self.memory.saturating_sub(gone.memory);
        }
    }

    /// Where a key is, or belongs.
    #[inline]
    fn place(&self, key: u64) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&key, |(known, _)| *known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Sized(usize);

    impl Measured for Sized {
        fn memory(&self) -> usize {
            self.0
        }

        fn has_grown(&mut self) -> bool {
            true
        }
    }

    thread_local! {
        static STORE: RefCell<Store<Sized>> = Store::new(80);
    }

    #[test]
    fn stays_within_its_budget() {
        let keys: Vec<_> = (0..20).map(|_| Key::new(&STORE, 1)).collect();
        for key in &keys {
            assert_eq!(key.with(|| Some(Sized(9)), |found| found.0), Some(9));
            assert!(STORE.with_borrow(|store| store.memory) <= 100);
        }
        let is_kept = |key: &Key<Sized>| key.with(|| None, |_| ()).is_some();
        let kept = keys.iter().filter(|key| is_kept(key)).count();
        assert!((8..=11).contains(&kept), "{kept}");
        assert!(is_kept(&keys[19]) && !is_kept(&keys[0]));
        // One that grows while it searches.
        keys[19].with(|| None, |found| found.0 = 60);
        assert!(STORE.with_borrow(|store| store.memory) <= 100);
        assert!(is_kept(&keys[19]));
        // One that is larger than all may be together is made anew each time.
        assert_eq!(keys[0].with(|| Some(Sized(200)), |found| found.0), Some(200));
        assert!(!is_kept(&keys[0]));
        drop(keys);
        assert_eq!(STORE.with_borrow(|store| (store.entries.len(), store.memory, store.expected)), (0, 0, 0));
    }
}
