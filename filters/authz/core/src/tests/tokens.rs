//! Tokens that are signed with a shared secret, and what rules and policies make of them.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

pub(super) const SECRET: &[u8; 32] = b"0123456789abcdef0123456789abcdef";
pub(super) const OTHER: &[u8; 32] = b"fedcba9876543210fedcba9876543210";

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn sign(secret: &[u8], claims: &Value) -> String {
    let input = format!("{}.{}", base64url(r#"{"alg":"HS256"}"#), base64url(claims.to_string()));
    let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap().chain_update(&input).finalize();
    format!("{input}.{}", base64url(mac.into_bytes()))
}

fn token(claims: &Value) -> String {
    sign(SECRET, claims)
}

pub(super) fn of(issuer: &str) -> String {
    token(&json!({"iss": issuer, "sub": "sub"}))
}

pub(super) fn jwks(secret: &[u8]) -> String {
    json!({"keys": [{"kty": "oct", "k": base64url(secret)}]}).to_string()
}

fn rule(issuer: &str, members: Value) -> Value {
    let mut rule = json!({"issuer": issuer, "jwks": jwks(SECRET)});
    rule.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    rule
}

fn rules(rules: &[Value]) -> Authz {
    authz(&json!({"request_authentication": [{"name": "r", "spec": {"jwtRules": rules}}]}).to_string())
}

fn outcome(authz: &Authz, request_text: &str) -> Outcome {
    authz.check(&request(request_text), &mut Client::default()).outcome
}

const PASS: Outcome = Outcome::Allow(None);

fn denied(text: &str) -> impl Fn(Outcome) -> bool + '_ {
    move |outcome| matches!(outcome, Outcome::DenyToken(denial) if denial.text() == text)
}

#[test]
fn locations() {
    let default = rules(&[rule("a", json!({}))]);
    let good = of("a");
    let bad = sign(OTHER, &json!({"iss": "a"}));
    let passes = [
        "GET /".to_owned(),
        format!("GET /\nauthorization: Bearer {good}"),
        format!("GET /\nauthorization: Bearer   {good}"),
        format!("GET /?access_token={good}"),
        format!("GET /?a=b&access%5Ftoken={good}#c"),
        format!("GET /?access_token={good}\nauthorization: Bearer {good}"),
        // No token: neither place nor prefix fit.
        format!("GET /\nauthorization: bearer {bad}"),
        format!("GET /\nauthorization: Basic {bad}"),
        format!("GET /\nx-authorization: Bearer {bad}"),
        format!("GET /?token={bad}"),
        format!("GET /\ncookie: access_token={bad}"),
    ];
    for row in passes {
        assert_eq!(outcome(&default, &row), PASS, "{row}");
    }
    let signature = "Jwt verification fails";
    let form = "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections";
    let fails = [
        (format!("GET /\nauthorization: Bearer {bad}"), signature),
        (format!("GET /\nauthorization: Basic x Bearer {bad}"), signature),
        (format!("GET /\nauthorization: Bearer {good}\nauthorization: Bearer {bad}"), signature),
        (format!("GET /\nauthorization: Bearer {bad}\nauthorization: Bearer {good}"), signature),
        (format!("GET /?access_token={good}&access_token={bad}"), signature),
        (format!("GET /?access_token={bad}\nauthorization: Bearer {good}"), signature),
        (format!("GET /?access_token={good}\nauthorization: Bearer {bad}"), signature),
        ("GET /?access_token".into(), form),
        ("GET /?access_token=".into(), form),
        ("GET /\nauthorization: Bearer x".into(), form),
        (format!("GET /\nauthorization: Bearer {good} x"), "Jwt signature is an invalid Base64url encoded"),
        (format!("GET /\nauthorization: Bearer {good}, Bearer {good}"), form),
        (format!("GET /?{}", format!("access_token={good}&").repeat(9)), "Found multiple Jwt tokens"),
        (format!("GET /\nauthorization: Bearer {}", "x".repeat(60_000)), "Jwt is too large"),
    ];
    for (row, expected) in fails {
        assert!(denied(expected)(outcome(&default, &row)), "{row}: {:?}", outcome(&default, &row));
    }

    let given = rules(&[rule(
        "a",
        json!({"fromHeaders": [{"name": "X-Token"}, {"name": "x-auth", "prefix": "Value "}], "fromParams": ["t"], "fromCookies": ["c"]}),
    )]);
    for row in [
        format!("GET /\nx-token: {good}"),
        format!("GET /\nx-auth: Value {good}\ncookie: c={good}"),
        format!("GET /?t={good}"),
        format!("GET /\nauthorization: Bearer {bad}"),
        format!("GET /?access_token={bad}"),
        format!("GET /\nx-auth: {bad}"),
    ] {
        assert_eq!(outcome(&given, &row), PASS, "{row}");
    }
    for row in [
        format!("GET /\nx-token: {bad}"),
        format!("GET /\nx-auth: Value {bad}"),
        format!("GET /?t={bad}"),
        format!("GET /\ncookie: c={bad}"),
        format!("GET /\ncookie: c={good}; c={bad}"),
    ] {
        assert!(denied(signature)(outcome(&given, &row)), "{row}");
    }
}

#[test]
fn checks() {
    let audiences = rules(&[
        rule("a", json!({"audiences": ["https://shop/", "b"]})),
        rule("c", json!({"jwks": jwks(OTHER)})),
    ]);
    let cases = [
        (token(&json!({"iss": "a", "aud": "b"})), None),
        (token(&json!({"iss": "a", "aud": ["x", "http://shop"]})), None),
        (token(&json!({"iss": "a", "aud": "shop"})), None),
        (token(&json!({"iss": "a", "aud": "x"})), Some(("Audiences in Jwt are not allowed", 403))),
        (token(&json!({"iss": "a"})), Some(("Audiences in Jwt are not allowed", 403))),
        (token(&json!({"iss": "b", "aud": "b"})), Some(("Jwt issuer is not configured", 401))),
        (token(&json!({"aud": "b"})), Some(("Jwt issuer is not configured", 401))),
        (token(&json!({"iss": "a", "aud": "b", "exp": NOW - 60})), None),
        (token(&json!({"iss": "a", "aud": "b", "exp": NOW - 61})), Some(("Jwt is expired", 401))),
        (token(&json!({"iss": "a", "aud": "b", "nbf": NOW + 60})), None),
        (token(&json!({"iss": "a", "aud": "b", "nbf": NOW + 61})), Some(("Jwt not yet valid", 401))),
        // Before its signature, a token is asked for its issuer, its times and its audience.
        (sign(OTHER, &json!({"iss": "a"})), Some(("Audiences in Jwt are not allowed", 403))),
        (sign(OTHER, &json!({"iss": "a", "aud": "b"})), Some(("Jwt verification fails", 401))),
        (sign(OTHER, &json!({"iss": "c"})), None),
        // The key of another issuer. The first rule with a token says why.
        (token(&json!({"iss": "c"})), Some(("Jwt issuer is not configured", 401))),
    ];
    for (token, expected) in cases {
        let row = format!("GET /\nauthorization: Bearer {token}");
        // The second time, what is good comes from the cache.
        for _ in 0..2 {
            match (outcome(&audiences, &row), expected) {
                (PASS, None) => {}
                (Outcome::DenyToken(denial), Some(expected)) => {
                    assert_eq!((denial.text(), denial.status()), expected, "{row}");
                }
                (found, _) => panic!("{found:?}, expected {expected:?} for {row}"),
            }
        }
    }
}

#[test]
fn a_preflight_passes_with_any_token() {
    let authz = rules(&[rule("a", json!({"outputPayloadToHeader": "x-payload"}))]);
    let bad = "authorization: Bearer x";
    let preflight =
        format!("OPTIONS /\norigin: o\naccess-control-request-method: GET\n{bad}\nx-payload: forged");
    let headers = request(&preflight);
    let decision = authz.check(&headers, &mut Client::default());
    assert_eq!(decision.outcome, PASS);
    assert_eq!(authz.edits(&headers, &decision), [Edit::Remove("x-payload")]);
    for row in [
        format!("GET /\norigin: o\naccess-control-request-method: GET\n{bad}"),
        format!("OPTIONS /\naccess-control-request-method: GET\n{bad}"),
        format!("OPTIONS /\norigin: o\n{bad}"),
        format!("OPTIONS /\norigin: \naccess-control-request-method: GET\n{bad}"),
    ] {
        assert!(matches!(outcome(&authz, &row), Outcome::DenyToken(_)), "{row}");
    }
}

#[test]
fn what_the_upstream_is_told() {
    let claims = json!({"iss": "a", "sub": "s", "n": 7, "f": 1.5, "m": -2, "b": true, "l": ["x"], "e": "", "nl": "a\r\nb: c",
        "o": {"p": {"q": "deep"}}, "o.p": "flat"});
    let output = |claim: &str| json!({"header": format!("X-{}", claim.replace('.', "-")), "claim": claim});
    let names = ["sub", "n", "f", "m", "b", "l", "e", "nl", "o.p.q", "o.p", "none"];
    let outputs: Vec<Value> = names.iter().map(|name| output(name)).collect();
    let authz = rules(&[
        rule("a", json!({"outputPayloadToHeader": "x-payload", "outputClaimToHeaders": outputs})),
        rule(
            "b",
            json!({"outputClaimToHeaders": [{"header": "x-of-b", "claim": "sub"}], "forwardOriginalToken": true}),
        ),
    ]);
    let edits = |row: &str| -> Vec<String> {
        let headers = request(row);
        let decision = authz.check(&headers, &mut Client::default());
        assert_eq!(decision.outcome, PASS, "{row}");
        let text = |edit: &Edit<'_>| match edit {
            Edit::Remove(name) => format!("-{name}"),
            Edit::Set(name, value) => format!("{name}: {}", String::from_utf8_lossy(value)),
        };
        authz.edits(&headers, &decision).iter().map(text).collect()
    };
    let good = token(&claims);
    let payload = format!("x-payload: {}", base64url(claims.to_string()));
    let told = [
        "x-b: true",
        "x-f: 1.500000",
        "x-m: -2.000000",
        "x-n: 7",
        "x-o-p-q: deep",
        payload.as_str(),
        "x-sub: s",
    ];
    let with = |first: &'static str| [&[first], told.as_slice()].concat();
    assert_eq!(edits(&format!("GET /\nauthorization: Bearer {good}")), with("-authorization"));
    assert_eq!(edits(&format!("GET /?a&access_token={good}&b")), with(":path: /?a&b"));
    let of_b = token(&json!({"iss": "b", "sub": "t"}));
    assert_eq!(edits(&format!("GET /\nauthorization: Bearer {of_b}")), ["x-of-b: t"]);
    // What the client wrote itself is replaced or removed, with a token and without.
    let forged = "x-none: f\nx-l: f\nx-sub: f\nx-sub: f\nx-of-b: f\nx-other: f";
    let removed = ["-x-l", "-x-none", "-x-of-b"];
    let found = edits(&format!("GET /\nauthorization: Bearer {good}\n{forged}"));
    assert!(removed.iter().all(|edit| found.iter().any(|other| other == edit)), "{found:?}");
    assert!(found.iter().any(|edit| edit == "x-sub: s"), "{found:?}");
    assert_eq!(edits(&format!("GET /\n{forged}")), ["-x-l", "-x-none", "-x-of-b", "-x-sub"]);
}

