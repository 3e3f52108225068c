use super::Verified;
use std::collections::HashMap;
use std::rc::Rc;

/// The longest token that is remembered, in bytes, as in Envoy.
pub(super) const MAX_CACHED_TOKEN_BYTES: usize = 4096;

/// Tokens by their text, the ones that were used last. Of two generations the older one is dropped when the younger is full:
/// each costs a look-up, and no list is kept in order.
#[derive(Debug)]
pub(super) struct Cache {
    generation: usize,
    young: HashMap<Box<[u8]>, Entry>,
    old: HashMap<Box<[u8]>, Entry>,
}

/// What is known of a token.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) token: Rc<Verified>,
    /// The rule whose keys verified it. In the cache there always is one.
    pub(super) provider: Option<usize>,
}

impl Cache {
    /// A cache of up to `size` tokens; 0 for none.
    pub(super) fn new(size: usize) -> Self {
        Self { generation: size.div_ceil(2), young: HashMap::new(), old: HashMap::new() }
    }

    pub(super) fn get(&mut self, text: &[u8]) -> Option<Entry> {
        if let Some(entry) = self.young.get(text) {
            return Some(entry.clone());
        }
        let (text, entry) = self.old.remove_entry(text)?;
        self.keep(text, entry.clone());
        Some(entry)
    }

    pub(super) fn insert(&mut self, text: &[u8], entry: Entry) {
        if self.generation > 0 && text.len() <= MAX_CACHED_TOKEN_BYTES {
            self.keep(text.into(), entry);
        }
    }

    pub(super) fn clear(&mut self) {
        self.young.clear();
        self.old.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    fn keep(&mut self, text: Box<[u8]>, entry: Entry) {
        if self.young.len() >= self.generation && !self.young.contains_key(&text) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(text, entry);
    }
}
