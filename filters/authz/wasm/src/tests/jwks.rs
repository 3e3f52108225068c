//! Key sets that are fetched: what requests get while they come, fail to come, and change.

use super::*;
use sdk_shim_testing::{CalloutScript, Outcome};
use std::time::Duration;

/// Signed with [`FIRST`], `kid` "one"; with [`SECOND`], "two"; with the first, "two".
pub(super) const ONE: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6Im9uZSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoicyJ9.NY7B8FGIWWie7M7wX-Ayp-Yl3HMNpk-IwS_ba8h0AmM";
const TWO: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6InR3byJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoicyJ9.Vy5t-t6-G7QI6LGHLyoOD62_K8lrO9HAkQlbXPUVUSQ";
const FALSE_TWO: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6InR3byJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoicyJ9.oDNsZ6wHRH7Z8cEYvt370g1F5taf6YA-bh48HFIfRuY";

const FIRST: &str =
    r#"{"keys": [{"kty": "oct", "kid": "one", "k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}"#;
const SECOND: &str =
    r#"{"keys": [{"kty": "oct", "kid": "two", "k": "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA"}]}"#;

const FETCHING: &str = r#"{"request_authentication": [{"name": "r", "spec": {"jwtRules": [
    {"issuer": "https://issuer.example", "jwksUri": "https://issuer.example/keys"}]}}],
    "remote_jwks": {"clusters": {"issuer.example": "issuer"}, "cache_duration": "100s", "max_staleness": "1h", "max_waiting": 2}}"#;

const DISCOVERING: &str = r#"{"request_authentication": [{"name": "r", "spec": {"jwtRules": [{"issuer": "https://issuer.example"}]}}],
    "remote_jwks": {"cluster": "{host}"}}"#;

fn keys(body: &str) -> CalloutScript {
    CalloutScript::new("issuer", Message::response(200).with_body(body)).path("/keys")
}

fn asking(filter: &Loaded<AuthzFilter>, host: TestHost, token: &str) -> Outcome {
    let mut request = Message::request("GET", "/");
    if !token.is_empty() {
        request.headers.push(("authorization".to_owned(), format!("Bearer {token}").into_bytes()));
    }
    run(filter, host, request, Message::response(200), Settings::default())
}

/// The same host, seconds later, with other answers.
fn later(mut host: TestHost, seconds: u64, script: CalloutScript) -> TestHost {
    host.now += Duration::from_secs(seconds);
    host.script = vec![script];
    host
}

fn fetches(outcome: &Outcome, result: &str) -> u64 {
    let uri = "https%3A//issuer.example/keys";
    outcome.host.metric(&format!("authz_jwks_fetches_total;uri={uri};outcome={result}"))
}

fn body(outcome: &Outcome) -> String {
    let body = outcome.response.as_ref().map(|response| response.body.clone()).unwrap_or_default();
    String::from_utf8(body).unwrap()
}

const FAILED: &str = "Jwks remote fetch is failed";
const NO_KEY: &str = "Jwks doesn't have key to match kid or alg from Jwt";

#[test]
fn requests_wait_for_the_first_keys() {
    let filter = loaded(FETCHING);
    let slow = || TestHost::new().with_callout(keys(FIRST).after(Duration::from_secs(2)));
    let outcome = asking(&filter, slow(), ONE);
    assert_eq!((outcome.status(), outcome.waited.as_secs()), (200, 2));
    assert_eq!((outcome.host.calls.len(), fetches(&outcome, "keys")), (1, 1));
    assert_eq!(outcome.host.metric("authz_jwks_held_total;outcome=answered"), 1);
    let outcome = asking(&filter, outcome.host, ONE);
    assert_eq!((outcome.status(), outcome.waited.as_secs(), outcome.host.calls.len()), (200, 0, 1));
    // What carries no token waits for nothing.
    let outcome = asking(&loaded(FETCHING), slow(), "");
    assert_eq!((outcome.status(), outcome.waited.as_secs()), (200, 0));
}