#[test]
fn policies_ask_for_claims() {
    let claims = json!({"iss": "https://a/b", "sub": "s1", "aud": ["x", "y"], "azp": "app", "n": 7, "t": true,
        "groups": ["g1", "g2", 3], "scope": "read  write", "text": "one two", "custom": "p q", "o": {"p": ["v"], "scope": "a b"},
        "empty": ""});
    let row = format!("GET /\nauthorization: Bearer {}", token(&claims));
    let matches = |source: &str, row: &str| {
        let config = json!({"request_authentication": [{"name": "r", "spec": {"jwtRules": [
            rule("https://a/b", json!({"spaceDelimitedClaims": ["custom"]})), rule("z", json!({}))]}}]});
        let mut config = config.to_string();
        config.truncate(config.len() - 1);
        let authz = authz(&format!(
            "{config}, \"policies\": [{{\"name\": \"p\", \"spec\": {{\"rules\": [{source}]}}}}]}}"
        ));
        outcome(&authz, row) == Outcome::Allow(Some(0))
    };
    let principal = |value: &str| json!({"from": [{"source": {"requestPrincipals": [value]}}]}).to_string();
    let principals = [
        ("*", true),
        ("https://a/b/s1", true),
        ("https://a/b/*", true),
        ("https://a/b/s*", true),
        ("*/s1", true),
        ("*/b/s1", true),
        ("*s1", true),
        ("*1", true),
        ("https://*", false),
        ("https:*", true),
        ("https://a/b", false),
        ("https://a/b/s", false),
        ("https://a/b/S1", false),
        ("*/b/s*", false),
        ("*/s2", false),
        ("s1", false),
        ("x/*", false),
    ];
    for (value, expected) in principals {
        assert_eq!(matches(&principal(value), &row), expected, "{value}");
        let key = json!({"when": [{"key": "request.auth.principal", "values": [value]}]}).to_string();
        assert_eq!(matches(&key, &row), expected, "{value} by key");
        let not = json!({"from": [{"source": {"notRequestPrincipals": [value]}}]}).to_string();
        assert_eq!(matches(&not, &row), !expected, "not {value}");
        assert!(!matches(&principal(value), "GET /"), "{value} without a token");
        assert!(matches(&not, "GET /"), "not {value} without a token");
    }
    let without_subject = format!("GET /\nauthorization: Bearer {}", token(&json!({"iss": "z"})));
    assert!(!matches(&principal("*"), &without_subject));
    assert!(!matches(&principal("z"), &without_subject));
    let empty_subject = format!("GET /\nauthorization: Bearer {}", token(&json!({"iss": "z", "sub": ""})));
    assert!(matches(&principal("z"), &empty_subject));

    let conditions = [
        ("request.auth.audiences", "y", true),
        ("request.auth.audiences", "z", false),
        ("request.auth.presenter", "app", true),
        ("request.auth.presenter", "a*", true),
        ("request.auth.claims[groups]", "g2", true),
        ("request.auth.claims[groups]", "3", false),
        ("request.auth.claims[groups]", "*", true),
        ("request.auth.claims[n]", "7", false),
        ("request.auth.claims[n]", "*", false),
        ("request.auth.claims[t]", "true", false),
        ("request.auth.claims[scope]", "write", true),
        ("request.auth.claims[scope]", "read  write", false),
        ("request.auth.claims[text]", "one", false),
        ("request.auth.claims[text]", "one two", true),
        ("request.auth.claims[custom]", "q", true),
        ("request.auth.claims[o][p]", "v", true),
        ("request.auth.claims[o][scope]", "a", false),
        ("request.auth.claims[o]", "*", false),
        ("request.auth.claims[groups][0]", "g1", false),
        ("request.auth.claims[empty]", "*", false),
        ("request.auth.claims[iss]", "https://a/b", true),
        ("request.auth.claims[none]", "*", false),
    ];
    for (key, value, expected) in conditions {
        let when = json!({"when": [{"key": key, "values": [value]}]}).to_string();
        assert_eq!(matches(&when, &row), expected, "{key} {value}");
        let not = json!({"when": [{"key": key, "notValues": [value]}]}).to_string();
        assert_eq!(matches(&not, &row), !expected, "{key} not {value}");
        assert!(!matches(&when, "GET /"), "{key} {value} without a token");
    }
}

