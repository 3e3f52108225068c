//! TX variables.

use std::borrow::Cow;

use super::values::MaybeValue;
use super::{ValueId, Values};
use crate::plan::{ConstantId, Constants, Plan, TxSlot};
use portcullis_collections::beginnings::are_same;
use portcullis_collections::hash;

/// TX variables: those that the rules name, by number, and those whose names macros make.
#[derive(Debug, Default)]
pub(crate) struct TxVariables {
    slots: Vec<Slot>,
    /// The names as values, once they were asked for; without any if none was.
    names: Vec<MaybeValue>,
    named: Vec<Named>,
    /// For names of each kind of hash the one that was set last: an index into `named`, plus one.
    last_of: Vec<u32>,
}

/// What a variable has. Most that rules set for every request are never looked at, so these are made values when they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    Nothing,
    Value(ValueId),
    Constant(ConstantId),
}

/// The same in four bytes.
#[derive(Debug, Clone, Copy)]
struct Slot(u32);

impl Slot {
    const FREE: Self = Self(u32::MAX);
    /// Constants have this bit: there are never so many values.
    const CONSTANT: u32 = 1 << 31;

    fn of(value: Option<ValueId>) -> Self {
        value.map_or(Self::FREE, |ValueId(value)| Self(value))
    }

    fn of_constant(constant: Option<ConstantId>) -> Self {
        constant.map_or(Self::FREE, |ConstantId(constant)| Self(constant | Self::CONSTANT))
    }

    fn held(self) -> Held {
        match self.0 {
            u32::MAX => Held::Nothing,
            constant if constant & Self::CONSTANT != 0 => {
                Held::Constant(ConstantId(constant & !Self::CONSTANT))
            }
            value => Held::Value(ValueId(value)),
        }
    }
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
        self.slots.resize(slots, Slot::FREE);
        self.names.clear();
        if !self.named.is_empty() {
            self.named.clear();
            self.last_of.fill(0);
        }
    }

    fn held(&self, slot: TxSlot) -> Held {
        self.slots.get(slot.0 as usize).map_or(Held::Nothing, |held| held.held())
    }

    pub(crate) fn has_slot(&self, slot: TxSlot) -> bool {
        self.held(slot) != Held::Nothing
    }

    /// The value of a slot.
    pub(crate) fn slot(
        &mut self,
        slot: TxSlot,
        constants: &Constants,
        values: &mut Values,
    ) -> Option<ValueId> {
        match self.held(slot) {
            Held::Nothing => None,
            Held::Value(value) => Some(value),
            Held::Constant(constant) => {
                let value = values.push(constants.get(constant));
                self.set_slot(slot, Some(value));
                Some(value)
            }
        }
    }

    /// Its bytes.
    pub(crate) fn slot_bytes<'v>(
        &self,
        slot: TxSlot,
        constants: &'v Constants,
        values: &'v Values,
    ) -> Option<&'v [u8]> {
        match self.held(slot) {
            Held::Nothing => None,
            Held::Value(value) => Some(values.bytes(value)),
            Held::Constant(constant) => Some(constants.get(constant)),
        }
    }

    /// Whether a slot has these bytes. `None`: it is not set.
    pub(crate) fn slot_is(
        &self,
        slot: TxSlot,
        expected: Option<ConstantId>,
        constants: &Constants,
        values: &Values,
    ) -> bool {
        match (self.held(slot), expected) {
            (Held::Nothing, None) => true,
            (Held::Constant(constant), Some(expected)) => constant == expected,
            (Held::Value(value), Some(expected)) => values.bytes(value) == constants.get(expected),
            (Held::Nothing, Some(_)) | (_, None) => false,
        }
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
            *place = Slot::of(value);
        }
    }

    pub(crate) fn set_constant(&mut self, slot: TxSlot, constant: Option<ConstantId>) {
        if let Some(place) = self.slots.get_mut(slot.0 as usize) {
            *place = Slot::of_constant(constant);
        }
    }

    /// Where the variable of a name is.
    pub(crate) fn place(&self, name: &[u8], plan: &Plan, values: &Values) -> Place {
        let lower = lower_case(name);
        let hash = hash(&lower);
        if !self.named.is_empty() {
            let mut next = self.last_of.get(kind(hash)).map_or(0, |last| *last as usize);
            while let Some(known) = next.checked_sub(1).and_then(|index| self.named.get(index)) {
                if known.hash == hash && are_same(values.bytes(known.lower), &lower) {
                    return Place::Named(next - 1);
                }
                next = known.before as usize;
            }
        }
        plan.tx.find_hashed(&lower, hash).map_or(Place::Nowhere(hash), Place::Slot)
    }

    /// The value in a place.
    pub(crate) fn get(
        &mut self,
        place: Place,
        constants: &Constants,
        values: &mut Values,
    ) -> Option<ValueId> {
        match place {
            Place::Slot(slot) => self.slot(slot, constants, values),
            Place::Named(index) => self.named.get(index).map(|named| named.value),
            Place::Nowhere(_) => None,
        }
    }

    /// Its bytes.
    pub(crate) fn bytes<'v>(
        &self,
        place: Place,
        constants: &'v Constants,
        values: &'v Values,
    ) -> Option<&'v [u8]> {
        match place {
            Place::Slot(slot) => self.slot_bytes(slot, constants, values),
            Place::Named(index) => self.named.get(index).map(|named| values.bytes(named.value)),
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
