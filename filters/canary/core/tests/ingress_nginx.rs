//! ingress-nginx's own canary tests, on the decision: `derived/ingress-nginx-canary-cases.json`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use portcullis_canary_core::{Canary, Facts};
use sdk_shim_http::Headers;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use suites::Known;

const FILE: &str = "ingress-nginx-canary-cases.json";

#[test]
fn rows() {
    let Some(path) = suites::data(&format!("derived/{FILE}")) else { return };
    let cases: Value = suites::json(&path);
    let known = Known::parse("skips/ingress_nginx.txt", include_str!("skips/ingress_nginx.txt"));
    let mut skipped = BTreeMap::new();
    let mut ran = 0;
    for case in cases["unit"].as_array().unwrap() {
        let rows = [(&case["request"], case["canary"].as_bool().unwrap())];
        ran += run(&case["policy"], &rows);
    }
    for case in cases["e2e"].as_array().unwrap() {
        let policy = &case["policy"];
        if policy.get("affinity").is_some() {
            skipped.insert(format!("{FILE}: scenario"), policy.to_string());
        } else if let Some(distribution) = case.get("distribution") {
            ran += run_distribution(policy, distribution);
        } else {
            let rows: Vec<(&Value, bool)> =
                case["rows"].as_array().unwrap().iter().map(|row| (&row[0], row[1] == "canary")).collect();
            ran += run(policy, &rows);
        }
    }
    assert_eq!(known.compare(&skipped, |_| true), [""; 0]);
    println!("{ran} rows of {FILE}");
    assert!(ran > 0);
}

fn run(policy: &Value, rows: &[(&Value, bool)]) -> usize {
    let mut ran = 0;
    for (request, expected) in rows {
        let canary = canary(policy);
        let decision = canary.decide(&headers(request), &mut Chance(0));
        assert_eq!(decision.release.is_some(), *expected, "{policy} {request}: {decision:?}");
        ran += 1;
    }
    ran
}

fn run_distribution(policy: &Value, distribution: &Value) -> usize {
    let canary = canary(policy);
    let requests = distribution["requests"].as_u64().unwrap();
    let min_each = distribution["min_each"].as_u64().unwrap();
    let mut chance = Chance(0);
    let taken = (0..requests)
        .filter(|_| canary.decide(&headers(&json!({})), &mut chance).release.is_some())
        .count() as u64;
    assert!(taken >= min_each && requests - taken >= min_each, "{policy}: {taken} of {requests}");
    1
}

/// The policy as the unit tests (in Lua) and the end-to-end tests (as annotations) write it, with ingress-nginx's
/// traps switched on.
fn canary(policy: &Value) -> Canary {
    let text = |names: [&str; 2]| {
        let value = names.iter().find_map(|name| policy.get(*name)?.as_str());
        value.filter(|value| !value.is_empty())
    };
    let mut release = Map::new();
    release.insert("name".into(), "canary".into());
    release.insert("weight".into(), policy.get("weight").cloned().unwrap_or(json!(0)));
    release.insert("key".into(), json!(["random"]));
    if let Some(total) = policy.get("weight-total") {
        release.insert("weight_total".into(), total.clone());
    }
    if let Some(name) = text(["header", "by-header"]) {
        let mut by_header = Map::from_iter([("name".to_owned(), name.into())]);
        if let Some(value) = text(["headerValue", "by-header-value"]) {
            by_header.insert("value".into(), value.into());
        } else if let Some(pattern) = text(["headerPattern", "by-header-pattern"]) {
            by_header.insert("pattern".into(), pattern.into());
        }
        release.insert("by_header".into(), by_header.into());
    }
    if let Some(name) = text(["cookie", "by-cookie"]) {
        release.insert("by_cookie".into(), json!({"name": name}));
    }
    let config = json!({
        "releases": [release],
        "affinity": {"cookie": {"name": "route"}},
        "compatibility": {
            "never_only_without_value": true,
            "broken_pattern_keeps_out": true,
            "weight_total_at_least_100": true,
        },
    });
    let config = sdk_shim_config::parse(config.to_string().as_bytes()).unwrap();
    Canary::new(config).unwrap_or_else(|errors| panic!("{policy}\n{errors}"))
}

fn headers(request: &Value) -> Headers {
    let mut headers = Headers::from_iter([(":authority", "foo.bar.com"), (":path", "/")]);
    for (name, value) in request["header"].as_object().into_iter().flatten() {
        headers.push(name.to_ascii_lowercase().as_bytes(), value.as_str().unwrap().as_bytes());
    }
    for (name, value) in request["cookie"].as_object().into_iter().flatten() {
        headers.push(b"cookie", format!("{name}={}", value.as_str().unwrap()).as_bytes());
    }
    if let Some(version) = request["affinity"].as_str() {
        let sign = if version == "primary" { "-" } else { "" };
        headers.push(b"cookie", format!("route={sign}canary:0").as_bytes());
    }
    headers
}

/// A counter, which the hash spreads.
struct Chance(u64);

impl Facts for Chance {
    fn source_ip(&mut self) -> Option<IpAddr> {
        None
    }

    fn random(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }

    fn now(&mut self) -> Duration {
        Duration::ZERO
    }

    fn principal(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn claim(&mut self, _: &[String]) -> Option<Vec<u8>> {
        None
    }
}
