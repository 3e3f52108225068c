use super::*;
use crate::config::CredentialKind;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

const SECRET: &str = "a secret of 27 bytes, or so";

fn signed_authz(options: &str) -> Authz {
    authz(&format!(
        "hmac: {{keys: [{{id: ada, secret: '{SECRET}'}}, {{id: k2, consumer: bob, secret: 'another secret of bob'}}]{options}}}"
    ))
}

fn sign(secret: &str, text: &str) -> String {
    STANDARD.encode(
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(text).finalize().into_bytes(),
    )
}

/// The date of [`NOW`].
const DATE: &str = "Sun, 15 Jun 2025 15:06:40 GMT";

fn kong(headers: &str, signature: &str) -> String {
    format!(
        "authorization: hmac username=\"ada\", algorithm=\"hmac-sha256\", headers=\"{headers}\", signature=\"{signature}\""
    )
}

const INVALID: Outcome = Outcome::DenyCredential(CredentialKind::Hmac, Problem::Invalid);
const EXPIRED: Outcome = Outcome::DenyCredential(CredentialKind::Hmac, Problem::Expired);
const MISSING: Outcome = Outcome::DenyCredential(CredentialKind::Hmac, Problem::Missing);
const ALLOW: Outcome = Outcome::Allow(None);

#[test]
fn signatures() {
    let authz = signed_authz("");
    let target = "@request-target: get /a?b=c\ndate: Sun, 15 Jun 2025 15:06:40 GMT";
    let good = sign(SECRET, target);
    let with = |headers: &str, more: &str| format!("GET /a?b=c shop\ndate: {DATE}{more}\n{headers}");
    let signed = |text: &str, headers: &str, more: &str| with(&kong(headers, &sign(SECRET, text)), more);
    let old = "@request-target: get /a?b=c\ndate: Sun, 15 Jun 2025 15:01:39 GMT";
    let edge = "@request-target: get /a?b=c\ndate: Sun, 15 Jun 2025 15:11:40 GMT";
    let both = "@request-target date";
    let cases = [
        (with(&kong(both, &good), ""), ALLOW),
        (with(&kong(both, &good).replace("hmac username", "Signature keyId"), ""), ALLOW),
        (with(&kong(both, &good).replace(", ", ","), ""), ALLOW),
        // In another order, and with more than has to be covered.
        (
            signed(
                &format!("date: {DATE}\nhost: shop\n@request-target: get /a?b=c\nx-a: 1, 2"),
                "date host @request-target x-a",
                "\nx-a: 1\nx-a: 2",
            ),
            ALLOW,
        ),
        (
            signed(
                &format!("x-date: {DATE}\n@request-target: get /a?b=c"),
                "X-Date @request-target",
                &format!("\nx-date: {DATE}"),
            ),
            ALLOW,
        ),
        // Another path, method, date, header or secret.
        (with(&kong(both, &good), "").replace("/a?b=c", "/a?b=d"), INVALID),
        (with(&kong(both, &good), "").replace("GET", "POST"), INVALID),
        (with(&kong(both, &good), "").replace("15:06:40", "15:06:41"), INVALID),
        (
            signed(
                &format!("@request-target: get /a?b=c\ndate: {DATE}\nx-a: 1"),
                "@request-target date x-a",
                "\nx-a: 2",
            ),
            INVALID,
        ),
        (with(&kong(both, &sign("a secret of another 27 bytes", target)), ""), INVALID),
        (with(&kong(both, &good).replace("ada", "k2"), ""), INVALID),
        (with(&kong(both, &good).replace("ada", "eve"), ""), INVALID),
        // What has to be covered is not, or not there.
        (signed(&format!("date: {DATE}"), "date", ""), INVALID),
        (signed("@request-target: get /a?b=c", "@request-target", ""), INVALID),
        (signed(&format!("{target}\nx-a: "), "@request-target date x-a", ""), INVALID),
        (signed(&format!("{target}\nx-a:"), "@request-target date x-a", ""), INVALID),
        (signed("", "", ""), INVALID),
        // Out of time, by a second.
        (signed(old, both, "").replace(DATE, "Sun, 15 Jun 2025 15:01:39 GMT"), EXPIRED),
        (signed(edge, both, "").replace(DATE, "Sun, 15 Jun 2025 15:11:40 GMT"), ALLOW),
        (
            signed("@request-target: get /a?b=c\ndate: yesterday", both, "").replace(DATE, "yesterday"),
            INVALID,
        ),
        (with(&kong(both, &good), &format!("\ndate: {DATE}")), INVALID),
        // Malformed.
        (with(&kong(both, &good).replace("hmac-sha256", "hmac-sha1"), ""), INVALID),
        (with(&kong(both, &good).replace("hmac-sha256", "none"), ""), INVALID),
        (with(&kong(both, ""), ""), INVALID),
        (with(&kong(both, "AAAA"), ""), INVALID),
        (with(&kong(both, "%%%"), ""), INVALID),
        (with(&format!("{}, username=\"k2\"", kong(both, &good)), ""), INVALID),
        (with(&format!("{}, x=\"y\"", kong(both, &good)), ""), INVALID),
        (with(&format!("{},", kong(both, &good)), ""), INVALID),
        (with("authorization: hmac", ""), INVALID),
        (with("authorization: Signature", ""), INVALID),
        (with(&format!("{}\n{}", kong(both, &good), kong(both, &good)), ""), INVALID),
        (with(&kong(&"x ".repeat(1000), &good), ""), INVALID),
        ("GET /".to_owned(), MISSING),
        (with("authorization: hmacs username=\"ada\"", ""), MISSING),
    ];
    for (row, expected) in cases {
        let headers = request(&row);
        let decision = authz.check(&headers, &mut Client::default());
        assert_eq!(decision.outcome, expected, "{row}");
        assert_eq!(decision.consumer, (expected == ALLOW).then_some("ada"), "{row}");
        if expected == ALLOW {
            assert!(authz.edits(&headers, &decision).contains(&Edit::Remove("authorization")), "{row}");
        }
    }
}

