//! The canary filter in Envoy, before two clusters.

mod claims;
#[path = "../conformance/canary.rs"]
mod foreign;
mod hostile;
mod istio;
mod operation;

use std::borrow::Borrow;
use std::collections::BTreeSet;

use integration::battery::Upstreams;
use integration::prelude::*;
use integration::{paths, scenario};

fn config() -> Value {
    json!({"releases": [{
        "name": "v2",
        "by_header": {"name": "x-canary"},
        "by_cookie": {"name": "canary"},
        // Of Unleash's users, 122 is in and 155 is not (client specification, 03).
        "weight": 50, "seed": "AB12A", "key": [{"header": "x-user"}, {"cookie": "user"}, "none"],
    }]})
}

/// A route for the release, by filter state, and one for the rest.
fn routed(listener: Listener) -> Listener {
    let release = json!([{"key": "wasm.canary", "string_match": {"exact": "v2"}}]);
    listener
        .route(json!({"match": {"prefix": "/", "filter_state": release}, "route": {"cluster": "v2"}}))
        .route_to("v1")
}

fn plan() -> Battery {
    let get = || Request::get("/");
    let release = |rule: Value| json!({"releases": [rule]});
    Battery::new("canary", config())
        .site(|wasm, upstreams: &Upstreams| {
            upstreams.clusters().listener(routed(Listener::new("main").filter(wasm)))
        })
        .lets_through(Case::new("nothing that asks", get()).reaches("v1").filter_state("canary", "stable"))
        .lets_through(Case::new("another header's value", get().header("x-canary", "yes")).reaches("v1"))
        .lets_through(Case::new("a header that is called as the filter state", get().header("wasm.canary", "v2")).reaches("v1"))
        .lets_through(Case::new("a user that is not in", get().header("x-user", "155")).reaches("v1"))
        .steps_in(
            Case::new("the header", get().header("x-canary", "always")).reaches("v2").filter_state("canary", "v2"),
        )
        .steps_in(Case::new("the cookie", get().header("cookie", "a=b; canary=always")).reaches("v2"))
        .steps_in(
            Case::new("one of two cookie headers", get().header("cookie", "a=b").header("cookie", "canary=always"))
                .reaches("v2"),
        )
        .steps_in(Case::new("a user that is in", get().header("x-user", "122")).reaches("v2"))
        .steps_in(Case::new("by cookie", get().header("cookie", "user=122")).reaches("v2"))
        .steps_in(
            Case::new("the header never", get().header("x-canary", "never").header("cookie", "canary=always; user=122"))
                .reaches("v1"),
        )
        .steps_in(Case::new("the cookie never", get().header("cookie", "canary=never; user=122")).reaches("v1"))
        .refuses("", "releases: found nothing (the configuration is empty)")
        .refuses("{", "well-formed JSON")
        .refuses(json!({"releases": 1}), "releases: found integer `1`, expected a sequence")
        .refuses(json!({"releases": [], "relases": []}), "relases: found unknown field `relases`")
        .refuses(release(json!({"name": "v2"})), "releases[0]: found a release without a rule")
        .refuses(release(json!({"name": "v2", "weight": 101})), "releases[0].weight: found 101, expected a number from 0 to 100")
        .refuses(
            release(json!({"name": "v2", "by_header": {"name": "x", "pattern": "[][**da?$&*"}})),
            "releases[0].by_header.pattern: found `[][**da?$&*` (unclosed character class), expected a regular expression",
        )
}

integration::battery!(plan);

#[test]
fn foreign_rows() {
    let Some(derived) = paths::data("derived") else { return };
    let rows = foreign::run(&derived);
    println!("canary: {} passed, {} failed, 0 skipped", rows.passed, rows.failures.len());
    assert!(rows.failures.is_empty(), "{}", rows.failures.join("\n"));
    assert!(rows.passed > 0, "no rows");
}

#[test]
fn the_scenarios_of_the_test_host_come_out_the_same_in_envoy() {
    scenario::run("canary", &paths::root().join("filters/canary/scenarios.toml"));
}

/// One Envoy for what the battery's does not have: several shares, the decision header.
struct Site {
    upstreams: Upstreams,
    envoy: Envoy,
}

impl Borrow<Envoy> for Site {
    fn borrow(&self) -> &Envoy {
        &self.envoy
    }
}

static SITE: Shared<Site> = Shared::new(|| {
    let upstreams = Upstreams::new();
    let mut config = upstreams.clusters();
    for (name, weight) in SHARES {
        let release = json!({"name": "v2", "weight": weight, "key": [{"header": "x-user"}]});
        let wasm = Wasm::module("canary").config(json!({"releases": [release]}));
        config = config.listener(routed(Listener::new(name).filter(wasm)));
    }
    let by_header = json!({
        "releases": [{"name": "v2", "by_header": {"name": "x-canary"}}],
        "act": {"header": {"name": "X-Release"}},
    });
    let decided = json!([{"name": "x-release", "string_match": {"exact": "v2"}}]);
    config = config.listener(
        Listener::new("decision header")
            .filter(Wasm::module("canary").config(by_header))
            .route(json!({"match": {"prefix": "/", "headers": decided}, "route": {"cluster": "v2"}}))
            .route_to("v1"),
    );
    Site { envoy: config.start(), upstreams }
});

