//! Key sets that are fetched: where they are, what is made of an answer, and when the next fetch is due.

use super::tokens::{OTHER, SECRET, jwks, of, sign};
use super::*;
use crate::config::RemoteJwks;
use crate::remote::Answer;
use crate::remote::*;
use serde_json::{Value, json};
use std::time::Duration;

const KEYS: &str = "https://keys.example/set";

fn rule(members: &Value) -> Value {
    let mut rule = json!({"issuer": "https://issuer.example/"});
    rule.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    rule
}

fn with(rules: &[Value], remote: &Value) -> Authz {
    let spec = json!({"jwtRules": rules});
    authz(
        &json!({"request_authentication": [{"name": "r", "spec": spec}], "remote_jwks": remote}).to_string(),
    )
}

fn fetching() -> Authz {
    with(&[rule(&json!({"jwksUri": KEYS}))], &json!({"clusters": {"keys.example": "keys"}}))
}

fn discovering() -> Authz {
    with(&[rule(&json!({}))], &json!({"cluster": "to-{host}-{port}"}))
}

#[test]
fn targets() {
    let clusters = RemoteJwks {
        clusters: [("a.example", "a"), ("a.example:8443", "a-8443"), ("[::1]:80", "six")]
            .map(|(host, cluster)| (host.to_owned(), cluster.to_owned()))
            .into(),
        cluster: Some("outbound|{port}||{host}".to_owned()),
        ..RemoteJwks::default()
    };
    let cases = [
        ("https://a.example", Ok(("a", "a.example", "/"))),
        ("http://a.example/keys?x=1#y", Ok(("a", "a.example", "/keys?x=1"))),
        ("https://a.example?x", Ok(("a", "a.example", "/?x"))),
        ("https://a.example:8443/k", Ok(("a-8443", "a.example:8443", "/k"))),
        ("https://b.example/k", Ok(("outbound|443||b.example", "b.example", "/k"))),
        ("http://b.example/k", Ok(("outbound|80||b.example", "b.example", "/k"))),
        ("http://b.example:1/k", Ok(("outbound|1||b.example", "b.example:1", "/k"))),
        ("http://[::1]:80/k", Ok(("six", "[::1]:80", "/k"))),
        ("http://[::1]/k", Ok(("outbound|80||[::1]", "[::1]", "/k"))),
        ("a.example/k", Err(UriError::Scheme)),
        ("ftp://a.example/k", Err(UriError::Scheme)),
        ("HTTPS://a.example/k", Err(UriError::Scheme)),
        ("https:///k", Err(UriError::Host)),
        ("https://user@a.example/k", Err(UriError::Host)),
        ("https://a.example:x/k", Err(UriError::Host)),
        ("https://a.example:70000/k", Err(UriError::Host)),
        ("https://a.example/k k", Err(UriError::Character)),
        ("https://a.example/\r\nx: y", Err(UriError::Character)),
        ("https://a.example/\u{e4}", Err(UriError::Character)),
    ];
    for (uri, expected) in cases {
        let target = Target::new(uri, &clusters);
        let found = target
            .as_ref()
            .map_err(|error| *error)
            .map(|target| (target.cluster.as_str(), target.authority.as_str(), target.path.as_str()));
        assert_eq!(found, expected, "{uri}");
    }
    assert_eq!(Target::new("https://x/", &RemoteJwks::default()), Err(UriError::NoCluster));
    let authz = discovering();
    let [source] = authz.sources() else { panic!("one source") };
    assert_eq!(source.start.cluster, "to-issuer.example-443");
    assert_eq!(source.start.path, "/.well-known/openid-configuration");
}