/// With a cache of any size the decisions are the same, and it does not grow.
#[test]
fn the_cache_changes_nothing() {
    let tokens: Vec<String> = (0..20)
        .map(|n| {
            sign(
                if n % 5 == 0 { OTHER } else { SECRET },
                &json!({"iss": if n % 3 == 0 { "a" } else { "b" }, "n": n}),
            )
        })
        .collect();
    // With the signature of one that may be remembered.
    let forged = (0..20).map(|n| {
        let (_, signature) = tokens[n].rsplit_once('.').unwrap();
        let (signed, _) = tokens[(n + 1) % 20].rsplit_once('.').unwrap();
        format!("{signed}.{signature}")
    });
    let tokens: Vec<String> = tokens.iter().cloned().chain(forged).collect();
    let authz = |size: usize| {
        let rules =
            json!([rule("a", json!({})), rule("b", json!({})), rule("b", json!({"jwks": jwks(OTHER)}))]);
        let entry = json!({"name": "r", "spec": {"jwtRules": rules}});
        authz(&json!({"jwt_cache_size": size, "request_authentication": [entry]}).to_string())
    };
    let without = authz(0);
    for size in [1, 2, 3, 10, 1000] {
        let with = authz(size);
        for at in (0..200).map(|n| n * 7 % 20).chain(0..20).chain(0..40) {
            let row = format!("GET /\nauthorization: Bearer {}", tokens[at]);
            assert_eq!(outcome(&with, &row), outcome(&without, &row), "token {at}, cache of {size}");
            let forged = format!("GET /\nauthorization: Bearer {}", tokens[20 + at % 20]);
            assert!(matches!(outcome(&with, &forged), Outcome::DenyToken(_)), "forged {at}, cache of {size}");
        }
        assert!(with.cached_tokens() <= size.next_multiple_of(2), "{} in {size}", with.cached_tokens());
        assert!(with.cached_tokens() > 0);
    }
    assert_eq!(without.cached_tokens(), 0);
}

