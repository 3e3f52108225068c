//! Several clusters: sessions that win over weights, beside the canary filter in either order, and sessions of their own
//! for each route, cluster or version.

use super::*;

const CLUSTER: &str = "x-portcullis-cluster";

fn affinity(changes: Value) -> Wasm {
    let mut config = config();
    config.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    Wasm::module("affinity").config(config)
}

fn canary(weight: u32) -> Wasm {
    let release = json!({"name": "v2", "by_header": {"name": "x-canary"}, "weight": weight, "key": [{"header": "x-user"}]});
    Wasm::module("canary").config(json!({"releases": [release]}))
}

/// What the session says goes before what the canary filter says.
fn routed(listener: Listener) -> Listener {
    let to = |cluster: &str, matcher: Value| {
        let mut matcher = matcher;
        matcher["prefix"] = "/".into();
        json!({"match": matcher, "route": {"cluster": cluster}, "request_headers_to_remove": [HEADER, CLUSTER]})
    };
    let session = |cluster: &str| json!({"headers": [{"name": CLUSTER, "string_match": {"exact": cluster}}]});
    listener
        .filter(stateful_session())
        .route(to("v2", session("v2")))
        .route(to("v1", session("v1")))
        .route(to("v2", json!({"filter_state": [{"key": "wasm.canary", "string_match": {"exact": "v2"}}]})))
        .route(to("v1", json!({})))
}

static SITE: Shared<Site> = Shared::new(|| {
    let sticky = || affinity(json!({"clusters": ["v1", "v2"], "cluster_header": CLUSTER}));
    let affinity_first = |name, weight| routed(Listener::new(name).filter(sticky()).filter(canary(weight)));
    let canary_first = |name, weight| routed(Listener::new(name).filter(canary(weight)).filter(sticky()));
    let named = |name: &str, cluster: &str| json!({"name": name, "match": {"path": format!("/{name}")}, "route": {"cluster": cluster}});
    let scoped = |name: &str, scope: &str| {
        let wasm = affinity(json!({"scope": scope}));
        let listener = Listener::new(name).filter(wasm).filter(stateful_session());
        listener.route(named("x", "v1")).route(named("y", "v2")).route(named("z", "v2"))
    };
    let upstreams = ["v1-a", "v1-b", "v1-c", "v2-a", "v2-b", "v2-c"].map(Upstream::start);
    let envoy = Config::new()
        .cluster(Cluster::new("v1", &upstreams[..3]))
        .cluster(Cluster::new("v2", &upstreams[3..]))
        .listener(affinity_first("affinity first, half", 50))
        .listener(affinity_first("affinity first, none", 0))
        .listener(affinity_first("affinity first, all", 100))
        .listener(canary_first("canary first, half", 50))
        .listener(canary_first("canary first, none", 0))
        .listener(canary_first("canary first, all", 100))
        .listener(routed(
            Listener::new("legacy").filter(affinity(json!({"clusters": ["v1"]}))).filter(canary(0)),
        ))
        .listener(routed(
            Listener::new("scoped").filter(canary(0)).filter(affinity(json!({"scope": "canary"}))),
        ))
        .listener(scoped("route", "route"))
        .listener(scoped("cluster", "cluster"))
        .start();
    Site { upstreams, envoy }
});

struct Site {
    #[expect(dead_code, reason = "they serve")]
    upstreams: [Upstream; 6],
    envoy: Envoy,
}

impl Borrow<Envoy> for Site {
    fn borrow(&self) -> &Envoy {
        &self.envoy
    }
}

fn browser(site: &Site, listener: &str) -> Browser {
    Browser { client: site.envoy.client_of(listener), cookie: None }
}

#[test]
fn a_session_wins_over_weights_and_headers_in_either_order() {
    let site = SITE.get();
    for order in ["affinity first", "canary first"] {
        let mut versions = BTreeSet::new();
        for user in 0..30 {
            let user = user.to_string();
            let mut browser = browser(&site, &format!("{order}, half"));
            let request = || Request::get("/").header("x-user", &user).header(CLUSTER, "v2");
            let first = browser.send(request()).upstream().unwrap();
            versions.extend(first.get(..2).map(str::to_owned));
            for weight in ["half", "none", "all"] {
                browser.client = site.envoy.client_of(&format!("{order}, {weight}"));
                for asks in ["", "always", "never"] {
                    let answer = browser.send(request().header("x-canary", asks));
                    let found = (answer.upstream(), answer.header("set-cookie"));
                    assert_eq!(found, (Some(first.clone()), None), "{order}, {weight}, {asks:?}");
                }
            }
        }
        assert_eq!(versions.len(), 2, "{versions:?}");
        // Who has no session goes where the weight says, whatever it writes into the header.
        for (weight, version) in [("none", "v1"), ("all", "v2")] {
            let other = if version == "v1" { "v2" } else { "v1" };
            let request = Request::get("/").header("x-user", "1").header(CLUSTER, other);
            let answer = browser(&site, &format!("{order}, {weight}")).send(request);
            assert!(
                answer.upstream().unwrap().starts_with(version),
                "{order}, {weight}: {:?}",
                answer.upstream()
            );
        }
    }
}

#[test]
fn legacy_leaves_the_canary_without_sessions() {
    let site = SITE.get();
    let mut browser = browser(&site, "legacy");
    let asking = || Request::get("/").header("x-canary", "always");
    assert_eq!(browser.send(asking()).header("set-cookie"), None);
    let first = browser.get();
    assert!(first.header("set-cookie").is_some() && first.upstream().unwrap().starts_with("v1"));
    for _ in 0..6 {
        let canary = browser.send(asking());
        assert!(canary.upstream().unwrap().starts_with("v2"));
        assert_eq!(canary.header("set-cookie"), None);
        let stable = browser.get();
        assert_eq!((stable.upstream(), stable.header("set-cookie")), (first.upstream(), None));
    }
}

/// A client with a jar for several cookies.
struct Jar {
    client: Client,
    cookies: Vec<(String, String)>,
}

impl Jar {
    fn send(&mut self, request: Request) -> (String, usize) {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = self.client.send(request.header("cookie", cookies.join("; ")));
        let set = answer.header_values("set-cookie");
        for set in &set {
            let (name, value) = set.split(';').next().and_then(|pair| pair.split_once('=')).unwrap();
            self.cookies.retain(|(known, _)| known != name);
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
        (answer.upstream().unwrap(), set.len())
    }
}

#[test]
fn each_scope_keeps_its_own_session() {
    let site = SITE.get();
    let asking = |value: &str| Request::get("/").header("x-canary", value);
    let paths = || ["/x", "/y", "/z"].map(Request::get).to_vec();
    let cases = [
        ("scoped", vec![asking("never"), asking("always")], 2),
        ("route", paths(), 3),
        ("cluster", paths(), 2),
    ];
    for (listener, requests, sessions) in cases {
        let mut jar = Jar { client: site.envoy.client_of(listener), cookies: Vec::new() };
        let first: Vec<_> = requests.iter().map(|request| jar.send(request.clone()).0).collect();
        assert_eq!(jar.cookies.len(), sessions, "{listener}: {:?}", jar.cookies);
        for _ in 0..6 {
            for (request, first) in requests.iter().zip(&first) {
                assert_eq!(jar.send(request.clone()), (first.clone(), 0), "{listener}");
            }
        }
    }
}
