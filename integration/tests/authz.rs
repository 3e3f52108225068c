//! The authz filter in Envoy.

mod any_bytes;
mod credentials;
mod emitted;
mod external;
mod identities;
mod jwks;
mod native;
pub(crate) mod native_jwt;

use integration::config::native as envoy_filter;
use integration::prelude::*;
use integration::{paths, scenario};

const WEB_KEY: &str = "key-of-web";

/// One DENY and one ALLOW policy, and keys that are not required.
fn config() -> Value {
    let rule = |operation: Value| json!({"to": [{"operation": operation}]});
    json!({
        "policies": [
            {"name": "no-admin", "spec": {"action": "DENY", "rules": [
                {"to": [{"operation": {"paths": ["/admin*"]}}], "when": [{"key": "portcullis.consumer", "notValues": ["web"]}]}]}},
            {"name": "public", "spec": {"rules": [rule(json!({"methods": ["GET", "POST"], "notHosts": ["internal.*"]}))]}},
        ],
        "api_keys": {"required": false, "keys": [{"consumer": "web", "secret": WEB_KEY}]},
    })
}

fn plan() -> Battery {
    let policy = |spec: Value| json!({"policies": [{"name": "p", "spec": spec}]});
    Battery::new("authz", config())
        .lets_through(
            Case::new("a public page", Request::get("/public?x=/admin"))
                .reaches("v1")
                .filter_state("authz", "allowed_policy[public]"),
        )
        .lets_through(
            Case::new("a page for those who have a key", Request::get("/admin/x").header("x-api-key", WEB_KEY))
                .upstream_header("x-api-key", None)
                .upstream_header("x-consumer", Some("web")),
        )
        .lets_through(
            Case::new("the client's own name for its consumer", Request::get("/").header("x-consumer", "web").header("x-consumer", "x"))
                .upstream_header("x-consumer", None),
        )
        .steps_in(Case::new("no key", Request::get("/admin")).stopped(403).details("authz_denied_policy[no-admin]"))
        .steps_in(
            Case::new("a wrong key", Request::get("/public").header("x-api-key", "key-of-webb"))
                .stopped(401)
                .details("authz_denied_api_key[invalid]")
                .response_header("www-authenticate", Some("Key realm=\"portcullis\""))
                .filter_state("authz", "denied_api_key[invalid]"),
        )
        .steps_in(
            Case::new("a key that is not UTF-8", Request::get("/public").header("x-api-key", b"\xff\xfe"))
                .stopped(401)
                .details("authz_denied_api_key[invalid]"),
        )
        .steps_in(Case::new("another method", Request::new("PUT", "/")).stopped(403).details("authz_denied_policy[none]"))
        .steps_in(
            Case::new("a host in capitals", Request::get("/").authority("INTERNAL.example"))
                .stopped(403)
                .details("authz_denied_policy[none]"),
        )
        .steps_in(
            Case::new("a body", Request::post("/admin", "some body")).stopped(403).details("authz_denied_policy[no-admin]"),
        )
        .refuses("{", "expected well-formed JSON")
        .refuses("[]", "configuration: found `[]`, expected a JSON object")
        .refuses(json!({"polices": []}), "polices: found unknown field `polices`")
        .refuses(json!({"policies": {}}), "policies: found map, expected a sequence")
        .refuses(policy(json!({"action": "CUSTOM"})), "policies[0].spec.provider: found nothing, expected the name of one of external_checks")
        .refuses(
            policy(json!({"rules": [{"from": [{"source": {"ipBlocks": ["10.0.0.0/33"]}}]}]})),
            "policies[0].spec.rules[0].from[0].source.ipBlocks[0]: found `10.0.0.0/33`",
        )
        .refuses(
            policy(json!({"rules": [{"when": [{"key": "source.up", "values": ["x"]}]}]})),
            "policies[0].spec.rules[0].when[0].key: found `source.up`",
        )
        .refuses(
            json!({"api_keys": {"keys": [{"consumer": "ops", "secret": "${NOT_SET}"}]}}),
            "api_keys.keys[0].secret: found a reference to the environment variable NOT_SET, which is not set",
        )
}

