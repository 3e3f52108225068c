//! What the filter does to requests and responses beside deciding, in Envoy.

use std::collections::BTreeSet;
use std::time::Duration;

use integration::battery::Upstreams;
use integration::prelude::*;
use integration::runtime::poll;

fn by_header() -> Value {
    json!([{"name": "v2", "by_header": {"name": "x-canary"}}])
}

pub(super) fn version(answer: &Response) -> String {
    answer.upstream().unwrap_or_default().chars().take(2).collect()
}

/// The pair of each cookie that a response sets, by the cookie's name.
fn cookie(answer: &Response, name: &str) -> Option<String> {
    let cookies = answer.header_values("set-cookie");
    let pair = |cookie: &String| cookie.split(';').next().unwrap_or_default().to_owned();
    cookies.iter().map(pair).find(|pair| pair.split('=').next() == Some(name))
}

struct Site {
    upstreams: Upstreams,
    envoy: Envoy,
}

fn site(listener: Listener) -> Site {
    let upstreams = Upstreams::new();
    Site { envoy: upstreams.clusters().listener(listener).start(), upstreams }
}

impl Site {
    fn seen(&self, answer: &Response) -> Seen {
        let reached = self.upstreams.reached(&answer.id);
        let [upstream] = reached.as_slice() else { panic!("reached {} upstreams", reached.len()) };
        upstream.only(&answer.id)
    }
}

#[test]
fn an_issued_id_keeps_a_user_on_the_version_while_the_share_grows() {
    let config = |weight: f64| {
        json!({
            "releases": [{"name": "v2", "weight": weight, "key": ["id_cookie"]}],
            "id_cookie": {"name": "uid", "max_age": "30days"},
        })
    };
    let upstreams = Upstreams::new();
    let mut all = upstreams.clusters();
    for weight in [10.0, 50.0] {
        let wasm = Wasm::module("canary").config(config(weight));
        all = all.listener(super::routed(Listener::new(&format!("{weight}")).filter(wasm)));
    }
    let envoy = all.start();
    let (few, half) = (envoy.client_of("10"), envoy.client_of("50"));
    let mut counts = [0, 0];
    for _ in 0..100 {
        let first = few.send(Request::get("/"));
        let pair = cookie(&first, "uid").expect("an id is issued");
        let again = |client: &Client| client.send(Request::get("/").header("cookie", &pair));
        let later = again(&few);
        assert_eq!(version(&later), version(&first), "{pair}");
        assert_eq!(cookie(&later, "uid"), None, "an id that is good is not issued again");
        let at_half = version(&again(&half));
        assert!(version(&first) != "v2" || at_half == "v2", "{pair} was taken out");
        counts[0] += usize::from(version(&first) == "v2");
        counts[1] += usize::from(at_half == "v2");
    }
    assert!(counts[0] < 30 && (25..=75).contains(&counts[1]), "{counts:?} of 100");
}

#[test]
fn affinity_holds_and_ends_with_the_kill_switch() {
    let config = |enabled: bool| json!({"enabled": enabled, "releases": by_header(), "affinity": {"cookie": {"name": "pin"}}});
    let upstreams = Upstreams::new();
    let mut all = upstreams.clusters();
    for (name, enabled) in [("on", true), ("off", false)] {
        let wasm = Wasm::module("canary").config(config(enabled));
        all = all.listener(super::routed(Listener::new(name).filter(wasm)));
    }
    let envoy = all.start();
    let (on, off) = (envoy.client_of("on"), envoy.client_of("off"));
    let pair = cookie(&on.send(Request::get("/").header("x-canary", "always")), "pin").unwrap();
    assert_eq!(pair, "pin=v2:0");
    let with_cookie = || Request::get("/").header("cookie", &pair);
    assert_eq!(version(&on.send(with_cookie())), "v2");
    let answer = off.send(with_cookie().header("x-canary", "always"));
    assert_eq!(version(&answer), "v1");
    assert!(answer.header("set-cookie").unwrap().contains("pin=; Path=/; Max-Age=0"), "{answer:?}");
    assert_eq!(off.send(Request::get("/")).header("set-cookie"), None);
}

