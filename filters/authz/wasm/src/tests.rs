mod external;
mod jwks;

use super::*;
use sdk_shim::{Loaded, load};
use sdk_shim_testing::scenario::File;
use sdk_shim_testing::{Message, Settings, TestHost, run};

fn loaded(config: &str) -> Loaded<AuthzFilter> {
    load(config.as_bytes(), &|_| None).unwrap_or_else(|errors| panic!("{errors} in {config}"))
}

fn exchange(config: &str, host: TestHost, request: Message) -> sdk_shim_testing::Outcome {
    run(&loaded(config), host, request, Message::response(200), Settings::default())
}

fn host(properties: &[(&str, &str)]) -> TestHost {
    let mut host = TestHost::new();
    host.properties.clear();
    for (path, value) in properties {
        host.properties.insert((*path).to_owned(), value.as_bytes().to_vec());
    }
    host
}

#[test]
fn scenarios() {
    let failures = File::parse(include_str!("../../scenarios.toml")).unwrap().check::<AuthzFilter>();
    assert!(failures.is_empty(), "{failures:#?}");
}

/// In Envoy each is one to four microseconds, so none may come unnoticed: a property is asked for only where a policy needs it. Counts
/// and the coarse time are calls of the host ten times in a second, not for each request.
#[test]
fn a_request_makes_these_calls_of_the_host() {
    // Policies that would each ask something else, of which the index leaves one for the request.
    let policies = |source: &str| {
        let policy = |n: usize, source: &str| {
            format!(
                r#"{{"name": "p{n}", "spec": {{"rules": [{{"from": [{{"source": {{{source}}}}}],
                "to": [{{"operation": {{"paths": ["/service-{n}/*"]}}}}]}}]}}}}"#
            )
        };
        let others = (1..50).map(|n| policy(n, r#""principals": ["*"], "remoteIpBlocks": ["10.0.0.0/8"]"#));
        let all: Vec<String> = [policy(0, source)].into_iter().chain(others).collect();
        format!(r#"{{"policies": [{}]}}"#, all.join(","))
    };
    let keys = r#"{\"keys\": [{\"kty\": \"oct\", \"kid\": \"one\", \"k\": \"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}]}"#;
    let tokens = format!(
        r#"{{"request_authentication": [{{"name": "r", "spec": {{"jwtRules":
        [{{"issuer": "https://issuer.example", "jwks": "{keys}"}}]}}}}]}}"#
    );
    let common = [("headers", 1), ("increment", 1)];
    let token = format!("Bearer {}", jwks::ONE);
    type Calls = &'static [(&'static str, usize)];
    let cases: [(String, Option<&str>, Calls); 5] = [
        (r#"{"policies": []}"#.to_owned(), None, &[]),
        (
            policies(r#""notIpBlocks": ["198.51.100.0/24"]"#),
            None,
            &[("property", 1), ("set_filter_state", 1)],
        ),
        // One property for both.
        (
            policies(r#""notIpBlocks": ["198.51.100.0/24"], "remoteIpBlocks": ["0.0.0.0/0"]"#),
            None,
            &[("property", 1), ("set_filter_state", 1)],
        ),
        (tokens.clone(), None, &[]),
        (tokens, Some(&token), &[("coarse_now", 1), ("increment", 2), ("write_header", 1)]),
    ];
    for (config, token, others) in cases {
        let filter = loaded(&config);
        let mut host = TestHost::new();
        // The second time a token is remembered.
        for _ in 0..2 {
            host.host_calls.clear();
            let mut request = Message::request("GET", "/service-0/items/17");
            if let Some(token) = token {
                request = request.with_header("authorization", token);
            }
            let outcome = run(&filter, host, request, Message::response(200), Settings::default());
            assert_eq!(outcome.status(), 200, "{config}");
            host = outcome.host;
            let expected = common.iter().chain(others).copied().collect();
            assert_eq!(host.host_calls, expected, "{config}");
        }
    }
}

const DENY_ADMIN: &str = r#"{"policies": [{"name": "no-admin", "spec": {"action": "DENY", "rules": [{"to": [{"operation": {"paths": ["/admin*"]}}]}]}}]}"#;

#[test]
fn a_denial_is_counted_and_logged_without_the_query() {
    let outcome =
        exchange(DENY_ADMIN, TestHost::new(), Message::request("GET", "/admin/\u{7f}x?token=secret"));
    assert_eq!(outcome.status(), 403);
    assert_eq!(outcome.host.metric("authz_decisions_total;policy=no-admin;decision=deny"), 1);
    let logs: Vec<&str> = outcome.host.logs.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(logs, [r"denied_policy[no-admin]: GET /admin/\x7fx"]);

    let long = format!("/admin{}", "x".repeat(60_000));
    let outcome = exchange(DENY_ADMIN, TestHost::new(), Message::request("GET", &long));
    assert!(outcome.host.logs.iter().all(|(_, text)| text.len() < 300), "{:?}", outcome.host.logs);

    let outcome = exchange(DENY_ADMIN, TestHost::new(), Message::request("GET", "/"));
    assert_eq!(outcome.host.metric("authz_decisions_total;policy=none;decision=allow"), 1);
    assert!(outcome.host.logs.is_empty());
}

#[test]
fn an_audit_is_counted_and_logged() {
    let config = r#"{"policies": [{"name": "look", "spec": {"action": "AUDIT", "rules": [{}]}}]}"#;
    let outcome = exchange(config, TestHost::new(), Message::request("GET", "/"));
    assert_eq!(outcome.status(), 200);
    assert_eq!(outcome.host.metric("authz_decisions_total;policy=look;decision=audit"), 1);
    assert_eq!(outcome.host.metric("authz_decisions_total;policy=none;decision=allow"), 1);
    assert_eq!(outcome.host.filter_state.get("authz_audit").map(Vec::as_slice), Some(b"look".as_slice()));
    assert_eq!(outcome.host.logs.len(), 1);
}

/// Sources and conditions on properties: a configuration's source or condition, the properties, and whether it matches.
#[test]
fn properties() {
    const URI_SAN: &str = "connection.uri_san_peer_certificate";
    type Properties = &'static [(&'static str, &'static str)];
    let cases: &[(&str, Properties, bool)] = &[
        (r#""ipBlocks": ["10.0.0.0/8"]"#, &[("source.address", "10.1.2.3:4000")], true),
        (r#""ipBlocks": ["10.0.0.0/8"]"#, &[("source.address", "11.1.2.3:4000")], false),
        (r#""ipBlocks": ["2001:db8::/32"]"#, &[("source.address", "[2001:db8::1]:4000")], true),
        // From `x-forwarded-for`, from a Unix socket, or unknown: no address of the peer.
        (r#""ipBlocks": ["10.0.0.0/8"]"#, &[("source.address", "10.1.2.3:0")], false),
        (r#""notIpBlocks": ["10.0.0.0/8"]"#, &[("source.address", "11.1.2.3:0")], false),
        (r#""ipBlocks": ["0.0.0.0/0"]"#, &[("source.address", "/tmp/socket")], false),
        (r#""notIpBlocks": ["10.0.0.0/8"]"#, &[("source.address", "@abstract")], true),
        (r#""notIpBlocks": ["10.0.0.0/8"]"#, &[], false),
        (r#""remoteIpBlocks": ["10.0.0.0/8"]"#, &[("source.address", "10.1.2.3:0")], true),
        (r#""remoteIpBlocks": ["10.0.0.0/8"]"#, &[("source.address", "\u{ff}")], false),
        (r#""principals": ["td/ns/a/sa/x"]"#, &[(URI_SAN, "spiffe://td/ns/a/sa/x")], true),
        (r#""principals": ["*"]"#, &[("connection.subject_peer_certificate", "CN=x")], true),
        (r#""principals": ["*"]"#, &[("connection.subject_peer_certificate", "")], false),
        (r#""principals": ["*"]"#, &[("connection.dns_san_peer_certificate", "a.example")], true),
        (r#""namespaces": ["a"]"#, &[("connection.subject_peer_certificate", "CN=/ns/a/")], false),
        (r#""notPrincipals": ["*"]"#, &[], true),
    ];
    for (source, properties, matches) in cases {
        let config = format!(
            r#"{{"policies": [{{"name": "p", "spec": {{"rules": [{{"from": [{{"source": {{{source}}}}}]}}]}}}}]}}"#
        );
        let outcome = exchange(&config, host(properties), Message::request("GET", "/"));
        assert_eq!(outcome.status(), if *matches { 200 } else { 403 }, "{source} with {properties:?}");
    }
}

#[test]
fn the_peer_comes_from_filter_state_where_that_is_configured() {
    let config = r#"{"peer_address": {"filter_state": "peer"}, "policies": [{"name": "p", "spec":
        {"rules": [{"from": [{"source": {"ipBlocks": ["10.0.0.0/8"]}}]}]}}]}"#;
    let cases: &[(&[(&str, &str)], u16)] = &[
        (&[("filter_state.peer", "10.1.2.3:4000"), ("source.address", "8.8.8.8:0")], 200),
        (&[("filter_state.peer", "10.1.2.3")], 200),
        (&[("filter_state.peer", "8.8.8.8:1"), ("source.address", "10.1.2.3:4000")], 403),
        (&[("source.address", "10.1.2.3:4000")], 403),
    ];
    for (properties, status) in cases {
        let outcome = exchange(config, host(properties), Message::request("GET", "/"));
        assert_eq!(outcome.status(), *status, "{properties:?}");
    }
}

#[test]
fn a_denial_for_an_unknown_peer_says_so() {
    let config = r#"{"policies": [{"name": "p", "spec": {"action": "DENY", "rules": [{"from": [{"source": {"ipBlocks": ["10.0.0.0/8"]}}]}]}}]}"#;
    let outcome = exchange(config, host(&[("source.address", "8.8.8.8:0")]), Message::request("GET", "/"));
    assert_eq!(outcome.status(), 403);
    assert!(outcome.host.logs.iter().any(|(_, text)| text.contains("the peer's address is unknown")));
}

#[test]
fn what_has_no_effect_is_warned_of() {
    let loaded = loaded(
        r#"{"policies": [{"name": "p", "spec": {"selector": {"matchLabels": {"app": "x"}}, "rules": [{}]}}]}"#,
    );
    assert_eq!(
        loaded.warnings,
        ["policies[0].spec.selector has no effect: it applies wherever this filter does"]
    );
}

/// Without a DENY policy that matches, such a request would pass.
#[test]
fn headers_that_cannot_be_read_are_denied() {
    let outcome = exchange(DENY_ADMIN, TestHost::new(), Message::default());
    assert_eq!((outcome.status(), outcome.details.as_deref()), (500, Some("authz_headers_unreadable")));
    assert!(outcome.upstream.is_none());
}
