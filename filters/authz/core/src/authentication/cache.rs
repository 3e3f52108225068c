use super::Verified;
use crate::recent::Recent;
use std::rc::Rc;

/// The longest token that is remembered, in bytes, as in Envoy.
pub(super) const MAX_CACHED_TOKEN_BYTES: usize = 4096;

/// Tokens, the ones that were used last: found by their last bytes, which are those of the signature, and compared as a whole.
/// To hash all of a text takes longer than to compare it.
#[derive(Debug)]
pub(super) struct Cache(Recent<Tail, Rc<Remembered>>);

type Tail = [u8; 16];

#[derive(Debug)]
struct Remembered {
    text: Box<[u8]>,
    entry: Entry,
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
        Self(Recent::new(size))
    }

    pub(super) fn get(&mut self, text: &[u8]) -> Option<Entry> {
        let known = self.0.get(&tail(text))?;
        (*known.text == *text).then(|| known.entry.clone())
    }

    pub(super) fn insert(&mut self, text: &[u8], entry: Entry) {
        if text.len() <= MAX_CACHED_TOKEN_BYTES {
            self.0.insert(tail(text), Rc::new(Remembered { text: text.into(), entry }));
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

/// The last bytes of a text, with zeros behind one that is shorter.
fn tail(text: &[u8]) -> Tail {
    let mut tail = Tail::default();
    let last = text.get(text.len().saturating_sub(tail.len())..).unwrap_or_default();
    tail.iter_mut().zip(last).for_each(|(to, from)| *to = *from);
    tail
}
