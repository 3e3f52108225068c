//! The affinity filter in Envoy, before `stateful_session`.

mod cookies;
mod endpoints;
mod failures;
mod gateway;
mod modes;
mod secrets;
mod versions;

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use integration::battery::Upstreams;
use integration::config::native;
use integration::prelude::*;
use integration::request::unique_id;
use integration::{paths, scenario};

const NAME: &str = "portcullis_affinity";
const HEADER: &str = "x-portcullis-endpoint";
const KEY: &str = "0123456789abcdef0123456789abcdef";
const OLD_KEY: &str = "fedcba9876543210fedcba9876543210";

fn config() -> Value {
    json!({"keys": [KEY], "audience": "shop"})
}

fn plan() -> Battery {
    let get = || Request::get("/");
    Battery::new("affinity", config())
        .site(|wasm, upstreams: &Upstreams| upstreams.clusters().listener(listener("main", wasm, "v1")))
        .lets_through(Case::new("no cookie", get()).reaches("v1").response_header("set-cookie", Some(NAME)))
        .lets_through(
            Case::new("a cookie of the application", get().header("cookie", "theme=\"dark\"; a=1"))
                .upstream_header("cookie", Some("theme=\"dark\"; a=1"))
                .response_header("set-cookie", Some("; Path=/; HttpOnly; SameSite=Lax")),
        )
        .steps_in(
            Case::new("a header that names an endpoint", get().header(HEADER, "MTI3LjAuMC4xOjE="))
                .upstream_header(HEADER, None)
                .response_header("set-cookie", Some(NAME))
                .response_header(HEADER, None),
        )
        .steps_in(
            Case::new("a forged cookie", get().header("cookie", format!("a=1; {NAME}=MTI3LjAuMC4xOjE=")))
                .upstream_header("cookie", Some("a=1"))
                .upstream_header(HEADER, None)
                .response_header("set-cookie", Some(NAME)),
        )
        .refuses("", "keys: found nothing (the configuration is empty), expected a value")
        .refuses("{", "expected well-formed JSON")
        .refuses(json!({"keys": KEY, "audience": "shop"}), "keys: found string")
        .refuses(json!({"keys": [KEY]}), "audience: found nothing, expected a value: the field is required")
        .refuses(json!({"keys": [], "audience": "shop"}), "keys: found 0 secrets, expected 1 to 8")
        .refuses(json!({"keys": ["short"], "audience": "shop"}), "keys[0]: found a secret of 5 characters")
        .refuses(
            json!({"keys": ["${NOT_SET}"], "audience": "shop"}),
            "keys[0]: found a reference to the environment variable NOT_SET, which is not set",
        )
        .refuses(
            json!({"keys": [KEY], "audience": "shop", "cookie": {"same_site": "none"}}),
            "cookie.secure: found `auto` beside `same_site: none`, expected `always`",
        )
        .refuses(
            json!({"keys": [KEY], "audience": "shop", "cookie": {"name": "a b", "domain": "com", "colour": 1}}),
            "cookie.colour: found unknown field `colour`",
        )
        .refuses(
            json!({"keys": [KEY], "audience": "shop", "cookie": {"domain": "com"}}),
            "cookie.domain: found \"com\", expected a name with a dot",
        )
}

integration::battery!(plan);

#[test]
fn the_scenarios_of_the_test_host_come_out_the_same_in_envoy() {
    scenario::run("affinity", &paths::root().join("filters/affinity/scenarios.toml"));
}

/// Three endpoints behind a listener for each way to configure the filter.
struct Site {
    upstreams: [Upstream; 3],
    envoy: Envoy,
}

impl Borrow<Envoy> for Site {
    fn borrow(&self) -> &Envoy {
        &self.envoy
    }
}

impl Site {
    fn browser(&self, listener: &str) -> Browser {
        Browser { client: self.envoy.client_of(listener), cookie: None }
    }

    fn upstream(&self, name: &str) -> &Upstream {
        self.upstreams.iter().find(|upstream| upstream.name() == name).unwrap()
    }
}

static SITE: Shared<Site> = Shared::new(|| {
    let with = |name: &str, changes: Value| {
        let mut config = config();
        config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        listener(name, Wasm::module("affinity").config(config), "app")
    };
    let direct = json!({"match": {"path": "/direct"}, "direct_response": {"status": 404}});
    let elsewhere = json!([{"name": "envoy.retry_host_predicates.previous_hosts", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate",
    }}]);
    let mut retry = route("app");
    retry["route"]["retry_policy"] = json!({
        "retry_on": "5xx", "retry_host_predicate": elsewhere, "host_selection_retry_max_attempts": 9,
    });
    let plain = |name| {
        Listener::new(name).filter(Wasm::module("affinity").config(config())).filter(stateful_session())
    };
    let upstreams = ["a", "b", "c"].map(Upstream::start);
    let envoy = Config::new()
        .cluster(Cluster::new("app", &upstreams))
        .listener(plain("shop").route(direct).route(route("app")))
        .listener(plain("retrying").route(retry))
        .listener(Listener::new("alone").filter(stateful_session()).route_to("app"))
        .listener(with("bank", json!({"audience": "bank"})))
        .listener(with("old", json!({"keys": [OLD_KEY]})))
        .listener(with("rotating", json!({"keys": [KEY, OLD_KEY]})))
        .listener(with("short", json!({"absolute_timeout": "4s"})))
        .listener(with("idle", json!({"idle_timeout": "10s", "cookie": {"max_age": "1h"}})))
        .start();
    Site { upstreams, envoy }
});