#[test]
fn rules_share_a_source() {
    let rules = [
        rule(&json!({"jwksUri": KEYS})),
        rule(&json!({"jwksUri": KEYS, "issuer": "b"})),
        rule(&json!({"jwksUri": format!("{KEYS}/2"), "issuer": "c"})),
        rule(&json!({"issuer": "d", "jwks": jwks(SECRET)})),
    ];
    let authz = with(&rules, &json!({"cluster": "keys"}));
    assert_eq!(authz.sources().len(), 2);
    let keys: Vec<String> = authz.sources().iter().map(Source::shared_key).collect();
    assert_ne!(keys[0], keys[1]);
}

fn answer<'a>(status: u16, headers: &'a Headers, body: &'a [u8]) -> Answer<'a> {
    Answer { status: Some(status), headers, body }
}

/// Status, body, and the outcome in metrics.
#[test]
fn every_answer_has_an_outcome() {
    let good = jwks(SECRET);
    let unusable = r#"{"keys": [{"kty": "RSA", "n": "AQAB", "e": "AQAB"}]}"#;
    let large = format!("{}{}", " ".repeat(MAX_FETCHED_BYTES), good);
    let cases = [
        (Some(200), good.as_str(), Ok("keys")),
        (Some(200), "", Err("malformed")),
        (Some(200), "<html>", Err("malformed")),
        (Some(200), "[]", Err("malformed")),
        (Some(200), "{\"keys\": []}", Err("no_usable_key")),
        (Some(200), unusable, Err("no_usable_key")),
        (Some(200), &large, Err("too_large")),
        (Some(204), "", Err("status")),
        (Some(404), &good, Err("status")),
        (Some(500), &good, Err("status")),
        (Some(301), &good, Err("redirect")),
        (Some(307), "", Err("redirect")),
        (Some(503), "upstream connect error", Err("unreachable")),
        (Some(504), "upstream request timeout", Err("timeout")),
        (None, "", Err("no_answer")),
    ];
    let headers = Headers::default();
    for (status, body, expected) in cases {
        let answer = Answer { status, headers: &headers, body: body.as_bytes() };
        let found = answer.keys(false).map(|_| "keys").map_err(|error| {
            assert!(!error.to_string().is_empty());
            error.outcome()
        });
        let shown = body.get(..40).unwrap_or(body);
        assert_eq!(found, expected, "{status:?} {shown}");
        assert!(expected.is_ok() || FetchError::OUTCOMES.contains(&expected.unwrap_err()));
    }
    assert!(matches!(answer(304, &headers, b"").keys(true), Ok(Fetched::NotModified)));
    assert_eq!(answer(304, &headers, b"").keys(false).unwrap_err(), FetchError::Status(304));
}

#[test]
fn descriptions() {
    let authz = discovering();
    let [source] = authz.sources() else { panic!("one source") };
    let issuer = "https://issuer.example/";
    let cases = [
        (json!({"issuer": issuer, "jwks_uri": "https://k.example/set", "x": 1}), Ok("to-k.example-443")),
        (
            json!({"issuer": "https://issuer.example", "jwks_uri": "https://k.example"}),
            Err(FetchError::Issuer),
        ),
        (json!({"issuer": issuer}), Err(FetchError::Discovery)),
        (json!({"jwks_uri": "https://k.example"}), Err(FetchError::Discovery)),
        (json!([]), Err(FetchError::Discovery)),
        (
            json!({"issuer": issuer, "jwks_uri": "file:///etc"}),
            Err(FetchError::JwksUri("file:///etc".to_owned(), UriError::Scheme)),
        ),
    ];
    let headers = Headers::default();
    for (body, expected) in cases {
        let body = body.to_string();
        let found = answer(200, &headers, body.as_bytes()).jwks_uri(source).map(|target| target.cluster);
        assert_eq!(found, expected.map(str::to_owned), "{body}");
    }
    assert_eq!(answer(302, &headers, b"").jwks_uri(source).unwrap_err(), FetchError::Redirect(302));
}

const T: u64 = NOW;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(T + seconds)
}

