//! Passwords, signed requests, paths and logs, in Envoy.

use base64::prelude::{BASE64_STANDARD as BASE64, Engine as _};
use integration::config::native as envoy_filter;
use integration::paths;
use integration::prelude::*;
use std::process::Command;

pub(super) const SECRET: &str = "a secret of 27 bytes, or so";

fn wasm(config: Value) -> Wasm {
    Wasm::module("authz").config(config)
}

fn envoy(app: &Upstream, listeners: impl IntoIterator<Item = Listener>) -> Envoy {
    let config = Config::new().cluster(Cluster::new("app", [app]));
    listeners.into_iter().fold(config, |config, listener| config.listener(listener.route_to("app"))).start()
}

/// What `openssl dgst` makes of a text, in base64: another's HMAC and SHA-256.
fn openssl(arguments: &[&str], text: &str) -> String {
    use std::io::Write;
    let mut child = Command::new("sh")
        .arg("-c")
        .arg(format!("openssl dgst -sha256 -binary {} | openssl base64 -A", arguments.join(" ")))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

pub(super) fn date(offset: &str) -> String {
    let output = Command::new("date")
        .env("LC_ALL", "C")
        .args(["-u", "-d", offset, "+%a, %d %b %Y %H:%M:%S GMT"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(super) fn signed(body: &str, signed_body: &str, date: &str) -> Request {
    signed_for("/orders?x=1", SECRET, body, signed_body, date)
}

fn signed_for(path: &str, secret: &str, body: &str, signed_body: &str, date: &str) -> Request {
    let digest = format!("SHA-256={}", openssl(&[], signed_body));
    let text = format!("@request-target: post {path}\ndate: {date}\ndigest: {digest}");
    let signature = openssl(&["-hmac", &format!("'{secret}'")], &text);
    Request::post(path, body).header("date", date).header("digest", digest).header(
        "authorization",
        format!("hmac username=\"billing\", algorithm=\"hmac-sha256\", headers=\"@request-target date digest\", signature=\"{signature}\""),
    )
}

#[test]
fn a_signed_body_is_compared_before_any_of_it_goes_upstream() {
    let app = Upstream::start("app");
    let config = json!({"hmac": {"keys": [{"id": "billing", "secret": SECRET}], "require_digest": true, "max_body_bytes": 1000}});
    let envoy = envoy(&app, [Listener::new("main").filter(wasm(config))]);
    let (now, old) = (date("now"), date("-10 minutes"));
    let long = "x".repeat(2000);
    let cases = [
        (signed("{\"a\": 1}", "{\"a\": 1}", &now), 200, "via_upstream"),
        (signed("", "", &now), 200, "via_upstream"),
        (signed("{\"a\": 2}", "{\"a\": 1}", &now), 401, "authz_denied_hmac[invalid]"),
        (signed("", "{\"a\": 1}", &now), 401, "authz_denied_hmac[invalid]"),
        (signed("{\"a\": 1}", "{\"a\": 1}", &old), 401, "authz_denied_hmac[expired]"),
        (signed(&long, &long, &now), 413, ""),
        (Request::post("/orders?x=1", "a"), 401, "authz_denied_hmac[missing]"),
    ];
    for client in [envoy.client(), envoy.client().http2()] {
        for (request, status, details) in &cases {
            let answer = client.send(request.clone());
            let line = envoy.access_log(&answer.id);
            assert_eq!(answer.status, *status, "{request:?}: {line}");
            assert!(line.details().contains(details), "{request:?}: {line}");
            let seen = app.seen(&answer.id);
            assert_eq!(seen.len(), usize::from(*status == 200), "{request:?}");
            assert!(seen.iter().all(|seen| seen.header_values("authorization").is_empty()));
        }
    }
    envoy.assert_no_vm_failure();
}

/// The same paths, normalised by Envoy on one listener and by the filter on another: the upstream sees the same.
#[test]
fn paths_become_what_envoy_makes_of_them() {
    let app = Upstream::start("app");
    let manager = |name: &str, merge: bool, slashes: &str| {
        Listener::new(name)
            .with_manager("normalize_path", true)
            .with_manager("merge_slashes", merge)
            .with_manager("path_with_escaped_slashes_action", slashes)
            .filter(wasm(json!({})))
    };
    let own =
        |name: &str, level: &str| Listener::new(name).filter(wasm(json!({"path_normalization": level})));
    let levels = [
        ("BASE", false, "KEEP_UNCHANGED"),
        ("MERGE_SLASHES", true, "KEEP_UNCHANGED"),
        ("DECODE_AND_MERGE_SLASHES", true, "UNESCAPE_AND_FORWARD"),
    ];
    let listeners = levels.iter().flat_map(|(level, merge, slashes)| {
        [manager(&format!("envoy {level}"), *merge, slashes), own(&format!("own {level}"), level)]
    });
    let envoy = envoy(&app, listeners);
    let mut paths: Vec<String> = [
        "/",
        "/a/../b",
        "/a/./b/",
        "/a/..",
        "/../../x",
        "/a//b",
        "//a///b/",
        "/a/%2e%2e/b",
        "/a%2fb",
        "/a%2F..%2fb",
        "/a\\..\\b",
        "/a%5cb",
        "/%61%2d%7e",
        "/a;x=y/..;/b",
        "/%25%32%66",
        "/a%zz%4",
        "/a%",
        "/a?b/../c",
        "/a/b?c#d",
        "/%c3%a4",
        "/a+b",
        "/a%00b",
        "/.a/..b/...",
        "/a/.%2e/b",
        "/%",
        "/a:b@c&d=e$f,g",
    ]
    .map(str::to_owned)
    .to_vec();
    // Each printable byte as it is, and encoded.
    paths.extend(
        (b'!'..=b'~').filter(|byte| !b"?#".contains(byte)).map(|byte| format!("/x{}y", char::from(byte))),
    );
    paths.extend((0x01..=0xff_u8).step_by(5).map(|byte| format!("/x%{byte:02x}y")));
    let mut differences = Vec::new();
    for (level, ..) in levels {
        let clients = [envoy.client_of(&format!("envoy {level}")), envoy.client_of(&format!("own {level}"))];
        for path in &paths {
            let [by_envoy, by_filter] = clients.each_ref().map(|client| {
                let answer = client.send(Request::get(path.clone()));
                let seen = app.seen(&answer.id).into_iter().map(|seen| seen.path).next();
                (answer.status, seen)
            });
            if by_envoy != by_filter {
                differences.push(format!("{level} {path}: Envoy {by_envoy:?}, the filter {by_filter:?}"));
            }
        }
    }
    // Istio's rows (derived/istio-path-normalization.json) have `..;` as a name like any other; Envoy resolves it from 1.39 on.
    let known = levels.map(|(level, ..)| {
        format!("{level} /a;x=y/..;/b: Envoy (200, Some(\"/b\")), the filter (200, Some(\"/a;x=y/..;/b\"))")
    });
    let known = if paths::envoy_version() >= [1, 39, 0] { known.to_vec() } else { Vec::new() };
    assert_eq!(differences, known);
    envoy.assert_no_vm_failure();
}

/// No spelling of a path comes past a policy that the upstream would take for `/admin`.
#[test]
fn no_spelling_comes_past() {
    let app = Upstream::start("app");
    let policies = json!([{"name": "no-admin", "spec": {"action": "DENY", "rules": [{"to": [{"operation": {"paths": ["/admin", "/admin/*"]}}]}]}}]);
    let config = json!({"path_normalization": "DECODE_AND_MERGE_SLASHES", "path_parameters": "remove", "policies": policies});
    let envoy = envoy(&app, [Listener::new("main").filter(wasm(config))]);
    for path in [
        "/admin",
        "/admin/x",
        "//admin",
        "/x/../admin",
        "/x/%2e%2e/admin",
        "/x/..%2fadmin",
        "/x%2f..%2fadmin",
        "/\\admin",
        "/%5cadmin",
        "/admin;a=b",
        "/admin;/x",
        "/x/..;/admin",
        "/x/..;a=b/admin;c",
        "/./admin",
        "/%61dmin",
        "/admin%2fx",
        "/;/admin",
        "/admin/../admin/",
        "/admin?x",
        "/admin#x",
    ] {
        let answer = envoy.send(Request::get(path));
        assert!([403, 400].contains(&answer.status), "{path}: {}", answer.status);
        assert!(app.seen(&answer.id).is_empty(), "{path}");
    }
    envoy.assert_no_vm_failure();
}

/// Credentials in every place, right and wrong ones: Envoy's log, in which decisions are, has none of them.
#[test]
fn no_log_has_a_secret() {
    let app = Upstream::start("app");
    let config = |log: &str| {
        json!({
            "decision_log": log,
            "api_keys": {"locations": [{"header": "x-api-key"}, {"query": "key"}, {"cookie": "key"}], "keys": [{"consumer": "web", "secret": "SECRET-of-web"}], "required": false},
            "basic": {"users": "ada:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=", "required": false},
            "hmac": {"keys": [{"id": "billing", "secret": "SECRET-of-billing"}], "required": false},
            "policies": [
                {"name": "no-admin", "spec": {"action": "DENY", "rules": [{"to": [{"operation": {"paths": ["/admin"]}}]}]}},
                {"name": "look", "spec": {"action": "AUDIT", "rules": [{}]}},
                {"name": "try", "dry_run": true, "spec": {"action": "DENY", "rules": [{}]}},
            ],
        })
    };
    let listeners = ["text", "denied", "all"].map(|log| Listener::new(log).filter(wasm(config(log))));
    let config =
        Config::new().log_level("wasm:info").without_access_log().cluster(Cluster::new("app", [&app]));
    let config =
        listeners.into_iter().fold(config, |config, listener| config.listener(listener.route_to("app")));
    let envoy = config.start();
    for listener in ["text", "denied", "all"] {
        let client = envoy.client_of(listener);
        for path in ["/", "/admin"] {
            client.send(Request::get(path).header("x-api-key", "SECRET-of-web"));
            client.send(Request::get(path).header("x-api-key", "SECRET-wrong"));
            client.send(Request::get(format!("{path}?key=SECRET-of-web&token=SECRET-token")));
            client.send(Request::get(format!("{path}?key=SECRET-wrong#SECRET")));
            client.send(Request::get(path).header("cookie", "key=SECRET-of-web; session=SECRET-session"));
            client.send(Request::get(path).header("authorization", "Basic YWRhOm9wZW4gc2VzYW1l"));
            client.send(Request::get(path).header("authorization", "Basic U0VDUkVUOlNFQ1JFVA=="));
            client.send(
                Request::get(path).header("authorization", "hmac username=\"billing\", signature=\"SECRET\""),
            );
            client.send(
                Request::get(path).header("authorization", "Bearer SECRET").header("x-other", "SECRET"),
            );
        }
    }
    envoy.wait_for_log("\"decision\":\"deny\"");
    envoy.wait_for_log("\"decision\":\"allow\"");
    envoy.wait_for_log("dry run: denied_policy[try]");
    let log = envoy.log();
    for secret in ["SECRET", "YWRhOm9wZW4", "U0VDUkVU", "open sesame"] {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(secret)).collect();
        assert!(lines.is_empty(), "{secret}: {lines:#?}");
    }
    envoy.assert_no_vm_failure();
}

/// `experimental.envoy.filters.*`: what another filter says of a request.
#[test]
fn metadata_of_other_filters() {
    let app = Upstream::start("app");
    let said = envoy_filter(
        "set_metadata",
        "set_metadata.v3.Config",
        json!({"metadata": [{"metadata_namespace": "envoy.filters.http.said", "value": {"text": "value", "list": ["x", "y"], "number": 1}}]}),
    );
    let listener = |name: &str, key: &str, value: &str| {
        let when = json!({"key": format!("experimental.envoy.filters.http.said[{key}]"), "values": [value]});
        let config = json!({"policies": [{"name": "p", "spec": {"rules": [{"when": [when]}]}}]});
        Listener::new(name).filter(said.clone()).filter(wasm(config))
    };
    let cases = [
        ("text", "value", 200),
        ("text", "v*", 200),
        ("text", "other", 403),
        ("list", "[x]", 200),
        ("list", "[y]", 200),
        ("list", "[z]", 403),
        ("none", "*", 403),
    ];
    let envoy =
        envoy(&app, cases.iter().map(|(key, value, _)| listener(&format!("{key} {value}"), key, value)));
    for (key, value, expected) in cases {
        let answer = envoy.client_of(&format!("{key} {value}")).send(Request::get("/"));
        assert_eq!(answer.status, expected, "{key}: {value}");
    }
    envoy.assert_no_vm_failure();
}

#[test]
fn the_shipped_configuration_does_what_it_says() {
    let app = [Upstream::start("a"), Upstream::start("b")];
    let envoy = Config::bootstrap("authz-credentials.yaml").upstreams("app", &app).start();
    let basic = |request: Request, credentials: &str| {
        request.header("authorization", format!("Basic {}", BASE64.encode(credentials)))
    };
    let keyed = |path: &str, key: &str| Request::get(path).header("x-api-key", key);
    let (ada, bob) = ("ada:ada-demo-password", "bob:bob-demo-password");
    let hook = |secret: &str, body: &str, date: &str| {
        signed_for("/webhooks/billing", secret, body, "{\"paid\": true}", date)
    };
    let (secret, now) = ("billing-demo-secret-of-32-bytes.", date("now"));
    let cases = [
        (Request::get("/healthz"), 200, "via_upstream", ""),
        (Request::post("/healthz", ""), 401, "authz_denied_requirement[none]", ""),
        (Request::get("/"), 401, "authz_denied_requirement[none]", ""),
        (keyed("/", "mobile-demo-key"), 200, "via_upstream", "apps"),
        (keyed("/", "wrong"), 401, "authz_denied_api_key[invalid]", ""),
        (Request::get("/?api_key=mobile-demo-key"), 200, "via_upstream", "apps"),
        (keyed("/staff/", "mobile-demo-key"), 403, "authz_denied_requirement[staff]", ""),
        (basic(Request::get("/"), bob), 200, "via_upstream", "staff"),
        (basic(Request::get("/staff/"), ada), 200, "via_upstream", "staff,admins"),
        (Request::get("/staff/"), 401, "authz_denied_requirement[staff]", ""),
        (basic(Request::get("/"), "ada:wrong"), 401, "authz_denied_basic[invalid]", ""),
        (basic(Request::get("/wiki/"), "anybody:else"), 200, "via_upstream", ""),
        (basic(Request::new("DELETE", "/"), ada), 200, "via_upstream", "staff,admins"),
        (basic(Request::new("DELETE", "/"), bob), 403, "authz_denied_policy[only-admins-delete]", ""),
        (hook(secret, "{\"paid\": true}", &now), 200, "via_upstream", "partners"),
        (hook(secret, "{\"paid\": 1000}", &now), 401, "authz_denied_hmac[invalid]", ""),
        (hook(secret, "{\"paid\": true}", &date("-10 minutes")), 401, "authz_denied_hmac[expired]", ""),
        (hook("another secret", "{\"paid\": true}", &now), 401, "authz_denied_hmac[invalid]", ""),
        (Request::post("/webhooks/billing", "{}"), 401, "authz_denied_requirement[billing]", ""),
    ];
    for (request, status, details, groups) in cases {
        // A client's own word for its groups is no group.
        let answer = envoy.send(request.clone().header("x-groups", "admins"));
        let line = envoy.access_log(&answer.id);
        assert_eq!(answer.status, status, "{request:?}: {line}");
        assert!(line.details().contains(details), "{request:?}: {line}");
        let seen = app.iter().flat_map(|app| app.seen(&answer.id)).next();
        assert_eq!(seen.is_some(), status == 200, "{request:?}");
        let told = seen.map(|seen| seen.header_values("x-groups").concat()).unwrap_or_default();
        assert_eq!(told, groups, "{request:?}");
    }
    envoy.assert_no_vm_failure();
}
