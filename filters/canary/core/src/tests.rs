mod affinity;
mod claims;
mod conditions;
mod config;
mod decide;
mod hostile;
mod literals;
mod output;
mod refusals;
mod share;
mod time;

use crate::{Canary, Config, Facts};
use sdk_shim_config::ConfigErrors;
use sdk_shim_http::Headers;
use std::net::IpAddr;
use std::time::Duration;

/// Facts that are given beforehand, and count how often they are asked for.
#[derive(Default)]
struct Given {
    source_ip: Option<IpAddr>,
    random: u64,
    now: Duration,
    principal: Option<Vec<u8>>,
    claims: Vec<(&'static str, &'static str)>,
    asked: usize,
}

impl Facts for Given {
    fn source_ip(&mut self) -> Option<IpAddr> {
        self.asked += 1;
        self.source_ip
    }

    fn random(&mut self) -> u64 {
        self.asked += 1;
        self.random
    }

    fn now(&mut self) -> Duration {
        self.now
    }

    fn principal(&mut self) -> Option<Vec<u8>> {
        self.principal.clone()
    }

    fn claim(&mut self, property: &[String]) -> Option<Vec<u8>> {
        self.asked += 1;
        let name = property.join("/");
        self.claims.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_bytes().to_vec())
    }
}

fn canary(config: &str) -> Canary {
    load(config).unwrap_or_else(|errors| panic!("{config}\n{errors}"))
}

fn load(config: &str) -> Result<Canary, ConfigErrors> {
    Canary::new(sdk_shim_config::parse::<Config>(config.as_bytes())?)
}

/// Headers from lines of `name: value`; `:authority` and `:path` are those of `https://shop.example.com/` by default.
fn headers(lines: &str) -> Headers {
    let mut headers = Headers::default();
    for (name, default) in [(":authority", "shop.example.com"), (":path", "/")] {
        if !lines.contains(name) {
            headers.push(name.as_bytes(), default.as_bytes());
        }
    }
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        // A pseudo-header's name starts with the first colon.
        let line = line.as_bytes();
        let end = line.iter().skip(1).position(|byte| *byte == b':').unwrap() + 1;
        headers.push(&line[..end], line[end + 1..].trim_ascii_start());
    }
    headers
}

/// `v2 header_always`
fn decide(canary: &Canary, lines: &str) -> String {
    let decision = canary.decide(&headers(lines), &mut Given::default());
    format!("{} {}", decision.name(), decision.reason.as_str())
}
