use std::borrow::Borrow;

use super::Battery;
use crate::config::{Cluster, Config, Listener, Wasm};
use crate::envoy::Envoy;
use crate::upstream::Upstream;

/// The upstreams of a [`Site`]: a stable version with two endpoints, another version with one.
#[derive(Debug)]
pub struct Upstreams {
    /// First endpoint of version 1.
    pub v1_a: Upstream,
    /// Second endpoint of version 1.
    pub v1_b: Upstream,
    /// The endpoint of version 2.
    pub v2_a: Upstream,
}

impl Upstreams {
    /// Starts them.
    #[expect(clippy::new_without_default, reason = "It starts servers.")]
    pub fn new() -> Self {
        Self { v1_a: Upstream::start("v1-a"), v1_b: Upstream::start("v1-b"), v2_a: Upstream::start("v2-a") }
    }

    /// Clusters `v1` and `v2`, to begin a configuration with.
    pub fn clusters(&self) -> Config {
        Config::new()
            .cluster(Cluster::new("v1", [&self.v1_a, &self.v1_b]))
            .cluster(Cluster::new("v2", [&self.v2_a]))
    }

    /// Those that the request with this id has reached, were it only with its headers.
    pub fn reached(&self, id: &str) -> Vec<&Upstream> {
        self.all().into_iter().filter(|upstream| !upstream.seen(id).is_empty()).collect()
    }

    /// All of them.
    pub fn all(&self) -> [&Upstream; 3] {
        [&self.v1_a, &self.v1_b, &self.v2_a]
    }
}

/// An Envoy with the filter, and the upstreams behind it.
#[derive(Debug)]
pub struct Site {
    /// Envoy.
    pub envoy: Envoy,
    /// Behind it.
    pub upstreams: Upstreams,
}

impl Site {
    /// Starts the upstreams and then Envoy.
    pub fn start(battery: &Battery) -> Self {
        let upstreams = Upstreams::new();
        let wasm = Wasm::module(&battery.module).config(battery.config.clone());
        let envoy = (battery.site)(wasm, &upstreams).start();
        Self { envoy, upstreams }
    }
}

impl Borrow<Envoy> for Site {
    fn borrow(&self) -> &Envoy {
        &self.envoy
    }
}

/// The filter alone, before a route that sends everything to `v1`; bodies up to 2 MiB can be held back.
pub fn plain(wasm: Wasm, upstreams: &Upstreams) -> Config {
    upstreams.clusters().listener(Listener::new("main").buffer_limit(2 << 20).filter(wasm).route_to("v1"))
}
