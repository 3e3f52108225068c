//! Key sets that are fetched, from a real server that is slow, wrong, down or has others.

use super::native_jwt::{KEYS, token};
use integration::prelude::*;
use std::time::Duration;

const URI: &str = "http://issuer.example/keys";

/// The filter with one rule whose keys are fetched.
fn wasm(rule: &Value, remote: &Value) -> Wasm {
    let mut rules = json!({"issuer": "https://issuer.example", "jwksUri": URI, "timeout": "2s"});
    let mut settings = json!({"clusters": {"issuer.example": "issuer"}});
    rules.as_object_mut().unwrap().extend(rule.as_object().unwrap().clone());
    settings.as_object_mut().unwrap().extend(remote.as_object().unwrap().clone());
    let entry = json!({"name": "r", "spec": {"jwtRules": [rules]}});
    Wasm::module("authz").config(json!({"request_authentication": [entry], "remote_jwks": settings}))
}

fn config(app: &Upstream, jwks: &Jwks, wasm: Wasm) -> Config {
    Config::new()
        .cluster(Cluster::new("app", [app]))
        .cluster(Cluster::new("issuer", [jwks.upstream()]))
        .listener(Listener::new("main").filter(wasm).route_to("app"))
}

fn keys() -> Value {
    serde_json::from_str(KEYS).unwrap()
}

/// The keys under other names.
fn renamed() -> Value {
    serde_json::from_str(&KEYS.replace("\"rsa\"", "\"new\"")).unwrap()
}

fn with_token(name: &str) -> Request {
    Request::get("/").header("authorization", format!("Bearer {}", token(name)))
}

fn metric(envoy: &Envoy, name: &str) -> u64 {
    envoy.admin().settle();
    let stats = envoy.admin().get("/stats");
    let line = stats.lines().find(|line| line.contains(name)).unwrap_or_default();
    line.rsplit(' ').next().and_then(|value| value.parse().ok()).unwrap_or(0)
}

const FAILED: &str = "Jwks remote fetch is failed";

/// Requests come before the keys do, on several workers: all wait, and one fetch serves them.
#[test]
fn requests_wait_for_one_fetch_of_all_workers() {
    let (app, jwks) = (Upstream::start("app"), Jwks::start(&json!({})));
    jwks.slow(&keys(), Duration::from_millis(1500));
    let envoy = config(&app, &jwks, wasm(&json!({}), &json!({}))).concurrency(3).start();
    let answers = envoy.client().send_all((0..24).map(|_| with_token("rs")));
    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    assert_eq!(jwks.fetches(), 1, "of the four VMs only one has fetched");
    let seen = &jwks.upstream().all_seen()[0];
    assert_eq!((seen.path.as_str(), seen.authority.as_str()), ("/keys", "issuer.example"));
    assert_eq!(envoy.send(with_token("forged")).text(), "Jwt verification fails");
    envoy.wait_for_log("keys from http://issuer.example/keys: 2 keys, fresh for 600s");
    envoy.assert_no_vm_failure();
}