const SHARES: [(&str, f64); 3] = [("1 %", 1.0), ("10 %", 10.0), ("50 %", 50.0)];

#[test]
fn shares_hold_and_raising_them_takes_nobody_out() {
    let site = SITE.get();
    let users = || (0..500).map(|user| Request::get("/").header("x-user", format!("user-{user}")));
    let mut before = BTreeSet::new();
    for (listener, weight) in SHARES {
        let answers = site.envoy.client_of(listener).send_all(users());
        let taken: BTreeSet<usize> = answers
            .iter()
            .enumerate()
            .filter(|(_, answer)| answer.as_ref().unwrap().upstream().unwrap().starts_with("v2"))
            .map(|(user, _)| user)
            .collect();
        assert!(taken.is_superset(&before), "{listener}: {before:?} were in, now {taken:?}");
        // Gateway API's conformance test allows five points.
        let percent = taken.len() as f64 / 5.0;
        assert!((percent - weight).abs() < 5.0, "{listener}: {percent} %");
        before = taken;
    }
}

#[test]
fn a_user_keeps_the_version() {
    let site = SITE.get();
    let client = site.envoy.client_of("10 %");
    for user in 0..20 {
        let again = (0..10).map(|_| Request::get("/").header("x-user", format!("user-{user}")));
        let versions: BTreeSet<String> = client
            .send_all(again)
            .into_iter()
            .map(|answer| answer.unwrap().upstream().unwrap().chars().take(2).collect())
            .collect();
        assert_eq!(versions.len(), 1, "user-{user}: {versions:?}");
    }
}

#[test]
fn a_decision_header_cannot_be_forged() {
    let site = SITE.get();
    let cases = [
        (Request::get("/"), "v1", "stable"),
        (Request::get("/").header("x-release", "v2"), "v1", "stable"),
        (Request::get("/").header("X-RELEASE", "v2").header("x-release", "v2"), "v1", "stable"),
        (Request::get("/").header("x-canary", "always"), "v2", "v2"),
        (Request::get("/").header("x-canary", "always").header("x-release", "stable"), "v2", "v2"),
    ];
    let base = site.envoy.client_of("decision header");
    for client in [base.clone(), base.http2()] {
        for (request, version, decision) in &cases {
            let answer = client.send(request.clone());
            let reached = site.upstreams.reached(&answer.id);
            let [upstream] = reached.as_slice() else { panic!("{request:?} reached {}", reached.len()) };
            assert!(upstream.name().starts_with(version), "{request:?} reached {}", upstream.name());
            assert_eq!(upstream.only(&answer.id).header_values("x-release"), [*decision], "{request:?}");
        }
    }
}

#[test]
fn the_largest_cookies_that_envoy_takes_are_read() {
    let site = SITE.get();
    let noise = "c=1; ".repeat(11_000);
    let answer = site.envoy.client_of("50 %").send(Request::get("/").header("cookie", &noise));
    assert_eq!(answer.status, 200);
    site.envoy.assert_no_vm_failure();
}

#[test]
fn the_shipped_configuration_decides_and_counts() {
    let upstreams = Upstreams::new();
    let envoy = Config::bootstrap("canary.yaml")
        .upstreams("v1", [&upstreams.v1_a, &upstreams.v1_b])
        .upstreams("v2", [&upstreams.v2_a])
        .start();
    let version = |request: Request| envoy.send(request).upstream().unwrap();
    assert!(version(Request::get("/").header("x-canary", "always")).starts_with("v2"));
    assert!(version(Request::get("/").header("x-canary", "never")).starts_with("v1"));
    assert!(version(Request::get("/").header("cookie", "canary=always")).starts_with("v2"));
    assert!(version(Request::get("/").header("cookie", "canary=always")).starts_with("v2"));
    let metrics = envoy.admin().prometheus();
    for (release, reason, count) in
        [("v2", "header_always", 1), ("stable", "header_never", 1), ("v2", "cookie_always", 2)]
    {
        let line = metrics.lines().filter(|line| line.starts_with("canary_decisions_total{")).find(|line| {
            line.contains(&format!("release=\"{release}\"")) && line.contains(&format!("reason=\"{reason}\""))
        });
        let line = line.unwrap_or_else(|| panic!("no metric for {release} {reason}:\n{metrics}"));
        assert!(line.ends_with(&format!(" {count}")), "{line}");
    }
}
