//! The waf filter in Envoy.

mod audit;
mod protocols;

use integration::prelude::*;
use integration::{paths, scenario};
use std::time::Duration;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn config(directives: &[&str]) -> Value {
    json!({"directives_map": {"default": directives}})
}

fn starter() -> Value {
    config(&[
        "SecRuleEngine On",
        "SecRequestBodyAccess On",
        "SecRequestBodyLimit 2000000",
        "Include @portcullis-starter",
    ])
}

/// The filter with the headers held while it reads bodies, as every example has it.
fn holding(wasm: Wasm) -> Wasm {
    wasm.with("allow_on_headers_stop_iteration", true)
}

fn site(wasm: Wasm, upstreams: &integration::battery::Upstreams) -> Config {
    integration::battery::plain(holding(wasm), upstreams)
}

fn waf() -> Battery {
    let stopped =
        |name, request| Case::new(name, request).stopped(403).details("waf_1090").filter_state("waf", "deny");
    Battery::new("waf", starter())
        .site(site)
        .lets_through(Case::new("a search", Request::get("/search?q=red+shoes")).reaches("v1"))
        .lets_through(
            Case::new("a form", Request::post("/", "name=Ann&text=hello").header(FORM.0, FORM.1))
                .reaches("v1"),
        )
        .lets_through(
            Case::new(
                "JSON",
                Request::post("/", r#"{"a": [1, "b"]}"#).header("content-type", "application/json"),
            )
            .reaches("v1"),
        )
        .lets_through(Case::new("a body of no type", Request::post("/", "<script>")).reaches("v1"))
        .steps_in(stopped("SQL injection", Request::get("/?id=1%27%20OR%20%271%27=%271")))
        .steps_in(stopped("cross-site scripting", Request::get("/?t=%3Cscript%3Ealert(1)%3C/script%3E")))
        .steps_in(stopped("a path traversal", Request::get("/?f=../../etc/passwd")))
        .steps_in(stopped("a scanner", Request::get("/").header("user-agent", "Nikto/2.1")))
        .steps_in(stopped("a method", Request::new("PURGE", "/")))
        .steps_in(stopped(
            "a form with a script",
            Request::post("/", "t=%3Cscript%3Ealert(1)%3C/script%3E").header(FORM.0, FORM.1),
        ))
        .steps_in(stopped(
            "SQL injection in JSON",
            Request::post("/", r#"{"a": {"b": "1 UNION SELECT x FROM y"}}"#)
                .header("content-type", "application/json"),
        ))
        .upload(Request::new("POST", "/upload").header("content-type", "application/octet-stream"))
        .refuses("", "directives_map: found nothing, expected rule sets")
        .refuses("{", "waf: configuration refused")
        .refuses(json!({"directives_map": 1}), "directives_map: found integer `1`, expected a map")
        .refuses(json!({"directives_map": {}, "x": 1}), "x: found unknown field `x`")
        .refuses(
            config(&["SecRuleEngine On", "SecRule ARGZ x \"id:1,phase:1\""]),
            "default:2:9: SecRule: unknown variable",
        )
        .refuses(config(&["SecRule ARGS \"@rx (\" \"id:1,phase:1\""]), "default:1:")
        .refuses(config(&["Include @owasp_crs/none*.conf"]), "@owasp_crs/none*.conf")
}

integration::battery!(waf);

#[test]
fn the_scenarios_of_the_test_host_come_out_the_same_in_envoy() {
    let build =
        |listener: Listener, wasm| listener.buffer_limit(2 << 20).filter(holding(wasm)).route_to("app");
    scenario::run_with("waf", &paths::root().join("filters/waf/wasm/scenarios.toml"), build);
}

fn envoy_with(directives: &[&str], app: &Upstream) -> Envoy {
    Config::new()
        .cluster(Cluster::new("app", [app]))
        .listener(
            Listener::new("main")
                .buffer_limit(4 << 20)
                .filter(holding(Wasm::module("waf").config(config(directives))))
                .route_to("app"),
        )
        .start()
}

#[test]
fn nothing_goes_upstream_before_the_body_is_judged() {
    let app = Upstream::start("app");
    let rule = "SecRule ARGS_POST \"@contains attack\" \"id:5,phase:2,deny\"";
    let envoy = envoy_with(&["SecRuleEngine On", "SecRequestBodyAccess On", rule], &app);
    // The attack stands at the end of a slow body.
    let body = format!("a={}&b=attack", "x".repeat(300));
    let slow = |body: &str| {
        Request::new("POST", "/").header(FORM.0, FORM.1).body(Body::paced(
            body,
            50,
            Duration::from_millis(20),
        ))
    };
    let answer = envoy.send(slow(&body));
    assert_eq!((answer.status, envoy.access_log(&answer.id).details().as_str()), (403, "waf_5"));
    app.assert_untouched(&answer.id);

    let answer = envoy.send(slow(&body.replace("attack", "flower")));
    assert_eq!(answer.status, 200);
    assert_eq!(app.only(&answer.id).body.len(), body.len());
}

#[test]
fn a_response_is_replaced_by_what_the_rules_say() {
    let app = Upstream::start("app");
    app.answer_path(
        "/leak",
        Reply::new(200).header("content-type", "text/html").body("<p>ORA-01756: quoted string</p>"),
    );
    app.answer_path("/fine", Reply::new(200).header("content-type", "text/html").body("<p>fine</p>"));
    let directives = [
        "SecRuleEngine On",
        "SecResponseBodyAccess On",
        "SecResponseBodyMimeType text/html",
        "SecRule RESPONSE_BODY \"@contains ORA-01756\" \"id:6,phase:4,deny,status:502\"",
    ];
    let envoy = envoy_with(&directives, &app);
    let answer = envoy.send(Request::get("/leak"));
    assert_eq!(answer.status, 502);
    assert!(!answer.text().contains("ORA"), "{}", answer.text());
    let answer = envoy.send(Request::get("/fine"));
    assert_eq!((answer.status, answer.text().as_str()), (200, "<p>fine</p>"));
}

#[test]
fn detection_only_lets_through_and_logs() {
    let app = Upstream::start("app");
    let envoy = envoy_with(&["SecRuleEngine DetectionOnly", "Include @portcullis-starter"], &app);
    let answer = envoy.send(Request::get("/?id=1%27%20OR%20%271%27=%271"));
    assert_eq!(answer.status, 200);
    assert_eq!(envoy.access_log(&answer.id).filter_state("waf").as_deref(), Some("detected 1050,1090"));
    envoy.wait_for_log("[id \"1050\"]");
}

#[test]
fn a_body_over_the_limit_is_answered_413() {
    let app = Upstream::start("app");
    let envoy =
        envoy_with(&["SecRuleEngine On", "SecRequestBodyAccess On", "SecRequestBodyLimit 65536"], &app);
    for size in [65_536, 65_537, 1 << 20] {
        for body in [Body::from(vec![b'a'; size]), Body::chunks(vec![b'a'; size], 10_000)] {
            let answer = envoy.send(Request::post("/", body));
            let expected = if size > 65_536 { 413 } else { 200 };
            assert_eq!(answer.status, expected, "a body of {size} bytes");
        }
    }
}

#[test]
fn decisions_are_counted() {
    let app = Upstream::start("app");
    let envoy = envoy_with(&["SecRuleEngine On", "Include @portcullis-starter"], &app);
    for path in ["/", "/?a=1", "/?id=1%27%20OR%20%271%27=%271"] {
        let answer = envoy.send(Request::get(path));
        envoy.access_log(&answer.id);
    }
    let stat = |name: &str| envoy.admin().stat(&format!("wasmcustom.{name}"));
    assert_eq!(stat("waf_transactions_total"), 3);
    assert_eq!(stat("waf_decisions_total;decision=pass"), 2);
    assert_eq!(stat("waf_decisions_total;decision=deny"), 1);
}