#[test]
fn refused_rules() {
    let cases = [
        (json!({"issuer": ""}), "issuer: found an empty text, expected the `iss` of the tokens"),
        (
            json!({"jwks": null}),
            "jwksUri: found nothing, no jwks either, and the issuer \"a\", expected a URI that begins with http:// or https://",
        ),
        (
            json!({"jwks": "{}"}),
            "jwks: found an object without a list `keys`, expected a JWKS (RFC 7517) with a usable key",
        ),
        (
            json!({"jwks": "${NONE}"}),
            "jwks: found a reference to the environment variable NONE, which is not set, expected a variable that vm_config.environment_variables sets, or $${…} for the text",
        ),
        (json!({"jwksUri": "https://a"}), "jwksUri: found jwksUri beside jwks, expected only one of them"),
        (
            json!({"jwks": null, "jwksUri": "https://a"}),
            "jwksUri: found \"https://a\", expected a host that remote_jwks has a cluster for (clusters, or cluster for all)",
        ),
        (
            json!({"jwks": null, "jwksUri": "https://a", "timeout": "2m"}),
            "timeout: found `2m`, expected 1ms to 60s\nrequest_authentication[0].spec.jwtRules[0].jwksUri: found \"https://a\", expected a host that remote_jwks has a cluster for (clusters, or cluster for all)",
        ),
        (
            json!({"audiences": []}),
            "audiences: found an empty list, expected at least one item, or no such field",
        ),
        (json!({"audiences": ["a", ""]}), "audiences[1]: found \"\", expected an audience"),
        (
            json!({"fromHeaders": []}),
            "fromHeaders: found an empty list, expected at least one item, or no such field",
        ),
        (
            json!({"fromHeaders": [{"name": "a b"}]}),
            "fromHeaders[0].name: found \"a b\", expected the name of a header, but not host or cookie",
        ),
        (
            json!({"fromCookies": ["a="]}),
            "fromCookies[0]: found \"a=\", expected the name of a cookie (RFC 6265, token)",
        ),
        (
            json!({"outputPayloadToHeader": "Host"}),
            "outputPayloadToHeader: found \"host\", expected the name of a header, but not host, cookie or one of the connection",
        ),
        (
            json!({"outputPayloadToHeader": "Authorization"}),
            "outputPayloadToHeader: found \"authorization\", expected a header that no token is read from and nothing else is written to",
        ),
        (
            json!({"outputPayloadToHeader": "x-a", "outputClaimToHeaders": [{"header": "X-A", "claim": "a"}]}),
            "outputClaimToHeaders[0].header: found \"x-a\" for a second time, expected each header once in a rule",
        ),
        (
            json!({"outputClaimToHeaders": [{"header": "x-a", "claim": "a..b"}]}),
            "outputClaimToHeaders[0].claim: found \"a..b\", expected the name of a claim",
        ),
    ];
    for (members, expected) in cases {
        let config = json!({"request_authentication": [{"name": "r", "spec": {"jwtRules": [rule("a", members.clone())]}}]});
        let found = refusal(&config.to_string()).to_string();
        assert_eq!(found, format!("request_authentication[0].spec.jwtRules[0].{expected}"), "{members}");
    }
    let entry = json!({"name": "r", "spec": {"jwtRules": [rule("a", json!({}))]}});
    for key in [
        "request.auth.claims",
        "request.auth.claims[]",
        "request.auth.claims[a",
        "request.auth.claims[a]b",
        "request.auth.claims[a][]",
        "request.auth.claims[[a]]",
    ] {
        let policy = json!({"name": "p", "spec": {"rules": [{"when": [{"key": key, "values": ["x"]}]}]}});
        let config = json!({"request_authentication": [entry], "policies": [policy]});
        let expected = format!(
            "policies[0].spec.rules[0].when[0].key: found `{key}`, expected request.auth.claims[name], or [name][name] for a claim within another"
        );
        assert_eq!(refusal(&config.to_string()).to_string(), expected);
    }
    let empty = refusal("request_authentication: [{name: r, spec: {jwtRules: []}}]").to_string();
    assert_eq!(
        empty,
        "request_authentication[0].spec.jwtRules: found an empty list, expected at least one rule"
    );
    assert!(refusal("jwt_cache_size: 100001").to_string().starts_with("jwt_cache_size: found 100001"));
}

