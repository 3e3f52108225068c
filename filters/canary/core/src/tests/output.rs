use super::*;
use crate::Edit;

/// What is done to a request and to its response, a line each.
fn edits(canary: &Canary, lines: &str, facts: &mut Given) -> (Vec<String>, Vec<String>) {
    let request = headers(lines);
    let decision = canary.decide(&request, facts);
    let mut of_request = Vec::new();
    canary.edit_request(&decision, &request, |edit| note(&mut of_request, edit)).unwrap();
    let plan = canary.plan_response(&decision, &request, || false);
    let mut of_response = Vec::new();
    canary.edit_response(&plan, |edit| note(&mut of_response, edit)).unwrap();
    (of_request, of_response)
}

fn note(list: &mut Vec<String>, edit: Edit<'_>) -> Result<(), ()> {
    let text = |value: &[u8]| value.escape_ascii().to_string();
    list.push(match edit {
        Edit::Set(name, value) => format!("set {name}: {}", text(value)),
        Edit::Add(name, value) => format!("add {name}: {}", text(value)),
        Edit::Remove(name) => format!("remove {name}"),
    });
    Ok(())
}

const BY_HEADER: &str = r#""releases": [{"name": "v2", "by_header": {"name": "x"}}], "vary": false"#;

/// A request's headers, and the changes of them.
type Row = (&'static str, &'static [&'static str]);

#[test]
fn requests() {
    let tables: &[(&str, &[Row])] = &[
        ("", &[("x: always", &[])]),
        (
            r#", "act": {"header": {"name": "X-Release"}}"#,
            &[("x: always", &["set x-release: v2"]), ("x-release: v2", &["set x-release: stable"])],
        ),
        (
            r#", "propagate": {"header": "x-version"}"#,
            &[("x: always", &["set x-version: v2"]), ("x-version: v2", &["set x-version: stable"])],
        ),
        (
            r#", "propagate": {"baggage": {"key": "release"}}"#,
            &[
                ("x: always", &["set baggage: release=v2"]),
                ("baggage: ", &["set baggage: release=stable"]),
                // Others stay byte for byte; a forged member goes, wherever it stands.
                (
                    "baggage: a=1;p=q , b=%20\nbaggage: release=v2, c=3",
                    &["set baggage: a=1;p=q,b=%20,c=3,release=stable"],
                ),
                ("baggage:  release = v2;ttl=1,xrelease=v2,", &["set baggage: xrelease=v2,release=stable"]),
                ("baggage: \u{ff};=,=,release", &[r"set baggage: \xc3\xbf;=,=,release,release=stable"]),
            ],
        ),
        (
            r#", "random_value": {"header": "x-rand", "seed": "AB12A", "key": [{"header": "u"}, "none"]}"#,
            &[
                // Unleash's client specification, 03: 122 is in the 23rd percent.
                ("u: 122", &["set x-rand: 1062108722"]),
                ("x-rand: 1", &["remove x-rand"]),
                ("", &[]),
            ],
        ),
    ];
    for (config, rows) in tables {
        let canary = canary(&format!("{{{BY_HEADER}{config}}}"));
        for (request, expected) in *rows {
            let (edits, _) = edits(&canary, request, &mut Given::default());
            assert_eq!(edits, *expected, "{config}\n{request}");
        }
    }
}

#[test]
fn clusters() {
    let canary = canary(
        r#"{"releases": [{"name": "v2", "by_header": {"name": "x"}, "cluster": "shop-v2"}],
            "act": {"cluster_header": {"name": "x-cluster", "stable": "shop"}}}"#,
    );
    for (request, expected) in
        [("x: always", "set x-cluster: shop-v2"), ("x-cluster: admin", "set x-cluster: shop")]
    {
        assert_eq!(edits(&canary, request, &mut Given::default()).0, [expected]);
    }
}

#[test]
fn headers_of_versions() {
    let canary = canary(
        r#"{
            "releases": [{
                "name": "v2", "by_header": {"name": "x"},
                "request_headers": {"remove": ["X-Old"], "add": [{"name": "a", "value": "1"}], "set": [{"name": "X-Set", "value": "2"}]},
                "response_headers": {"set": [{"name": "x-served-by", "value": "v2"}]}
            }],
            "stable": {"request_headers": {"set": [{"name": "x-release", "value": "v2"}]}, "response_headers": {"remove": ["server-timing"]}},
            "act": {"header": {"name": "x-release"}}
        }"#,
    );
    let (request, response) = edits(&canary, "x: always", &mut Given::default());
    assert_eq!(request, ["set x-set: 2", "add a: 1", "remove x-old", "set x-release: v2"]);
    assert_eq!(response, ["set x-served-by: v2", "add vary: x"]);
    // The decision is written behind the configured changes.
    let (request, response) = edits(&canary, "", &mut Given::default());
    assert_eq!(request, ["set x-release: v2", "set x-release: stable"]);
    assert_eq!(response, ["remove server-timing", "add vary: x"]);
}

