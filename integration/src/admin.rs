//! Envoy's admin interface.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::Client;
use crate::raw::Failure;
use crate::request::Request;

/// A client of the admin interface.
#[derive(Clone, Debug)]
pub struct Admin {
    address: SocketAddr,
}

impl Admin {
    /// The interface at this address.
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The body of a `GET`.
    ///
    /// # Panics
    /// If the status is not 200.
    pub fn get(&self, path: &str) -> String {
        let answer = self.call("GET", path).unwrap_or_else(|e| panic!("admin {path}: {e}"));
        assert_eq!(answer.0, 200, "admin {path}: {}", answer.1);
        answer.1
    }

    /// The body of a `POST`, for what changes something: `/logging?wasm=debug`, `/healthcheck/fail`.
    ///
    /// # Panics
    /// If the status is not 200.
    pub fn post(&self, path: &str) -> String {
        let answer = self.call("POST", path).unwrap_or_else(|e| panic!("admin {path}: {e}"));
        assert_eq!(answer.0, 200, "admin {path}: {}", answer.1);
        answer.1
    }

    /// All counters and gauges by name.
    pub fn stats(&self) -> BTreeMap<String, u64> {
        let lines = self.get("/stats?type=All");
        lines
            .lines()
            .filter_map(|line| line.split_once(": "))
            .filter_map(|(k, v)| Some((k.to_owned(), v.parse().ok()?)))
            .collect()
    }

    /// One counter or gauge; 0 if Envoy has not made it yet. A filter's own are named `wasmcustom.<name>`.
    pub fn stat(&self, name: &str) -> u64 {
        if name.starts_with("wasmcustom.") {
            self.settle();
        }
        self.stats().get(name).copied().unwrap_or_default()
    }

    /// All metrics in Prometheus' text format.
    pub fn prometheus(&self) -> String {
        self.settle();
        self.get("/stats/prometheus")
    }

    /// Waits until the filters' own metrics stand still, at most five seconds: modules gather counts for a tenth of one.
    pub fn settle(&self) {
        let read = || self.get("/stats?filter=^wasmcustom");
        let until = Instant::now() + Duration::from_secs(5);
        let mut last = read();
        let mut same = 0;
        while same < 2 && Instant::now() < until {
            sleep(Duration::from_millis(150));
            let next = read();
            same = if next == last { same + 1 } else { 0 };
            last = next;
        }
    }

    /// The configuration in force.
    pub fn config_dump(&self) -> Value {
        self.json("/config_dump?include_eds")
    }

    /// Bytes in use by Envoy's own allocator (not V8's: see [`Envoy::resident_memory`](crate::envoy::Envoy::resident_memory)).
    pub fn allocated_memory(&self) -> u64 {
        self.json("/memory")["allocated"].as_str().and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    /// True when Envoy says that it is live. False also when nobody answers.
    pub(crate) fn is_ready(&self) -> bool {
        matches!(self.call("GET", "/ready"), Ok((200, _)))
    }

    /// Name and address of each active listener.
    pub(crate) fn listeners(&self) -> BTreeMap<String, SocketAddr> {
        let json = self.json("/listeners?format=json");
        let each = json["listener_statuses"].as_array().into_iter().flatten();
        each.filter_map(|listener| {
            let socket = &listener["local_address"]["socket_address"];
            let ip = socket["address"].as_str()?.parse().ok()?;
            let port = u16::try_from(socket["port_value"].as_u64()?).ok()?;
            Some((listener["name"].as_str()?.to_owned(), SocketAddr::new(ip, port)))
        })
        .collect()
    }

    fn json(&self, path: &str) -> Value {
        let text = self.get(path);
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("admin {path} is no JSON ({e}): {text}"))
    }

    fn call(&self, method: &str, path: &str) -> Result<(u16, String), Failure> {
        let request = Request::new(method, path).without_id();
        Client::new(self.address).try_send(request).map(|answer| (answer.status, answer.text()))
    }
}
