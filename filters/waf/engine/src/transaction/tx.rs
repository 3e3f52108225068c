//! TX variables.

use std::borrow::Cow;

use super::values::MaybeValue;
use super::{ValueId, Values};
use crate::plan::{Plan, TxSlot};
use portcullis_collections::hash;

/// TX variables: those that the rules name, by number, and those whose names macros make.
#[derive(Debug, Default)]
pub(crate) struct TxVariables {
    slots: Vec<MaybeValue>,
    /// The names as values, once they were asked for; without any if none was.
    names: Vec<MaybeValue>,
    named: Vec<Named>,
    /// For names of each kind of hash the one that was set last: an index into `named`, plus one.
    last_of: Vec<u32>,
}

/// A variable whose name macros made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named {
    /// Its name in lower case.
    pub(crate) lower: ValueId,
    /// Its name as written.
    pub(crate) name: ValueId,
    pub(crate) value: ValueId,
    hash: u64,
    /// The one before it of the same kind of hash, as in `last_of`.
    before: u32,
}

/// Where a variable is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place {
    Slot(TxSlot),
    Named(usize),
    /// No rule names it, and it is not set. The hash of its name in lower case.
    Nowhere(u64),
}

/// Kinds of hashes.
const KINDS: usize = 256;

impl TxVariables {
    pub(crate) fn reset(&mut self, slots: usize) {
        self.slots.clear();
        self.slots.resize(slots, MaybeValue::NONE);
        self.names.clear();
        if !self.named.is_empty() {
            self.named.clear();
            self.last_of.fill(0);
        }
    }

    pub(crate) fn slot(&self, slot: TxSlot) -> Option<ValueId> {
        self.slots.get(slot.0 as usize).and_then(|value| value.get())
    }

    /// The name of a slot, which is that of `plan`, as a value.
    pub(crate) fn name(&mut self, slot: TxSlot, plan: &Plan, values: &mut Values) -> ValueId {
        self.names.resize(self.slots.len(), MaybeValue::NONE);
        let Some(known) = self.names.get_mut(slot.0 as usize) else { return ValueId::EMPTY };
        let name = known.get().unwrap_or_else(|| values.push(plan.tx.name(slot)));
        *known = Some(name).into();
        name
    }

    pub(crate) fn set_slot(&mut self, slot: TxSlot, value: Option<ValueId>) {
        if let Some(place) = self.slots.get_mut(slot.0 as usize) {
            *place = value.into();
        }
    }

    /// Where the variable of a name is.
    pub(crate) fn place(&self, name: &[u8], plan: &Plan, values: &Values) -> Place {
        let lower = lower_case(name);
        let hash = hash(&lower);
        if !self.named.is_empty() {
            let mut next = self.last_of.get(kind(hash)).map_or(0, |last| *last as usize);
            while let Some(known) = next.checked_sub(1).and_then(|index| self.named.get(index)) {
                if known.hash == hash && *values.bytes(known.lower) == *lower {
                    return Place::Named(next - 1);
                }
                next = known.before as usize;
            }
        }
        plan.tx.find_hashed(&lower, hash).map_or(Place::Nowhere(hash), Place::Slot)
    }

    pub(crate) fn get(&self, place: Place) -> Option<ValueId> {
        match place {
            Place::Slot(slot) => self.slot(slot),
            Place::Named(index) => self.named.get(index).map(|named| named.value),
            Place::Nowhere(_) => None,
        }
    }

    /// Sets what is in a place. Of `Nowhere` nothing is set.
    pub(crate) fn set(&mut self, place: Place, value: ValueId) {
        match place {
            Place::Slot(slot) => self.set_slot(slot, Some(value)),
            Place::Named(index) => {
                if let Some(named) = self.named.get_mut(index) {
                    named.value = value;
                }
            }
            Place::Nowhere(_) => {}
        }
    }

    /// Adds a variable that is nowhere yet, whose name in lower case has that hash.
    pub(crate) fn add(&mut self, name: &[u8], hash: u64, value: ValueId, values: &mut Values) {
        let written = values.push(name);
        let lower = match lower_case(name) {
            Cow::Borrowed(_) => written,
            Cow::Owned(lower) => values.push(&lower),
        };
        self.named.push(Named { lower, name: written, value, hash, before: 0 });
        self.file(self.named.len() - 1);
    }

    pub(crate) fn remove(&mut self, place: Place) {
        match place {
            Place::Slot(slot) => self.set_slot(slot, None),
            Place::Named(index) if index < self.named.len() => {
                self.named.remove(index);
                self.last_of.fill(0);
                (0..self.named.len()).for_each(|index| self.file(index));
            }
            Place::Named(_) | Place::Nowhere(_) => {}
        }
    }

    /// Files one under its hash.
    fn file(&mut self, index: usize) {
        self.last_of.resize(KINDS, 0);
        let Some(named) = self.named.get_mut(index) else { return };
        if let Some(last) = self.last_of.get_mut(kind(named.hash)) {
            named.before = std::mem::replace(last, index as u32 + 1);
        }
    }

    /// The variables whose names macros made, in the order in which they were set first.
    pub(crate) fn named(&self) -> &[Named] {
        &self.named
    }
}

fn kind(hash: u64) -> usize {
    (hash >> 32) as usize % KINDS
}

/// Names that are in lower case, as nearly all are, need no copy.
fn lower_case(name: &[u8]) -> Cow<'_, [u8]> {
    if name.iter().any(u8::is_ascii_uppercase) { name.to_ascii_lowercase().into() } else { name.into() }
}
