//! What loads, and is surely not what was meant.

mod releases;
mod rules;
#[cfg(feature = "plain-secrets")]
mod secrets;

pub(crate) use releases::releases;
pub(crate) use rules::{errors_behind, rules};
#[cfg(feature = "plain-secrets")]
pub(crate) use secrets::secrets;