/// What the server does, the outcome, and how the log tells it.
#[test]
fn each_failure_is_answered_counted_and_logged_and_ends() {
    type Break = fn(&Jwks);
    let cases: [(Break, &str, &str); 6] = [
        (|jwks| jwks.slow(&keys(), Duration::from_secs(30)), "timeout", "there was no answer in time"),
        (|jwks| jwks.wrong("<html>"), "malformed", "the answer is no JSON object"),
        (|jwks| jwks.wrong("{\"keys\": []}"), "no_usable_key", "the answer is no usable key"),
        (
            |jwks| jwks.wrong(&" ".repeat(2 << 20)),
            "too_large",
            "the answer has 2097152 bytes, more than 64512",
        ),
        (
            |jwks| {
                let elsewhere = Reply::new(302).header("location", "http://evil.example/");
                jwks.upstream().answer(elsewhere);
            },
            "redirect",
            "the answer is a redirect (302), which is not followed",
        ),
        (Jwks::down, "unreachable", "the cluster cannot be reached (503)"),
    ];
    let app = Upstream::start("app");
    let servers = cases.each_ref().map(|(break_it, ..)| {
        let jwks = Jwks::start(&keys());
        break_it(&jwks);
        jwks
    });
    let config = Config::new().cluster(Cluster::new("app", [&app]));
    let config = cases.iter().zip(&servers).fold(config, |config, ((_, outcome, _), jwks)| {
        let uri = format!("http://issuer.example/{outcome}");
        let rule = json!({"timeout": "500ms", "jwksUri": uri});
        let filter = wasm(&rule, &json!({"clusters": {"issuer.example": outcome}}));
        config
            .cluster(Cluster::new(outcome, [jwks.upstream()]))
            .listener(Listener::new(outcome).filter(filter).route_to("app"))
    });
    let envoy = config.start();
    for (_, outcome, reason) in &cases {
        let client = envoy.client_of(outcome);
        let answer = client.send(with_token("rs"));
        assert_eq!((answer.status, answer.text().as_str()), (401, FAILED), "{outcome}");
        assert_eq!(client.send(Request::get("/")).status, 200, "{outcome}: what has no token passes");
        envoy.wait_for_log(reason);
        let name = format!("/{outcome};outcome={outcome}");
        assert!(metric(&envoy, &name) > 0, "{outcome}: {}", envoy.admin().get("/stats?filter=jwks"));
    }
    for jwks in &servers {
        jwks.up();
        jwks.serve(&keys());
    }
    for (_, outcome, _) in cases {
        let recovers = || (envoy.client_of(outcome).send(with_token("rs")).status == 200).then_some(());
        assert!(integration::runtime::poll(Duration::from_secs(60), recovers).is_some(), "{outcome}");
    }
    envoy.assert_no_vm_failure();
}

#[test]
fn keys_are_refreshed_and_outlive_an_outage() {
    let (app, jwks) = (Upstream::start("app"), Jwks::start(&keys()));
    jwks.upstream().answer(Reply::json(&keys()).header("etag", "\"v1\""));
    let remote = json!({"cache_duration": "1s", "max_staleness": "1h"});
    let envoy = config(&app, &jwks, wasm(&json!({}), &remote)).start();
    assert_eq!(envoy.send(with_token("rs")).status, 200);
    jwks.upstream().wait_for(3);
    let asked = jwks.upstream().all_seen();
    assert_eq!(asked[0].header("if-none-match"), None);
    assert_eq!(asked[1].header("if-none-match").as_deref(), Some("\"v1\""));
    jwks.upstream().answer(Reply::new(304));
    envoy.wait_for_log("not modified");
    jwks.down();
    envoy.wait_for_log("ago are kept");
    assert_eq!(envoy.send(with_token("es")).status, 200);
    jwks.up();
    // The keys are others now: what the old ones have verified is verified again.
    jwks.serve(&renamed());
    let refused = || (envoy.send(with_token("rs")).status == 401).then_some(());
    assert!(integration::runtime::poll(Duration::from_secs(20), refused).is_some());
    assert_eq!(envoy.send(with_token("es")).status, 200);
    envoy.assert_no_vm_failure();
}

#[test]
fn keys_that_are_too_old_are_not_used() {
    let (app, jwks) = (Upstream::start("app"), Jwks::start(&keys()));
    let remote = json!({"cache_duration": "1s", "max_staleness": "1s"});
    let envoy = config(&app, &jwks, wasm(&json!({}), &remote)).start();
    assert_eq!(envoy.send(with_token("rs")).status, 200);
    jwks.down();
    let refused = || Some(envoy.send(with_token("rs"))).filter(|answer| answer.status == 401);
    let answer = integration::runtime::poll(Duration::from_secs(20), refused).expect("refused in the end");
    assert_eq!(answer.text(), FAILED);
    envoy.wait_for_log("are too old, tokens are refused");
}

