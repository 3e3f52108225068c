//! What nearly every test uses: `use integration::prelude::*;`.

pub use crate::access_log::Line;
pub use crate::battery::{Battery, Case};
pub use crate::certs::Authority;
pub use crate::client::{Client, Tls};
pub use crate::config::{Cluster, Config, Listener, Wasm};
pub use crate::envoy::Envoy;
pub use crate::jwks::Jwks;
pub use crate::raw;
pub use crate::request::{Body, Request, Response};
pub use crate::shared::Shared;
pub use crate::upstream::{Reply, Seen, Upstream};
pub use serde_json::{Value, json};
