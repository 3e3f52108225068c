//! A key server that can be slow, wrong or down.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;

use crate::upstream::{Reply, Upstream};

/// Keys for tests and demonstrations, RSA and P-256; their private halves are gone.
pub const EXAMPLE_KEYS: &str = r#"{"keys":[{"kty":"RSA","kid":"rsa","alg":"RS256","use":"sig","n":"uC3RmlKk2-5BGTOBhtfWGWk5nEJKFrJSpHs2ut65x3pOUyb4ywURD7-_wH6rCvQpflCsiOVM_-zyjscDJkha8RzQsmuTlzvTr6ru0ZGjjBEEpdhpD5Zu0eK4W6kIGG8OWRJCAdTCYbFA5wY1Nf38Cx9MlMRenR2XMFk3vUlZk6Mbc3d4k3xN4P9QWDxi9LyOPU8tmfEq_5ib15HvrEXnO3Y_Lht0bkTlmw8bBmPOG-Y9CVhvxXlkjpkAoqkboZ_35kPbZy6EloD24Bl202j6UTN3bJuQsLKTlXgs__PMY__ZVQgp1w4OwMv-WIucNBNTe-wnRJ-hBXb26z96aFNrOw","e":"AQAB"},{"kty":"EC","kid":"ec","alg":"ES256","crv":"P-256","x":"csLdq_hqEq5TQNyHR2APIBNJ4I31dLds7G0TMYNoryE","y":"n7v2iOd1sKRb6_6p8StXjICVeZ_52IiXatJnbwZAy4w"}]}"#;

/// A token of `https://issuer.example` for the audience `shop`, without an end, RS256 by the first of [`EXAMPLE_KEYS`].
pub const EXAMPLE_TOKEN: &str = "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoiYWRhIiwiYXVkIjoic2hvcCIsImdyb3VwcyI6WyJzdGFmZiJdLCJlbWFpbCI6ImFkYUBleGFtcGxlLmNvbSJ9.RHLaFwtmi6yTtih7ViCI9qBjvlUBGVPkY9ZXf_oevcFBMwHeTBe3U-7bYqG99t-fJftIWzZXI2Z5m9kBlTW7tdI6QifoQgF-WdejBW3QHb3qlQLa-_G5vwyVwUKHMbaSgQYUSFQCXlO_6C1ryRCE7Z3A17zGAEl6ouffXzTb2rehKJoqSv7sl4ErVDv1PGxsRzPN8fCfxMg6yORuYjhW9UoGmuUDg1KGEejwwLxzKAx-pW6fQp1ftasOz5agt3sXrBs3twBPkKebajeeMuMf1--imnTRNdUu5ASaU-74fQphqDZ23Y6h-Yq2osBwnMHhW-1RxDQ0tK7QyFQDx2M8Gg";

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
