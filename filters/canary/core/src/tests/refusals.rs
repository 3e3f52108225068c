use super::*;

/// What is refused of the fields beyond a release's first rules: the configuration, and how the first error begins.
#[test]
fn refuses_with_the_place() {
    let condition = |condition: &str| format!(r#"{{"releases": [{{"name": "v2", "match": {condition}}}]}}"#);
    let release = |rules: &str| format!(r#"{{"releases": [{{"name": "v2", "weight": 10, {rules}}}]}}"#);
    let schedule = |rules: &str| release(&format!(r#""schedule": {{{rules}}}"#));
    let top = |rules: &str| format!(r#"{{"releases": [{{"name": "v2", "weight": 10}}], {rules}}}"#);
    let mut deep = r#"{"method": ["GET"]}"#.to_owned();
    (0..8).for_each(|_| deep = format!(r#"{{"not": {deep}}}"#));
    let cases: &[(String, &str)] = &[
        (condition(r#"{"all": []}"#), "releases[0].match.all: found an empty list"),
        (condition(r#"{"heder": {}}"#), "releases[0].match: found unknown variant `heder`"),
        (condition(r#"{"header": {"name": "x"}}"#), "releases[0].match.header: found no test"),
        (
            condition(r#"{"header": {"name": "x", "exact": "a", "prefix": "b"}}"#),
            "releases[0].match.header: found 2 tests, expected one",
        ),
        (
            condition(r#"{"any": [{"method": ["GET"]}, {"cookie": {"name": "a b", "present": true}}]}"#),
            "releases[0].match.any[1].cookie.name: found `a b`",
        ),
        (
            condition(r#"{"header": {"name": "x", "regex": "a(?=b)"}}"#),
            "releases[0].match.header.regex: found `a(?=b)` (look-around",
        ),
        (
            condition(r#"{"header": {"name": "x", "regex": "\\p{Greek}"}}"#),
            "releases[0].match.header.regex: found `\\p{Greek}` (Unicode",
        ),
        (
            condition(r#"{"path": {"regex": "(a{900}){900}"}}"#),
            "releases[0].match.path.regex: found `(a{900}){900}` (compiled it is larger than",
        ),
        (condition(r#"{"path": {"prefix": "api"}}"#), "releases[0].match.path.prefix: found `api`"),
        (condition(r#"{"path": {"exact": "/a?b"}}"#), "releases[0].match.path.exact: found `/a?b`"),
        (condition(r#"{"method": ["G E T"]}"#), "releases[0].match.method[0]: found `G E T`"),
        (condition(r#"{"method": []}"#), "releases[0].match.method: found 0 entries"),
        (
            condition(r#"{"source_ip": ["10.0.0.0/33"]}"#),
            "releases[0].match.source_ip[0]: found `10.0.0.0/33`",
        ),
        (
            condition(r#"{"country": ["NL"]}"#),
            "releases[0].match.country: found a condition, expected the top",
        ),
        (
            condition(r#"{"query": {"name": "a=b", "present": true}}"#),
            "releases[0].match.query.name: found `a=b`",
        ),
        (
            condition(r#"{"header": {"name": "x", "range": {"start": 5, "end": 5}}}"#),
            "releases[0].match.header.range: found 5 to 5, expected a start below the end",
        ),
        (
            condition(r#"{"claim": {"name": "sub", "exact": "alice"}}"#),
            "releases[0].match.claim.name: found `sub`, expected the top level's `claims` beside it",
        ),
        (
            release(r#""key": [{"claim": "sub"}]"#),
            "releases[0].key[0].claim: found `sub`, expected the top level's `claims` beside it",
        ),
        (
            condition(&deep),
            "releases[0].match.not.not.not.not.not.not.not.not: found level 9, expected at most 8",
        ),
        (
            release(r#""key": ["id_cookie"]"#),
            "releases[0].key[0]: found `id_cookie`, expected the top level's",
        ),
        (
            release(r#""namespace": {"name": "n", "from": 0, "to": 10}"#),
            "releases[0].namespace.name: found `n`, expected a namespace of the top",
        ),
        (
            release(r#""namespace": {"name": "n", "from": 0, "to": 100.5}"#),
            "releases[0].namespace.to: found 100.5, expected a number from 0 to 100",
        ),
        (
            r#"{"namespaces": [{"name": "n"}], "releases": [
                {"name": "a", "namespace": {"name": "n", "from": 0, "to": 60}},
                {"name": "b", "namespace": {"name": "n", "from": 59.999, "to": 100}}]}"#
                .into(),
            "releases[1].namespace: found 59.999 to 100, expected a range apart from 0 to 60",
        ),
        (top(r#""namespaces": [{"name": "n"}, {"name": "n"}]"#), "namespaces[1].name: found `n` again"),
        (
            schedule(r#""start": "tomorrow""#),
            "releases[0].schedule.start: found `tomorrow`, expected a time in UTC",
        ),
        (schedule(r#""start": -1"#), "releases[0].schedule.start: found integer `-1`, expected a string"),
        (
            schedule(r#""start": "1969-12-31T23:59:59Z""#),
            "releases[0].schedule.start: found `1969-12-31T23:59:59Z`, expected a time in UTC from 1970 on",
        ),
        (
            schedule(r#""duration": "1h""#),
            "releases[0].schedule.duration: found a value, expected `start` beside",
        ),
        (
            schedule(r#""start": "2026-01-01T00:00:00Z", "duration": "-1h""#),
            "releases[0].schedule.duration: found `-1h`, expected a duration that is not negative",
        ),
        (
            schedule(r#""start": "2026-01-01T00:00:00Z", "end": "2026-01-01T00:00:00Z""#),
            "releases[0].schedule.end: found a time before `start`",
        ),
        (
            schedule(
                r#""start": "2026-01-01T00:00:00Z", "steps": [{"after": "0s", "weight": 5}, {"after": "0s", "weight": 6}]"#,
            ),
            "releases[0].schedule.steps[1].after: found `0s`, expected a later time",
        ),
        (
            schedule(
                r#""start": "2026-01-01T00:00:00Z", "steps": [{"after": "0s", "weight": 5}, {"after": "1s", "weight": 4}]"#,
            ),
            "releases[0].schedule.steps[1].weight: found 4, expected no less than",
        ),
        (
            schedule(r#""start": "2026-01-01T00:00:00Z", "steps": [{"after": "0s", "weight": 11}]"#),
            "releases[0].schedule.steps[0].weight: found 11, expected at most the release's",
        ),
        (
            schedule(
                r#""start": "2026-01-01T00:00:00Z", "pauses": [{"from": "2026-01-01T00:00:00Z", "to": "2025-01-01T00:00:00Z"}]"#,
            ),
            "releases[0].schedule.pauses[0].to: found `2025-01-01T00:00:00Z`, expected a later time",
        ),
        (
            release(r#""by_header": {"name": "x", "signed": true}"#),
            "releases[0].by_header.signed: found true, expected the top level's `token`",
        ),
        (
            top(r#""token": {"keys": ["short"]}"#),
            "token.keys[0]: found a key of 5 bytes, expected at least 32",
        ),
        (top(r#""token": {"keys": []}"#), "token.keys: found 0 keys, expected 1 to 8"),
        (top(r#""token": {"keys": ["${NO_KEY}"]}"#), "token.keys[0]: found a reference to the environment"),
        (
            release(r#""cluster": "shop""#),
            "releases[0].cluster: found a cluster, expected `act: {cluster_header",
        ),
        (
            top(r#""act": {"cluster_header": {"name": "x-cluster", "stable": "shop"}}"#),
            "releases[0].cluster: found nothing, expected a cluster",
        ),
        (
            top(r#""act": {"cluster_header": {"name": "x cluster", "stable": "shop"}}"#),
            "act.cluster_header.name: found `x cluster`, expected a header name",
        ),
        (
            top(r#""act": {"filter_state": {"key": "canary_reason"}}"#),
            "act.filter_state.key: found `canary_reason`",
        ),
        (
            release(r#""request_headers": {"set": [{"name": "a", "value": "b\r\nc: d"}]}"#),
            "releases[0].request_headers.set[0].value: found",
        ),
        (
            top(r#""stable": {"response_headers": {"remove": [":status"]}}"#),
            "stable.response_headers.remove[0]: found `:status`, expected a header name",
        ),
        (top(r#""id_cookie": {"name": "a;b"}"#), "id_cookie.name: found `a;b`, expected a cookie name"),
        (top(r#""id_cookie": {"name": "a", "max_age": "401days"}"#), "id_cookie.max_age: found `401days`"),
        (top(r#""id_cookie": {"name": "a", "path": "x"}"#), "id_cookie.path: found `x`"),
        (top(r#""id_cookie": {"name": "a", "domain": "a;b"}"#), "id_cookie.domain: found `a;b`"),
        (
            top(r#""id_cookie": {"name": "__Host-a"}"#),
            "id_cookie.name: found `__Host-a`, expected `secure: always`",
        ),
        (
            top(r#""affinity": {"cookie": {"name": "a", "same_site": "none"}}"#),
            "affinity.cookie.same_site: found `none`, expected `secure: always`",
        ),
        (top(r#""inherit": {"header": "x"}"#), "inherit: found a value, expected `trust` with a source"),
        (top(r#""trust": {"source_ips": ["10.0.0"]}"#), "trust.source_ips[0]: found `10.0.0`"),
        (top(r#""propagate": {"baggage": {"key": "a b"}}"#), "propagate.baggage.key: found `a b`"),
        (
            top(r#""random_value": {"header": "x", "seed": ""}"#),
            "random_value.seed: found ``, expected 1 to 256",
        ),
    ];
    for (config, expected) in cases {
        let errors = load(config).err().unwrap_or_else(|| panic!("accepted: {config}")).to_string();
        assert!(errors.starts_with(expected), "{config}\n     got: {errors}\nexpected: {expected}");
    }
}

#[test]
fn limits() {
    let many = |count: usize| {
        let method = r#"{"method": ["GET"]}"#;
        format!(
            r#"{{"releases": [{{"name": "v2", "match": {{"any": [{}]}}}}]}}"#,
            vec![method; count].join(",")
        )
    };
    canary(&many(1023));
    let errors = load(&many(1024)).unwrap_err().to_string();
    assert!(
        errors.starts_with("releases[0].match: found condition number 1025, expected at most 1024"),
        "{errors}"
    );
}
