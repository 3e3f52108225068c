//! Where variables live: members of request collections, TX, ENV and the persistent collections.

use std::borrow::Cow;

use portcullis_seclang::ast::{Collection, VariableName};

use super::known::KnownId;
use super::{Scratch, Transaction, ValueId, Values, debug};
use crate::plan::{KeyName, Plan, Scope, Text, TxSlot};

/// A member of a variable. A variable that is no collection has one, with an empty key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    pub(crate) key: ValueId,
    pub(crate) value: ValueId,
    pub(super) known: KnownId,
}

/// A value that a rule looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) variable: VariableName,
    /// The name within the collection, if the variable is one.
    pub(crate) key: Option<ValueId>,
    pub(crate) value: ValueId,
}

/// TX variables: those that the rules name, by number, and those whose names macros make.
#[derive(Debug, Default)]
pub(crate) struct TxVariables {
    slots: Vec<Option<ValueId>>,
    /// The names as values, once they were asked for.
    names: Vec<Option<ValueId>>,
    /// Name in lower case, name as written, value.
    named: Vec<(ValueId, ValueId, ValueId)>,
}

impl TxVariables {
    pub(crate) fn reset(&mut self, slots: usize) {
        self.slots.clear();
        self.slots.resize(slots, None);
        self.names.clear();
        self.names.resize(slots, None);
        self.named.clear();
    }

    pub(crate) fn slot(&self, slot: TxSlot) -> Option<ValueId> {
        self.slots.get(slot.0 as usize).copied().flatten()
    }

    /// The name of a slot, which is that of `plan`, as a value.
    pub(crate) fn name(&mut self, slot: TxSlot, plan: &Plan, values: &mut Values) -> ValueId {
        let Some(known) = self.names.get_mut(slot.0 as usize) else { return ValueId::EMPTY };
        *known.get_or_insert_with(|| values.push(plan.tx.name(slot)))
    }

    pub(crate) fn set_slot(&mut self, slot: TxSlot, value: Option<ValueId>) {
        if let Some(place) = self.slots.get_mut(slot.0 as usize) {
            *place = value;
        }
    }

    /// `lower` is in lower case.
    pub(crate) fn named(&self, lower: &[u8], values: &Values) -> Option<ValueId> {
        let place = self.place_of(lower, values)?;
        self.named.get(place).map(|(.., value)| *value)
    }

    /// The variables whose names macros made: name in lower case, name as written, value.
    pub(crate) fn iter_named(&self) -> impl Iterator<Item = (ValueId, ValueId, ValueId)> {
        self.named.iter().copied()
    }

    fn place_of(&self, lower: &[u8], values: &Values) -> Option<usize> {
        self.named.iter().position(|(name, ..)| values.bytes(*name) == lower)
    }
}

