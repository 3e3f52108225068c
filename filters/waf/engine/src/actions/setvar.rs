//! `setvar:collection.key=value`, `=+value`, `=-value`, `setvar:collection.key`, `setvar:!collection.key`.
//!
//! Runs for every value that matches, whether or not the rest of the chain does. ModSecurity v3 reference, "setvar".
//! A value that is no number counts as 0 in an addition, as with `stoi` in ModSecurity v3.

use portcullis_seclang::ast::Collection;

use crate::plan::{KeyName, Plan, Text, TxNames, TxSlot};
use crate::transaction::{Place, Transaction, decimal};

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct SetVar {
    pub(crate) collection: Collection,
    pub(crate) key: KeyName,
    pub(crate) op: SetVarOp,
}

/// What to do with the variable.
#[derive(Debug, Clone)]
pub(crate) enum SetVarOp {
    Set(Text),
    Add(Text),
    Subtract(Text),
    Unset,
}

impl SetVar {
    /// What may have macros.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &Text> {
        let key = match &self.key {
            KeyName::Slot(_) => None,
            KeyName::Text(key) => Some(key),
        };
        let value = match &self.op {
            SetVarOp::Set(value) | SetVarOp::Add(value) | SetVarOp::Subtract(value) => Some(value),
            SetVarOp::Unset => None,
        };
        key.into_iter().chain(value)
    }

    /// The TX variable that it sets or adds to, if that is one that rules name and nothing else sets while values are gone through.
    pub(crate) fn counts_in(&self, names: &TxNames) -> Option<TxSlot> {
        match (&self.key, &self.op) {
            (_, SetVarOp::Unset) => None,
            // Captures, and what tells that a pattern took too long.
            (KeyName::Slot(slot), _) if slot.0 < 10 || names.name(*slot).starts_with(b"msc_") => None,
            (KeyName::Slot(slot), _) if self.collection == Collection::Tx => Some(*slot),
            _ => None,
        }
    }

    #[inline(never)]
    pub(crate) fn run(&self, tx: &mut Transaction, plan: &Plan) {
        self.run_times(tx, plan, 1);
    }

    /// Runs several times, between which nothing else happens.
    #[inline(never)]
    pub(crate) fn run_times(&self, tx: &mut Transaction, plan: &Plan, times: usize) {
        // What most rules do needs no text of its own.
        if let (KeyName::Slot(slot), SetVarOp::Set(Text::Literal(value))) = (&self.key, &self.op) {
            return tx.set(plan, self.collection, Place::Slot(*slot), b"", value);
        }
        let [mut key, mut value] = tx.take_texts();
        self.change(tx, plan, times, &mut key, &mut value);
        tx.give_texts([key, value]);
    }

    /// With buffers for the texts of key and value.
    fn change(
        &self,
        tx: &mut Transaction,
        plan: &Plan,
        times: usize,
        key: &mut Vec<u8>,
        value: &mut Vec<u8>,
    ) {
        if let KeyName::Text(text) = &self.key {
            tx.expand_into(plan, text, key);
        }
        let (Some(text), sign) = (match &self.op {
            SetVarOp::Set(text) => (Some(text), 0),
            SetVarOp::Add(text) => (Some(text), 1),
            SetVarOp::Subtract(text) => (Some(text), -1),
            SetVarOp::Unset => (None, 0),
        }) else {
            tx.unset(plan, self.collection, &self.key, key);
            return;
        };
        tx.expand_into(plan, text, value);
        let place = tx.place(plan, self.collection, &self.key, key);
        if sign != 0 {
            let before = tx.get(plan, self.collection, place, key).map_or(0, |id| number(tx.bytes(id)));
            let change = sign * number(value);
            let mut after = before.saturating_add(change);
            for _ in 1..times {
                // As if it had been written and read.
                after = after.clamp(-GREATEST, GREATEST).saturating_add(change);
            }
            let mut digits = [0; 20];
            value.clear();
            value.extend_from_slice(decimal(after, &mut digits));
        }
        tx.set(plan, self.collection, place, key, value);
    }
}

/// The greatest number that text can be.
const GREATEST: i64 = u32::MAX as i64;

/// The number that text starts with, after white space, or 0. It saturates at the bounds of `i32`'s square, so that
/// sums of it can't overflow.
pub(crate) fn number(text: &[u8]) -> i64 {
    let text = text.trim_ascii_start();
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let mut value: i64 = 0;
    for digit in digits.iter().take_while(|byte| byte.is_ascii_digit()) {
        value = value.saturating_mul(10).saturating_add(i64::from(digit - b'0'));
        value = value.min(GREATEST);
    }
    if negative { -value } else { value }
}
