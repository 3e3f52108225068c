//! A key server that can be slow, wrong or down.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::upstream::{Reply, Upstream};

/// Serves a JSON Web Key Set on every path. It is an [`Upstream`], so whatever an upstream can be told works here:
/// `jwks.upstream().answer(Reply::new(500))`.
#[derive(Debug)]
pub struct Jwks {
    upstream: Upstream,
}

impl Jwks {
    /// Serves these keys.
    pub fn start(keys: &Value) -> Self {
        let jwks = Self { upstream: Upstream::start("jwks") };
        jwks.serve(keys);
        jwks
    }

    /// Serves other keys from now on.
    pub fn serve(&self, keys: &Value) {
        self.upstream.answer(Reply::json(keys));
    }

    /// Serves the keys after a delay.
    pub fn slow(&self, keys: &Value, delay: Duration) {
        self.upstream.answer(Reply::json(keys).delay(delay));
    }

    /// Serves something that is no key set, with status 200.
    pub fn wrong(&self, body: &str) {
        self.upstream.answer(Reply::new(200).header("content-type", "application/json").body(body));
    }

    /// Refuses connections until [`up`](Self::up).
    pub fn down(&self) {
        self.upstream.stop();
    }

    /// Listens again.
    pub fn up(&self) {
        self.upstream.restart();
    }

    /// How often the keys were asked for.
    pub fn fetches(&self) -> usize {
        self.upstream.all_seen().len()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.upstream.address()
    }

    /// The server behind it.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }
}
