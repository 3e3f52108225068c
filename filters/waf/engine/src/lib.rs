//! The WAF engine: compiled SecLang rules and transactions.
//!
//! [`Waf::compile`] turns SecLang into a plan; [`Waf::transaction`] starts the inspection of one request and its
//! response, and each phase says whether to stop it ([`Intervention`]). The engine knows no host: its input is bytes.
//!
//! The semantics are ModSecurity v3's; where they differ, the item says so.

mod actions;
pub mod body;
mod compile;
mod error;
mod intervention;
mod matched;
pub mod operators;
mod options;
pub mod persistent;
mod plan;
#[cfg(feature = "profile")]
pub mod profile;
#[cfg(not(feature = "profile"))]
mod profile;
#[cfg(test)]
mod random;
pub mod support;
mod transaction;
mod waf;

pub use actions::Sanitised;
pub use error::{CompileError, CompileErrorKind};
pub use intervention::{Cause, Intervention, InterventionKind};
pub use matched::{MatchedRule, write_escaped};
pub use options::{Limits, Options};
use portcullis_collections::find;
pub use portcullis_transformations as transformations;
pub use transaction::{
    BodyAccess, Connection, DebugSink, FiredRule, Scratch, Transaction, UploadedFile, Work,
};
pub use waf::{Document, Statistics, Waf};

/// Whether a tool listens. It is to hear of each rule, so it listens when the rules are loaded, too.
pub(crate) fn is_traced() -> bool {
    #[cfg(feature = "trace")]
    let is_traced = portcullis_trace::is_heard();
    #[cfg(not(feature = "trace"))]
    let is_traced = false;
    is_traced
}
