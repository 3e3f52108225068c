//! Properties of what reads bytes that others chose: one function for each fuzz target.
//!
//! A function takes any bytes and panics where a property does not hold. libFuzzer looks for such bytes (`make fuzz`);
//! what it has found is in `regressions/`, which `cargo test` goes through with the same functions.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a property that does not hold is shown by a panic"
)]

pub mod affinity;
pub mod authz;
pub mod body;
pub mod canary;
pub mod config;
pub mod corpus;
pub mod crs;
pub mod genome;
pub mod hostile;
pub mod http;
mod input;
pub mod jwt;
pub mod libinjection;
pub mod request;
mod rules;
pub mod seclang;
pub mod shape;
pub mod transaction;
pub mod transformations;

pub use input::Input;

/// A property and what belongs to it.
pub struct Target {
    /// The name, as in `make fuzz TARGET=name`.
    pub name: &'static str,
    /// Panics on an input that breaks the property.
    pub check: fn(&[u8]),
    /// The longest input worth trying, in bytes.
    pub max_len: usize,
    /// Inputs to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
#[rustfmt::skip]
pub const TARGETS: &[Target] = &[
    Target { name: "seclang", check: seclang::check, max_len: 4096, seeds: corpus::seclang },
    Target { name: "transformations", check: transformations::check, max_len: 1024, seeds: corpus::transformations },
    Target { name: "body", check: body::check, max_len: 2048, seeds: corpus::bodies },
    Target { name: "transaction", check: transaction::check, max_len: 2048, seeds: corpus::transactions },
    Target { name: "crs", check: crs::check, max_len: 4096, seeds: corpus::requests },
    Target { name: "hostile", check: hostile::check, max_len: 512, seeds: corpus::expensive },
    Target { name: "libinjection", check: libinjection::check, max_len: 512, seeds: corpus::libinjection },
    Target { name: "config", check: config::check, max_len: 4096, seeds: corpus::configurations },
    Target { name: "http", check: http::check, max_len: 512, seeds: corpus::http },
    Target { name: "jwt", check: jwt::check, max_len: 4096, seeds: corpus::tokens },
    Target { name: "authz", check: authz::check, max_len: 512, seeds: corpus::paths },
    Target { name: "affinity", check: affinity::check, max_len: 512, seeds: corpus::http },
    Target { name: "canary", check: canary::check, max_len: 1024, seeds: corpus::releases },
];
