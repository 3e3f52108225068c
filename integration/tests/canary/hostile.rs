//! What no browser sends: the documented decision, and never a failed VM.

use integration::battery::Upstreams;
use integration::prelude::*;

fn site(upstreams: &Upstreams) -> Envoy {
    let rule = |name: &str, rest: Value| {
        let mut rule = json!({"name": name});
        rule.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        rule
    };
    let config = json!({
        "releases": [
            rule("v2", json!({
                "by_header": {"name": "x-canary"}, "by_cookie": {"name": "canary"},
                "weight": 50, "seed": "AB12A", "key": [{"header": "x-user"}, {"cookie": "user"}, "none"],
            })),
            rule("other", json!({"match": {"cookie": {"name": "tier", "regex": "(a|b)+c"}}})),
        ],
        "affinity": {"cookie": {"name": "pin"}, "order": "before_weight"},
        "propagate": {"baggage": {"key": "release"}},
    });
    let wasm = Wasm::module("canary").config(config);
    upstreams
        .clusters()
        .log_filter_state("canary_reason")
        .listener(super::routed(
            Listener::new("main").with_manager("max_request_headers_kb", 96).filter(wasm),
        ))
        .start()
}

#[test]
fn hostile_requests_get_the_documented_decision() {
    let upstreams = Upstreams::new();
    let envoy = site(&upstreams);
    let get = || Request::get("/");
    let cookie = |value: &str| get().header("cookie", value);
    let many = "c=1; ".repeat(12_000);
    let latin = b"\xe9\xff\xfe".as_slice();
    let cases: Vec<(&str, Request, &str)> = vec![
        ("60 KB of cookies", cookie(&many), "stable weight"),
        ("always behind 60 KB of cookies", cookie(&format!("{many}canary=always")), "v2 cookie_always"),
        ("one cookie of 60 KB", cookie(&format!("canary={}", "a".repeat(60_000))), "stable weight"),
        (
            "60 KB of a pattern that backtracks",
            cookie(&format!("tier={}", "ab".repeat(30_000))),
            "stable weight",
        ),
        ("60 KB of pins", cookie(&format!("pin={}", "v2:0|".repeat(12_000))), "v2 affinity"),
        ("60 KB of baggage", get().header("baggage", "a=1,".repeat(15_000)), "stable weight"),
        ("a cookie without =", cookie("canary; always"), "stable weight"),
        ("= alone", cookie("=; =always; canary=never"), "stable cookie_never"),
        ("separators", cookie(";;; ; ,;canary=always;;"), "v2 cookie_always"),
        ("the first of two cookies", cookie("canary=never; canary=always"), "stable cookie_never"),
        (
            "the first of two cookie headers",
            cookie("canary=always").header("cookie", "canary=never"),
            "v2 cookie_always",
        ),
        ("quotes are part of a value", cookie("canary=\"always\""), "stable weight"),
        ("other case", cookie("Canary=always; canary=Always"), "stable weight"),
        (
            "a header twice is one",
            get().header("x-canary", "always").header("x-canary", "always"),
            "stable weight",
        ),
        ("an empty header", get().header("x-canary", ""), "stable weight"),
        ("a header that is not UTF-8", get().header("x-canary", latin), "stable weight"),
        (
            "a cookie that is not UTF-8",
            get().header("cookie", [b"canary=".as_slice(), latin].concat()),
            "stable weight",
        ),
        ("a key that is not UTF-8", get().header("x-user", latin), ""),
        (
            "pins that are not UTF-8",
            get().header("cookie", [b"pin=".as_slice(), latin, b":0|-v2:0"].concat()),
            "stable affinity",
        ),
        ("a header of 60 KB", get().header("x-canary", "always".repeat(10_000)), "stable weight"),
    ];
    let base = envoy.client();
    for client in [base.clone(), base.http2()] {
        for (what, request, expected) in &cases {
            let answer = client.send(request.clone());
            assert_eq!(answer.status, 200, "{what}");
            let line = envoy.access_log(&answer.id);
            let state = |key: &str| line.filter_state(key).unwrap_or_default();
            let found = format!("{} {}", state("canary"), state("canary_reason"));
            if expected.is_empty() {
                // Drawn by its bytes: the same each time.
                let again = envoy.access_log(&client.send(request.clone()).id).filter_state("canary");
                assert_eq!(again.as_deref(), Some(state("canary").as_str()), "{what}");
            } else {
                assert_eq!(found, *expected, "{what}");
            }
        }
    }
    envoy.assert_no_vm_failure();
}
