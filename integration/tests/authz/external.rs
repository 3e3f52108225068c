//! External checks in Envoy: beside Envoy's own `ext_authz` with the same check server, and Open Policy Agent's API.

use integration::config::native;
use integration::paths;
use integration::prelude::*;
use std::time::Duration;

/// Answers as the path of the request that is checked says.
fn checks(name: &str) -> Upstream {
    let check = Upstream::start(name);
    check.answer_with(|seen| {
        let path = seen.path.split('?').next().unwrap_or_default();
        match path.strip_prefix("/check").unwrap_or(path) {
            "/deny" => Reply::new(403).header("x-why", "no").header("set-cookie", "a=b").body("denied\n"),
            "/login" => Reply::new(401).header("www-authenticate", "Basic realm=x").body("log in\n"),
            "/redirect" => Reply::new(302).header("location", "https://login.example/?a=b"),
            "/created" => Reply::new(201).body("created\n"),
            "/error" => Reply::new(500).body("broken\n"),
            "/slow" => Reply::new(200).delay(Duration::from_secs(5)),
            "/close" => Reply::new(200).close_before_headers(),
            "/remove" => Reply::new(200).header("x-envoy-auth-headers-to-remove", "x-secret, x-none"),
            _ => Reply::new(200)
                .header("x-user", "ada")
                .header("x-user", "eve")
                .header("x-role", "staff")
                .header("x-other", "o")
                .header("x-seen", "1")
                .body("fine\n"),
        }
    });
    check
}

fn patterns(names: &[&str]) -> Value {
    let one = |name: &&str| match name.strip_suffix('*') {
        Some(prefix) => json!({"prefix": prefix}),
        None => json!({"exact": name}),
    };
    json!({"patterns": names.iter().map(one).collect::<Vec<_>>()})
}

/// A filter and Envoy's own, each set up so; `our` and `native` members are put in.
fn pair(our: Value, native_members: Value, response: Value) -> (Value, Value) {
    let merge = |mut into: Value, from: &Value| {
        into.as_object_mut().unwrap().extend(from.as_object().unwrap().clone());
        into
    };
    let http = merge(
        json!({"cluster": "check-ours", "timeout": "500ms", "path_prefix": "/check",
            "allowed_headers": ["x-test-id", "x-in*"], "headers_to_add": {"x-added": "by us"}}),
        &our,
    );
    let config = json!({
        "external_checks": [{"name": "c", "http": http}],
        "policies": [{"name": "ask", "spec": {"action": "CUSTOM", "provider": {"name": "c"}, "rules": [{}]}}],
    });
    let service = json!({
        "server_uri": {"uri": "http://check", "cluster": "check-native", "timeout": "0.5s"},
        "path_prefix": "/check",
        "authorization_request": {"headers_to_add": [{"key": "x-added", "value": "by us"}]},
        "authorization_response": response,
    });
    let theirs = merge(
        json!({"http_service": service, "allowed_headers": patterns(&["x-test-id", "x-in*"])}),
        &native_members,
    );
    (Wasm::module("authz").config(config).into(), native("ext_authz", "ext_authz.v3.ExtAuthz", theirs))
}

/// What came of a request that both judge.
#[derive(Debug, PartialEq)]
struct Came {
    status: u16,
    body: String,
    headers: Vec<(String, Vec<u8>)>,
    upstream: Option<Vec<(String, String)>>,
    asked: Option<String>,
}

/// Without what Envoy itself adds, which differs with who makes the call.
fn plain(headers: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    // Whether a connection ends with the answer is a matter of what has come of the body.
    let noise = [
        "connection",
        "date",
        "server",
        "x-request-id",
        "x-test-id",
        "x-forwarded-for",
        "x-forwarded-proto",
        "x-upstream",
    ];
    let is_noise = |name: &str| {
        noise.contains(&name) || (name.starts_with("x-envoy-") && name != "x-envoy-auth-partial-body")
    };
    let mut plain: Vec<_> = headers.iter().filter(|(name, _)| !is_noise(name)).cloned().collect();
    plain.sort();
    plain
}

