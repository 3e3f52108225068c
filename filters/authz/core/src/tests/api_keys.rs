use super::*;
use crate::config::CredentialKind;

/// SHA-256 of salt and key, as the documented shell line makes it.
fn hash(salt: &str, key: &str) -> String {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(format!("{salt}{key}"));
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{salt}:{hex}")
}

/// `mobile` has two keys and `web` one, all with one salt; `batch` has a salt of its own, `ops` a key in the environment.
fn keys() -> String {
    let entry = |consumer: &str, salt: &str, key: &str| {
        format!("{{consumer: {consumer}, hash: '{}'}}", hash(salt, key))
    };
    format!(
        "[{}, {}, {}, {}, {{consumer: ops, secret: '${{OPS_KEY}}'}}]",
        entry("mobile", "pepper-7f", "key-of-mobile"),
        entry("mobile", "pepper-7f", "+/=&; %"),
        entry("web", "pepper-7f", "key-of-web"),
        entry("batch", "another.salt", "key-of-batch"),
    )
}

/// A request that is allowed, and of this consumer.
fn of(consumer: Option<&str>) -> Decision<'_> {
    Decision {
        outcome: Outcome::Allow(None),
        consumer,
        shown: Default::default(),
        route: None,
        body: None,
        identity: None,
        dry_run: None,
        audit: None,
        checks: Vec::new(),
        is_checked: false,
    }
}

const ALL_LOCATIONS: &str = "[{header: X-API-Key}, {query: api_key}, {cookie: api_key}]";

#[test]
fn the_documented_shell_line_makes_hashes() {
    // salt=0123456789abcdef; KEY=secret; echo "$salt:$(printf %s "$salt$KEY" | sha256sum | cut -c-64)"
    let line = "0123456789abcdef:c5310e3d1e5823ef77ce3a5804988a72fc60c307a0c8959f3461e202e4a8d814";
    assert_eq!(hash("0123456789abcdef", "secret"), line);
}

#[test]
fn requests() {
    let required = authz(&format!("api_keys: {{locations: {ALL_LOCATIONS}, keys: {}}}", keys()));
    let optional =
        authz(&format!("api_keys: {{locations: {ALL_LOCATIONS}, keys: {}, required: false}}", keys()));
    let known = |consumer| (Outcome::Allow(None), Some(consumer));
    let wrong = (Outcome::DenyCredential(CredentialKind::ApiKey, Problem::Invalid), None);
    let cases = [
        ("GET /\nx-api-key: key-of-mobile", known("mobile")),
        ("GET /\nx-api-key: +/=&; %", known("mobile")),
        ("GET /\nx-api-key: key-of-web", known("web")),
        ("GET /\nx-api-key: key-of-batch", known("batch")),
        ("GET /\nx-api-key: ops-key-from-the-environment", known("ops")),
        ("GET /?a=b&api_key=key-of-web&c", known("web")),
        ("GET /?api_key=%2B%2F%3D%26%3B%20%25", known("mobile")),
        ("GET /\ncookie: a=b; api_key=key-of-web", known("web")),
        ("GET /?api_key=key-of-web\nx-api-key: key-of-web\ncookie: api_key=key-of-web", known("web")),
        ("GET /?api_key=%2B%2F%3D%26%3B%20%25\nx-api-key: key-of-mobile", known("mobile")),
        ("GET /\nx-api-key: Key-of-web", wrong),
        ("GET /\nx-api-key: key-of-web2", wrong),
        ("GET /\nx-api-key: pepper-7fkey-of-web", wrong),
        ("GET /\nx-api-key: ", wrong),
        ("GET /?api_key", wrong),
        ("GET /?api_key=", wrong),
        ("GET /?api_key=%zz", wrong),
        ("GET /\ncookie: api_key", (Outcome::DenyCredential(CredentialKind::ApiKey, Problem::Missing), None)),
        ("GET /\ncookie: api_key=", wrong),
        ("GET /\nx-api-key: key-of-web, key-of-web", wrong),
        // One of several is wrong, or they are of different consumers, or there are too many.
        ("GET /?api_key=x\nx-api-key: key-of-web", wrong),
        ("GET /\nx-api-key: key-of-web\nx-api-key: key-of-mobile", wrong),
        ("GET /?api_key=key-of-web&api_key=key-of-web&api_key=key-of-web&api_key=key-of-web", known("web")),
        (
            "GET /?api_key=key-of-web&api_key=key-of-web&api_key=key-of-web&api_key=key-of-web&api_key=key-of-web",
            wrong,
        ),
        // Not where a key belongs.
        (
            "GET /\nauthorization: key-of-web",
            (Outcome::DenyCredential(CredentialKind::ApiKey, Problem::Missing), None),
        ),
        (
            "GET /?API_KEY=key-of-web",
            (Outcome::DenyCredential(CredentialKind::ApiKey, Problem::Missing), None),
        ),
        (
            "GET /?x#api_key=key-of-web",
            (Outcome::DenyCredential(CredentialKind::ApiKey, Problem::Missing), None),
        ),
        ("CONNECT", (Outcome::DenyCredential(CredentialKind::ApiKey, Problem::Missing), None)),
    ];
    for (row, expected) in cases {
        let decision = required.check(&request(row), &mut Client::default());
        assert_eq!((decision.outcome, decision.consumer), expected, "{row}");
        let decision = optional.check(&request(row), &mut Client::default());
        let expected = if expected.0 == Outcome::DenyCredential(CredentialKind::ApiKey, Problem::Missing) {
            (Outcome::Allow(None), None)
        } else {
            expected
        };
        assert_eq!((decision.outcome, decision.consumer), expected, "{row}, optional");
    }
}

