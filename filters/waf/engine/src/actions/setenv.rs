//! `setenv:name=value`: sets `ENV:name` for the rest of the transaction; `setenv:name` sets it to 1, `setenv:!name` unsets it.
//! There is no process environment behind it. ModSecurity v2 reference, "setenv"; v3 knows the first form only.

use crate::plan::{Plan, Text};
use crate::transaction::Transaction;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct SetEnv {
    pub(crate) name: Text,
    /// `None`: 1.
    pub(crate) value: Option<Text>,
}

impl SetEnv {
    #[inline(never)]
    pub(crate) fn run(&self, tx: &mut Transaction, plan: &Plan) {
        let name = tx.expand(plan, &self.name);
        match (&self.value, name.strip_prefix(b"!")) {
            (Some(value), _) => {
                let value = tx.expand(plan, value);
                tx.set_env(&name, Some(&value));
            }
            (None, Some(name)) => tx.set_env(name, None),
            (None, None) => tx.set_env(&name, Some(b"1")),
        }
    }
}
