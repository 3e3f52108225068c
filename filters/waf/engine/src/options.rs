//! Options and limits.

use std::time::Duration;

use crate::operators::KnownPatterns;

/// How to compile and run a rule set.
#[derive(Debug, Clone)]
pub struct Options {
    /// What a transaction may use.
    pub limits: Limits,
    /// Whether a scan decides which operators to ask. Off, every operator is asked for every value: the results
    /// are the same, which tests rely on, and it is far slower.
    pub prefilter: bool,
    /// Patterns that were analysed before, which saves most of the time that loading takes.
    pub known_patterns: KnownPatterns,
    /// The time since 1970-01-01 UTC, for `TIME*` and `DURATION`. A host without a clock gives its own.
    pub clock: fn() -> Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            limits: Limits::default(),
            prefilter: true,
            known_patterns: KnownPatterns::default(),
            clock: system_time,
        }
    }
}

/// What a transaction may use. Directives set the limits that ModSecurity knows; these are the others.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of copied and transformed values in one transaction, bodies included. When they are used up the
    /// transaction is stopped if the engine is on: a value that can't be inspected is not let through.
    /// Default: 64 MiB.
    pub memory: usize,
    /// Bytes of scratch memory that stay allocated between transactions. Default: 1 MiB.
    pub keep: usize,
    /// Bytes kept of each message, tag, data and value of a matched rule. Default: 1024.
    pub matched_data: usize,
    /// Matched rules kept for the log in one transaction. Later ones still act. Default: 256.
    pub matched_rules: usize,
    /// Values in `MATCHED_VARS`. Later ones still act. Default: 1024.
    pub matched_vars: usize,
    /// TX variables whose names are made by macros. `setvar` of more has no effect. Default: 1024.
    pub tx_names: usize,
    /// Bytes of a variable's value that `setvar` sets. Longer ones are cut. Default: 64 KiB.
    pub tx_value: usize,
    /// Request or response headers. With more the transaction is stopped if the engine is on. Default: 1000.
    pub headers: usize,
    /// Cookies, likewise. Default: 1000.
    pub cookies: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            memory: 64 << 20,
            keep: 1 << 20,
            matched_data: 1024,
            matched_rules: 256,
            matched_vars: 1024,
            tx_names: 1024,
            tx_value: 64 << 10,
            headers: 1000,
            cookies: 1000,
        }
    }
}

fn system_time() -> Duration {
    #[cfg(feature = "trace")]
    if let Some(now) = portcullis_trace::now() {
        return now;
    }
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}