/// A fetch that ended at this time.
fn after(
    record: &Record,
    source: &Source,
    seconds: u64,
    status: u16,
    headers: &[(&str, &str)],
    body: &str,
) -> Record {
    let headers: Headers = headers.iter().copied().collect();
    let answer = answer(status, &headers, body.as_bytes());
    let result = answer.keys(record.has_keys());
    record.leased(source, at(seconds)).fetched(source, at(seconds), &answer, &result)
}

fn due(record: &Record, source: &Source, seconds: u64, wanted: bool) -> u64 {
    match record.next(source, at(seconds), wanted) {
        Step::Fetch => 0,
        Step::Wait(time) => time.as_secs(),
    }
}

/// The headers of an answer, and after how many seconds the keys are fetched again: nine tenths of their freshness.
#[test]
fn freshness() {
    let authz = fetching();
    let source = &authz.sources()[0];
    let cases: &[(&[(&str, &str)], u64)] = &[
        (&[], 540),
        (&[("cache-control", "max-age=1000")], 900),
        (&[("cache-control", "public, Max-Age=\"1000\", must-revalidate")], 900),
        (&[("cache-control", "public"), ("cache-control", "max-age=1000")], 900),
        (&[("cache-control", "max-age=1000"), ("age", "500")], 450),
        (&[("cache-control", "max-age=1000"), ("age", "5000")], 54),
        (&[("cache-control", "max-age=0")], 54),
        (&[("cache-control", "no-store")], 54),
        (&[("cache-control", "max-age=1000, no-cache")], 54),
        (&[("cache-control", "max-age=99999999")], 77_760),
        (&[("cache-control", "max-age=x")], 540),
        (&[("cache-control", "max-age=-5")], 540),
        (&[("cache-control", ",,=,max-age")], 540),
    ];
    for (headers, expected) in cases {
        let record = after(&Record::default(), source, 0, 200, headers, &jwks(SECRET));
        let first = (0..100_000).find(|seconds| due(&record, source, *seconds, false) == 0);
        assert_eq!(first, Some(*expected), "{headers:?}");
    }
}

#[test]
fn an_outage_is_survived_for_a_bounded_time() {
    let authz = with(
        &[rule(&json!({"jwksUri": KEYS}))],
        &json!({"cluster": "keys", "cache_duration": "100s", "max_staleness": "1h"}),
    );
    let source = &authz.sources()[0];
    let nothing = Record::default();
    assert_eq!(nothing.next(source, at(0), false), Step::Fetch);
    assert!(!nothing.is_answered() && nothing.jwks(source, at(0)).is_none());
    // Without keys: after 1, 2, 4 … seconds, then each minute.
    let mut failed = nothing;
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        failed = after(&failed, source, 0, 503, &[], "");
        assert_eq!(due(&failed, source, 0, false), pause);
        assert_eq!(due(&failed, source, pause, false), 0);
        assert!(failed.is_answered() && failed.jwks(source, at(0)).is_none());
    }
    let keys = jwks(SECRET);
    let good = after(&failed, source, 1000, 200, &[("etag", "\"1\"")], &keys);
    assert_eq!(due(&good, source, 1000, false), 60);
    assert_eq!(due(&good, source, 1090, false), 0);
    assert_eq!(good.etag(), Some(&b"\"1\""[..]));
    let stale = after(&good, source, 1100, 500, &[], "");
    assert_eq!(due(&stale, source, 1100, false), 1);
    for (seconds, usable) in [(1100, true), (1100 + 3600, true), (1101 + 3600, false)] {
        assert_eq!(stale.jwks(source, at(seconds)).is_some(), usable, "{seconds}");
    }
    let same = after(&stale, source, 2000, 304, &[], "");
    assert_eq!(same.jwks(source, at(2000 + 3700)), Some(keys.as_bytes()));
    assert_eq!(due(&same, source, 2090, false), 0);
    for record in [&failed, &good, &stale, &same] {
        assert_eq!(Record::decode(&record.encode()), *record);
    }
}

