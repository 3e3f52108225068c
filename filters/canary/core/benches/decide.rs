//! What a decision costs: `cargo bench -p portcullis-canary-core`.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use portcullis_canary_core::{Canary, Facts};
use sdk_shim_http::Headers;
use std::hint::black_box;
use std::net::IpAddr;
use std::time::{Duration, Instant};

struct Client;

impl Facts for Client {
    fn source_ip(&mut self) -> Option<IpAddr> {
        "192.0.2.10".parse().ok()
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

/// Headers of a browser, of no release; all rules are asked.
fn browser() -> Headers {
    Headers::from_iter([
        (":method", "GET"),
        (":path", "/shop/cart?item=7&lang=en"),
        (":scheme", "https"),
        (":authority", "shop.example.com"),
        ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("accept-language", "en-US,en;q=0.5"),
        ("accept-encoding", "gzip, deflate, br"),
        ("cookie", "theme=dark; consent=1; session=0123456789abcdef; user=alice"),
        ("x-forwarded-for", "192.0.2.10"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "0b5f7b7e-3c3c-4c3c-8c3c-0b5f7b7e3c3c"),
    ])
}

fn releases(rules: impl Fn(usize) -> String) -> Canary {
    let releases: Vec<String> = (0..20).map(|n| format!(r#"{{"name": "r{n}", {}}}"#, rules(n))).collect();
    let config = format!(r#"{{"releases": [{}]}}"#, releases.join(","));
    let config = sdk_shim_config::parse(config.as_bytes()).unwrap();
    Canary::new(config).unwrap_or_else(|errors| panic!("{errors}"))
}

fn main() {
    let headers = browser();
    let cases = [
        (
            "20 releases, header, cookie, weight",
            releases(|n| {
                format!(
                    r#""by_header": {{"name": "x-{n}"}}, "by_cookie": {{"name": "c{n}"}}, "weight": 0.001, "key": [{{"cookie": "user"}}]"#
                )
            }),
        ),
        (
            "20 releases, five tests each",
            releases(|n| {
                format!(
                    r#""match": {{"any": [
                        {{"header": {{"name": "x-{n}", "exact": "1"}}}},
                        {{"cookie": {{"name": "c{n}", "present": true}}}},
                        {{"query": {{"name": "q{n}", "exact": "1"}}}},
                        {{"path": {{"prefix": "/r{n}"}}}},
                        {{"header": {{"name": "accept-language", "prefix": "x{n}"}}}}]}}"#
                )
            }),
        ),
        (
            "20 releases, five patterns each",
            releases(|n| {
                format!(
                    r#""match": {{"any": [
                        {{"header": {{"name": "user-agent", "regex": ".*Chrome/{n}\\d+.*"}}}},
                        {{"header": {{"name": "user-agent", "contains": "Edge/{n}"}}}},
                        {{"header": {{"name": "accept-language", "regex": "(?i)n[bl]-{n}.*"}}}},
                        {{"path": {{"regex": "/v{n}/.*"}}}},
                        {{"cookie": {{"name": "user", "regex": "test{n}-.*"}}}}]}}"#
                )
            }),
        ),
    ];
    for (name, canary) in &cases {
        measure(name, || canary.decide(black_box(&headers), &mut Client).release.is_none());
    }
}

/// The best of five rounds: the machine's other work only ever adds.
fn measure(name: &str, mut run: impl FnMut() -> bool) {
    const RUNS: u32 = 20_000;
    let round = |run: &mut dyn FnMut() -> bool| {
        let start = Instant::now();
        for _ in 0..RUNS {
            assert!(black_box(run()), "{name}");
        }
        start.elapsed() / RUNS
    };
    let best = (0..5).map(|_| round(&mut run)).min();
    println!("{name:40} {best:?}");
}
