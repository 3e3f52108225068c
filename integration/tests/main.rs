//! The filters in a real Envoy. One binary, so that it links once: a module for each filter.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests"
)]

mod affinity;
mod authz;
mod canary;
mod configs;
mod conformance;
mod crash;
mod deployment;
mod explain;
mod harness;
mod migrate;
mod sdk;
mod sizes;
mod waf;