#[test]
fn the_affinity_filter_pins_the_endpoint_within_the_version() {
    let canary = json!({
        "releases": [{"name": "v2", "weight": 50, "key": ["random"]}],
        "affinity": {"cookie": {"name": "pin"}},
    });
    let state = json!({
        "session_state": {
            "name": "envoy.http.stateful_session.header",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState",
                "name": "x-portcullis-endpoint",
            },
        },
    });
    let affinity = json!({"keys": ["0123456789abcdef0123456789abcdef"], "audience": "shop"});
    let site = site(super::routed(
        Listener::new("main")
            .filter(Wasm::module("canary").config(canary))
            .filter(Wasm::module("affinity").config(affinity))
            .filter(integration::config::native(
                "envoy.filters.http.stateful_session",
                "stateful_session.v3.StatefulSession",
                state,
            )),
    ));
    for _ in 0..8 {
        let first = site.envoy.send(Request::get("/"));
        let cookies: Vec<String> = first
            .header_values("set-cookie")
            .iter()
            .map(|cookie| cookie.split(';').next().unwrap().to_owned())
            .collect();
        assert_eq!(cookies.len(), 2, "{cookies:?}");
        for _ in 0..5 {
            let again = site.envoy.send(Request::get("/").header("cookie", cookies.join("; ")));
            assert_eq!(again.upstream(), first.upstream(), "{cookies:?}");
            assert_eq!(again.header("set-cookie"), None);
        }
    }
}

#[test]
fn envoys_own_weights_draw_by_the_supplied_number() {
    let config = json!({
        "releases": [],
        "random_value": {"header": "x-random", "seed": "s", "key": [{"header": "x-user"}]},
    });
    let weighted = json!({
        "header_name": "x-random",
        "clusters": [{"name": "v1", "weight": 70}, {"name": "v2", "weight": 30}],
    });
    let site = site(
        Listener::new("main")
            .filter(Wasm::module("canary").config(config))
            .route(json!({"match": {"prefix": "/"}, "route": {"weighted_clusters": weighted}})),
    );
    let mut in_v2 = 0;
    for user in 0..100 {
        // Another number of the client's own does not count.
        let requests = (0..3).map(|n| {
            let request = Request::get("/").header("x-user", format!("user-{user}"));
            if n == 0 { request } else { request.header("x-random", format!("{}", n * 50)) }
        });
        let answers = site.envoy.client().send_all(requests);
        let versions: BTreeSet<String> =
            answers.iter().map(|answer| version(answer.as_ref().unwrap())).collect();
        assert_eq!(versions.len(), 1, "user-{user}");
        in_v2 += usize::from(versions.contains("v2"));
    }
    assert!((15..=45).contains(&in_v2), "{in_v2} of 100");
}

#[test]
fn a_cluster_header_names_the_cluster() {
    let config = json!({
        "releases": [{"name": "beta", "by_header": {"name": "x-canary"}, "cluster": "v2"}],
        "act": {"cluster_header": {"name": "x-cluster", "stable": "v1"}},
    });
    let site = site(
        Listener::new("main")
            .filter(Wasm::module("canary").config(config))
            .route(json!({"match": {"prefix": "/"}, "route": {"cluster_header": "x-cluster"}})),
    );
    let send = |request: Request| version(&site.envoy.send(request));
    assert_eq!(send(Request::get("/")), "v1");
    assert_eq!(send(Request::get("/").header("x-cluster", "v2")), "v1");
    assert_eq!(send(Request::get("/").header("x-canary", "always")), "v2");
}

#[test]
fn versions_have_headers_and_the_decision_goes_downstream() {
    let config = json!({
        "releases": [{
            "name": "v2", "by_header": {"name": "x-canary"},
            "request_headers": {"set": [{"name": "x-feature", "value": "new"}], "remove": ["x-old"]},
            "response_headers": {"add": [{"name": "x-served-by", "value": "v2"}]},
        }],
        "propagate": {
            "header": "x-version", "baggage": {"key": "release"}, "cookie": {"name": "version", "http_only": false},
        },
    });
    let site = site(super::routed(Listener::new("main").filter(Wasm::module("canary").config(config))));
    for client in [site.envoy.client(), site.envoy.client().http2()] {
        let request = Request::get("/")
            .header("x-canary", "always")
            .header("x-old", "1")
            .header("x-version", "forged")
            .header("baggage", "user=7;p=1, release=forged");
        let answer = client.send(request);
        let seen = site.seen(&answer);
        assert_eq!(seen.header_values("x-feature"), ["new"]);
        assert_eq!(seen.header_values("x-old"), [""; 0]);
        assert_eq!(seen.header_values("x-version"), ["v2"]);
        assert_eq!(seen.header_values("baggage"), ["user=7;p=1,release=v2"]);
        assert_eq!(answer.header_values("x-served-by"), ["v2"]);
        assert_eq!(answer.header_values("vary"), ["x-canary"]);
        assert_eq!(answer.header_values("set-cookie"), ["version=v2; Path=/; SameSite=Lax"]);

        let answer = client.send(Request::get("/").header("cookie", "version=v2"));
        let seen = site.seen(&answer);
        assert_eq!(seen.header_values("x-version"), ["stable"]);
        assert_eq!(seen.header_values("baggage"), ["release=stable"]);
        assert_eq!(answer.header_values("set-cookie"), ["version=; Path=/; Max-Age=0; SameSite=Lax"]);
    }
}