#[test]
fn vary_says_what_the_decision_hangs_on() {
    let canary = canary(
        r#"{"releases": [{"name": "v2", "paths": ["/a"], "by_header": {"name": "X-B"}, "by_cookie": {"name": "c"},
            "match": {"header": {"name": "x-a", "present": true}}, "weight": 1}]}"#,
    );
    for (request, expected) in [(":path: /a", &["add vary: x-a, x-b, cookie"] as &[&str]), (":path: /b", &[])]
    {
        assert_eq!(edits(&canary, request, &mut Given::default()).1, expected, "{request}");
    }
}

#[test]
fn a_version_cookie() {
    let canary = canary(&format!(
        r#"{{{BY_HEADER}, "propagate": {{"cookie": {{"name": "version", "http_only": false, "same_site": "strict", "path": "/app", "domain": "example.com", "secure": "always"}}}}}}"#
    ));
    let attributes = "Path=/app; Domain=example.com";
    for (request, expected) in [
        ("x: always", Some(format!("add set-cookie: version=v2; {attributes}; Secure; SameSite=Strict"))),
        ("x: always\ncookie: version=v2", None),
        (
            "cookie: version=v2",
            Some(format!("add set-cookie: version=; {attributes}; Max-Age=0; Secure; SameSite=Strict")),
        ),
        ("", None),
    ] {
        assert_eq!(edits(&canary, request, &mut Given::default()).1, Vec::from_iter(expected), "{request}");
    }
}

#[test]
fn decisions_of_trusted_sources() {
    for (inherit, sent) in [
        (r#"{"header": "X-Version"}"#, "x-version: "),
        (r#"{"baggage": "release"}"#, "baggage: a=1, release="),
    ] {
        let canary = canary(&format!(
            r#"{{{BY_HEADER}, "inherit": {inherit},
                "trust": {{"source_ips": ["10.0.0.0/8"], "principals": ["spiffe://cluster.local/ns/edge/sa/gw"]}}}}"#
        ));
        let principal = |name: &str| Given { principal: Some(name.into()), ..Given::default() };
        let address = |ip: &str| Given { source_ip: ip.parse().ok(), ..Given::default() };
        for (mut facts, name, expected) in [
            (address("10.1.1.1"), "v2", "v2 inherited"),
            (address("10.1.1.1"), "stable", "stable inherited"),
            (address("10.1.1.1"), "v3", "stable default"),
            (address("10.1.1.1"), "", "stable default"),
            (principal("spiffe://cluster.local/ns/edge/sa/gw"), "v2", "v2 inherited"),
            (principal("spiffe://cluster.local/ns/edge/sa/gw2"), "v2", "stable default"),
            (address("192.0.2.1"), "v2", "stable default"),
            (Given::default(), "v2", "stable default"),
        ] {
            let lines = format!("{sent}{name}");
            let is_trusted = facts.source_ip == "10.1.1.1".parse().ok()
                || facts.principal == Some("spiffe://cluster.local/ns/edge/sa/gw".into());
            let decision = canary.decide(&headers(&lines), &mut facts);
            assert_eq!(format!("{} {}", decision.name(), decision.reason.as_str()), expected, "{lines}");
            let removed = match (is_trusted, inherit.contains("header")) {
                (true, _) => vec![],
                (false, true) => vec!["remove x-version".to_owned()],
                (false, false) => vec!["set baggage: a=1".to_owned()],
            };
            assert_eq!(edits(&canary, &lines, &mut facts).0, removed, "{lines}");
        }
    }
}

