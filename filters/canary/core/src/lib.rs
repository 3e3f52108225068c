//! The decisions of the canary filter, without a host.
//!
//! A *release* is a version of a service that runs beside the *stable* one and takes a part of its requests. For each
//! request [`Canary::decide`] names the release that it goes to, or stable, and the reason. What wins is, as in
//! ingress-nginx, first a header, then a cookie, then the weight:
//!
//! ```
//! use portcullis_canary_core::{Canary, Facts, Reason};
//! use sdk_shim_http::Headers;
//!
//! # struct Nothing;
//! # impl Facts for Nothing {
//! #     fn source_ip(&mut self) -> Option<std::net::IpAddr> { None }
//! #     fn random(&mut self) -> u64 { 0 }
//! # }
//! let config = br#"{"releases": [{"name": "v2", "by_header": {"name": "x-canary"}, "weight": 0.5}]}"#;
//! let canary = Canary::new(sdk_shim_config::parse(config)?)?;
//!
//! let headers = Headers::from_iter([(":path", "/"), ("x-canary", "always")]);
//! let decision = canary.decide(&headers, &mut Nothing);
//! assert_eq!((decision.name(), decision.reason), ("v2", Reason::HeaderAlways));
//! # Ok::<(), sdk_shim_config::ConfigErrors>(())
//! ```
//!
//! The modules: `config` is what users write; `canary` weighs the rules of all releases against each other; a
//! `release` is a `scope` (which requests it concerns), `wish`es (header and cookie) and a `share` (the weight), which
//! is drawn by a `key`; `inputs` is all that a rule can ask about a request,
//! `loading` what compiling collects.

mod canary;
mod config;
mod decision;
mod inputs;
mod key;
mod loading;
mod names;
mod release;
mod scope;
mod share;
mod wish;

pub use canary::{Canary, MAX_RELEASES};
pub use config::{Act, Compatibility, Config, KeyConfig, ReleaseConfig, WishConfig};
pub use decision::{Decision, Reason, STABLE};
pub use inputs::Facts;
pub use key::MAX_KEYS;
pub use names::MAX_NAME_BYTES;
pub use release::Release;
pub use scope::MAX_SCOPE_ENTRIES;
pub use share::{BUCKETS, bucket};
pub use wish::MAX_PATTERN_BYTES;

#[cfg(test)]
mod tests;
