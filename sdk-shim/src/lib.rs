//! An SDK for Envoy filters in WebAssembly: typed configuration, byte-only host calls, tests without Envoy.
//!
//! A filter is a [`Filter`]: a configuration type, a state for each request, and a method for each phase that it
//! takes part in. [`export_filter!`] makes the module from it.
//!
//! ```
#![doc = include_str!("../examples/deny.rs")]
//! ```
//!
//! A filter's crate has these, and becomes a module by `cargo build --release --target wasm32-wasip1`:
//!
//! ```toml
//! # No "rlib" beside it: the module would be a third larger, for Cargo then leaves the optimisation across crates out.
//! [lib]
//! crate-type = ["cdylib"]
//!
//! [dependencies]
//! sdk-shim = { path = "../portcullis/sdk-shim" }
//! serde = { version = "1", features = ["derive"] }
//! schemars = "1"
//!
//! [dev-dependencies]
//! sdk-shim-testing = { path = "../portcullis/sdk-shim/testing" }
//!
//! # Modules of 150 to 200 KB, where those of the profile as it is have megabytes.
//! [profile.release]
//! opt-level = "s"
//! lto = "fat"
//! codegen-units = 1
//! panic = "abort"
//! strip = true
//! ```
//!
//! In the repository, `make new-filter NAME=my-filter` makes all of it, with tests in a real Envoy; `docs/sdk/tutorial.md` goes on
//! from there.
//!
//! # Phases
//!
//! ```text
//!   Filter::new                                            once for each configuration, in each VM
//!     └─ Setup::spawn ···· tasks that belong to no stream  until the configuration goes
//!
//!   request ──▶ request_headers ──▶ request_body ──▶ request_trailers ──▶ upstream
//!                     │  what waits, waits here, and every later phase with it:
//!                     │  Buffer (for the body), Await (for a callout or a timer), Run (for a task)
//!                     ▼
//!                   Reply ──▶ client
//!
//!   client ◀── response_trailers ◀── response_body ◀── response_headers ◀── upstream, or a reply of the host
//!
//!   done                                                   once for each stream, however it ended
//! ```
//!
//! | phase | method | called |
//! |---|---|---|
//! | load | [`Filter::new`] | once in each VM, and for each new configuration |
//! | request headers | [`Filter::request_headers`] | once, before anything went upstream |
//! | request body | [`Filter::request_body`] | as [`Filter::request_body_mode`] declares |
//! | request trailers | [`Filter::request_trailers`] | once, where the request has any |
//! | callout answer | [`Filter::callout_response`] | once for each answered [`Host::send`] |
//! | gRPC stream | [`Filter::grpc_event`] | for all that comes on what [`Host::open_grpc`] opened |
//! | timer | [`Filter::woken`] | once for each [`Host::wake_after`] that has ended |
//! | response headers, body, trailers | [`Filter::response_headers`] … | likewise, before anything went downstream |
//! | end | [`Filter::done`] | once, when the stream has ended, however it ended |
//!
//! Each phase but the last returns a [`Flow`]: go on, hold the headers until the body is there, wait, or answer the client
//! in place of the upstream. The SDK maps it to what the host needs in that phase; while a stream waits, every later phase
//! of it is held too.
//!
//! # Waiting
//!
//! [`Flow::run`] waits for a future, which asks its [`Handle`]: for callouts, one after the other or several at once, for
//! time, for what another task has fetched ([`Watch`]). A stream that ends drops its future. A future that waits for what
//! never comes is dropped after a minute ([`Flow::TASK_LIMIT`]), and the stream goes on as [`OnError`] says.
//!
//! ```
//! use sdk_shim::{CalloutError, Flow, HttpCall, OnError, Reply};
//!
//! fn ask() -> Flow {
//!     Flow::run(OnError::Deny, async |host| {
//!         let answer = host.call(HttpCall::get("auth", "/check")).await?.success()?;
//!         let allowed = answer.body == b"yes";
//!         Ok::<_, CalloutError>(if allowed { Flow::Continue } else { Reply::new(403, "not_allowed").into() })
//!     })
//! }
//! # assert!(matches!(ask(), Flow::Run(_)));
//! ```
//!
//! Callbacks do without a future: [`Host::send`] or [`Host::wake_after`], then [`Flow::Await`], and
//! [`Filter::callout_response`] or [`Filter::woken`].
//!
//! # Tests
//!
//! The crate `sdk-shim-testing` runs a filter without Envoy: a host that is a plain struct, and the module's own state machine.
//! Exchanges are written in code or in a file; every way in which bodies are cut and answers come late is tried, time jumps to where
//! something waits, and a request that would hang is reported. The same file runs through the compiled module in a real Envoy.
//!
//! ```
//! # use sdk_shim::{ConfigErrors, Filter, Flow, Host, Reply, Setup};
//! # struct Closed;
//! # #[derive(serde::Deserialize, schemars::JsonSchema)]
//! # struct Config {}
//! # impl Filter for Closed {
//! #     const NAME: &'static str = "closed";
//! #     type Config = Config;
//! #     type Request = ();
//! #     fn new(_: Config, _: &mut Setup<'_>) -> Result<Self, ConfigErrors> { Ok(Self) }
//! #     fn request_headers(&self, _: &mut (), _: &mut dyn Host) -> Flow { Reply::new(403, "closed").into() }
//! # }
//! use sdk_shim_testing::{Message, Settings, TestHost, run};
//!
//! let loaded = sdk_shim::load::<Closed>(b"{}", &|_| None).unwrap();
//! let request = Message::request("GET", "/").with_header("x-any", b"\xff");
//! let outcome = run(&loaded, TestHost::new(), request, Message::response(200), Settings::default());
//! assert_eq!((outcome.status(), outcome.details.as_deref()), (403, Some("closed")));
//! ```
//!
//! # Examples
//!
//! Each is under 60 lines and runs in Envoy in the tests: `deny` (a header), `rewrite` (a body), `counter` (a value that all
//! workers share), `fault` (time, chance, the tutorial's filter), `two_callouts` (one after the other), `fetch_at_load` (requests wait
//! for the first list), `groups` (a gRPC call, and a stream).
//!
//! # Configuration
//!
//! A filter's configuration is JSON, read into its [`Filter::Config`]. Any string in it may refer to the environment
//! variables that the host gives to the module: `${NAME}`, where the name is letters, digits and underscores. `$${NAME}` is
//! the text `${NAME}`. A variable that is not set is refused as other errors are, with path, found and expected.
//!
//! # Limits
//!
//! | what | limit | over it |
//! |---|---|---|
//! | the configuration | 16 MiB | refused |
//! | a buffered body | what [`BodyMode::Buffered`] says, and the host's own | as [`OverLimit`] says |
//! | a task that a stream waits for | [`Flow::TASK_LIMIT`], or what [`Flow::run_for`] says | as [`OnError`] says |
//! | what came on a gRPC stream and was not received | [`GrpcStream::MAX_UNREAD_BYTES`] | the stream is cancelled |
//! | timers under way, for one configuration in one VM | 65,536 | [`Host::wake_after`] fails |
//! | a shared value or an item of a queue | [`MAX_SHARED_VALUE_BYTES`] | [`HostError::TooLarge`] |
//! | a shared value's key | [`MAX_SHARED_KEY_BYTES`] | [`HostError::TooLarge`] |
//!
//! # What the SDK promises
//!
//! Nothing in it panics on what a client, an upstream or the host does. Header values are bytes; a value that would
//! split a header is refused when it is written. What a filter cannot do right is answered with an error response,
//! never with a request that hangs or passes unchecked.
//!
//! What a stream waits for is forgotten when the stream ends; an answer that comes after it is nobody's. What each call
//! results in for each status that a host can return is defined, at the method, and tested.