#[test]
fn each_failure_of_the_first_fetch_is_answered() {
    let large = format!("{}{FIRST}", " ".repeat(70_000));
    let message =
        |status, body: &str| CalloutScript::new("issuer", Message::response(status).with_body(body));
    let cases = [
        (keys(FIRST).after(Duration::from_secs(60)), "timeout", 5),
        (CalloutScript::down("issuer"), "unreachable", 0),
        (CalloutScript::given_up("issuer"), "no_answer", 0),
        (CalloutScript::new("other", Message::response(200)), "not_started", 0),
        (message(500, FIRST), "status", 0),
        (message(302, FIRST), "redirect", 0),
        (message(304, ""), "status", 0),
        (message(200, "<html>"), "malformed", 0),
        (message(200, "{\"keys\": []}"), "no_usable_key", 0),
        (message(200, &large), "too_large", 0),
    ];
    for (script, result, seconds) in cases {
        let outcome = asking(&loaded(FETCHING), TestHost::new().with_callout(script), ONE);
        let place = format!("{result}: {:#?}", outcome.host.logs);
        assert_eq!((outcome.status(), body(&outcome).as_str()), (401, FAILED), "{place}");
        assert_eq!((outcome.waited.as_secs(), fetches(&outcome, result)), (seconds, 1), "{place}");
        assert!(outcome.host.logs.iter().any(|(level, text)| *level == Level::Warn
            && text.starts_with("keys from https://issuer.example/keys: ")
            && text.ends_with("there are no keys, tokens are refused")));
        // The next is answered at once; soon it is tried again.
        let outcome = asking(&loaded(FETCHING), later(outcome.host, 0, keys(FIRST)), "");
        assert_eq!(outcome.status(), 200, "{place}");
    }
}

#[test]
fn an_outage_is_survived_and_ends() {
    let filter = loaded(FETCHING);
    let outcome = asking(&filter, TestHost::new().with_callout(keys(FIRST)), ONE);
    assert_eq!(outcome.status(), 200);
    // Nine tenths of the time: fetched again, in vain, and again.
    let outcome = asking(&filter, later(outcome.host, 91, CalloutScript::down("issuer")), "");
    let outcome = asking(&filter, later(outcome.host, 1, CalloutScript::down("issuer")), ONE);
    assert_eq!((outcome.status(), fetches(&outcome, "unreachable")), (200, 2));
    assert!(outcome.host.logs.iter().any(|(_, text)| text.contains("the keys of 91s ago are kept")));
    // The keys are not fresh, and used, for an hour.
    let mut host = outcome.host;
    for minute in 0..65 {
        let outcome = asking(&filter, later(host, 60, CalloutScript::down("issuer")), "");
        let outcome = asking(&filter, outcome.host, ONE);
        let expected = if minute < 60 { 200 } else { 401 };
        assert!(outcome.status() == expected || (59..62).contains(&minute), "{minute}: {}", outcome.status());
        host = outcome.host;
    }
    assert!(host.logs.iter().any(|(_, text)| text.ends_with("are too old, tokens are refused")));
    let outcome = asking(&filter, later(host, 60, keys(FIRST)), "");
    assert_eq!(asking(&filter, outcome.host, ONE).status(), 200);
}

#[test]
fn an_unknown_kid_has_the_keys_fetched_again() {
    let filter = loaded(FETCHING);
    let outcome = asking(&filter, TestHost::new().with_callout(keys(FIRST)), ONE);
    // Too soon after the first fetch.
    let outcome = asking(&filter, later(outcome.host, 10, keys(SECOND)), TWO);
    assert_eq!((outcome.status(), body(&outcome).as_str(), outcome.host.calls.len()), (401, NO_KEY, 1));
    // Now it waits for another, which has it.
    let slow = keys(SECOND).after(Duration::from_secs(1));
    let outcome = asking(&filter, later(outcome.host, 25, slow), TWO);
    assert_eq!((outcome.status(), outcome.waited.as_secs(), outcome.host.calls.len()), (200, 1, 2));
    // The old key went with the old set, and what it had verified.
    let outcome = asking(&filter, later(outcome.host, 1, keys(SECOND)), ONE);
    assert_eq!((outcome.status(), body(&outcome).as_str(), outcome.host.calls.len()), (401, NO_KEY, 2));
    // A known one whose signature is wrong fetches nothing.
    let outcome = asking(&filter, later(outcome.host, 60, keys(SECOND)), FALSE_TWO);
    assert_eq!(body(&outcome), "Jwt verification fails");
    assert_eq!(outcome.host.calls.len(), 2);
}