#[test]
fn an_unknown_key_has_them_fetched_again_but_not_often() {
    let authz = fetching();
    let source = &authz.sources()[0];
    let good = after(&Record::default(), source, 0, 200, &[], &jwks(SECRET));
    for (seconds, may) in [(0, false), (29, false), (30, true), (100, true)] {
        assert_eq!(good.may_refetch(source, at(seconds)), may, "{seconds}");
        assert_eq!(due(&good, source, seconds, true) == 0, may, "{seconds}");
    }
    let failed = after(&good, source, 40, 500, &[], "");
    assert!(!failed.may_refetch(source, at(40)) && failed.may_refetch(source, at(41)));
}

#[test]
fn one_worker_fetches_for_all() {
    let authz = fetching();
    let source = &authz.sources()[0];
    let leased = Record::default().leased(source, at(0));
    // Another looks again soon while it has nothing, and takes over from one that does not come back.
    assert!(
        matches!(leased.next(source, at(0), false), Step::Wait(time) if time < Duration::from_millis(100))
    );
    assert_eq!(leased.next(source, at(6), false), Step::Fetch);
    let good = after(&Record::default(), source, 0, 200, &[], &jwks(SECRET)).leased(source, at(600));
    assert_eq!(due(&good, source, 600, false), 6);
    assert!(good.may_refetch(source, at(600)), "it is being fetched");
    // A clock that was set back.
    assert_eq!(good.next(source, at(300), false), Step::Wait(Duration::from_secs(60)));
    assert_eq!(after(&good, source, 5000, 500, &[], "").next(source, at(0), false), Step::Fetch);
}

#[test]
fn what_others_have_written_is_no_record() {
    let good = after(&Record::default(), &fetching().sources()[0], 0, 200, &[], &jwks(SECRET)).encode();
    for bytes in [&b""[..], b"\x00", b"\x01", b"{}", b"\x02aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        assert_eq!(Record::decode(bytes), Record::default(), "{bytes:?}");
    }
    for end in 0..41 {
        assert_eq!(Record::decode(&good[..end]), Record::default(), "{end}");
    }
    let mut long = good;
    long[37..41].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(Record::decode(&long), Record::default());
}

/// A client whose requests may wait.
fn patient() -> Client {
    Client { may_wait: true, ..Client::default() }
}

#[test]
fn tokens_are_verified_with_the_keys_of_the_moment() {
    let authz = fetching();
    let source = &authz.sources()[0];
    let text = |secret: &[u8]| {
        let claims = json!({"iss": "https://issuer.example/", "sub": "s"});
        format!("GET /\nauthorization: Bearer {}", sign(secret, &claims))
    };
    let (old, new) = (text(SECRET), text(OTHER));
    let check = |text: &str| authz.check(&request(text), &mut Client::default()).outcome;
    let patient = |text: &str| authz.check(&request(text), &mut self::patient()).outcome;
    let unavailable = |outcome| matches!(outcome, Outcome::DenyToken(denial) if denial.text() == "Jwks remote fetch is failed" && denial.status() == 401);

    // Nothing has come yet.
    assert!(unavailable(check(&old)));
    assert_eq!(patient(&old), Outcome::AwaitKeys(0));
    // What needs no key waits for none.
    assert_eq!(patient("GET /"), Outcome::Allow(None));
    let other = format!("GET /\nauthorization: Bearer {}", of("b"));
    assert!(matches!(patient(&other), Outcome::DenyToken(TokenDenial::UnknownIssuer)));

    // The first fetch has failed.
    let failed = after(&Record::default(), source, 0, 503, &[], "");
    authz.adopt(0, &failed, at(0));
    assert!(unavailable(patient(&old)) && unavailable(check(&old)));

    let first = after(&failed, source, 1, 200, &[], &jwks(SECRET));
    authz.adopt(0, &first, at(1));
    assert_eq!(check(&old), Outcome::Allow(None));
    assert!(matches!(check(&new), Outcome::DenyToken(_)));
    assert_eq!(authz.cached_tokens(), 1);
    // The same keys again: what was verified stays so.
    authz.adopt(0, &after(&first, source, 2, 200, &[], &jwks(SECRET)), at(2));
    assert_eq!(authz.cached_tokens(), 1);
    // Other keys: it does not.
    authz.adopt(0, &after(&first, source, 3, 200, &[], &jwks(OTHER)), at(3));
    assert!(matches!(check(&old), Outcome::DenyToken(_)));
    assert_eq!(check(&new), Outcome::Allow(None));
    // Too old.
    authz.adopt(0, &after(&first, source, 3, 200, &[], &jwks(OTHER)), at(100_000));
    assert!(unavailable(check(&new)) && unavailable(patient(&new)));
}