#[test]
fn a_chain_decides_once_and_only_trusted_sources_are_believed() {
    let config = |trusted: &str| {
        json!({
            "releases": by_header(), "inherit": {"header": "x-version"}, "debug_header": "x-canary-debug",
            "trust": {"source_ips": [trusted]},
        })
    };
    let upstreams = Upstreams::new();
    let mut all = upstreams.clusters();
    for (name, trusted) in [("trusting", "127.0.0.1"), ("wary", "192.0.2.1")] {
        let wasm = Wasm::module("canary").config(config(trusted));
        all = all.listener(super::routed(Listener::new(name).filter(wasm)));
    }
    let envoy = all.start();
    let request = || Request::get("/").header("x-version", "v2").header("x-canary-debug", "1");
    let answer = envoy.client_of("trusting").send(request());
    assert_eq!(version(&answer), "v2");
    assert_eq!(answer.header_values("x-canary-debug"), ["release=v2; reason=inherited"]);
    let answer = envoy.client_of("wary").send(request());
    assert_eq!(version(&answer), "v1");
    assert_eq!(answer.header("x-canary-debug"), None);
    let seen = upstreams.reached(&answer.id)[0].only(&answer.id);
    assert_eq!(seen.header("x-version"), None);
}

#[test]
fn a_schedule_follows_the_clock() {
    let hour = |start: &str, end: &str| json!({"releases": [{"name": "v2", "weight": 100, "schedule": {"start": start, "end": end}}]});
    let configs = [
        ("over", hour("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"), "v1"),
        ("running", hour("2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"), "v2"),
        ("to come", hour("2998-01-01T00:00:00Z", "2999-01-01T00:00:00Z"), "v1"),
    ];
    let upstreams = Upstreams::new();
    let mut all = upstreams.clusters();
    for (name, config, _) in &configs {
        let wasm = Wasm::module("canary").config(config.clone());
        all = all.listener(super::routed(Listener::new(name).filter(wasm)));
    }
    let envoy = all.start();
    for (name, _, expected) in &configs {
        assert_eq!(version(&envoy.client_of(name).send(Request::get("/"))), *expected, "{name}");
    }
}

#[test]
fn a_signed_token_lets_in_where_the_bare_word_does_not() {
    // printf portcullis-canary:v2.4102444800 | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef -binary |
    // basenc --base64url | tr -d =
    let token = "v2.4102444800.4eBq_wxPasyDBGwppeynj3QiutKW8lnCDRoTY1PPnG0";
    let config = json!({
        "releases": [{"name": "v2", "by_header": {"name": "x-canary", "signed": true}}],
        "token": {"keys": ["${CANARY_KEY}"]},
    });
    let wasm =
        Wasm::module("canary").config(config.clone()).env("CANARY_KEY", "0123456789abcdef0123456789abcdef");
    let site = site(super::routed(Listener::new("main").filter(wasm)));
    let send = |value: &str| version(&site.envoy.send(Request::get("/").header("x-canary", value)));
    assert_eq!(send(token), "v2");
    assert_eq!(send("always"), "v1");
    assert_eq!(send(&token.replace("41", "42")), "v1");
    let upstreams = Upstreams::new();
    let log = Envoy::expect_refused(
        upstreams
            .clusters()
            .listener(super::routed(Listener::new("main").filter(Wasm::module("canary").config(config)))),
    );
    assert!(log.contains("token.keys[0]: found a reference to the environment variable CANARY_KEY"), "{log}");
}

#[test]
fn a_dry_run_counts_and_sends_everything_to_stable() {
    let config = json!({"dry_run": true, "releases": by_header()});
    let upstreams = Upstreams::new();
    let wasm = Wasm::module("canary").config(config);
    let envoy = upstreams
        .clusters()
        .log_filter_state("canary_dry_run")
        .listener(super::routed(Listener::new("main").filter(wasm)))
        .start();
    let answer = envoy.send(Request::get("/").header("x-canary", "always"));
    assert_eq!(version(&answer), "v1");
    assert_eq!(envoy.access_log(&answer.id).filter_state("canary_dry_run").as_deref(), Some("v2"));
    let metrics = envoy.admin().prometheus();
    assert!(metrics.contains("canary_dry_run_decisions_total"), "{metrics}");
}