/// Any byte in a credential is refused, never a panic, never a pass.
#[test]
fn bytes() {
    let authz = authz(&format!("api_keys: {{locations: {ALL_LOCATIONS}, keys: {}}}", keys()));
    let places: [(&str, &[u8], &[u8]); 3] = [
        ("x-api-key", b"", b""),
        // What ends the parameter or the cookie is not part of the key: behind it, the right key stays right.
        (":path", b"/?api_key=", b"&#"),
        ("cookie", b"api_key=", b"; \t\r\n\x0c"),
    ];
    for (name, prefix, ends) in places {
        let check = |key: &[u8]| {
            let headers: Headers = [(name, [prefix, key].concat())].into_iter().collect();
            authz.check(&headers, &mut Client::default()).outcome
        };
        for byte in 0..=255_u8 {
            let outcome = check(&[b"key-of-web", &[byte][..]].concat());
            let expected = if ends.contains(&byte) {
                Outcome::Allow(None)
            } else {
                Outcome::DenyCredential(CredentialKind::ApiKey, Problem::Invalid)
            };
            assert_eq!(outcome, expected, "{name}: the right key and {}", byte.escape_ascii());
            assert_eq!(
                check(&[byte]),
                Outcome::DenyCredential(CredentialKind::ApiKey, Problem::Invalid),
                "{name}: {}",
                byte.escape_ascii()
            );
        }
        for size in [MAX_KEY_BYTES, MAX_KEY_BYTES + 1, 1 << 20] {
            assert_eq!(
                check(&vec![b'k'; size]),
                Outcome::DenyCredential(CredentialKind::ApiKey, Problem::Invalid),
                "{name}: {size} bytes"
            );
        }
    }
}

