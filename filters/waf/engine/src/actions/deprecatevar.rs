//! `deprecatevar:collection.key=amount/seconds`: lets a number fade, so much in so many seconds, down to 0. ModSecurity v2
//! reference, "deprecatevar".
//!
//! What has faded is reckoned from the last time that the action took something off, not from the last change of the record as
//! in v2, so that counting does not stop the fading.

use portcullis_seclang::ast::Collection;

use crate::plan::{Plan, Text};
use crate::transaction::Transaction;

/// See the module.
#[derive(Debug, Clone)]
pub(crate) struct DeprecateVar {
    pub(crate) collection: Collection,
    pub(crate) key: Text,
    pub(crate) amount: u64,
    pub(crate) seconds: u64,
}

impl DeprecateVar {
    #[inline(never)]
    pub(crate) fn run(&self, tx: &mut Transaction, plan: &Plan) {
        let key = tx.expand(plan, &self.key);
        let record = tx.collection_key(self.collection);
        plan.persistent.fade(self.collection, &record, &key, (self.amount, self.seconds), (plan.clock)());
    }
}