fn texts(headers: &[(String, Vec<u8>)]) -> Vec<(String, String)> {
    plain(headers)
        .into_iter()
        .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
        .collect()
}

#[test]
fn checks_are_made_as_by_ext_authz() {
    let app = Upstream::start("app");
    let (ours, natives) = (checks("check"), checks("check"));
    let lists = (
        json!({"allowed_upstream_headers": ["x-user"], "allowed_upstream_headers_to_append": ["x-role"],
            "allowed_client_headers": ["x-why"], "allowed_client_headers_on_success": ["x-seen"]}),
        json!({"allowed_upstream_headers": patterns(&["x-user"]),
            "allowed_upstream_headers_to_append": patterns(&["x-role"]),
            "allowed_client_headers": patterns(&["x-why"]),
            "allowed_client_headers_on_success": patterns(&["x-seen"])}),
    );
    let body = |partial: bool| json!({"with_request_body": {"max_request_bytes": 10, "allow_partial_message": partial}});
    let with_status = json!({"status_on_error": 503});
    let native_status = json!({"status_on_error": {"code": "ServiceUnavailable"}});
    let kinds = [
        ("plain", pair(json!({}), json!({}), json!({}))),
        ("lists", pair(lists.0, json!({}), lists.1)),
        ("allowing", pair(json!({"on_error": "allow"}), json!({"failure_mode_allow": true}), json!({}))),
        ("status", pair(with_status, native_status, json!({}))),
        ("whole body", pair(body(false), body(false), json!({}))),
        ("part of the body", pair(body(true), body(true), json!({}))),
    ];
    let mut config = Config::new()
        .cluster(Cluster::new("app", [&app]))
        .cluster(Cluster::new("check-ours", [&ours]))
        .cluster(Cluster::new("check-native", [&natives]));
    for (name, (our, native)) in &kinds {
        for (side, filter) in [("ours", our), ("native", native)] {
            let listener = Listener::new(&format!("{name} {side}")).filter(filter.clone()).route_to("app");
            config = config.listener(listener);
        }
    }
    let envoy = config.start();
    let paths = ["/", "/a/b?c=d", "/deny", "/login", "/redirect", "/created", "/error", "/close", "/remove"];
    let get = |path: &str| {
        Request::get(path)
            .authority("shop.example")
            .header("authorization", "Bearer x")
            .header("x-in-a", "1")
            .header("x-in-a", "2")
            .header("x-secret", "s")
            .header("x-role", "own")
            .header("cookie", "a=b")
    };
    let mut requests: Vec<Request> = paths.iter().map(|path| get(path)).collect();
    requests.push(get("/slow"));
    for body in ["", "short", "exactly 10", "eleven here"] {
        requests.push(Request::post("/", body));
        requests.push(Request::post("/deny", Body::chunks(body, 3)));
    }
    let mut differences = Vec::new();
    let mut statuses = std::collections::BTreeSet::new();
    for (kind, _) in &kinds {
        for request in &requests {
            let came = ["ours", "native"].map(|side| {
                let answer = envoy.client_of(&format!("{kind} {side}")).send(request.clone());
                let check = if side == "ours" { &ours } else { &natives };
                let asked = check.seen(&answer.id).into_iter().next().map(|seen| {
                    let body = String::from_utf8_lossy(&seen.body).into_owned();
                    format!(
                        "{} {} {} {:?} {body}",
                        seen.method,
                        seen.authority,
                        seen.path,
                        texts(&seen.headers)
                    )
                });
                let own_words = answer.status == 413 || answer.status == 200;
                Came {
                    status: answer.status,
                    body: if own_words { String::new() } else { answer.text() },
                    headers: plain(&answer.headers)
                        .into_iter()
                        .filter(|(name, _)| !(own_words && name.starts_with("content-")))
                        .collect(),
                    upstream: app.seen(&answer.id).first().map(|seen| texts(&seen.headers)),
                    asked,
                }
            });
            statuses.insert(came[0].status);
            if came[0] != came[1] {
                let shown = String::from_utf8_lossy(&request.path).into_owned();
                differences.push(format!(
                    "{kind}: {} {shown} {:?}\n  ours:   {:?}\n  native: {:?}",
                    request.method, request.body, came[0], came[1]
                ));
            }
        }
    }
    // Envoy 1.37.0 alone drops the headers of an answer that denies (set-cookie, www-authenticate, location).
    if paths::envoy_version() == [1, 37, 0] {
        assert!(!differences.is_empty());
        return;
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    assert!(statuses.len() >= 6, "{statuses:?}");
    envoy.assert_no_vm_failure();
}

#[test]
fn a_client_cannot_say_what_the_service_says() {
    let (app, check) = (Upstream::start("app"), checks("check"));
    check.answer_with(|_| Reply::new(200));
    let (wasm, _) = pair(json!({"allowed_upstream_headers": ["x-user"]}), json!({}), json!({}));
    let envoy = Config::new()
        .cluster(Cluster::new("app", [&app]))
        .cluster(Cluster::new("check-ours", [&check]))
        .listener(Listener::new("main").filter(wasm).route_to("app"))
        .start();
    let answer = envoy.send(Request::get("/").header("x-user", "root"));
    assert_eq!(answer.status, 200);
    assert_eq!(app.only(&answer.id).header("x-user"), None);
    // A websocket has no body to wait for.
    let upgrade = Request::get("/").header("upgrade", "websocket").header("connection", "upgrade");
    assert_ne!(envoy.send(upgrade).status, 500);
}

#[test]
fn an_open_policy_agent_decides() {
    let (app, opa) = (Upstream::start("app"), Upstream::start("opa"));
    opa.answer_with(|seen| {
        let asked: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let http = &asked["input"]["attributes"]["request"]["http"];
        let is_get = http["method"] == "GET" && asked["input"]["parsed_path"] == json!(["public", "a b"]);
        let result = match asked["input"]["parsed_body"]["role"].as_str() {
            Some("admin") => json!({"allowed": true, "headers": {"x-role": "admin"}}),
            Some(_) => json!({"allowed": false, "http_status": 429, "body": "slow down", "headers": {"retry-after": "9"}}),
            None => json!(is_get),
        };
        Reply::json(&json!({ "result": result }))
    });
    let check = json!({"cluster": "opa", "path": "/v1/data/http/authz", "timeout": "2s", "allowed_upstream_headers": ["x-role"],
        "with_request_body": {"max_request_bytes": 1000}});
    let config = json!({
        "external_checks": [{"name": "opa", "opa": check}],
        "policies": [{"name": "ask", "spec": {"action": "CUSTOM", "provider": {"name": "opa"}, "rules": [{}]}}],
    });
    let envoy = Config::new()
        .cluster(Cluster::new("app", [&app]))
        .cluster(Cluster::new("opa", [&opa]))
        .listener(Listener::new("main").filter(Wasm::module("authz").config(config)).route_to("app"))
        .start();
    let post = |body: &str| Request::post("/orders", body).header("content-type", "application/json");
    for client in [envoy.client(), envoy.client().http2()] {
        assert_eq!(client.send(Request::get("/public/a%20b?x=1")).status, 200);
        assert_eq!(client.send(Request::get("/private")).status, 403);
        let admin = client.send(post(r#"{"role": "admin"}"#));
        assert_eq!(admin.status, 200);
        let seen = app.only(&admin.id);
        assert_eq!((seen.header("x-role").as_deref(), seen.body.len()), (Some("admin"), 17));
        let other = client.send(post(r#"{"role": "guest"}"#));
        assert_eq!((other.status, other.text().as_str()), (429, "slow down"));
        assert_eq!(other.header("retry-after").as_deref(), Some("9"));
    }
    opa.stop();
    let failed = envoy.send(Request::get("/public/a%20b"));
    assert_eq!(failed.status, 403);
    assert_eq!(envoy.access_log(&failed.id).details(), "authz_failed_check[opa]");
    envoy.assert_no_vm_failure();
}
