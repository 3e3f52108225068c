//! Filter configuration: JSON into serde types, with errors that name the place.
//!
//! A refusal lists every violation that was found, each as a path, what stands there and what was expected:
//!
//! ```
//! #[derive(Debug, serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Config { status: u16 }
//!
//! let errors = sdk_shim_config::parse::<Config>(br#"{"status": "forbidden"}"#).unwrap_err();
//! assert_eq!(errors.to_string(), "status: found string \"forbidden\", expected u16");
//! ```
//!
//! This crate knows no host, so that the filters' cores, the linter and the tests share it.

mod duration;
mod error;
mod locate;
mod objects;
mod parse;
mod references;
mod secret;

pub use duration::duration;
pub use error::{ConfigError, ConfigErrors, Path};
pub use parse::{MAX_CONFIG_BYTES, parse, parse_with};
pub use secret::{Environment, Secret};

#[cfg(test)]
mod tests;
