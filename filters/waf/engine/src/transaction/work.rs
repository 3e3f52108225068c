//! What a transaction took, in numbers that are the same on every machine.

use super::Transaction;

/// What a transaction took so far. It depends on the rules and the request alone, so a change in these numbers is a change of the
/// engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Rules that were looked at, because the scan did not rule them out or has no say about them.
    pub rules: u64,
    /// Operators that were asked about a value.
    pub operators: u64,
    /// The bytes of these values.
    pub operator_bytes: u64,
    /// Values that were scanned.
    pub scans: u64,
    /// The bytes of these values.
    pub scan_bytes: u64,
    /// Bytes that went into transformations.
    pub transformed_bytes: u64,
    /// Bytes of all values that were kept.
    pub kept_bytes: u64,
}

impl Transaction {
    /// What it took so far.
    pub fn work(&self) -> Work {
        let values = &self.memory.values;
        Work { kept_bytes: values.size() as u64, ..self.memory.values.work }
    }
}
