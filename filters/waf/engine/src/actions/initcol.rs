//! `initcol:collection=key`: which record of a persistent collection the transaction works with;
//! `expirevar:collection.key=seconds`: when a variable of it goes away. ModSecurity v3 reference, "Persistent Storage".
//!
//! Records live in memory, in each VM for itself, within the limits of [`persistent`](crate::persistent).

use portcullis_seclang::ast::Collection;

use crate::plan::{Plan, Text};
use crate::transaction::Transaction;

/// `initcol`
#[derive(Debug, Clone)]
pub(crate) struct InitCol {
    pub(crate) collection: Collection,
    pub(crate) key: Text,
}

impl InitCol {
    pub(crate) fn run(&self, tx: &mut Transaction, plan: &Plan) {
        tx.set_collection_key(plan, "initcol", self.collection, &self.key);
    }
}

/// `expirevar`
#[derive(Debug, Clone)]
pub(crate) struct ExpireVar {
    pub(crate) collection: Collection,
    pub(crate) key: Text,
    pub(crate) seconds: Text,
}

impl ExpireVar {
    pub(crate) fn run(&self, tx: &mut Transaction, plan: &Plan) {
        let key = tx.expand(plan, &self.key);
        let seconds = tx.expand(plan, &self.seconds);
        tx.expire(plan, self.collection, &key, super::setvar::number(&seconds));
    }
}