#[test]
fn policies_know_the_consumer() {
    let yaml = format!(
        "policies:
        - {{name: ops, spec: {{rules: [{{to: [{{operation: {{paths: [/ops]}}}}], when: [{{key: portcullis.consumer, values: [ops]}}]}}]}}}}
        - {{name: known, spec: {{rules: [{{to: [{{operation: {{paths: [/known]}}}}], when: [{{key: portcullis.consumer, values: ['*']}}]}}]}}}}
        - {{name: public, spec: {{rules: [{{to: [{{operation: {{paths: [/public]}}}}]}}]}}}}
api_keys: {{required: false, keys: {}}}",
        keys()
    );
    let authz = authz(&yaml);
    for (row, expected) in [
        ("GET /ops\nx-api-key: ops-key-from-the-environment", Outcome::Allow(Some(0))),
        ("GET /ops\nx-api-key: key-of-web", Outcome::DenyNoMatch),
        ("GET /ops", Outcome::DenyNoMatch),
        ("GET /known\nx-api-key: key-of-web", Outcome::Allow(Some(1))),
        ("GET /known", Outcome::DenyNoMatch),
        ("GET /known\nx-api-key: no", Outcome::DenyCredential(CredentialKind::ApiKey, Problem::Invalid)),
        ("GET /public", Outcome::Allow(Some(2))),
        ("GET /public\nx-api-key: no", Outcome::DenyCredential(CredentialKind::ApiKey, Problem::Invalid)),
    ] {
        assert_eq!(authz.check(&request(row), &mut Client::default()).outcome, expected, "{row}");
    }
    let errors = refusal(&yaml.replace("values: [ops]", "values: [opps, 'o*', 'x*']"));
    let values = "policies[0].spec.rules[0].when[0].values";
    assert_eq!(
        errors.to_string(),
        format!(
            "{values}[0]: found `opps`, expected a consumer that a credential names\n{values}[2]: found `x*`, expected a consumer that a credential names"
        )
    );
}

#[test]
fn edits() {
    let config = format!("locations: {ALL_LOCATIONS}, keys: {}", keys());
    let hiding = authz(&format!("api_keys: {{{config}}}"));
    let showing = authz(&format!("api_keys: {{{config}, hide_credentials: false}}"));
    let nameless = authz(&format!("api_keys: {{{config}}}\nconsumer_header: null"));
    let consumer = || Edit::Set("x-consumer", b"web".to_vec());
    let cases = [
        ("GET /?q", vec![consumer()]),
        ("GET /\nx-api-key: a\nx-api-key: b\nx-consumer: root", vec![Edit::Remove("x-api-key"), consumer()]),
        ("GET /?api_key=a", vec![Edit::Set(":path", b"/".to_vec()), consumer()]),
        (
            "GET /p?a=%20b&api_key=1&&api_key&c=?d",
            vec![Edit::Set(":path", b"/p?a=%20b&&c=?d".to_vec()), consumer()],
        ),
        ("GET /\ncookie: api_key=1", vec![Edit::Remove("cookie"), consumer()]),
        (
            "GET /\ncookie: a=1; api_key=1;b=\"2\"; c\ncookie: d=",
            vec![Edit::Set("cookie", b"a=1; b=\"2\"; c; d=".to_vec()), consumer()],
        ),
    ];
    for (row, expected) in cases {
        let headers = request(row);
        assert_eq!(hiding.edits(&headers, &of(Some("web"))), expected, "{row}");
        assert_eq!(showing.edits(&headers, &of(Some("web"))), [consumer()], "{row}, showing");
        let nameless_edits: Vec<Edit<'_>> = expected.into_iter().filter(|edit| *edit != consumer()).collect();
        assert_eq!(nameless.edits(&headers, &of(Some("web"))), nameless_edits, "{row}, nameless");
    }
    // A name that the client wrote itself goes, also where there is no consumer.
    assert_eq!(hiding.edits(&request("GET /\nx-consumer: root"), &of(None)), [Edit::Remove("x-consumer")]);
    assert_eq!(hiding.edits(&request("GET /"), &of(None)), []);
    assert_eq!(
        hiding.challenges(Outcome::DenyUnauthenticated, None, &request("GET /")),
        [b"Key realm=\"portcullis\"".to_vec()]
    );
}