#[test]
fn unchanged_keys_are_not_sent_again() {
    let filter = loaded(FETCHING);
    let mut tagged = Message::response(200).with_body(FIRST);
    tagged.headers.push(("etag".to_owned(), b"\"v1\"".to_vec()));
    let outcome = asking(&filter, TestHost::new().with_callout(CalloutScript::new("issuer", tagged)), ONE);
    let not_modified = CalloutScript::new("issuer", Message::response(304));
    let outcome = asking(&filter, later(outcome.host, 95, not_modified), ONE);
    assert_eq!((outcome.status(), fetches(&outcome, "not_modified")), (200, 1));
    let sent = |at: usize| outcome.host.calls[at].headers.iter().find(|(name, _)| name == "if-none-match");
    assert_eq!((sent(0), sent(1).map(|(_, value)| value.as_slice())), (None, Some(&b"\"v1\""[..])));
}

#[test]
fn an_issuer_is_asked_where_its_keys_are() {
    let description = |text: &str| {
        let answer = Message::response(200).with_body(text);
        CalloutScript::new("issuer.example", answer).path("/.well-known/openid-configuration")
    };
    let keys = || CalloutScript::new("keys.example", Message::response(200).with_body(FIRST)).path("/set");
    let cases = [
        (
            r#"{"issuer": "https://issuer.example", "jwks_uri": "https://keys.example/set"}"#,
            200,
            "keys.example",
        ),
        (
            r#"{"issuer": "https://other.example", "jwks_uri": "https://keys.example/set"}"#,
            401,
            "issuer.example",
        ),
        (r#"{"issuer": "https://issuer.example"}"#, 401, "issuer.example"),
        (r#"{"issuer": "https://issuer.example", "jwks_uri": "/set"}"#, 401, "issuer.example"),
    ];
    for (text, status, last) in cases {
        let host = TestHost::new().with_callout(description(text)).with_callout(keys());
        let outcome = asking(&loaded(DISCOVERING), host, ONE);
        assert_eq!(outcome.status(), status, "{text}: {:#?}", outcome.host.logs);
        assert_eq!(outcome.host.calls.last().unwrap().cluster, last, "{text}");
        let authority = outcome.host.calls[0].headers.iter().find(|(name, _)| name == ":authority").unwrap();
        assert_eq!(authority.1, b"issuer.example");
    }
}

/// Two workers on one host: the second finds what the first has fetched.
#[test]
fn one_worker_fetches_for_all() {
    let (first, second) = (loaded(FETCHING), loaded(FETCHING));
    let mut host = asking(&first, TestHost::new().with_callout(keys(FIRST)), ONE).host;
    let mut other = TestHost::new().with_callout(keys(FIRST));
    other.shared = std::mem::take(&mut host.shared);
    let outcome = asking(&second, other, ONE);
    assert_eq!((outcome.status(), outcome.host.calls.len()), (200, 0));
}

#[test]
fn without_shared_values_each_worker_fetches_for_itself() {
    let mut host = TestHost::new().with_callout(keys(FIRST));
    host.refusals.extend([("shared_data", 12), ("set_shared_data", 12)]);
    let filter = loaded(FETCHING);
    let outcome = asking(&filter, host, ONE);
    assert_eq!((outcome.status(), outcome.host.calls.len()), (200, 1));
    let outcome = asking(&filter, outcome.host, ONE);
    assert_eq!((outcome.status(), outcome.host.calls.len()), (200, 1));
}

#[test]
fn no_more_than_so_many_wait() {
    let config = FETCHING.replace("\"max_waiting\": 2", "\"max_waiting\": 0");
    let host = TestHost::new().with_callout(keys(FIRST).after(Duration::from_secs(1)));
    let outcome = asking(&loaded(&config), host, ONE);
    assert_eq!((outcome.status(), body(&outcome).as_str(), outcome.waited.as_secs()), (401, FAILED, 0));
    assert_eq!(outcome.host.metric("authz_jwks_held_total;outcome=too_many"), 1);
}
