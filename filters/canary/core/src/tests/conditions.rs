use super::*;

/// A condition, then rows of request headers and whether it holds.
type Table = (&'static str, &'static [(&'static str, bool)]);

fn canary_of(condition: &str) -> Canary {
    canary(&format!(r#"{{"releases": [{{"name": "v2", "match": {condition}}}]}}"#))
}

#[test]
fn conditions() {
    let tables: &[Table] = &[
        (
            r#"{"header": {"name": "X-Tier", "exact": "gold"}}"#,
            &[
                ("x-tier: gold", true),
                ("x-tier: Gold", false),
                ("x-tier: ", false),
                ("", false),
                // Repeated headers are one, joined with commas.
                ("x-tier: gold\nx-tier: gold", false),
            ],
        ),
        (
            r#"{"header": {"name": "x", "exact": "gold", "ignore_case": true}}"#,
            &[("x: GoLD", true), ("x: golden", false)],
        ),
        (r#"{"header": {"name": "x", "exact": ""}}"#, &[("x: ", true), ("", false)]),
        (
            r#"{"header": {"name": "x", "prefix": "ab"}}"#,
            &[("x: abc", true), ("x: ab", true), ("x: a", false), ("x: xab", false)],
        ),
        (
            r#"{"header": {"name": "x", "suffix": ".test", "ignore_case": true}}"#,
            &[("x: a.TEST", true), ("x: .test", true), ("x: test", false), ("x: .test.", false)],
        ),
        (
            r#"{"header": {"name": "user-agent", "contains": "a.b"}}"#,
            &[("user-agent: xa.by", true), ("user-agent: xaxby", false), ("user-agent: A.B", false)],
        ),
        (
            r#"{"header": {"name": "x", "contains": "a.b", "ignore_case": true}}"#,
            &[("x: -A.B-", true), ("x: -AxB-", false)],
        ),
        (
            r#"{"header": {"name": "x", "in": ["a", "b"]}}"#,
            &[("x: a", true), ("x: b", true), ("x: c", false), ("x: a,b", false)],
        ),
        (
            r#"{"header": {"name": "x", "regex": "v\\d+|beta"}}"#,
            &[
                ("x: v12", true),
                ("x: beta", true),
                ("x: v12-", false),
                ("x: -beta", false),
                ("x: V1", false),
                ("x: v1\nx: v2", false),
            ],
        ),
        (
            r#"{"header": {"name": "x", "range": {"start": -5, "end": 10}}}"#,
            &[
                ("x: -5", true),
                ("x: 9", true),
                ("x: 10", false),
                ("x: 1.5", false),
                ("x: ", false),
                ("x: 0x1", false),
                ("x: 99999999999999999999", false),
                ("", false),
            ],
        ),
        (r#"{"header": {"name": "x", "present": true}}"#, &[("x: ", true), ("y: 1", false)]),
        (r#"{"header": {"name": "x", "present": false}}"#, &[("x: ", false), ("y: 1", true)]),
        (
            r#"{"not": {"header": {"name": "x", "exact": "a"}}}"#,
            &[("x: a", false), ("x: b", true), ("", true)],
        ),
        (
            r#"{"cookie": {"name": "tier", "exact": "beta"}}"#,
            &[
                ("cookie: a=b; tier=beta", true),
                ("cookie: tier=alpha; tier=beta", false),
                ("cookie: Tier=beta", false),
                ("tier: beta", false),
            ],
        ),
        (
            r#"{"cookie": {"name": "t", "regex": "[ab]+"}}"#,
            &[("cookie: t=abba", true), ("cookie: t=x", false)],
        ),
        (
            r#"{"query": {"name": "animal", "exact": "whale"}}"#,
            &[
                (":path: /?animal=whale", true),
                (":path: /?x=1&animal=whale#f", true),
                (":path: /?animal=dolphin&animal=whale", false),
                (":path: /?ANIMAL=whale", false),
                (":path: /?animal=wh%61le", false),
                (":path: /animal=whale", false),
            ],
        ),
        (
            r#"{"query": {"name": "debug", "present": true}}"#,
            &[(":path: /?debug", true), (":path: /?debugger=1", false), (":path: /", false)],
        ),
        (
            r#"{"path": {"prefix": "/api/"}}"#,
            &[
                (":path: /api", true),
                (":path: /api/x?y", true),
                (":path: /apix", false),
                (":path: /?/api", false),
            ],
        ),
        (r#"{"path": {"exact": "/api"}}"#, &[(":path: /api?x", true), (":path: /api/", false)]),
        (r#"{"path": {"suffix": ".css"}}"#, &[(":path: /a.css?x", true), (":path: /a.css/", false)]),
        (r#"{"path": {"regex": "/v[0-9]+/.*"}}"#, &[(":path: /v1/x", true), (":path: /a/v1/x", false)]),
        (
            r#"{"method": ["GET", "HEAD"]}"#,
            &[(":method: HEAD", true), (":method: POST", false), (":method: get", false), ("", false)],
        ),
        (
            r#"{"all": [{"header": {"name": "a", "present": true}}, {"header": {"name": "b", "present": true}}]}"#,
            &[("a: 1\nb: 1", true), ("a: 1", false), ("", false)],
        ),
        (
            r#"{"any": [{"header": {"name": "a", "present": true}}, {"not": {"header": {"name": "b", "present": true}}}]}"#,
            &[("a: 1\nb: 1", true), ("", true), ("b: 1", false)],
        ),
    ];
    for (condition, rows) in tables {
        let canary = canary_of(condition);
        for (request, holds) in *rows {
            let expected = if *holds { "v2 match" } else { "stable default" };
            assert_eq!(decide(&canary, request), expected, "{condition}\n{request}");
        }
    }
}

#[test]
fn addresses_and_countries() {
    let config = r#"{
        "releases": [
            {"name": "office", "match": {"source_ip": ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"]}},
            {"name": "nl", "match": {"country": ["NL", "be"]}}
        ],
        "country": {"header": "CF-IPCountry"}, "trust": {"source_ips": ["198.51.100.0/24"]}
    }"#;
    let canary = canary(config);
    for (address, country, expected) in [
        ("10.1.2.3", "", "office"),
        ("::ffff:10.1.2.3", "", "office"),
        ("2001:db8::1", "NL", "office"),
        ("192.0.2.7", "", "office"),
        ("192.0.2.8", "", "stable"),
        ("198.51.100.1", "nl", "nl"),
        ("198.51.100.1", "BE", "nl"),
        ("198.51.100.1", "DE", "stable"),
        ("198.51.100.1", "NLX", "stable"),
        // Who is not trusted cannot say where they are.
        ("203.0.113.1", "NL", "stable"),
    ] {
        let headers = headers(&format!("cf-ipcountry: {country}"));
        let mut facts = Given { source_ip: address.parse().ok(), ..Given::default() };
        assert_eq!(canary.decide(&headers, &mut facts).name(), expected, "{address} {country}");
    }
    assert!(canary.warnings().is_empty());
    let open = config.replace(r#""source_ips": ["198.51.100.0/24"]"#, "");
    let open = self::canary(&open);
    assert_eq!(decide(&open, "cf-ipcountry: NL"), "nl match");
    assert!(open.warnings().to_string().starts_with("country: found a header that is believed"));
}

#[test]
fn a_match_limits_the_weight_only() {
    let canary = canary(
        r#"{"releases": [{
            "name": "v2", "by_header": {"name": "x-canary"}, "weight": 100,
            "match": {"header": {"name": "x-tier", "exact": "gold"}}
        }]}"#,
    );
    for (request, expected) in [
        ("x-tier: gold", "v2 weight"),
        ("x-tier: tin", "stable default"),
        ("x-canary: always", "v2 header_always"),
        ("x-tier: gold\nx-canary: never", "stable header_never"),
    ] {
        assert_eq!(decide(&canary, request), expected, "{request}");
    }
}

#[test]
fn many_patterns_of_one_header_match_as_each_alone() {
    let releases: Vec<String> = (0..150)
        .map(|n| {
            format!(
                r#"{{"name": "r{n}", "match": {{"header": {{"name": "x", "regex": "(?i)[a-z]*{n}!?"}}}}}}"#
            )
        })
        .collect();
    let canary = canary(&format!(r#"{{"releases": [{}]}}"#, releases.join(",")));
    for n in 0..150 {
        assert_eq!(decide(&canary, &format!("x: Abc{n}!")), format!("r{n} match"));
        assert_eq!(decide(&canary, &format!("x: Abc{n}!!")), "stable default");
    }
}

#[test]
fn the_most_specific_host_goes_first_in_gateway_api() {
    let config = |precedence: &str| {
        canary(&format!(
            r#"{{"precedence": "{precedence}", "releases": [
                {{"name": "anywhere", "match": {{"path": {{"exact": "/x"}}}}}},
                {{"name": "below", "hosts": ["*.example.com"], "match": {{"path": {{"exact": "/x"}}}}}},
                {{"name": "further-below", "hosts": ["*.b.example.com", "other.example.com"], "weight": 100}},
                {{"name": "exact", "hosts": ["a.b.example.com", "*.example.com"], "match": {{"path": {{"prefix": "/"}}}}}}
            ]}}"#
        ))
    };
    let (gateway, listed) = (config("gateway_api"), config("listed"));
    for (host, path, expected, in_order) in [
        ("a.b.example.com", "/x", "exact", "anywhere"),
        ("a.b.example.com", "/y", "exact", "further-below"),
        ("c.b.example.com", "/x", "further-below", "anywhere"),
        ("other.example.com", "/x", "further-below", "anywhere"),
        // Of equal hosts the path counts.
        ("c.example.com", "/x", "below", "anywhere"),
        ("c.example.com", "/y", "exact", "exact"),
        ("example.com", "/x", "anywhere", "anywhere"),
    ] {
        let request = headers(&format!(":authority: {host}\n:path: {path}"));
        let name = |canary: &Canary| canary.decide(&request, &mut Given::default()).name().to_owned();
        assert_eq!(
            (name(&gateway), name(&listed)),
            (expected.to_owned(), in_order.to_owned()),
            "{host}{path}"
        );
    }
}

#[test]
fn precedence_of_gateway_api() {
    let config = |precedence: &str| {
        canary(&format!(
            r#"{{"precedence": "{precedence}", "releases": [
                {{"name": "plain", "weight": 100}},
                {{"name": "query", "match": {{"query": {{"name": "q", "present": true}}}}}},
                {{"name": "headers", "match": {{"any": [
                    {{"all": [{{"header": {{"name": "a", "present": true}}}}, {{"header": {{"name": "b", "present": true}}}}]}},
                    {{"path": {{"exact": "/exact"}}}}
                ]}}}},
                {{"name": "header", "match": {{"header": {{"name": "a", "present": true}}}}}},
                {{"name": "method", "match": {{"method": ["GET"]}}}},
                {{"name": "short", "match": {{"path": {{"prefix": "/a"}}}}}},
                {{"name": "long", "match": {{"path": {{"prefix": "/a/b/"}}}}}}
            ]}}"#
        ))
    };
    let canary = config("gateway_api");
    for (request, expected) in [
        ("", "plain"),
        (":path: /?q", "query"),
        (":path: /?q\na: 1", "header"),
        ("a: 1\nb: 1", "headers"),
        ("a: 1\nb: 1\n:method: GET", "method"),
        (":path: /a\n:method: GET", "short"),
        (":path: /a/b/c?q\n:method: GET", "long"),
        (":path: /exact\n:method: GET\na: 1", "headers"),
    ] {
        assert_eq!(canary.decide(&headers(request), &mut Given::default()).name(), expected, "{request}");
        let listed = config("listed");
        assert_eq!(listed.decide(&headers(request), &mut Given::default()).name(), "plain", "{request}");
    }
}

#[test]
fn namespaces_keep_experiments_apart() {
    let canary = canary(
        r#"{
            "namespaces": [{"name": "checkout", "key": [{"header": "u"}, "none"]}],
            "releases": [
                {"name": "a", "namespace": {"name": "checkout", "from": 0, "to": 25}},
                {"name": "b", "namespace": {"name": "checkout", "from": 25, "to": 75}, "weight": 50,
                 "key": [{"header": "u"}]}
            ]
        }"#,
    );
    let mut count = [0_u32; 3];
    for user in 0..10_000 {
        let request = headers(&format!("u: {user}"));
        let decision = canary.decide(&request, &mut Given::default());
        count[decision.release.map_or(2, |release| release.index())] += 1;
        // The space of a release does not hang on the other's.
        let alone = canary.decide(&request, &mut Given::default());
        assert_eq!(alone.name(), decision.name());
    }
    // 25 %, half of 50 %, the rest; five standard deviations are 216 and 250.
    assert!(count[0].abs_diff(2500) < 216 && count[1].abs_diff(2500) < 216, "{count:?}");
    assert_eq!(decide(&canary, ""), "stable default");
}
