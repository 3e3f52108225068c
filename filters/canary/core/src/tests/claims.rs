use super::*;

const AUTHZ: &str = r#""claims": {"authz": {}}"#;
const JWT_AUTHN: &str = r#""claims": {"jwt_authn": {"payload_in_metadata": "payload"}}"#;
const METADATA: &str = "metadata/filter_metadata/envoy.filters.http.jwt_authn/payload";

fn decide_with(canary: &Canary, lines: &str, claims: &[(&'static str, &'static str)]) -> String {
    let mut facts = Given { claims: claims.to_vec(), ..Given::default() };
    let request = headers(lines);
    let decision = canary.decide(&request, &mut facts);
    format!("{} {}", decision.name(), decision.reason.as_str())
}

#[test]
fn matches_verified_claims_only() {
    let matching = |claims: &str, test: &str| {
        canary(&format!(r#"{{"releases": [{{"name": "v2", "match": {{"claim": {test}}}}}], {claims}}}"#))
    };
    let nested = format!("{METADATA}/realm/role").leak();
    let subject = format!("{METADATA}/sub").leak();
    type Row = (&'static str, &'static str, &'static str, &'static str, bool);
    let rows: [Row; 9] = [
        (AUTHZ, r#"{"name": "sub", "exact": "alice"}"#, "authz_claim.sub", "alice", true),
        (AUTHZ, r#"{"name": "sub", "exact": "alice"}"#, "authz_claim.sub", "Alice", false),
        (AUTHZ, r#"{"name": "sub", "exact": "alice"}"#, "authz_claim.iss", "alice", false),
        (
            AUTHZ,
            r#"{"name": "[realm][role]", "prefix": "test"}"#,
            "authz_claim.[realm][role]",
            "tester",
            true,
        ),
        (AUTHZ, r#"{"name": "groups", "regex": "(.*,)?beta(,.*)?"}"#, "authz_claim.groups", "a,beta", true),
        (
            AUTHZ,
            r#"{"name": "https://example.com/age", "range": {"start": 18, "end": 99}}"#,
            "authz_claim.https://example.com/age",
            "20",
            true,
        ),
        (JWT_AUTHN, r#"{"name": "sub", "exact": "alice"}"#, subject, "alice", true),
        (JWT_AUTHN, r#"{"name": "[realm][role]", "in": ["tester"]}"#, nested, "tester", true),
        (JWT_AUTHN, r#"{"name": "sub", "exact": "alice"}"#, "authz_claim.sub", "alice", false),
    ];
    for (claims, test, property, value, holds) in rows {
        let canary = matching(claims, test);
        let expected = if holds { "v2 match" } else { "stable default" };
        assert_eq!(decide_with(&canary, "", &[(property, value)]), expected, "{test} {property}={value}");
        // Headers of such names, and no claim at all, are nothing.
        let forged = "sub: alice\nauthz_claim.sub: alice\nx-jwt-payload: alice";
        assert_eq!(decide_with(&canary, forged, &[]), "stable default", "{test}");
    }
}

#[test]
fn draws_by_a_claim() {
    let config = format!(
        r#"{{"releases": [{{"name": "v2", "seed": "AB12A", "weight": 50, "key": [{{"claim": "sub"}}, "none"]}}], {AUTHZ}}}"#
    );
    let canary = canary(&config);
    // Of Unleash's users, 122 is in and 155 is not (client specification, 03).
    assert_eq!(decide_with(&canary, "", &[("authz_claim.sub", "122")]), "v2 weight");
    assert_eq!(decide_with(&canary, "", &[("authz_claim.sub", "155")]), "stable weight");
    for claims in [&[][..], &[("authz_claim.sub", "")]] {
        assert_eq!(decide_with(&canary, "sub: 122", claims), "stable weight");
    }
}

#[test]
fn asks_for_each_claim_once_and_only_where_it_counts() {
    let config = format!(
        r#"{{"releases": [
            {{"name": "a", "hosts": ["other.example.com"], "match": {{"claim": {{"name": "iss", "present": true}}}}}},
            {{"name": "b", "match": {{"any": [
                {{"claim": {{"name": "sub", "exact": "x"}}}}, {{"claim": {{"name": "sub", "exact": "y"}}}}]}}}}
        ], {AUTHZ}}}"#
    );
    let mut facts = Given::default();
    canary(&config).decide(&headers(""), &mut facts);
    assert_eq!(facts.asked, 1);
}

#[test]
fn refuses_names_that_no_claim_has() {
    let named = |name: &str| {
        format!(
            r#"{{"releases": [{{"name": "v2", "match": {{"claim": {{"name": "{name}", "present": true}}}}}}], {AUTHZ}}}"#
        )
    };
    for name in ["", "[a", "[]", "[a][]", "[a]b]", "\\u0000"] {
        let errors = load(&named(name)).unwrap_err().to_string();
        assert!(errors.starts_with("releases[0].match.claim.name: found `"), "{name}: {errors}");
    }
    let no_key = r#"{"releases": [], "claims": {"jwt_authn": {"payload_in_metadata": ""}}}"#;
    let errors = load(no_key).unwrap_err().to_string();
    assert!(errors.starts_with("claims.jwt_authn.payload_in_metadata: found ``"), "{errors}");
}
