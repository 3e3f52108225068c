//! A test host and a scenario driver for filters written on sdk-shim.
//!
//! [`run`] takes a filter through a whole exchange, natively and in microseconds: the state machine is the one of the
//! module, the host a plain struct. [`scenario::File`] reads exchanges with what is expected of them from a TOML file;
//! [`scenario::File::check`] runs each with several ways to cut its bodies.

mod exchange;
mod host;
mod message;
pub mod scenario;
mod script;

pub use exchange::{Chunking, Outcome, Settings, run};
pub use host::{CalloutAnswer, ForeignFunction, SentStream, TestHost};
pub use message::{Bytes, Message};
pub use script::CalloutScript;

#[cfg(test)]
mod tests;
