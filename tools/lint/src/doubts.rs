//! What loads, and is surely not what was meant.

mod releases;
mod rules;
mod secrets;

pub(crate) use releases::releases;
pub(crate) use rules::{errors_behind, rules};
pub(crate) use secrets::secrets;