/// The release has a route, and so has stable where the configuration says so.
#[test]
fn a_route_for_stable_is_taken_where_routes_are_said_to_match_it() {
    let upstreams = Upstreams::new();
    let mut all = upstreams.clusters();
    for match_stable in [false, true] {
        let config =
            json!({"releases": by_header(), "act": {"filter_state": {"match_stable": match_stable}}});
        let route = |exact: &str, cluster: &str| {
            let state = json!([{"key": "wasm.canary", "string_match": {"exact": exact}}]);
            json!({"match": {"prefix": "/", "filter_state": state}, "route": {"cluster": cluster}})
        };
        let listener = Listener::new(if match_stable { "chosen again" } else { "kept" })
            .filter(Wasm::module("canary").config(config))
            .route(route("v2", "v2"))
            .route(route("stable", "v1"))
            .route(json!({"match": {"prefix": "/"}, "direct_response": {"status": 418}}));
        all = all.listener(listener);
    }
    let envoy = all.start();
    for (listener, stable) in [("kept", 418), ("chosen again", 200)] {
        let client = envoy.client_of(listener);
        assert_eq!(client.send(Request::get("/")).status, stable, "{listener}");
        assert_eq!(version(&client.send(Request::get("/").header("x-canary", "always"))), "v2", "{listener}");
    }
}

/// As in ingress-nginx, by an aggregate cluster.
#[test]
fn a_release_without_endpoints_falls_back_to_stable() {
    let upstreams = Upstreams::new();
    let state = json!([{"key": "wasm.canary", "string_match": {"exact": "v2"}}]);
    let listener = Listener::new("main")
        .filter(Wasm::module("canary").config(json!({"releases": by_header()})))
        .route(json!({"match": {"prefix": "/", "filter_state": state}, "route": {"cluster": "v2-or-v1"}}))
        .route_to("v1");
    let envoy = upstreams
        .clusters()
        .listener(listener)
        .edit(|bootstrap| {
            let clusters = bootstrap["static_resources"]["clusters"].as_array_mut().unwrap();
            clusters.retain(|cluster| cluster["name"] != "v2");
            clusters.push(json!({"name": "v2", "type": "STATIC", "load_assignment": {"cluster_name": "v2"}}));
            clusters.push(json!({
                "name": "v2-or-v1",
                "lb_policy": "CLUSTER_PROVIDED",
                "cluster_type": {
                    "name": "envoy.clusters.aggregate",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig",
                        "clusters": ["v2", "v1"],
                    },
                },
            }));
        })
        .start();
    let answer = envoy.send(Request::get("/").header("x-canary", "always"));
    assert_eq!((answer.status, version(&answer).as_str()), (200, "v1"));
}

/// Counts are gathered for a tenth of a second, and told when the configuration goes, too.
#[test]
fn counts_outlive_a_configuration_that_is_replaced() {
    let filter = |weight: u32| {
        let config =
            json!({"releases": [{"name": "v2", "by_header": {"name": "x-canary"}, "weight": weight}]});
        let mut filter = Value::from(Wasm::module("canary").config(config));
        filter["@type"] = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig".into();
        json!({"resources": [filter]}).to_string()
    };
    let source = json!({
        "config_source": {"path_config_source": {"path": "./filter.json"}},
        "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
    });
    let upstreams = Upstreams::new();
    let listener = Listener::new("main").filter(json!({"name": "canary", "config_discovery": source}));
    let envoy = upstreams.clusters().file("filter.json", filter(0)).listener(super::routed(listener)).start();
    let updates = || envoy.admin().stat("extension_config_discovery.http_filter.canary.config_reload");
    let mut sent = 0;
    let mut send = || {
        let answers =
            envoy.client().send_all((0..20).map(|_| Request::get("/").header("x-canary", "always")));
        sent += answers.into_iter().filter(|answer| answer.as_ref().is_ok_and(|it| it.status == 200)).count();
    };
    send();
    let before = updates();
    envoy.replace_file("filter.json", filter(10));
    poll(Duration::from_secs(20), || {
        send();
        (updates() > before).then_some(())
    })
    .expect("the update is taken");
    send();
    let counted = envoy.admin().stat("wasmcustom.canary_decisions_total;release=v2;reason=header_always");
    assert_eq!(counted, sent as u64);
    envoy.assert_no_vm_failure();
}