#[test]
fn an_unknown_kid_has_the_keys_fetched_again() {
    let (app, jwks) = (Upstream::start("app"), Jwks::start(&renamed()));
    let remote = json!({"unknown_kid_interval": "2s"});
    let envoy = config(&app, &jwks, wasm(&json!({}), &remote)).concurrency(2).start();
    assert_eq!(envoy.send(with_token("es")).status, 200);
    // The new keys are there, and nobody has asked for them yet.
    jwks.serve(&keys());
    let passes = || (envoy.send(with_token("rs")).status == 200).then_some(());
    assert!(integration::runtime::poll(Duration::from_secs(20), passes).is_some());
    assert_eq!(jwks.fetches(), 2);
    // Tokens that nobody has signed don't make us ask more often than that.
    let started = std::time::Instant::now();
    let (_, rest) = token("rs").split_once('.').unwrap();
    let unknown = format!("eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.{rest}");
    for _ in 0..100 {
        let request = Request::get("/").header("authorization", format!("Bearer {unknown}"));
        assert_eq!(envoy.send(request).text(), "Jwks doesn't have key to match kid or alg from Jwt");
    }
    let most = 2 + 1 + started.elapsed().as_secs() as usize / 2;
    assert!(jwks.fetches() <= most, "{} fetches, at most {most}", jwks.fetches());
    envoy.assert_no_vm_failure();
}

#[test]
fn an_issuer_is_asked_where_its_keys_are() {
    let (app, jwks) = (Upstream::start("app"), Jwks::start(&keys()));
    let description = json!({"issuer": "https://issuer.example", "jwks_uri": URI});
    jwks.upstream().answer_path("/.well-known/openid-configuration", Reply::json(&description));
    let envoy = config(&app, &jwks, wasm(&json!({"jwksUri": null}), &json!({}))).start();
    assert_eq!(envoy.send(with_token("rs")).status, 200);
    let asked: Vec<String> = jwks.upstream().all_seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(asked, ["/.well-known/openid-configuration", "/keys"]);
    envoy.assert_no_vm_failure();
}

/// The client leaves while its request waits; the others get their answers.
#[test]
fn clients_that_leave_while_they_wait_harm_nobody() {
    let (app, jwks) = (Upstream::start("app"), Jwks::start(&json!({})));
    jwks.slow(&keys(), Duration::from_secs(1));
    let envoy = config(&app, &jwks, wasm(&json!({}), &json!({}))).start();
    for _ in 0..10 {
        let mut connection = integration::raw::Connection::open(envoy.address("main"));
        connection.send_request(&with_token("rs"));
    }
    assert_eq!(envoy.send(with_token("rs")).status, 200);
    assert_eq!(envoy.send(with_token("rs")).status, 200);
    envoy.assert_no_vm_failure();
}

/// As it is shipped, but for the issuer's address, and without TLS to it.
#[test]
fn the_shipped_configuration_does_what_it_says() {
    let (app, jwks) = (Upstream::start("app"), Jwks::start(&keys()));
    let envoy = Config::bootstrap("authz-jwt.yaml")
        .upstreams("app", [&app])
        .upstreams("issuer", [jwks.upstream()])
        .edit(|bootstrap| {
            let clusters = bootstrap["static_resources"]["clusters"].as_array_mut().unwrap();
            let issuer = clusters.iter_mut().find(|cluster| cluster["name"] == "issuer").unwrap();
            issuer.as_object_mut().unwrap().remove("transport_socket");
            issuer["type"] = "STATIC".into();
        })
        .start();
    let orders = |name: &str| {
        let mut request = with_token(name);
        request.path = b"/orders".to_vec();
        request
    };
    let cases = [
        (Request::get("/"), 200),
        (Request::get("/orders"), 403),
        (orders("rs"), 200),
        (orders("es"), 403),
        (orders("forged"), 401),
        (orders("expired"), 401),
        (orders("aud"), 403),
        (with_token("none"), 401),
    ];
    for (request, status) in cases {
        let answer = envoy.send(request.clone());
        assert_eq!(answer.status, status, "{request:?}: {}", answer.text());
        if status == 200 && request.path == b"/orders" {
            assert_eq!(app.only(&answer.id).header("x-email").as_deref(), Some("ada@example.com"));
        }
    }
    let metrics = envoy.admin().prometheus();
    let lines: Vec<&str> = metrics.lines().filter(|line| line.starts_with("authz_jwks")).collect();
    let is_counted = |line: &&str| line.contains("outcome=\"keys\"") && line.ends_with(" 1");
    assert!(lines.iter().any(is_counted), "{lines:#?}");
}
