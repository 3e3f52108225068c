//! `setenv:name=value`: sets `ENV:name` for the rest of the transaction. There is no process environment behind it.
//! ModSecurity v3 reference, "setenv".

use crate::plan::{Plan, Text};
use crate::transaction::Transaction;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct SetEnv {
    pub(crate) name: Text,
    /// `None` unsets it.
    pub(crate) value: Option<Text>,
}

impl SetEnv {
    pub(crate) fn run(&self, tx: &mut Transaction, plan: &Plan) {
        let name = tx.expand(plan, &self.name);
        let value = self.value.as_ref().map(|value| tx.expand(plan, value));
        tx.set_env(&name, value.as_deref());
    }
}
