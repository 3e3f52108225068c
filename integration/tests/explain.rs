//! `portcullis explain` and the modules in Envoy come to the same: status, details and filter state of all four filters.

use integration::prelude::*;
use portcullis_explain::{Exchange, Explainer, FilterKind, request};
use std::time::{SystemTime, UNIX_EPOCH};

/// Method, path, headers, body.
type Sent<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str);

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const OPS_KEY: &str = "0123456789abcdef0123456789abcdef";

/// The filter state that is compared.
const STATE: [&str; 6] = ["waf", "waf_score", "authz", "canary", "canary_reason", "affinity"];

fn cases() -> Vec<(FilterKind, Value, Vec<Sent<'static>>)> {
    let waf = json!({"directives_map": {"default": [
        "SecRuleEngine On",
        "SecRequestBodyAccess On",
        "SecRequestBodyLimit 1000",
        "SecRequestBodyLimitAction Reject",
        "Include @portcullis-starter",
    ]}});
    let detecting = json!({"mode": "detect", "directives_map": {"default": ["Include @portcullis-starter"]}});
    let authz = json!({
        "api_keys": {"required": false, "keys": [{"consumer": "ops", "secret": OPS_KEY}]},
        "policies": [
            {"name": "no-admin", "spec": {"action": "DENY", "rules": [{
                "to": [{"operation": {"paths": ["/admin", "/admin/*"]}}],
                "when": [{"key": "portcullis.consumer", "notValues": ["ops"]}]}]}},
            {"name": "local", "spec": {"rules": [{"from": [{"source": {"remoteIpBlocks": ["127.0.0.0/8"]}}],
                "to": [{"operation": {"methods": ["GET", "POST"]}}]}]}},
        ],
    });
    let canary = json!({"releases": [
        {"name": "beta", "match": {"header": {"name": "x-beta", "exact": "yes"}}},
        {"name": "v2", "by_header": {"name": "x-canary"}, "by_cookie": {"name": "canary"}, "weight": 10,
         "key": [{"header": "x-user"}]},
    ]});
    let affinity = json!({"keys": ["an-example-of-a-key-0123456789abcdefABCDEF"], "audience": "shop",
        "absolute_timeout": "12h", "cookie": {"name": "stay", "path": "/"}});
    let attacks: Vec<Sent<'static>> = vec![
        ("GET", "/search?q=shoes", &[], ""),
        ("GET", "/search?q=1%27%20or%201=1--%20", &[], ""),
        ("GET", "/?file=../../etc/passwd", &[], ""),
        ("POST", "/form", &[FORM], "a=%3Cscript%3Ealert(1)%3C/script%3E"),
        ("POST", "/form", &[FORM], "a=fine"),
        ("GET", "/", &[("user-agent", "sqlmap/1.7")], ""),
        ("GET", "/%e9", &[("cookie", "a=1; b=2")], ""),
    ];
    vec![
        (FilterKind::Waf, waf, attacks.clone()),
        (FilterKind::Waf, detecting, attacks),
        (
            FilterKind::Authz,
            authz,
            vec![
                ("GET", "/", &[], ""),
                ("GET", "/admin/x?y", &[], ""),
                ("GET", "/admin/", &[("x-api-key", OPS_KEY)], ""),
                ("GET", "/", &[("x-api-key", "wrong")], ""),
                ("DELETE", "/", &[], ""),
            ],
        ),
        (
            FilterKind::Canary,
            canary,
            vec![
                ("GET", "/", &[("x-user", "user-96")], ""),
                ("GET", "/", &[("x-user", "user-99")], ""),
                ("GET", "/", &[("x-canary", "always")], ""),
                ("GET", "/", &[("x-canary", "never"), ("cookie", "canary=always")], ""),
                ("GET", "/", &[("cookie", "canary=always")], ""),
                ("GET", "/", &[("x-beta", "yes")], ""),
            ],
        ),
        (
            FilterKind::Affinity,
            affinity,
            vec![("GET", "/", &[], ""), ("GET", "/", &[("cookie", "stay=forged; other=1")], "")],
        ),
    ]
}

#[test]
fn explain_says_what_the_module_decides() {
    let app = Upstream::start("app");
    for (kind, config, requests) in cases() {
        let mut explainer = Explainer::load(kind, config.to_string().as_bytes(), &|_| None).unwrap();
        let wasm = Wasm::module(kind.as_str()).config(config).with("allow_on_headers_stop_iteration", true);
        let mut envoy = Config::new()
            .cluster(Cluster::new("app", [&app]))
            .listener(Listener::new("main").filter(wasm).route_to("app"));
        for key in STATE {
            envoy = envoy.log_filter_state(key);
        }
        let envoy = envoy.start();
        let mut compare = |(method, path, headers, body): Sent<'_>| {
            let id = format!("{kind}-{}", integration::request::unique_id());
            let mut sent =
                Request::new(method, path).authority("shop.example").id(&id).body(body.as_bytes().to_vec());
            let mut raw = format!("{method} {path} HTTP/1.1\nhost: shop.example\n");
            for (name, value) in headers {
                sent = sent.header(name, value);
                raw.push_str(&format!("{name}: {value}\n"));
            }
            if !body.is_empty() {
                raw.push_str(&format!("content-length: {}\n", body.len()));
            }
            let response = envoy.send(sent);
            let line = envoy.access_log(&id);
            let request =
                request::parse(format!("{raw}\n{body}").as_bytes(), &|_| Err(String::new())).unwrap();
            let mut exchange = Exchange::of(request.message);
            exchange.client = [127, 0, 0, 1].into();
            exchange.now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            let explanation = explainer.explain(&exchange);
            let said = explanation.decision.details.clone().unwrap_or_else(|| "via_upstream".to_owned());
            let case = format!("{kind}: {raw}\n{:#?}", explanation.timeline);
            assert_eq!((explanation.decision.status, said), (response.status, line.details()), "{case}");
            for key in STATE {
                let logged = line.filter_state(key).map(|text| text.trim_matches('"').to_owned());
                assert_eq!(explanation.state.get(key).cloned(), logged, "{key}, {case}");
            }
            response
        };
        let responses: Vec<Response> = requests.into_iter().map(&mut compare).collect();
        // A cookie that the module has sealed says the same to both.
        if let Some(cookie) = responses.first().and_then(|response| response.header("set-cookie")) {
            let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
            compare(("GET", "/", &[("cookie", &cookie)], ""));
        }
        envoy.assert_no_vm_failure();
    }
}