#[test]
fn tells_filters_behind_it_of_claims() {
    let config = |names: Value| {
        let rules = json!([{"name": "r", "spec": {"jwtRules": [rule("a", json!({}))]}}]);
        json!({"request_authentication": rules, "claims_to_filter_state": names}).to_string()
    };
    let names = json!(["sub", "[realm][role]", "groups", "age", "beta", "realm", "empty", "absent"]);
    let authz = authz(&config(names));
    let claims = json!({
        "iss": "a", "sub": "alice", "realm": {"role": "tester"}, "groups": ["x", "y", 3], "age": 20, "beta": true, "empty": "",
    });
    let told = |token: &str| {
        let request = request(&format!("GET /\nauthorization: Bearer {token}"));
        let decision = authz.check(&request, &mut Client::default());
        let told = authz.recorded_claims(&decision).into_iter();
        told.map(|(key, value)| format!("{key}={}", value.escape_ascii())).collect::<Vec<_>>()
    };
    let expected = ["sub=alice", "[realm][role]=tester", "groups=x,y,3", "age=20", "beta=true"];
    assert_eq!(told(&token(&claims)), expected.map(|claim| format!("authz_claim.{claim}")));
    assert_eq!(told(&sign(OTHER, &claims)), [""; 0]);
    for (names, expected) in [
        (json!([""]), "claims_to_filter_state[0]: found \"\", expected a claim's name"),
        (json!(["sub", "[a"]), "claims_to_filter_state[1]: found \"[a\", expected a claim's name"),
        (json!(vec!["a"; 33]), "claims_to_filter_state: found 33 claims, expected at most 32"),
    ] {
        let error = refusal(&config(names)).to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