#[cfg(any(target_os = "wasi", test))]
#[doc(hidden)]
pub mod abi;
mod callout;
mod filter;
mod flow;
mod foreign;
mod grpc;
mod host;
mod log;
mod metrics;
mod property;
mod setup;
pub mod stream;
mod task;
mod watch;

pub use callout::{
    Callout, CalloutError, CalloutId, CalloutResponse, GrpcCall, GrpcStatus, HttpCall, QueueId, SharedValue,
    TimerId,
};
pub use filter::{Body, BodyMode, Filter, OverLimit, never_ends};
pub use flow::{Flow, Reply};
pub use foreign::{FilterStateLife, SignatureHash};
pub use grpc::{GrpcEvent, GrpcStream, GrpcStreamCall, GrpcStreamId};
pub use host::{
    BodyKind, HeaderWrite, Host, HostError, MAX_SHARED_KEY_BYTES, MAX_SHARED_VALUE_BYTES, MapKind,
};
pub use log::Level;
pub use metrics::{Counter, Gauge, Histogram, MetricDefinition, MetricKind};
pub use property::Property;
pub use sdk_shim_config::{ConfigError, ConfigErrors, Environment, Path, Secret};
pub use sdk_shim_http::{Cidr, Cookies, Headers, Query, SameSite, SetCookie, socket_address, split_target};
pub use setup::{Loaded, Setup, load};
pub use task::{Background, Handle, OnError, Task};
pub use watch::Watch;

/// Makes the crate a module that runs the given [`Filter`]. Does nothing where the target is not `wasm32-wasip1`, so that
/// the same crate is a plain library in tests. A filter with [`Filter::HEADERS_ONLY`] is exported so:
/// `export_filter!(Mine, headers_only)`; one with [`Filter::UNTIL_RESPONSE`] so: `export_filter!(Mine, until_response)`.
#[macro_export]
macro_rules! export_filter {
    ($filter:ty $(, $kind:ident)?) => {
        #[cfg(target_os = "wasi")]
        #[allow(unsafe_code, reason = "what a module exports has to keep its name")]
        const _: () = {
            $crate::__export_module!($filter $(, $kind)?);
        };
    };
}

#[cfg(test)]
mod tests;
