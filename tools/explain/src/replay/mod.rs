//! Many requests through the filters: those of an access log or an archive.

mod record;
mod report;
mod suggestion;

pub use record::{Format, Record, read_har, read_line};
pub use report::{BlockedPath, Replay, Report, RuleReport};
pub use suggestion::Suggestion;

/// The longest line of a log that is read, in bytes.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// The largest archive (HAR) that is read, in bytes.
pub const MAX_HAR_BYTES: usize = 256 << 20;

#[cfg(test)]
mod tests;