impl Transaction {
    pub(crate) fn members(&self, variable: VariableName) -> &[Member] {
        self.memory.members.get(variable as usize).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn add_member(&mut self, variable: VariableName, key: ValueId, value: ValueId) {
        if let Some(members) = self.memory.members.get_mut(variable as usize) {
            members.push(Member { key, value, known: KnownId::UNSEEN });
        }
        let scope = Scope::of(variable);
        if scope != Scope::Request {
            self.memory.values.set_scope(value, scope);
        }
        self.note_change(variable);
    }

    pub(crate) fn set_scalar(&mut self, variable: VariableName, value: ValueId) {
        if let Some(members) = self.memory.members.get_mut(variable as usize) {
            members.clear();
            members.push(Member { key: ValueId::EMPTY, value, known: KnownId::UNSEEN });
        }
        let scope = Scope::of(variable);
        if scope != Scope::Request {
            self.memory.values.set_scope(value, scope);
        }
        self.note_change(variable);
    }

    fn note_change(&mut self, variable: VariableName) {
        self.memory.clock += 1;
        if let Some(changed) = self.memory.changed_at.get_mut(variable as usize) {
            *changed = self.memory.clock;
        }
    }

    pub(crate) fn scalar(&self, variable: VariableName) -> Option<ValueId> {
        self.members(variable).first().map(|member| member.value)
    }

    pub(crate) fn set_bytes(&mut self, variable: VariableName, bytes: &[u8]) {
        let value = self.memory.values.push(bytes);
        self.set_scalar(variable, value);
    }

    pub(crate) fn set_number(&mut self, variable: VariableName, number: usize) {
        let value = self.memory.values.push_number(i64::try_from(number).unwrap_or(i64::MAX));
        self.set_scalar(variable, value);
    }

    pub(crate) fn set_flag(&mut self, variable: VariableName, on: bool) {
        self.set_bytes(variable, if on { b"1" } else { b"0" });
    }

    /// The value of a member of a collection that `setvar` knows.
    pub(crate) fn get(
        &mut self,
        plan: &Plan,
        collection: Collection,
        key: &KeyName,
        text: &[u8],
    ) -> Option<ValueId> {
        if collection == Collection::Tx {
            return match key {
                KeyName::Slot(slot) => self.memory.tx.slot(*slot),
                KeyName::Text(_) => {
                    let lower = lower_case(text);
                    match plan.tx.find(&lower) {
                        Some(slot) => self.memory.tx.slot(slot),
                        None => self.memory.tx.named(&lower, &self.memory.values),
                    }
                }
            };
        }
        let record = self.collection_key(collection);
        let value = plan.persistent.get(collection, &record, text, (plan.clock)())?;
        Some(self.memory.values.push(&value))
    }

    pub(crate) fn set(
        &mut self,
        plan: &Plan,
        collection: Collection,
        key: &KeyName,
        text: &[u8],
        value: &[u8],
    ) {
        let value = value.get(..plan.limits.tx_value).unwrap_or(value);
        #[cfg(feature = "trace")]
        self.trace_change(plan, collection, key, text, Some(value));
        if self.debugs(8) {
            let name = match key {
                KeyName::Slot(slot) => plan.tx.name(*slot),
                KeyName::Text(_) => text,
            };
            let line = format!(
                "Saving variable: {}:{} with value: {}",
                collection.as_str().to_ascii_uppercase(),
                String::from_utf8_lossy(name),
                String::from_utf8_lossy(value)
            );
            self.write_debug(8, &line);
        }
        if collection != Collection::Tx {
            let record = self.collection_key(collection);
            plan.persistent.set(collection, &record, text, value, (plan.clock)());
            return;
        }
        match key {
            KeyName::Slot(slot) => {
                let id = self.memory.values.push(value);
                self.memory.tx.set_slot(*slot, Some(id));
            }
            KeyName::Text(_) => self.set_tx(plan, text, value),
        }
    }

    fn set_tx(&mut self, plan: &Plan, name: &[u8], value: &[u8]) {
        let lower = lower_case(name);
        let id = self.memory.values.push(value);
        if let Some(slot) = plan.tx.find(&lower) {
            self.memory.tx.set_slot(slot, Some(id));
            return;
        }
        let Scratch { values, tx, .. } = &mut self.memory;
        if let Some((.., known)) = tx.place_of(&lower, values).and_then(|place| tx.named.get_mut(place)) {
            *known = id;
            return;
        }
        if self.memory.tx.named.len() >= plan.limits.tx_names {
            debug!(
                self,
                1,
                "Not saving TX:{}: there are too many TX variables",
                String::from_utf8_lossy(name)
            );
            return;
        }
        let Scratch { values, tx, .. } = &mut self.memory;
        let written = values.push(name);
        let lower = if matches!(lower, Cow::Borrowed(_)) { written } else { values.push(&lower) };
        tx.named.push((lower, written, id));
    }

    pub(crate) fn unset(&mut self, plan: &Plan, collection: Collection, key: &KeyName, text: &[u8]) {
        #[cfg(feature = "trace")]
        self.trace_change(plan, collection, key, text, None);
        if collection != Collection::Tx {
            let record = self.collection_key(collection);
            plan.persistent.remove(collection, &record, text);
            return;
        }
        match key {
            KeyName::Slot(slot) => self.memory.tx.set_slot(*slot, None),
            KeyName::Text(_) => {
                let lower = lower_case(text);
                match plan.tx.find(&lower) {
                    Some(slot) => self.memory.tx.set_slot(slot, None),
                    None => {
                        let Scratch { values, tx, .. } = &mut self.memory;
                        if let Some(place) = tx.place_of(&lower, values) {
                            tx.named.remove(place);
                        }
                    }
                }
            }
        }
    }

    pub(crate) fn expire(&mut self, plan: &Plan, collection: Collection, key: &[u8], seconds: i64) {
        let record = self.collection_key(collection);
        let seconds = u64::try_from(seconds).unwrap_or(0);
        plan.persistent.expire(collection, &record, key, seconds, (plan.clock)());
    }

    /// `action`: `initcol`, `setsid`, `setuid` or `setrsc`.
    #[inline(never)]
    pub(crate) fn set_collection_key(
        &mut self,
        plan: &Plan,
        action: &'static str,
        collection: Collection,
        key: &Text,
    ) {
        let key = self.expand(plan, key);
        if self.debugs(5) {
            let value = String::from_utf8_lossy(&key);
            let line = match action {
                "setsid" => format!("Session ID initiated with value: '{value}'."),
                "setuid" => format!("User collection initiated with value: '{value}'."),
                "setrsc" => format!("RESOURCE initiated with value: '{value}'."),
                _ => format!("Collection `{}' initialized with value: {value}", collection.as_str()),
            };
            self.write_debug(5, &line);
        }
        let variable = match collection {
            Collection::Session => Some(VariableName::SessionId),
            Collection::User => Some(VariableName::UserId),
            _ => None,
        };
        if let Some(variable) = variable {
            self.set_bytes(variable, &key);
        }
        self.memory.collection_keys.retain(|(known, _)| *known != collection);
        self.memory.collection_keys.push((collection, key));
    }

    /// The record of a persistent collection. Without `initcol` it is the one of the empty key, as in ModSecurity v3.
    pub(crate) fn collection_key(&self, collection: Collection) -> Vec<u8> {
        let keys = &self.memory.collection_keys;
        keys.iter().find(|(known, _)| *known == collection).map(|(_, key)| key.clone()).unwrap_or_default()
    }

    pub(crate) fn set_env(&mut self, name: &[u8], value: Option<&[u8]>) {
        self.memory.env.retain(|(known, _)| known != name);
        let Some(value) = value else { return };
        debug!(
            self,
            8,
            "Setting environment variable: {} to {}",
            String::from_utf8_lossy(name),
            String::from_utf8_lossy(value)
        );
        if self.memory.env.len() >= self.plan.limits.tx_names {
            return;
        }
        let value = self.memory.values.push(value);
        self.memory.env.push((name.to_vec(), value));
    }
}

/// Names that are in lower case, as nearly all are, need no copy.
fn lower_case(name: &[u8]) -> Cow<'_, [u8]> {
    if name.iter().any(u8::is_ascii_uppercase) { name.to_ascii_lowercase().into() } else { name.into() }
}