#[test]
fn options() {
    let apisix = sign(SECRET, &format!("ada\nGET /a\ndate: {DATE}\n"));
    let row = |signature: &str, more: &str| {
        format!(
            "GET /a shop\ndate: {DATE}{more}\nauthorization: Signature keyId=\"ada\",algorithm=\"hmac-sha256\",headers=\"@request-target date\",signature=\"{signature}\""
        )
    };
    let kong = sign(SECRET, &format!("@request-target: get /a\ndate: {DATE}"));
    let cases = [
        (", format: apisix", row(&apisix, ""), ALLOW),
        (", format: apisix", row(&kong, ""), INVALID),
        ("", row(&apisix, ""), INVALID),
        (", signed_headers: [Host]", row(&kong, ""), INVALID),
        (", require_digest: true", row(&kong, ""), INVALID),
        (", algorithms: [hmac-sha512]", row(&kong, ""), INVALID),
        (", required: false", "GET /".to_owned(), ALLOW),
    ];
    for (options, row, expected) in cases {
        assert_eq!(
            signed_authz(options).check(&request(&row), &mut Client::default()).outcome,
            expected,
            "{options}: {row}"
        );
    }
}

#[test]
fn bodies() {
    let authz = signed_authz("");
    let body = b"{\"a\": 1}";
    let digest = format!("SHA-256={}", STANDARD.encode(Sha256::digest(body)));
    let row = |digest: &str| {
        let signature = sign(SECRET, &format!("@request-target: post /\ndate: {DATE}\ndigest: {digest}"));
        format!(
            "POST / shop\ndate: {DATE}\ndigest: {digest}\n{}",
            kong("@request-target date digest", &signature)
        )
    };
    let headers = request(&row(&digest));
    let decision = authz.check(&headers, &mut Client::default());
    assert_eq!(decision.outcome, ALLOW);
    let expected = decision.body.unwrap();
    assert!(expected.is_of(body));
    assert!(!expected.is_of(b"") && !expected.is_of(b"{\"a\": 2}"));
    for wrong in ["SHA-256=", "SHA-256=AAAA", "MD5=AAAA", "", &format!("{digest},{digest}")] {
        assert_eq!(authz.check(&request(&row(wrong)), &mut Client::default()).outcome, INVALID, "{wrong}");
    }
}

#[test]
fn refused() {
    let key = format!("{{id: ada, secret: '{SECRET}'}}");
    let cases = [
        ("{keys: []}".to_owned(), "hmac.keys: found an empty list, expected at least one key"),
        (
            "{keys: [{id: a, secret: short}]}".into(),
            "hmac.keys[0].secret: found a secret of 5 bytes, expected at least 16",
        ),
        (
            format!("{{keys: [{key}, {key}]}}"),
            "hmac.keys[1].id: found `ada` for a second time, expected each id once",
        ),
        (
            format!("{{keys: [{key}], clock_skew: 0}}"),
            "hmac.clock_skew: found 0, expected 1 to 3,600 seconds: within them a request can be replayed",
        ),
        (
            format!("{{keys: [{key}], algorithms: [md5]}}"),
            "hmac.algorithms[0]: found unknown variant `md5`, expected one of `hmac-sha1`, `hmac-sha256`, `hmac-sha384`, `hmac-sha512`",
        ),
        (
            format!("{{keys: [{key}], signed_headers: ['a b']}}"),
            "hmac.signed_headers[0]: found \"a b\", expected the name of a header",
        ),
    ];
    for (hmac, expected) in cases {
        assert_eq!(refusal(&format!("hmac: {hmac}")).to_string(), expected, "for {hmac}");
    }
}
