//! Whatever the filter tells the upstream in a header, no client can tell it: each of these headers is removed from the request first.

use super::native_jwt::{KEYS, token};
use integration::prelude::*;

/// What the client writes itself: everything that the filter may, also as servers spell it that make variables of headers.
const FORGED: [&str; 12] = [
    "x-consumer",
    "x_consumer",
    "x-groups",
    "x-payload",
    "x-email",
    "x_email",
    "x-user",
    "x_user",
    "x-role-of",
    "x-auth-user",
    "x-http-user",
    "x-admin",
];

fn config() -> Value {
    let custom = |check: &str| {
        json!({"name": format!("ask-{check}"), "spec": {"action": "CUSTOM", "provider": {"name": check},
            "rules": [{"to": [{"operation": {"paths": [format!("/{check}/*")]}}]}]}})
    };
    let check = |kind: &str, headers: Value, more: Value| {
        let mut check = json!({"cluster": "checks", "timeout": "2s", "on_error": "allow", "allowed_upstream_headers": headers});
        check.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!({"name": kind, kind: check})
    };
    let rule = json!({"issuer": "https://issuer.example", "jwks": KEYS, "outputPayloadToHeader": "x-payload",
        "outputClaimToHeaders": [{"header": "x-email", "claim": "email"}]});
    json!({
        "api_keys": {"keys": [{"consumer": "web", "secret": "key-of-web"}], "required": false},
        "consumers": [{"name": "web", "groups": ["apps"]}],
        "groups_header": "x-groups",
        "request_authentication": [{"name": "i", "spec": {"jwtRules": [rule]}}],
        "routes": [{"name": "open", "to": [{"operation": {"paths": ["/open"]}}], "require": "nothing", "ignore": ["jwt", "api_key"]}],
        "external_checks": [
            check("opa", json!(["x-user", "x-role-*"]), json!({"path": "/v1/data/opa"})),
            check("auth_request", json!(["x-auth-user"]), json!({"url": "http://checks/{path}"})),
            check("http", json!(["x-http-user"]), json!({})),
        ],
        "policies": [
            custom("opa"), custom("auth_request"), custom("http"),
            {"name": "tried", "dry_run": true, "spec": {"action": "DENY", "rules": [{}]}},
            {"name": "no-admins", "spec": {"action": "DENY", "rules": [{"when": [{"key": "request.headers[x-user]", "values": ["forged"]}]}]}},
        ],
    })
}

/// Answers as the path of the request that is checked says.
fn checks() -> Upstream {
    let checks = Upstream::start("checks");
    checks.answer_with(|seen| {
        let asked: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
        let path = asked["input"]["attributes"]["request"]["http"]["path"].as_str().unwrap_or(&seen.path);
        let is_opa = asked.get("input").is_some();
        match (is_opa, path.rsplit('/').next()) {
            (_, Some("fails")) => Reply::new(500),
            (true, Some("says")) => {
                let headers = json!({"x-user": "ada", "x-role-of": "staff", "x-admin": "by opa", "x-auth-user": "by opa"});
                Reply::json(&json!({"result": {"allowed": true, "headers": headers}}))
            }
            (true, _) => Reply::json(&json!({"result": true})),
            (false, Some("says")) => Reply::new(200)
                .header("x-auth-user", "ada")
                .header("x-http-user", "ada")
                .header("x-user", "not its own"),
            (false, _) => Reply::new(200),
        }
    });
    checks
}

#[test]
fn no_client_says_what_the_filter_says() {
    let (app, checks) = (Upstream::start("app"), checks());
    let envoy = Config::new()
        .cluster(Cluster::new("app", [&app]))
        .cluster(Cluster::new("checks", [&checks]))
        .listener(Listener::new("main").filter(Wasm::module("authz").config(config())).route_to("app"))
        .start();
    let with_token =
        |path: &str| Request::get(path).header("authorization", format!("Bearer {}", token("rs")));
    let preflight = Request::new("OPTIONS", "/")
        .header("origin", "https://a.example")
        .header("access-control-request-method", "GET");
    let anyone = ("x-admin", "forged");
    let cases: Vec<(Request, Vec<(&str, &str)>)> = vec![
        // No credential, no check.
        (Request::get("/"), vec![anyone]),
        (preflight, vec![anyone]),
        (with_token("/open").header("x-api-key", "key-of-web"), vec![anyone]),
        (
            Request::get("/").header("x-api-key", "key-of-web"),
            vec![("x-consumer", "web"), ("x-groups", "apps"), anyone],
        ),
        (with_token("/"), vec![("x-payload", "*"), ("x-email", "ada@example.com"), anyone]),
        // Services that say nothing, something, more than they may, or do not answer.
        (Request::get("/opa/allows"), vec![anyone]),
        (Request::get("/opa/says"), vec![("x-user", "ada"), ("x-role-of", "staff"), anyone]),
        (Request::get("/opa/fails"), vec![anyone]),
        (Request::get("/auth_request/allows"), vec![anyone]),
        (Request::get("/auth_request/says"), vec![("x-auth-user", "ada"), anyone]),
        (Request::get("/auth_request/fails"), vec![anyone]),
        (Request::get("/http/allows"), vec![anyone]),
        (Request::get("/http/says"), vec![("x-http-user", "ada"), anyone]),
        (Request::get("/http/fails"), vec![anyone]),
    ];
    for client in [envoy.client(), envoy.client().http2()] {
        for (request, expected) in &cases {
            let forged = FORGED.iter().fold(request.clone(), |request, name| request.header(name, "forged"));
            let answer = client.send(forged);
            let shown = String::from_utf8_lossy(&request.path).into_owned();
            assert_eq!(answer.status, 200, "{shown}: {}", envoy.access_log(&answer.id));
            let seen = app.only(&answer.id);
            let told = FORGED.iter().flat_map(|name| {
                seen.header_values(name).into_iter().map(move |value| {
                    (
                        *name,
                        if *name == "x-payload" && value != "forged" {
                            "*".to_owned()
                        } else {
                            value.to_string()
                        },
                    )
                })
            });
            let told: Vec<(&str, String)> = told.collect();
            let expected: Vec<(&str, String)> =
                expected.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            assert_eq!(told, expected, "{} {shown}", request.method);
        }
    }
    envoy.wait_for_log("the check opa sets x-a");
    envoy.assert_no_vm_failure();
}