integration::battery!(plan);

#[test]
fn the_scenarios_of_the_test_host_come_out_the_same_in_envoy() {
    scenario::run("authz", &paths::root().join("filters/authz/scenarios.toml"));
}

#[test]
fn the_upstream_is_told_one_thing() {
    let app = Upstream::start("app");
    let locations = json!([{"header": "x-api-key"}, {"query": "key"}, {"cookie": "key"}]);
    let keys = json!([{"consumer": "web", "secret": WEB_KEY}]);
    let wasm = Wasm::module("authz").config(json!({"api_keys": {"locations": locations, "keys": keys}}));
    let envoy = listeners(&app, [Listener::new("main").filter(wasm)]);
    for client in [envoy.client(), envoy.client().http2()] {
        let request = Request::get(format!("/a?key={WEB_KEY}&b"))
            .header("x-consumer", "root")
            .header("x-api-key", WEB_KEY)
            .header("cookie", "a=1")
            .header("x-consumer", "admin")
            .header("cookie", format!("key={WEB_KEY}; b=2"))
            .header("x-api-key", WEB_KEY);
        let answer = client.send(request);
        assert_eq!(answer.status, 200, "{}", answer.text());
        let seen = app.only(&answer.id);
        assert_eq!(seen.header_values("x-consumer"), ["web"]);
        assert_eq!(seen.header_values("x-api-key"), [""; 0]);
        assert_eq!(seen.header_values("cookie"), ["a=1; b=2"]);
        assert_eq!(seen.path, "/a?b");
    }
}

/// An Envoy with a listener for each of these: a name, what to set in its connection manager, and its filters.
fn listeners(app: &Upstream, all: impl IntoIterator<Item = Listener>) -> Envoy {
    let config = Config::new().cluster(Cluster::new("app", [app]));
    all.into_iter().fold(config, |config, listener| config.listener(listener.route_to("app"))).start()
}

fn wasm(source: Value) -> Wasm {
    Wasm::module("authz").config(json!({
        "policies": [{"name": "p", "spec": {"rules": [{"from": [{"source": source}]}]}}],
    }))
}

