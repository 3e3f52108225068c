//! Tables of policies with requests; API keys; tokens; fetched keys; external checks; foreign suites; random requests against a naive evaluation.

mod any_bytes;
mod api_keys;
mod basic;
mod expressions;
mod external;
mod foreign;

mod matching;
mod naive;
mod never;
mod normalization;
mod random;
mod refused;
mod remote;
mod requirements;
mod responses;
mod signed;
mod strict;
mod tokens;

use super::*;
use sdk_shim_config::ConfigErrors;
use sdk_shim_http::Headers;
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

/// A day of 2025, in seconds since 1970.
const NOW: u64 = 1_750_000_000;

/// A client as the host would describe it, and what it was asked for.
#[derive(Clone, Debug)]
struct Client {
    peer: PeerAddress,
    remote: Option<IpAddr>,
    local: Option<SocketAddr>,
    principal: Option<Vec<u8>>,
    server_name: Option<Vec<u8>>,
    /// Its requests may wait for keys.
    may_wait: bool,
    /// External checks have allowed it.
    is_checked: bool,
    /// Dynamic metadata: filter, key and value.
    metadata: &'static [(&'static str, &'static str, &'static [u8])],
    asked: Vec<&'static str>,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            peer: PeerAddress::Ip([10, 0, 0, 1].into()),
            remote: Some([192, 0, 2, 1].into()),
            local: Some(([127, 0, 0, 1], 8080).into()),
            principal: None,
            server_name: None,
            may_wait: false,
            is_checked: false,
            metadata: &[],
            asked: Vec::new(),
        }
    }
}

impl Client {
    fn principal(name: &str) -> Self {
        Self { principal: Some(name.into()), ..Self::default() }
    }
}

impl Attributes for Client {
    fn peer_address(&mut self) -> PeerAddress {
        self.asked.push("peer_address");
        self.peer
    }

    fn remote_address(&mut self) -> Option<IpAddr> {
        self.asked.push("remote_address");
        self.remote
    }

    fn local_address(&mut self) -> Option<SocketAddr> {
        self.asked.push("local_address");
        self.local
    }

    fn principal(&mut self) -> Option<Vec<u8>> {
        self.asked.push("principal");
        self.principal.clone()
    }

    fn server_name(&mut self) -> Option<Vec<u8>> {
        self.asked.push("server_name");
        self.server_name.clone()
    }

    fn now(&mut self) -> u64 {
        self.asked.push("now");
        NOW
    }

    fn may_await_keys(&mut self, _: usize) -> bool {
        self.may_wait
    }

    fn is_checked(&self) -> bool {
        self.is_checked
    }

    fn metadata(&mut self, filter: &str, key: &str) -> Option<Vec<u8>> {
        let found = self.metadata.iter().find(|(of, name, _)| (*of, *name) == (filter, key))?;
        Some(found.2.to_vec())
    }
}

/// The configuration that stands in `yaml`.
fn config(yaml: &str) -> Config {
    let value: serde_json::Value =
        serde_norway::from_str(yaml).unwrap_or_else(|error| panic!("{error} in {yaml}"));
    sdk_shim_config::parse(value.to_string().as_bytes()).unwrap_or_else(|error| panic!("{error} in {yaml}"))
}

fn environment(name: &str) -> Option<String> {
    (name == "OPS_KEY").then(|| "ops-key-from-the-environment".to_owned())
}

fn authz(yaml: &str) -> Authz {
    Authz::new(&config(yaml), &environment).unwrap_or_else(|errors| panic!("{errors} in {yaml}"))
}

/// Why a configuration is refused, whether by its types or by its meaning.
fn refusal(yaml: &str) -> ConfigErrors {
    let value: serde_json::Value =
        serde_norway::from_str(yaml).unwrap_or_else(|error| panic!("{error} in {yaml}"));
    sdk_shim_config::parse::<Config>(value.to_string().as_bytes())
        .and_then(|config| Authz::new(&config, &environment).map(drop))
        .expect_err(yaml)
}

/// The headers of `METHOD target host` and further `name: value` lines.
fn request(text: &str) -> Headers {
    let mut lines = text.lines();
    let mut words = lines.next().unwrap().split(' ');
    let names = [":method", ":path", ":authority"];
    let line = names.into_iter().filter_map(|name| words.next().map(|word| (name, word)));
    line.chain(lines.map(|line| line.split_once(": ").unwrap())).collect()
}

fn allows(authz: &Authz, request_text: &str, client: &mut Client) -> bool {
    matches!(authz.check(&request(request_text), client).outcome, Outcome::Allow(_))
}