#[test]
fn a_token_with_an_unknown_kid_waits() {
    let authz = fetching();
    let source = &authz.sources()[0];
    let mut set: Value = serde_json::from_str(&jwks(SECRET)).unwrap();
    set["keys"][0]["kid"] = "one".into();
    authz.adopt(0, &after(&Record::default(), source, 0, 200, &[], &set.to_string()), at(0));
    let text = |kid: &str| {
        use base64::Engine;
        let base64url = |text: String| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let head = json!({"alg": "HS256", "kid": kid}).to_string();
        let claims = json!({"iss": "https://issuer.example/"}).to_string();
        format!("GET /\nauthorization: Bearer {}.{}.AAAA", base64url(head), base64url(claims))
    };
    let no_key = "Jwks doesn't have key to match kid or alg from Jwt";
    let cases =
        [("one", Some("Jwt verification fails")), ("two", None), ("", Some("Jwt verification fails"))];
    for (kid, expected) in cases {
        let outcome = authz.check(&request(&text(kid)), &mut self::patient()).outcome;
        match expected {
            None => assert_eq!(outcome, Outcome::AwaitKeys(0), "{kid}"),
            Some(reason) => {
                assert!(
                    matches!(outcome, Outcome::DenyToken(denial) if denial.text() == reason),
                    "{kid}: {outcome:?}"
                );
            }
        }
    }
    let outcome = authz.check(&request(&text("two")), &mut Client::default()).outcome;
    assert!(matches!(outcome, Outcome::DenyToken(denial) if denial.text() == no_key), "{outcome:?}");
}

#[test]
fn refused_settings() {
    let cases = [
        (json!({"cache_duration": "0s"}), "remote_jwks.cache_duration: found `0s`, expected 1s to 86400s"),
        (json!({"cache_duration": "x"}), "remote_jwks.cache_duration: found `x`, expected a duration"),
        (
            json!({"max_staleness": "9999days"}),
            "remote_jwks.max_staleness: found `9999days`, expected 0ns to",
        ),
        (
            json!({"unknown_kid_interval": "1ms"}),
            "remote_jwks.unknown_kid_interval: found `1ms`, expected 1s",
        ),
        (json!({"max_waiting": 100_001}), "remote_jwks.max_waiting: found 100001, expected at most 100000"),
        (
            json!({"clusters": {"a": ""}}),
            "remote_jwks.clusters: found \"a\": \"\", expected a host and a cluster",
        ),
        (json!({"refresh": "1s"}), "remote_jwks.refresh: found unknown field `refresh`"),
    ];
    for (remote, expected) in cases {
        let mut remote = remote;
        remote.as_object_mut().unwrap().entry("cluster").or_insert("keys".into());
        let spec = json!({"jwtRules": [rule(&json!({"jwksUri": KEYS}))]});
        let yaml = json!({"request_authentication": [{"name": "r", "spec": spec}], "remote_jwks": remote});
        let errors = refusal(&yaml.to_string()).to_string();
        assert!(errors.starts_with(expected), "{errors}");
    }
}
