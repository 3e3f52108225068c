//! Where variables live: members of request collections, ENV, the persistent collections and, in `tx.rs`, TX.

use portcullis_seclang::ast::{Collection, VariableName};

use super::known::KnownId;
use super::{Memory, Place, Transaction, ValueId, debug};
use crate::plan::{KeyName, Plan, Scope, Text, scope_of};

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

impl Transaction {
    /// Makes variables that are there, empty, before anything sets them: those of `variables` that rules look at.
    pub(super) fn preset(&mut self, plan: &Plan, variables: &[VariableName]) {
        for variable in variables.iter().filter(|variable| plan.sources.use_variable(**variable)) {
            if let Some(members) = self.memory.members.get_mut(*variable as usize)
                && members.is_empty()
            {
                members.push(Member { key: ValueId::EMPTY, value: ValueId::EMPTY, known: KnownId::UNSEEN });
                self.note_presence(*variable);
            }
        }
    }

    pub(crate) fn members(&self, variable: VariableName) -> &[Member] {
        self.memory.members.get(variable as usize).map_or(&[], Vec::as_slice)
    }

    #[inline]
    pub(crate) fn add_member(&mut self, variable: VariableName, key: ValueId, value: ValueId) {
        if let Some(members) = self.memory.members.get_mut(variable as usize) {
            members.push(Member { key, value, known: KnownId::UNSEEN });
        }
        let scope = scope_of(variable);
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
        let scope = scope_of(variable);
        if scope != Scope::Request {
            self.memory.values.set_scope(value, scope);
        }
        self.note_change(variable);
    }

    fn note_presence(&mut self, variable: VariableName) {
        if let Some(has) = self.memory.has.get_mut(variable as usize) {
            *has = true;
        }
    }

    #[inline]
    fn note_change(&mut self, variable: VariableName) {
        self.memory.clock += 1;
        self.note_presence(variable);
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

    /// Where a member of a collection is that `setvar` knows. `text` is its name, unless that has a slot. Members of persistent
    /// collections are found by their names alone.
    pub(crate) fn place(&self, plan: &Plan, collection: Collection, key: &KeyName, text: &[u8]) -> Place {
        match key {
            KeyName::Slot(slot) => Place::Slot(*slot),
            KeyName::Text(_) if collection == Collection::Tx => {
                self.memory.tx.place(text, plan, &self.memory.values)
            }
            KeyName::Text(_) => Place::Nowhere(0),
        }
    }

    /// Its value.
    pub(crate) fn get(
        &mut self,
        plan: &Plan,
        collection: Collection,
        place: Place,
        text: &[u8],
    ) -> Option<ValueId> {
        if collection == Collection::Tx {
            let Memory { values, tx, .. } = &mut *self.memory;
            return tx.get(place, &plan.constants, values);
        }
        let record = self.collection_key(collection);
        let value = plan.persistent.get(collection, &record, text, (plan.clock)())?;
        Some(self.memory.values.push(&value))
    }

    pub(crate) fn set(
        &mut self,
        plan: &Plan,
        collection: Collection,
        place: Place,
        text: &[u8],
        value: &[u8],
    ) {
        let value = value.get(..plan.limits.tx_value).unwrap_or(value);
        #[cfg(feature = "trace")]
        self.trace_change(plan, collection, (place, name_of(plan, place, text)), Some(value));
        if self.debugs(8) {
            let name = name_of(plan, place, text);
            let line = format!(
                "Saving variable: {}:{} with value: {}",
                collection.as_str().to_ascii_uppercase(),
                String::from_utf8_lossy(name),
                String::from_utf8_lossy(value)
            );
            self.write_debug(8, line);
        }
        if collection != Collection::Tx {
            let record = self.collection_key(collection);
            plan.persistent.set(collection, &record, text, value, (plan.clock)());
            return;
        }
        let id = self.memory.values.push(value);
        let Memory { values, tx, .. } = &mut *self.memory;
        match place {
            Place::Nowhere(hash) if tx.named().len() < plan.limits.tx_names => tx.add(text, hash, id, values),
            Place::Nowhere(_) => debug!(
                self,
                1,
                "Not saving TX:{}: there are too many TX variables",
                String::from_utf8_lossy(text)
            ),
            place => tx.set(place, id),
        }
    }

    pub(crate) fn unset(&mut self, plan: &Plan, collection: Collection, key: &KeyName, text: &[u8]) {
        let place = self.place(plan, collection, key, text);
        #[cfg(feature = "trace")]
        self.trace_change(plan, collection, (place, name_of(plan, place, text)), None);
        if collection != Collection::Tx {
            let record = self.collection_key(collection);
            plan.persistent.remove(collection, &record, text);
            return;
        }
        self.memory.tx.remove(place);
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
            self.write_debug(5, line);
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

/// A name that the rules give is not written again where it is used.
fn name_of<'n>(plan: &'n Plan, place: Place, text: &'n [u8]) -> &'n [u8] {
    match place {
        Place::Slot(slot) if text.is_empty() => plan.tx.name(slot),
        _ => text,
    }
}