#[test]
fn the_endpoint_that_answered_first_answers_on() {
    let site = SITE.get();
    for http2 in [false, true] {
        let mut browser = site.browser("shop");
        if http2 {
            browser.client = browser.client.http2();
        }
        let first = browser.get();
        assert_eq!(first.header_values("set-cookie").len(), 1);
        for _ in 0..20 {
            let answer = browser.get();
            assert_eq!(answer.upstream(), first.upstream());
            assert_eq!(answer.header("set-cookie"), None, "nothing has changed");
            assert_eq!(answer.header(HEADER), None);
        }
    }
}

#[test]
fn clients_spread_and_stay() {
    let site = SITE.get();
    let mut seen = BTreeSet::new();
    for _ in 0..12 {
        let mut browser = site.browser("shop");
        let first = browser.get().upstream();
        assert_eq!(browser.get().upstream(), first);
        seen.extend(first);
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn the_upstream_sees_neither_header_nor_cookie() {
    let site = SITE.get();
    let mut browser = site.browser("shop");
    browser.get();
    let cookie = browser.cookie.clone().unwrap();
    let headers = [format!("a=1; {cookie}; b=\"2;3\""), format!("c=4; {NAME}=x"), cookie];
    let request = headers.iter().fold(Request::get("/"), |request, value| request.header("cookie", value));
    let answer = browser.client.send(request.header(HEADER, "x"));
    let seen = site.upstream(&answer.upstream().unwrap()).only(&answer.id);
    assert_eq!(seen.header_values("cookie"), ["a=1; b=\"2;3\"", "c=4"]);
    assert_eq!(seen.header_values(HEADER), [""; 0]);
}

#[test]
fn clients_cannot_name_an_endpoint() {
    let site = SITE.get();
    // How stateful_session itself names b.
    let alone = site.envoy.client_of("alone");
    let answers = std::iter::repeat_with(|| alone.send(Request::get("/")));
    let of_b = answers.take(100).find(|answer| answer.upstream().as_deref() == Some("b")).unwrap();
    let named = of_b.header(HEADER).unwrap();
    let pinned = (0..12).map(|_| alone.send(Request::get("/").header(HEADER, &named)).upstream());
    assert!(pinned.flatten().all(|name| name == "b"), "without the filter the client chooses");
    let request = || Request::get("/").header(HEADER, &named).header("X-Portcullis-Endpoint", &named);
    let spread: BTreeSet<_> = (0..12).filter_map(|_| site.envoy.send(request()).upstream()).collect();
    assert!(spread.len() > 1, "{spread:?}");

    let mut browser = site.browser("shop");
    while browser.cookie.is_none() || browser.get().upstream().as_deref() == Some("b") {
        browser.cookie = None;
        browser.get();
    }
    let bound = browser.get().upstream();
    for _ in 0..6 {
        assert_eq!(browser.send(request()).upstream(), bound);
    }
}

#[test]
fn endpoints_may_be_ipv6() {
    let address: SocketAddr = "[::1]:0".parse().unwrap();
    if let Err(error) = TcpListener::bind(address) {
        println!("skipped: no IPv6 here: {error}");
        return;
    }
    let upstreams = ["a", "b", "c"].map(|name| Upstream::start_at(name, address));
    let wasm = Wasm::module("affinity").config(config());
    let envoy = Config::new()
        .cluster(Cluster::new("app", &upstreams))
        .listener(listener("main", wasm, "app"))
        .start();
    let mut browser = Browser { client: envoy.client(), cookie: None };
    let bound = browser.get().upstream();
    for _ in 0..6 {
        let answer = browser.get();
        assert_eq!((answer.upstream(), answer.header("set-cookie")), (bound.clone(), None));
    }
}

/// A client that keeps the affinity cookie.
struct Browser {
    client: Client,
    cookie: Option<String>,
}

impl Browser {
    fn get(&mut self) -> Response {
        self.send(Request::get("/"))
    }

    fn send(&mut self, request: Request) -> Response {
        let request = match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        };
        let answer = self.client.send(request);
        if let Some(set) = answer.header("set-cookie") {
            self.cookie = set.split(';').next().map(str::to_owned);
        }
        answer
    }
}

/// The filter, `stateful_session` behind it, and a route that hides the header from the upstream.
fn listener(name: &str, wasm: Wasm, cluster: &str) -> Listener {
    Listener::new(name).buffer_limit(2 << 20).filter(wasm).filter(stateful_session()).route(route(cluster))
}

fn route(cluster: &str) -> Value {
    json!({"match": {"prefix": "/"}, "route": {"cluster": cluster}, "request_headers_to_remove": [HEADER]})
}

fn stateful_session() -> Value {
    native("stateful_session", "stateful_session.v3.StatefulSession", session_state(false))
}

fn session_state(strict: bool) -> Value {
    let state = json!({
        "@type": "type.googleapis.com/envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState",
        "name": HEADER,
    });
    json!({"strict": strict, "session_state": {"name": "envoy.http.stateful_session.header", "typed_config": state}})
}
