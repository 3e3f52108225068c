//! The affinity filter in Envoy, before `stateful_session`.

mod endpoints;
mod gateway;
mod modes;
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
fn a_cookie_that_is_not_ours_is_none() {
    let site = SITE.get();
    let mut browser = site.browser("shop");
    browser.get();
    let cookie = browser.cookie.unwrap();
    let of = |listener| {
        let mut browser = site.browser(listener);
        browser.get();
        browser.cookie.unwrap()
    };
    let address = site.upstreams[0].address().to_string();
    let forged = [
        ("another audience", of("bank")),
        ("another key", of("old")),
        ("altered", cookie.replacen("=A", "=B", 1)),
        (
            "altered at its end",
            if cookie.ends_with('A') {
                cookie.replacen('A', "B", 9)
            } else {
                format!("{}A", &cookie[..cookie.len() - 1])
            },
        ),
        ("cut", cookie[..cookie.len() - 1].to_owned()),
        ("longer", format!("{cookie}A")),
        ("an address", format!("{NAME}={address}")),
        ("as stateful_session has it", format!("{NAME}=MTI3LjAuMC4xOjE4MDgx")),
        ("empty", format!("{NAME}=")),
        ("thousands", format!("{NAME}=x; ").repeat(2000)),
        ("hundreds that look right", format!("{}; ", of("old")).repeat(400)),
    ];
    for (what, cookie) in forged {
        let send = |_| browser.client.send(Request::get("/").header("cookie", &cookie));
        let answers: Vec<_> = (0..12).map(send).collect();
        assert!(answers.iter().all(|answer| answer.status == 200), "{what}");
        let spread: BTreeSet<_> = answers.iter().filter_map(Response::upstream).collect();
        assert!(spread.len() > 1, "{what}: pinned to {spread:?}");
        for answer in answers {
            assert_eq!(answer.header_values("set-cookie").len(), 1, "{what}: a new session");
        }
    }
    let stays = browser.client.send(Request::get("/").header("cookie", format!("{NAME}=x; {cookie}")));
    assert_eq!(stays.header("set-cookie"), None, "the valid one of two");
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
fn a_retry_that_another_endpoint_answers_moves_the_session() {
    let site = SITE.get();
    let mut browser = site.browser("retrying");
    let first = browser.get().upstream().unwrap();
    let id = unique_id();
    site.upstream(&first).answer_id(&id, Reply::new(503));
    let answer = browser.send(Request::get("/").id(&id));
    let second = answer.upstream().unwrap();
    assert_ne!(second, first);
    assert_eq!(answer.header_values("set-cookie").len(), 1);
    let next = browser.get();
    assert_eq!((next.upstream(), next.header("set-cookie")), (Some(second), None));
}

#[test]
fn a_failing_endpoint_keeps_its_session_where_nothing_retries() {
    let site = SITE.get();
    let mut browser = site.browser("shop");
    let first = browser.get().upstream().unwrap();
    let id = unique_id();
    site.upstream(&first).answer_id(&id, Reply::new(500));
    let failed = browser.send(Request::get("/").id(&id));
    assert_eq!((failed.status, failed.header("set-cookie")), (500, None));
    assert_eq!(browser.get().upstream().unwrap(), first);
}

#[test]
fn replies_of_envoy_set_no_cookie() {
    let site = SITE.get();
    let answer = site.envoy.send(Request::get("/direct"));
    assert_eq!((answer.status, answer.header("set-cookie")), (404, None));
}

#[test]
fn keys_rotate_without_losing_a_session() {
    let site = SITE.get();
    let mut browser = site.browser("old");
    let bound = browser.get().upstream();
    let old_cookie = browser.cookie.clone();
    browser.client = site.envoy.client_of("rotating");
    let renewed = browser.get();
    assert_eq!(renewed.upstream(), bound);
    assert_ne!(browser.cookie, old_cookie, "sealed again with the first key");
    assert_eq!(browser.get().header("set-cookie"), None, "once");
    browser.client = site.envoy.client_of("shop");
    let after = browser.get();
    assert_eq!((after.upstream(), after.header("set-cookie")), (bound, None));
}

#[test]
fn timeouts_are_enforced_by_the_clock() {
    let site = SITE.get();
    let mut short = site.browser("short");
    short.get();
    assert_eq!(short.get().header("set-cookie"), None);
    std::thread::sleep(Duration::from_millis(4100));
    assert_eq!(short.get().header_values("set-cookie").len(), 1, "a new session");

    let mut idle = site.browser("idle");
    let first = idle.get();
    assert!(first.header("set-cookie").unwrap().contains("; Max-Age=3600"));
    for _ in 0..3 {
        std::thread::sleep(Duration::from_millis(1100));
        let answer = idle.get();
        assert_eq!(answer.upstream(), first.upstream(), "in use, so not idle");
        let renewed = answer.header("set-cookie").unwrap();
        let max_age = renewed.split("; Max-Age=").nth(1).and_then(|rest| rest.split(';').next());
        assert!((3500..3600).contains(&max_age.unwrap().parse::<u32>().unwrap()), "{renewed}");
    }
}

#[test]
fn the_cookie_has_its_attributes() {
    let app = Upstream::start("app");
    let authority = Authority::new();
    let server = authority.server(&["shop.example"]);
    let with = |name: &str, cookie: Value| {
        let wasm = Wasm::module("affinity").env("AFFINITY_KEY", KEY);
        let config = json!({"keys": ["${AFFINITY_KEY}"], "audience": "shop", "cookie": cookie});
        listener(name, wasm.config(config), "app")
    };
    let full = json!({
        "name": "__Secure-pin", "path": "/shop", "domain": "shop.example", "max_age": "1h30m", "secure": "always",
        "same_site": "none", "http_only": false, "partitioned": true,
        "attributes": [{"name": "Priority", "value": "High"}],
    });
    let envoy = Config::new()
        .cluster(Cluster::new("app", [&app]))
        .listener(with("plain", json!({})))
        .listener(with("tls", json!({})).tls(authority.downstream(&server, false)))
        .listener(with("full", full))
        .start();
    let tls = Tls::new(authority.certificate(), "shop.example", None);
    let cases = [
        (envoy.client_of("plain"), NAME, "Path=/; HttpOnly; SameSite=Lax"),
        (envoy.client_of("tls").tls(tls.clone()), NAME, "Path=/; HttpOnly; SameSite=Lax; Secure"),
        (envoy.client_of("tls").tls(tls).http2(), NAME, "Path=/; HttpOnly; SameSite=Lax; Secure"),
        (
            envoy.client_of("full"),
            "__Secure-pin",
            "Path=/shop; Domain=shop.example; Secure; SameSite=None; Partitioned; Priority=High; Max-Age=5400",
        ),
    ];
    for (client, name, attributes) in cases {
        let set_cookie = client.send(Request::get("/shop/x")).header("set-cookie").unwrap();
        let (pair, rest) = set_cookie.split_once("; ").unwrap();
        assert_eq!(pair.split_once('=').unwrap().0, name);
        assert_eq!(rest, attributes);
    }
}

#[test]
fn the_session_moves_when_its_endpoint_is_gone() {
    let upstreams = ["a", "b", "c"].map(Upstream::start);
    let envoy = Config::bootstrap("affinity.yaml").upstreams("app", &upstreams).start();
    let site = Site { upstreams, envoy };
    let mut browser = site.browser("main");
    let first = browser.get().upstream().unwrap();
    assert_eq!(browser.get().upstream().as_deref(), Some(first.as_str()));
    site.upstream(&first).stop();
    let moved = browser.get();
    let second = moved.upstream().unwrap();
    assert_eq!((moved.status, moved.header_values("set-cookie").len()), (200, 1));
    assert_ne!(second, first);
    for _ in 0..20 {
        let answer = browser.get();
        assert_eq!(
            (answer.upstream().as_deref(), answer.header("set-cookie")),
            (Some(second.as_str()), None)
        );
    }
    site.upstream(&first).restart();
    assert_eq!(browser.get().upstream().as_deref(), Some(second.as_str()), "it does not move back");
    browser.client.send(Request::get("/").header("cookie", format!("{NAME}=forged")));

    let stats = site.envoy.admin().prometheus();
    for expected in [
        "affinity_sessions_total{outcome=\"new\"} 2",
        "affinity_sessions_total{outcome=\"moved\"} 1",
        "affinity_sessions_total{outcome=\"kept\"} 22",
        "affinity_rejected_total{reason=\"malformed\"} 1",
    ] {
        assert!(stats.lines().any(|line| line == expected), "{expected} is not among the metrics:\n{stats}");
    }
    site.envoy.assert_no_vm_failure();
}

#[test]
fn an_endpoint_that_did_not_answer_is_not_sealed() {
    let upstreams = ["a", "b", "c"].map(Upstream::start);
    let strict = Listener::new("strict")
        .filter(Wasm::module("affinity").config(config()))
        .filter(native("stateful_session", "stateful_session.v3.StatefulSession", session_state(true)))
        .route_to("app");
    let envoy = Config::new()
        .cluster(Cluster::new("app", &upstreams))
        .listener(listener("lax", Wasm::module("affinity").config(config()), "app"))
        .listener(strict)
        .start();
    let site = Site { upstreams, envoy };
    let bound = ["lax", "strict"].map(|listener| {
        let mut browser = site.browser(listener);
        browser.get();
        browser
    });
    site.upstreams.iter().for_each(Upstream::stop);
    for mut browser in bound.into_iter().chain([site.browser("lax")]) {
        for _ in 0..6 {
            let answer = browser.get();
            assert_eq!((answer.status, answer.header("set-cookie")), (503, None));
        }
    }
    site.envoy.assert_no_vm_failure();
}

#[test]
fn replicas_honour_each_others_cookies() {
    let upstreams = ["a", "b", "c"].map(Upstream::start);
    let start = || Config::bootstrap("affinity.yaml").upstreams("app", &upstreams).concurrency(2).start();
    let (one, two) = (start(), start());
    let mut browser = Browser { client: one.client(), cookie: None };
    let bound = browser.get().upstream();
    for client in [two.client(), one.client(), two.client().http2()] {
        browser.client = client;
        for _ in 0..6 {
            let answer = browser.get();
            assert_eq!((answer.upstream(), answer.header("set-cookie")), (bound.clone(), None));
        }
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
