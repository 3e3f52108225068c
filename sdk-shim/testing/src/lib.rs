//! A test host and a scenario driver for filters written on sdk-shim.
//!
//! [`run`] takes a filter through a whole exchange, natively and in microseconds: the state machine is the one of the
//! module, the host a plain struct. [`scenario::File`] reads exchanges with what is expected of them from a TOML file;
//! [`scenario::File::check`] runs each with several ways to cut its bodies.
//!
//! ```
//! use sdk_shim::{ConfigErrors, Filter, Flow, Host, MapKind, Reply, Setup};
//! use sdk_shim_testing::scenario::File;
//!
//! struct Deny(Config);
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Config {
//!     header: String,
//! }
//!
//! impl Filter for Deny {
//!     const NAME: &'static str = "deny";
//!     type Config = Config;
//!     type Request = ();
//!
//!     fn new(config: Config, _: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
//!         Ok(Self(config))
//!     }
//!
//!     fn request_headers(&self, _: &mut (), host: &mut dyn Host) -> Flow {
//!         let denied = host.header(MapKind::RequestHeaders, &self.0.header);
//!         denied.map_or(Flow::Continue, |_| Reply::new(403, "deny_header").into())
//!     }
//! }
//!
//! let file = File::parse(
//!     r#"
//!     config = '{ "header": "x-deny" }'
//!
//!     [[scenario]]
//!     name = "a request without the header passes, whatever its body"
//!     request = { method = "POST", body = '\xff\x00' }
//!     expect = { status = 200, upstream = true, upstream_body = '\xff\x00' }
//!
//!     [[scenario]]
//!     name = "a request with it is denied"
//!     request = { headers = ['x-deny: \xff'] }
//!     expect = { status = 403, upstream = false, details = "deny_header" }
//!     "#,
//! );
//! assert_eq!(file.unwrap().check::<Deny>(), [""; 0]);
//! ```
//!
//! The same file through the compiled module in a real Envoy: `make test-filter` in the repository.

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
