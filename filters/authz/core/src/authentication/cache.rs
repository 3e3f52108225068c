use super::Verified;
use crate::recent::Recent;
use std::rc::Rc;

/// The longest token that is remembered, in bytes, as in Envoy.
pub(super) const MAX_CACHED_TOKEN_BYTES: usize = 4096;

/// Tokens by their text, the ones that were used last.
#[derive(Debug)]
pub(super) struct Cache(Recent<Box<[u8]>, Entry>);

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
        Self(Recent::new(size))
    }

    pub(super) fn get(&mut self, text: &[u8]) -> Option<Entry> {
        self.0.get(text)
    }

    pub(super) fn insert(&mut self, text: &[u8], entry: Entry) {
        if text.len() <= MAX_CACHED_TOKEN_BYTES {
            self.0.insert(text.into(), entry);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