#[test]
fn the_debug_header_is_for_trusted_sources() {
    let canary = canary(
        r#"{"releases": [{"name": "AB12A", "weight": 50, "key": [{"header": "u"}]}], "vary": false,
            "debug_header": "X-Canary-Debug", "trust": {"source_ips": ["10.0.0.1"]}}"#,
    );
    let mut trusted = Given { source_ip: "10.0.0.1".parse().ok(), ..Given::default() };
    let shown = |lines: &str, facts: &mut Given| edits(&canary, lines, facts).1;
    assert_eq!(
        shown("x-canary-debug: 1\nu: 122", &mut trusted),
        ["set x-canary-debug: release=AB12A; reason=weight; bucket=22087"]
    );
    assert!(shown("u: 122", &mut trusted).is_empty());
    assert!(shown("x-canary-debug: 1\nu: 122", &mut Given::default()).is_empty());
}

#[test]
fn signed_tokens() {
    let key = "0123456789abcdef0123456789abcdef";
    let config = format!(
        r#"{{"releases": [
            {{"name": "v2.1", "by_header": {{"name": "x", "signed": true}}}},
            {{"name": "v3", "by_cookie": {{"name": "c", "signed": true}}}}
        ], "token": {{"keys": ["{}", "${{KEY}}"]}}}}"#,
        "-".repeat(32)
    );
    let config = sdk_shim_config::parse(config.as_bytes()).unwrap();
    let canary = Canary::with_env(config, &|name| (name == "KEY").then(|| key.to_owned())).unwrap();
    // printf portcullis-canary:v2.1.1000 | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef -binary |
    // basenc --base64url | tr -d =
    let good = "v2.1.1000.abdU0_cQYI_kD33LGyFQYHDXuHM18t-h3Df15s9857Y";
    let v3 = "v3.1000.1A1pO1I0bsFrS0PfTqTvApwxIWpkJT4imdSTp50vlM0";
    for (request, now, expected) in [
        (format!("x: {good}"), 999, "v2.1 header_token"),
        (format!("x: {good}"), 1000, "stable default"),
        (format!("cookie: c={v3}"), 0, "v3 cookie_token"),
        // For another release, or changed.
        (format!("x: {v3}"), 0, "stable default"),
        (format!("x: {}", good.replace("1000", "2000")), 0, "stable default"),
        (format!("x: {}", good.replace("1000", "+1000")), 0, "stable default"),
        (format!("x: {good}A"), 0, "stable default"),
        (format!("x: {}", good.trim_end_matches('Y')), 0, "stable default"),
        ("x: v2.1.1000.".into(), 0, "stable default"),
        ("x: always".into(), 0, "stable default"),
        (format!("x: {}", ".".repeat(60_000)), 0, "stable default"),
        // Keeping out needs no signature.
        ("x: never".into(), 0, "stable header_never"),
    ] {
        let mut facts = Given { now: Duration::from_secs(now), ..Given::default() };
        let decision = canary.decide(&headers(&request), &mut facts);
        assert_eq!(format!("{} {}", decision.name(), decision.reason.as_str()), expected, "{request}");
    }
}

#[test]
fn a_dry_run_changes_nothing() {
    let canary = canary(
        r#"{"dry_run": true, "releases": [{"name": "v2", "weight": 100,
              "request_headers": {"set": [{"name": "a", "value": "1"}]}, "response_headers": {"set": [{"name": "a", "value": "1"}]}}],
            "affinity": {"cookie": {"name": "pin"}}, "act": {"header": {"name": "x-release"}}}"#,
    );
    assert_eq!(decide(&canary, ""), "v2 weight");
    let (request, response) = edits(&canary, "x-release: v2", &mut Given::default());
    assert_eq!(request, ["set x-release: stable"]);
    assert!(response.is_empty(), "{response:?}");
}
