//! Text with macros, compiled, and the names of TX variables.

use std::sync::Arc;

use super::SourceId;
use portcullis_collections::Index;
use portcullis_collections::hash;

/// Text that may hold macros. ModSecurity v3 reference, "Macro Expansion".
#[derive(Debug, Clone)]
pub(crate) enum Text {
    /// Shared by all that say the same: rules of one file have most of their tags in common.
    Literal(Arc<[u8]>),
    Macro(Box<[Part]>),
}

/// A piece of a [`Text`].
#[derive(Debug, Clone)]
pub(crate) enum Part {
    Literal(Box<[u8]>),
    /// `%{TX.name}`
    Tx(TxSlot),
    /// `%{RULE.id}` and the like.
    Rule(Box<[u8]>),
    /// Any other variable: the first value of the source.
    Variable(SourceId),
}

impl Text {
    pub(crate) fn empty() -> Self {
        Text::Literal(Arc::default())
    }

    /// What is left where macros stand for nothing.
    pub(crate) fn without_macros(&self) -> Vec<u8> {
        match self {
            Text::Literal(text) => text.to_vec(),
            Text::Macro(parts) => {
                let literals = parts.iter().filter_map(|part| match part {
                    Part::Literal(text) => Some(&text[..]),
                    _ => None,
                });
                literals.collect::<Vec<_>>().concat()
            }
        }
    }

    pub(crate) fn as_literal(&self) -> Option<&[u8]> {
        match self {
            Text::Literal(text) => Some(text),
            Text::Macro(_) => None,
        }
    }
}

/// The key of a collection's member in `setvar` and its kin.
#[derive(Debug, Clone)]
pub(crate) enum KeyName {
    /// A TX variable whose name is constant.
    Slot(TxSlot),
    /// A name that macros make, or one of another collection.
    Text(Text),
}

/// A TX variable whose name occurs in the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TxSlot(pub(crate) u32);

/// The names of TX variables that occur in the rules, so that a request looks none of them up.
#[derive(Debug)]
pub(crate) struct TxNames {
    names: Vec<Box<[u8]>>,
    /// By their hashes in lower case.
    index: Index,
}

impl TxNames {
    /// Slots 0 to 9 are the captures `TX:0` to `TX:9`.
    pub(crate) fn new() -> Self {
        let mut names = TxNames { names: Vec::new(), index: Index::default() };
        for digit in b'0'..=b'9' {
            names.intern(&[digit]);
        }
        names
    }

    pub(crate) fn intern(&mut self, name: &[u8]) -> TxSlot {
        let lower = name.to_ascii_lowercase();
        if let Some(slot) = self.find(&lower) {
            return slot;
        }
        let slot = self.names.len() as u32;
        self.names.push(name.into());
        self.index.add(hash(&lower));
        TxSlot(slot)
    }

    /// The slot of a name that is in lower case.
    pub(crate) fn find(&self, lower: &[u8]) -> Option<TxSlot> {
        self.find_hashed(lower, hash(lower))
    }

    /// The same, where the hash of the name is known.
    pub(crate) fn find_hashed(&self, lower: &[u8], hash: u64) -> Option<TxSlot> {
        let name = |slot| self.name(TxSlot(slot as u32));
        let found = self.index.find(hash, |slot| name(slot).eq_ignore_ascii_case(lower));
        found.map(|slot| TxSlot(slot as u32))
    }

    /// The name as it was first written.
    pub(crate) fn name(&self, slot: TxSlot) -> &[u8] {
        self.names.get(slot.0 as usize).map_or(b"", |name| name)
    }

    pub(crate) fn slots(&self) -> impl Iterator<Item = TxSlot> + use<> {
        (0..self.names.len() as u32).map(TxSlot)
    }

    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}