#[test]
fn no_client_can_choose_its_address() {
    let app = Upstream::start("app");
    let peer = json!({"ipBlocks": ["127.0.0.0/8"]});
    let other_peer = json!({"ipBlocks": ["8.0.0.0/8"]});
    let remote = json!({"remoteIpBlocks": ["8.0.0.0/8"]});
    let trusting = |name: &str| Listener::new(name).with_manager("use_remote_address", false);
    let hop = |name: &str| Listener::new(name).with_manager("xff_num_trusted_hops", 1);
    // What Envoy's reference recommends for the address of the direct peer behind trusted hops.
    let keep_peer = envoy_filter(
        "set_filter_state",
        "set_filter_state.v3.Config",
        json!({
            "on_request_headers": [{
                "object_key": "portcullis.peer",
                "factory_key": "envoy.string",
                "format_string": {"text_format_source": {"inline_string": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%"}},
            }],
        }),
    );
    let from_state = Wasm::module("authz").config(json!({
        "peer_address": {"filter_state": "portcullis.peer"},
        "policies": [{"name": "p", "spec": {"rules": [{"from": [{"source": {
            "ipBlocks": ["127.0.0.0/8"], "remoteIpBlocks": ["8.0.0.0/8"]}}]}]}}],
    }));
    let envoy = listeners(
        &app,
        [
            Listener::new("edge: peer").filter(wasm(peer.clone())),
            Listener::new("edge: other peer").filter(wasm(other_peer.clone())),
            Listener::new("edge: remote").filter(wasm(remote.clone())),
            trusting("trusting: peer").filter(wasm(peer.clone())),
            trusting("trusting: other peer").filter(wasm(other_peer)),
            trusting("trusting: not another peer").filter(wasm(json!({"notIpBlocks": ["9.0.0.0/8"]}))),
            trusting("trusting: remote").filter(wasm(remote.clone())),
            hop("hop: remote").filter(wasm(remote)),
            hop("hop: peer").filter(wasm(peer)),
            hop("hop: both, by filter state").filter(keep_peer).filter(from_state),
        ],
    );
    // Without the header; with one address in it, also with a port; with two.
    let cases = [
        ("edge: peer", [200, 200, 200, 200]),
        ("edge: other peer", [403, 403, 403, 403]),
        ("edge: remote", [403, 403, 403, 403]),
        // Envoy takes the header's word for the client, never for the peer: the peer is then unknown.
        ("trusting: peer", [200, 403, 200, 403]),
        ("trusting: other peer", [403, 403, 403, 403]),
        ("trusting: not another peer", [200, 403, 200, 403]),
        ("trusting: remote", [403, 200, 403, 403]),
        ("hop: remote", [403, 200, 403, 403]),
        ("hop: peer", [200, 403, 200, 403]),
        ("hop: both, by filter state", [403, 200, 403, 403]),
    ];
    for (listener, expected) in cases {
        let headers = [None, Some("8.8.8.8"), Some("8.8.8.8:4444"), Some("8.8.8.8, 9.9.9.9")];
        let found = headers.map(|header| {
            let request = Request::get("/");
            let request = match header {
                Some(header) => request.header("x-forwarded-for", header),
                None => request,
            };
            envoy.client_of(listener).send(request).status
        });
        assert_eq!(found, expected, "{listener} for {headers:?}");
    }
    envoy.assert_no_vm_failure();
}

#[test]
fn identities_come_from_certificates() {
    let app = Upstream::start("app");
    let authority = Authority::new();
    let server = authority.server(&["shop.example"]);
    let listener = |name: &str, source: Value| {
        Listener::new(name).tls(authority.downstream(&server, false)).filter(wasm(source))
    };
    let sources = [
        ("principal", json!({"principals": ["cluster.local/ns/foo/sa/bar"]})),
        ("any", json!({"principals": ["*"]})),
        ("none", json!({"notPrincipals": ["*"]})),
        ("namespace", json!({"namespaces": ["foo"]})),
        ("account", json!({"serviceAccounts": ["foo/bar"]})),
        ("trust domain", json!({"trustDomains": ["cluster.local"]})),
    ];
    let envoy = listeners(&app, sources.map(|(name, source)| listener(name, source)));

    let clients = [
        Some(authority.client(&["spiffe://cluster.local/ns/foo/sa/bar"])),
        Some(authority.client(&["spiffe://cluster.local/ns/foo2/sa/bar2"])),
        Some(authority.client(&["spiffe://cluster.local.evil/ns/foo/sa/bar"])),
        // No name but its subject.
        Some(authority.client(&[])),
        None,
    ];
    let cases = [
        ("principal", [200, 403, 403, 403, 403]),
        ("any", [200, 200, 200, 200, 403]),
        ("none", [403, 403, 403, 403, 200]),
        ("namespace", [200, 403, 200, 403, 403]),
        ("account", [200, 403, 200, 403, 403]),
        ("trust domain", [200, 200, 403, 403, 403]),
    ];
    for (listener, expected) in cases {
        let found = clients.each_ref().map(|identity| {
            let tls = Tls::new(authority.certificate(), "shop.example", identity.as_ref());
            // An identity in a header is none.
            let forged = "By=spiffe://x;URI=spiffe://cluster.local/ns/foo/sa/bar";
            let request = Request::get("/").header("x-forwarded-client-cert", forged);
            envoy.client_of(listener).tls(tls).send(request).status
        });
        assert_eq!(found, expected, "{listener}");
    }
    envoy.assert_no_vm_failure();
}

/// Envoy normalises paths before the filter sees them, if it is told to: then policy and upstream see the same.
#[test]
fn paths_are_compared_in_the_form_that_the_upstream_sees() {
    let app = Upstream::start("app");
    let config = json!({"policies": [{"name": "public", "spec": {"rules": [{"to": [{"operation": {"paths": ["/public*"]}}]}]}}]});
    let listener = Listener::new("main")
        .with_manager("normalize_path", true)
        .with_manager("merge_slashes", true)
        .with_manager("path_with_escaped_slashes_action", "UNESCAPE_AND_FORWARD")
        .filter(Wasm::module("authz").config(config));
    let envoy = listeners(&app, [listener]);
    let cases = [
        ("/public/../public", Some("/public")),
        ("//public", Some("/public")),
        ("/%70ublic/x", Some("/public/x")),
        ("/public/%2e%2e/public", Some("/public")),
        ("/public/x;/../y", Some("/public/y")),
        ("/private", None),
        ("/public/../private", None),
        ("/public/.././private", None),
        ("/public/%2E%2E/private", None),
        ("/public/%2e/%2e%2e/private", None),
        ("/public%2f..%2fprivate", None),
        ("/public//../private", Some("/public/private")),
        ("/x/../../private", None),
    ];
    for (path, upstream) in cases {
        let answer = envoy.send(Request::get(path));
        let seen: Vec<String> = app.seen(&answer.id).into_iter().map(|seen| seen.path).collect();
        assert_eq!(seen.first().map(String::as_str), upstream, "{path}, answered {}", answer.status);
        assert_eq!(answer.status, if upstream.is_some() { 200 } else { 403 }, "{path}");
    }
}

#[test]
fn the_shipped_configuration_does_what_it_says() {
    let app = [Upstream::start("a"), Upstream::start("b")];
    let envoy = Config::bootstrap("authz.yaml").upstreams("app", &app).start();
    let keyed = |path: &str, key: &str| Request::get(path).header("x-api-key", key);
    let cases = [
        (Request::get("/"), 200, "via_upstream"),
        (Request::new("DELETE", "/"), 403, "authz_denied_policy[none]"),
        (Request::get("/admin"), 403, "authz_denied_policy[admin-is-for-ops]"),
        (Request::get("/x/..%2fadmin/y"), 307, "path_normalization_failed"),
        (keyed("/admin", "ops-demo-key"), 200, "via_upstream"),
        (keyed("/admin/x", "partner-demo-key"), 403, "authz_denied_policy[admin-is-for-ops]"),
        (keyed("/", "wrong"), 401, "authz_denied_api_key[invalid]"),
        (keyed("/partners/7/orders", "partner-demo-key"), 200, "via_upstream"),
        (keyed("/partners/7/orders", "ops-demo-key"), 403, "authz_denied_policy[none]"),
        (Request::get("/partners/7/orders?api_key=partner-demo-key"), 200, "via_upstream"),
    ];
    for (request, status, details) in cases {
        let answer = envoy.send(request.clone());
        let line = envoy.access_log(&answer.id);
        assert_eq!(answer.status, status, "{request:?}");
        assert!(line.details().contains(details), "{request:?}: {line}");
    }
    let metrics = envoy.admin().prometheus();
    for expected in [
        "authz_decisions_total{policy=\"admin-is-for-ops\",decision=\"deny\"} 2",
        "authz_decisions_total{policy=\"none\",decision=\"deny\"} 2",
        "authz_decisions_total{policy=\"partners\",decision=\"allow\"} 2",
        "authz_api_keys_total{outcome=\"invalid\"} 1",
    ] {
        let lines: Vec<&str> = metrics.lines().filter(|line| line.starts_with("authz_")).collect();
        let same = |line: &&str| sorted_labels(line) == sorted_labels(expected);
        assert!(lines.iter().any(same), "no {expected} in {lines:#?}");
    }
    envoy.wait_for_log("denied_policy[admin-is-for-ops]: GET /admin");
    envoy.assert_no_vm_failure();
}

/// A metric's line with its labels in order.
fn sorted_labels(line: &str) -> (String, Vec<String>, String) {
    let (name, rest) = line.split_once('{').unwrap_or((line, "}"));
    let (labels, value) = rest.split_once('}').unwrap_or((rest, ""));
    let mut labels: Vec<String> = labels.split(',').map(str::to_owned).collect();
    labels.sort();
    (name.to_owned(), labels, value.to_owned())
}