#[test]
fn refused() {
    let digest = "0".repeat(64);
    let key = format!("{{consumer: a, hash: 'saltsalt:{digest}'}}");
    let hash_expected = "expected `salt:digest`, a salt of 8 to 64 letters, digits, `.`, `_` and `-`, and the SHA-256 of salt and key in 64 hexadecimal digits";
    let cases = [
        ("{}".to_owned(), "api_keys.keys: found nothing, expected a value: the field is required".to_owned()),
        ("{keys: []}".into(), "api_keys.keys: found an empty list, expected at least one key".into()),
        (format!("{{keys: [{key}], locations: []}}"), "api_keys.locations: found an empty list, expected at least one location, or no such field".into()),
        (format!("{{keys: [{key}], locations: [{{header: 'a b'}}]}}"), "api_keys.locations[0]: found the header \"a b\", expected the name of a header, but not host or cookie".into()),
        (format!("{{keys: [{key}], locations: [{{header: Host}}]}}"), "api_keys.locations[0]: found the header \"host\", expected the name of a header, but not host or cookie".into()),
        (format!("{{keys: [{key}], locations: [{{query: 'a=b'}}]}}"), "api_keys.locations[0]: found the parameter \"a=b\", expected the name of a query parameter that needs no encoding".into()),
        (format!("{{keys: [{key}], locations: [{{cookie: 'a;'}}]}}"), "api_keys.locations[0]: found the cookie \"a;\", expected the name of a cookie (RFC 6265, token)".into()),
        (format!("{{keys: [{key}], locations: [{{header: a}}, {{header: A}}]}}"), "api_keys.locations[1]: found the same location again, expected each location once".into()),
        (format!("{{keys: [{key}], locations: [{{form: a}}]}}"), "api_keys.locations[0]: found unknown variant `form`, expected one of `header`, `query`, `cookie`".into()),
        (format!("{{keys: [{key}], realm: 'a\"b'}}"), "api_keys.realm: found \"a\\\"b\", expected at most 256 printable ASCII characters without quotes and backslashes".into()),
        (format!("{{keys: [{key}, {key}]}}"), "api_keys.keys[1]: found the same key as in an earlier entry, expected each key once".into()),
        ("{keys: [{consumer: a}]}".into(), "api_keys.keys[0]: found neither hash nor secret, expected one of them".into()),
        (format!("{{keys: [{{consumer: a, secret: x, hash: 'saltsalt:{digest}'}}]}}"), "api_keys.keys[0]: found both hash and secret, expected one of them".into()),
        ("{keys: [{consumer: a, secret: ''}]}".into(), "api_keys.keys[0].secret: found a key of 0 bytes, expected 1 to 512 bytes".into()),
        ("{keys: [{consumer: a, secret: '${NONE}'}]}".into(), "api_keys.keys[0].secret: found a reference to the environment variable NONE, which is not set, expected a variable that vm_config.environment_variables sets, or $${…} for the text".into()),
        (format!("{{keys: [{{consumer: 'a b', hash: 'saltsalt:{digest}'}}]}}"), "api_keys.keys[0].consumer: found \"a b\", expected 1 to 128 letters, digits, `.`, `_`, `-`, `@` and `/`".into()),
        (format!("{{keys: [{{consumer: a, hash: 'short:{digest}'}}]}}"), format!("api_keys.keys[0].hash: found a text of 70 bytes in another form, {hash_expected}")),
        (format!("{{keys: [{{consumer: a, hash: '{digest}'}}]}}"), format!("api_keys.keys[0].hash: found a text of 64 bytes in another form, {hash_expected}")),
        ("{keys: [{consumer: a, hash: 'saltsalt:00'}]}".into(), format!("api_keys.keys[0].hash: found a text of 11 bytes in another form, {hash_expected}")),
    ];
    for (api_keys, expected) in cases {
        assert_eq!(refusal(&format!("api_keys: {api_keys}")).to_string(), expected, "for {api_keys}");
    }
    let many: Vec<String> =
        (0..=MAX_SALTS).map(|salt| format!("{{consumer: a, hash: 'salt-{salt:04}:{digest}'}}")).collect();
    let errors = refusal(&format!("api_keys: {{keys: [{}]}}", many.join(", ")));
    assert_eq!(
        errors.to_string(),
        "api_keys.keys: found 17 different salts, expected at most 16: hash the keys with the same salt"
    );
}
