//! Decisions on releases: headers, cookies, queries, baggage.

use std::net::IpAddr;
use std::time::Duration;

use crate::Input;
use portcullis_canary_core::{Canary, Decision, Edit, Facts};
use sdk_shim_http::Headers;

/// The first byte chooses a configuration and who asks, then come header lines.
///
/// The same request is decided the same way each time; a kill switch and an untrusted client get what they should; and
/// nothing that is written into a request or response splits a header, unless the client's own header did.
pub fn check(bytes: &[u8]) {
    thread_local! {
        static CANARIES: [Canary; 4] = CONFIGURATIONS.map(load);
    }
    let mut input = Input::new(bytes);
    let choice = input.byte();
    CANARIES.with(|canaries| decide(&canaries[usize::from(choice & 3)], choice, &headers(input.rest())));
}

fn decide(canary: &Canary, choice: u8, headers: &Headers) {
    let client = Client { is_trusted: choice & 4 != 0 };
    let decision = canary.decide(headers, &mut client.clone());
    let again = canary.decide(headers, &mut client.clone());
    assert_eq!(said(&decision), said(&again));
    if choice & 3 == KILLED {
        assert_eq!(decision.name(), "stable");
    }
    let is_whole = headers.iter().all(|(_, value)| !value.iter().any(is_line_end));
    let mut written = Vec::new();
    let mut apply = |edit: Edit<'_>| {
        let (Edit::Set(name, value) | Edit::Add(name, value)) = edit else { return Ok::<_, ()>(()) };
        if is_whole {
            assert!(!value.iter().any(is_line_end), "{name}: {}", value.escape_ascii());
        }
        written.push((name.to_owned(), value.to_vec()));
        Ok(())
    };
    canary.edit_request(&decision, headers, &mut apply).unwrap();
    let plan = canary.plan_response(&decision, headers, || true);
    canary.edit_response(&plan, &mut apply).unwrap();
    let decided = written.iter().filter(|(name, _)| name == "x-release").map(|(_, value)| value.as_slice());
    assert!(
        decided.eq([decision.name().as_bytes()]),
        "the header tells the decision, whatever the client wrote"
    );
    let debugs = written.iter().any(|(name, _)| name == "x-canary-debug");
    assert!(!debugs || client.is_trusted, "who is not trusted sees no debug header");
}

fn said(decision: &Decision<'_>) -> (String, &'static str) {
    (decision.name().to_owned(), decision.reason.as_str())
}

fn is_line_end(byte: &u8) -> bool {
    matches!(byte, b'\r' | b'\n' | 0)
}

/// Lines of `name: value`; a pseudo-header's name starts with the first colon.
fn headers(text: &[u8]) -> Headers {
    let mut headers = Headers::default();
    headers.push(b":authority", b"shop.example.com");
    for line in text.split(|byte| *byte == b'\n') {
        let end = line.iter().skip(1).position(|byte| *byte == b':').map_or(line.len(), |at| at + 1);
        let (name, value) = line.split_at(end);
        headers.push(&name.to_ascii_lowercase(), value.get(1..).unwrap_or_default().trim_ascii());
    }
    headers
}

#[derive(Clone, Debug)]
struct Client {
    is_trusted: bool,
}

impl Facts for Client {
    fn source_ip(&mut self) -> Option<IpAddr> {
        Some(if self.is_trusted { [10, 0, 0, 1] } else { [192, 0, 2, 1] }.into())
    }

    fn random(&mut self) -> u64 {
        7
    }

    fn now(&mut self) -> Duration {
        Duration::from_secs(1_800_000_000)
    }

    fn principal(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn claim(&mut self, _: &[String]) -> Option<Vec<u8>> {
        None
    }
}

fn load(config: &str) -> Canary {
    let config = sdk_shim_config::parse(config.as_bytes()).unwrap_or_else(|errors| panic!("{errors}"));
    Canary::new(config).unwrap_or_else(|errors| panic!("{errors}"))
}

const KILLED: u8 = 3;

const CONFIGURATIONS: [&str; 4] = [
    r#"{"releases": [
        {"name": "v2", "by_header": {"name": "x-canary"}, "by_cookie": {"name": "canary"}, "weight": 30,
         "key": [{"header": "x-user"}, {"cookie": "user"}]},
        {"name": "v3", "by_header": {"name": "x-canary", "pattern": "^(?:a+)+b|v3$"}, "weight": 30, "seed": "s", "key": [{"cookie": "user"}]}],
        "affinity": {"cookie": {"name": "pins"}}, "propagate": {"header": "x-release", "baggage": {"key": "release"}, "cookie": {"name": "release"}},
        "trust": {"source_ips": ["10.0.0.0/8"]}, "inherit": {"baggage": "release"}, "debug_header": "x-canary-debug"}"#,
    r#"{"releases": [
        {"name": "v2", "match": {"any": [
            {"header": {"name": "user-agent", "regex": ".*Chrome/\\d+.*"}},
            {"header": {"name": "accept-language", "prefix": "de"}},
            {"cookie": {"name": "user", "regex": "test-.*"}},
            {"query": {"name": "beta", "exact": "1"}},
            {"path": {"prefix": "/new"}}]}}],
        "id_cookie": {"name": "id"}, "propagate": {"header": "x-release"},
        "trust": {"source_ips": ["10.0.0.0/8"]}, "inherit": {"header": "x-from"}, "debug_header": "x-canary-debug"}"#,
    r#"{"releases": [{"name": "v2", "weight": 50, "by_header": {"name": "x-token", "signed": true}}],
        "token": {"keys": ["0123456789abcdef0123456789abcdef"]}, "random_value": {"header": "x-random", "seed": "s", "key": [{"cookie": "user"}]},
        "act": {"header": {"name": "x-act"}}, "propagate": {"header": "x-release", "baggage": {"key": "release"}}}"#,
    r#"{"enabled": false, "releases": [{"name": "v2", "weight": 100, "by_header": {"name": "x-canary"}}],
        "affinity": {"cookie": {"name": "pins"}}, "propagate": {"header": "x-release", "cookie": {"name": "release"}}}"#,
];
