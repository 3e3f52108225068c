use super::*;
use std::time::{Duration, Instant};

fn with_pairs(pairs: &[(&str, &[u8])]) -> Headers {
    let fixed: [(&str, &[u8]); 2] = [(":authority", b"shop.example.com"), (":path", b"/")];
    Headers::from_iter(fixed.into_iter().chain(pairs.iter().copied()))
}

fn outcome(canary: &Canary, pairs: &[(&str, &[u8])]) -> String {
    let decision = canary.decide(&with_pairs(pairs), &mut Given::default());
    format!("{} {}", decision.name(), decision.reason.as_str())
}

#[test]
fn cookies_that_are_none() {
    let canary = canary(r#"{"releases": [{"name": "v2", "by_cookie": {"name": "c"}}]}"#);
    let cases: &[(&[u8], &str)] = &[
        (b"", "stable default"),
        (b";;;;", "stable default"),
        (b"=always", "stable default"),
        (b"c", "stable default"),
        (b"c==always", "stable default"),
        (b"c=\"always\"", "stable default"),
        (b"c=always,never", "stable default"),
        (b"c=always\xff", "stable default"),
        (b"\xffc=always", "stable default"),
        (b"\xff\xfe; c=always", "v2 cookie_always"),
        (b"x\0y; c=always", "v2 cookie_always"),
        (b" \t c = always \t;", "v2 cookie_always"),
        (b";c=always;", "v2 cookie_always"),
        (b"c=; c=always", "stable default"),
        (b"c; c=always", "v2 cookie_always"),
        (b"c%3Dalways", "stable default"),
        (b"c=alw%61ys", "stable default"),
    ];
    for (cookie, expected) in cases {
        assert_eq!(outcome(&canary, &[("cookie", cookie)]), *expected, "{}", cookie.escape_ascii());
    }
}

#[test]
fn bytes_that_are_not_utf8() {
    let canary = canary(
        r#"{"releases": [
            {"name": "v2", "by_header": {"name": "x", "pattern": "^a.c$"}},
            {"name": "v3", "hosts": ["*.example.com"], "paths": ["/"], "weight": 50, "seed": "s",
             "key": [{"header": "user"}]}
        ]}"#,
    );
    assert_eq!(outcome(&canary, &[("x", b"a\xffc")]), "v2 header_pattern");
    assert_eq!(outcome(&canary, &[("x", b"\xff\xfe\0")]), outcome(&canary, &[]));
    let names: Vec<String> = (0..=255u8).map(|byte| outcome(&canary, &[("user", &[byte])])).collect();
    assert!(names.iter().any(|name| name == "v3 weight") && names.iter().any(|name| name == "stable weight"));
}

#[test]
fn long_values() {
    // A pattern whose naive matching would take exponential or quadratic time.
    let canary = canary(
        r#"{"releases": [
            {"name": "v2", "by_header": {"name": "x", "pattern": "(a+)+$|(.*)(.*)(.*)z$"}, "weight": 1,
             "key": [{"header": "x"}]}
        ]}"#,
    );
    let value = [b"a".repeat(60_000), b"!".to_vec()].concat();
    let start = Instant::now();
    outcome(&canary, &[("x", &value)]);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

#[test]
fn many_cookies_and_many_releases() {
    let releases: Vec<String> = (0..256)
        .map(|i| format!(r#"{{"name": "r{i}", "by_cookie": {{"name": "c{i}"}}, "weight": 0.001, "key": [{{"cookie": "k{i}"}}]}}"#))
        .collect();
    let canary = canary(&format!(r#"{{"releases": [{}]}}"#, releases.join(",")));
    let noise = "c=1;".repeat(15_000);
    let start = Instant::now();
    assert_eq!(
        outcome(&canary, &[("cookie", format!("{noise}c255=always").as_bytes())]),
        "r255 cookie_always"
    );
    // One pass over the cookies takes a few milliseconds unoptimised; one for each release takes seconds.
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    let start = Instant::now();
    outcome(&canary, &[("cookie", ";".repeat(60_000).as_bytes())]);
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
}

#[test]
fn a_request_without_host_and_path() {
    let canary = canary(
        r#"{"releases": [
            {"name": "a", "hosts": ["x"], "weight": 100},
            {"name": "b", "paths": ["/"], "weight": 100},
            {"name": "c", "weight": 100}
        ]}"#,
    );
    let decision = canary.decide(&Headers::default(), &mut Given::default());
    assert_eq!(decision.name(), "c");
}
