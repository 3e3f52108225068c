//! The integration harness: the compiled modules in a real Envoy, between a real client and real upstreams.
//!
//! ```no_run
//! use integration::prelude::*;
//!
//! // #[test]
//! fn a_request_without_a_key_is_denied() {
//!     let app = Upstream::start("v1-a");
//!     let envoy = Config::new()
//!         .cluster(Cluster::new("app", [&app]))
//!         .listener(
//!             Listener::new("main")
//!                 .filter(Wasm::module("authz").config(json!({"api_keys": {"header": "x-api-key"}})))
//!                 .route_to("app"),
//!         )
//!         .start();
//!     let answer = envoy.send(Request::get("/admin"));
//!     assert_eq!(answer.status, 403);
//!     assert_eq!(envoy.access_log(&answer.id).details(), "authz_no_key");
//!     app.assert_untouched(&answer.id);
//! }
//! ```
//!
//! # What to know
//!
//! * **Calls block.** Servers and connections run on one background runtime, so tests are plain `#[test]` functions and
//!   the test runner's threads are the parallelism. Every wait has a limit; nothing hangs.
//! * **Every request has an id** (header `x-test-id`), unless [`Request::without_id`](request::Request::without_id)
//!   was asked for. By it a test finds its line in the access log ([`Envoy::access_log`](envoy::Envoy::access_log)) and
//!   its record at an upstream ([`Upstream::seen`](upstream::Upstream::seen)), so tests can share both.
//! * **No port is guessed.** Everything binds port 0 and is asked for its port. [`Listener::port`](config::Listener::port)
//!   fixes one, for demonstrations.
//! * **An Envoy can be shared** by a group of tests: `static SITE: Shared<Site> = Shared::new(Site::start);`, see
//!   [`shared`].
//! * **A failing test prints Envoy's log**, from the moment at which the test began to use that Envoy.
//! * **Nothing is skipped**: a missing Envoy or module fails the test and names the make target that provides it.
//! * **No process is left behind**, even when the test process is killed: see [`process`].
//!
//! # Environment
//!
//! | variable | default | what |
//! |---|---|---|
//! | `PORTCULLIS_ENVOY` | `.tools/envoy/bin/envoy` | the Envoy that runs |
//! | `PORTCULLIS_MODULES` | `dist/` | where `waf.wasm` and the others are; examples in `examples/` below it |
//! | `PORTCULLIS_DATA` | `../shared/data` | conformance data, here the CustomResourceDefinitions |
//! | `PORTCULLIS_KEEP` | unset | set: keep the working directories (config, logs) of all Envoys, not only of failed ones |
//!
//! Relative paths count from the repository's root.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unreachable,
    reason = "Code that only tests and demonstrations run: a broken expectation must stop the test where it broke."
)]

pub mod access_log;
pub mod admin;
pub mod battery;
pub mod bootstrap;
pub mod certs;
pub mod client;
pub mod config;
pub mod discovery;
pub mod envoy;
mod frames;
pub mod jwks;
pub mod manifest;
pub mod paths;
pub mod prelude;
pub mod process;
pub mod raw;
pub mod rbac;
pub mod request;
pub mod runtime;
pub mod scenario;
pub mod shared;
pub mod sizes;
pub mod upstream;
mod wire;
