use super::*;
use crate::{Act, Reason};

/// Rules of one release, then rows of request headers and what is decided.
type Table = (&'static str, &'static [(&'static str, &'static str)]);

#[test]
fn one_release() {
    let tables: &[Table] = &[
        (
            r#""by_header": {"name": "X-Canary"}"#,
            &[
                ("x-canary: always", "v2 header_always"),
                ("x-canary: never", "stable header_never"),
                ("x-canary: Always", "stable default"),
                ("x-canary: ", "stable default"),
                ("x-canary: true", "stable default"),
                ("", "stable default"),
                // Repeated headers are joined, as Envoy's own matchers see them.
                ("x-canary: always\nx-canary: always", "stable default"),
            ],
        ),
        (
            r#""by_header": {"name": "x-region", "value": "eu"}"#,
            &[
                ("x-region: eu", "v2 header_value"),
                ("x-region: us", "stable default"),
                ("x-region: eu2", "stable default"),
                ("x-region: always", "stable default"),
                ("x-region: never", "stable header_never"),
            ],
        ),
        (
            r#""by_header": {"name": "user-agent", "pattern": "(?i)firefox/1[23]\\d"}"#,
            &[
                ("user-agent: Mozilla/5.0 Firefox/128.0", "v2 header_pattern"),
                ("user-agent: Mozilla/5.0 firefox/130.0", "v2 header_pattern"),
                ("user-agent: Mozilla/5.0 Firefox/99.0", "stable default"),
                ("user-agent: never", "stable header_never"),
            ],
        ),
        (
            r#""by_cookie": {"name": "canary"}"#,
            &[
                ("cookie: canary=always", "v2 cookie_always"),
                ("cookie: a=b; canary=always; c=d", "v2 cookie_always"),
                ("cookie: a=b\ncookie: canary=always", "v2 cookie_always"),
                ("cookie: canary=never", "stable cookie_never"),
                ("cookie: canary=never; canary=always", "stable cookie_never"),
                ("cookie: Canary=always", "stable default"),
                ("cookie: canary=", "stable default"),
                ("cookie: canary", "stable default"),
                ("canary: always", "stable default"),
            ],
        ),
        (
            r#""by_cookie": {"name": "tier", "value": "beta"}"#,
            &[
                ("cookie: tier=beta", "v2 cookie_value"),
                ("cookie: tier=always", "stable default"),
                ("cookie: tier=never", "stable cookie_never"),
            ],
        ),
        (
            r#""by_cookie": {"name": "tier", "pattern": "^(beta|dev)$"}"#,
            &[("cookie: tier=dev", "v2 cookie_pattern"), ("cookie: tier=devel", "stable default")],
        ),
        (
            // Header, then cookie, then weight.
            r#""by_header": {"name": "x"}, "by_cookie": {"name": "c"}, "weight": 100"#,
            &[
                ("x: never\ncookie: c=always", "stable header_never"),
                ("x: always\ncookie: c=never", "v2 header_always"),
                ("x: other\ncookie: c=always", "v2 cookie_always"),
                ("x: other\ncookie: c=never", "stable cookie_never"),
                ("x: other\ncookie: c=other", "v2 weight"),
                ("", "v2 weight"),
            ],
        ),
        (r#""weight": 0"#, &[("", "stable default")]),
        (r#""weight": 10, "key": [{"header": "user"}, "none"]"#, &[("", "stable weight")]),
    ];
    for (rules, rows) in tables {
        let canary = canary(&format!(r#"{{"releases": [{{"name": "v2", {rules}}}]}}"#));
        for (request, expected) in *rows {
            assert_eq!(decide(&canary, request), *expected, "{rules}\n{request}");
        }
    }
}

#[test]
fn compatibility_with_ingress_nginx() {
    let with = |switch: &str, rules: &str| {
        canary(&format!(
            r#"{{"releases": [{{"name": "v2", {rules}}}], "compatibility": {{"{switch}": true}}}}"#
        ))
    };
    let tables: &[(&str, Table)] = &[
        (
            "never_only_without_value",
            (
                r#""by_header": {"name": "x", "value": "yes"}, "by_cookie": {"name": "c"}, "weight": 100"#,
                &[
                    ("x: never", "v2 weight"),
                    ("x: never\ncookie: c=never", "stable cookie_never"),
                    ("x: yes", "v2 header_value"),
                ],
            ),
        ),
        (
            "never_only_without_value",
            (r#""by_header": {"name": "x"}, "weight": 100"#, &[("x: never", "stable header_never")]),
        ),
        (
            "never_only_without_value",
            (r#""by_header": {"name": "x", "value": "never"}"#, &[("x: never", "v2 header_value")]),
        ),
        (
            "broken_pattern_keeps_out",
            (
                r#""by_header": {"name": "x", "pattern": "[][**da?$&*"}, "by_cookie": {"name": "c"}, "weight": 100"#,
                &[
                    ("x: any\ncookie: c=always", "stable header_pattern"),
                    ("cookie: c=always", "v2 cookie_always"),
                    ("", "v2 weight"),
                ],
            ),
        ),
        (
            "weight_total_at_least_100",
            (
                r#""weight": 50, "weight_total": 50, "seed": "s", "key": [{"header": "u"}]"#,
                &[
                    // The buckets of these users are in the 27th and the 81st percent.
                    ("u: b", "v2 weight"),
                    ("u: a", "stable weight"),
                ],
            ),
        ),
    ];
    for (switch, (rules, rows)) in tables {
        let canary = with(switch, rules);
        for (request, expected) in *rows {
            assert_eq!(decide(&canary, request), *expected, "{switch} {rules}\n{request}");
        }
    }
    let warnings = with("broken_pattern_keeps_out", r#""by_header": {"name": "x", "pattern": "("}"#);
    assert_eq!(
        warnings.warnings().to_string(),
        "releases[0].by_header.pattern: found `(` (unclosed group), expected a regular expression"
    );
}

#[test]
fn scope() {
    let tables: &[Table] = &[
        (
            r#""hosts": ["shop.example.com", "*.Example.org", "[::1]"]"#,
            &[
                (":authority: shop.example.com", "v2 weight"),
                (":authority: SHOP.example.com:8443", "v2 weight"),
                (":authority: a.example.org", "v2 weight"),
                (":authority: a.b.example.org:80", "v2 weight"),
                (":authority: example.org", "stable default"),
                (":authority: .example.org", "stable default"),
                (":authority: badexample.org", "stable default"),
                (":authority: www.example.com", "stable default"),
                (":authority: shop.example.com.evil.net", "stable default"),
                (":authority: shop.example.com:port", "stable default"),
                (":authority: [::1]:8080", "v2 weight"),
                (":authority: [::1]", "v2 weight"),
                (":authority: ", "stable default"),
            ],
        ),
        (
            r#""paths": ["/api", "/img/"]"#,
            &[
                (":path: /api", "v2 weight"),
                (":path: /api/", "v2 weight"),
                (":path: /api/v1?x=/img", "v2 weight"),
                (":path: /api?x=1", "v2 weight"),
                (":path: /apix", "stable default"),
                (":path: /API", "stable default"),
                (":path: /img", "v2 weight"),
                (":path: /", "stable default"),
                (":path: /?/api", "stable default"),
                (":path: *", "stable default"),
            ],
        ),
        (r#""paths": ["/"]"#, &[(":path: /any", "v2 weight"), (":path: /", "v2 weight")]),
        (
            r#""hosts": ["a"], "paths": ["/x"]"#,
            &[
                (":authority: a\n:path: /x", "v2 weight"),
                (":authority: a\n:path: /y", "stable default"),
                (":authority: b\n:path: /x", "stable default"),
            ],
        ),
    ];
    for (scope, rows) in tables {
        let canary = canary(&format!(r#"{{"releases": [{{"name": "v2", {scope}, "weight": 100}}]}}"#));
        for (request, expected) in *rows {
            assert_eq!(decide(&canary, request), *expected, "{scope}\n{request}");
        }
    }
}

#[test]
fn several_releases() {
    let canary = canary(
        r#"{"releases": [
            {"name": "a", "by_header": {"name": "x-a"}, "by_cookie": {"name": "a"}, "weight": 100},
            {"name": "b", "by_header": {"name": "x-b"}, "by_cookie": {"name": "b"}},
            {"name": "c", "by_header": {"name": "x-b"}, "match": {"path": {"prefix": "/"}}, "weight": 100}
        ]}"#,
    );
    let rows = [
        ("", "a weight"),
        ("x-b: always", "b header_always"),
        ("x-a: always\nx-b: always", "a header_always"),
        ("cookie: b=always", "b cookie_always"),
        ("cookie: b=always; a=always", "a cookie_always"),
        ("cookie: a=always\nx-b: always", "b header_always"),
        ("x-a: never", "c weight"),
        ("x-a: never\nx-b: never", "stable header_never"),
        ("cookie: a=never\nx-b: never", "stable header_never"),
        ("cookie: a=never", "c weight"),
    ];
    for (request, expected) in rows {
        assert_eq!(decide(&canary, request), expected, "{request}");
    }
}

#[test]
fn outcomes_hold_every_decision() {
    let canary = canary(
        r#"{"releases": [
            {"name": "a", "by_header": {"name": "x", "value": "1"}, "weight": 10},
            {"name": "b", "by_cookie": {"name": "c"}, "weight": 0}
        ]}"#,
    );
    let outcomes: Vec<String> = canary
        .outcomes()
        .iter()
        .map(|(release, reason)| {
            format!("{} {}", release.map_or("stable", |release| release.name()), reason.as_str())
        })
        .collect();
    let expected = [
        "a header_value",
        "a weight",
        "b cookie_always",
        "stable header_never",
        "stable cookie_never",
        "stable weight",
        "stable default",
    ];
    assert_eq!(outcomes, expected);
}

#[test]
fn without_releases_everything_is_stable() {
    let canary = canary(r#"{"releases": []}"#);
    assert_eq!(decide(&canary, "x-canary: always"), "stable default");
    assert_eq!(canary.outcomes().len(), 1);
    assert_eq!(*canary.act(), Act::FilterState { key: "canary".to_owned(), match_stable: false });
}

#[test]
fn facts_are_asked_for_once_and_only_for_a_draw() {
    let canary = canary(
        r#"{"releases": [
            {"name": "a", "by_header": {"name": "x"}, "weight": 0.001},
            {"name": "b", "weight": 0.001},
            {"name": "c", "weight": 0.001, "key": [{"header": "user"}, "random"]}
        ]}"#,
    );
    // The first and the second share the source IP (asked for once, though there is none) and then the random number.
    for (request, asked) in [("x: always", 0), ("", 2), ("user: 1", 2)] {
        let mut facts = Given::default();
        canary.decide(&headers(request), &mut facts);
        assert_eq!(facts.asked, asked, "{request}");
    }
}

#[test]
fn reasons_are_in_order_of_strength() {
    assert!(Reason::ALL.is_sorted());
    let names: std::collections::HashSet<&str> = Reason::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(names.len(), Reason::ALL.len());
}
