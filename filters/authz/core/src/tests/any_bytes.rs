//! Whatever stands in a credential: it is refused, and nothing panics.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use suites::Random;

fn bytes(random: &mut Random, most: usize) -> Vec<u8> {
    let length = random.below(most + 1);
    (0..length).map(|_| u8::try_from(random.below(256)).unwrap()).collect()
}

/// A text with some of its bytes changed, removed, doubled, or cut off.
fn mutated(random: &mut Random, text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(text.len());
        let byte = u8::try_from(random.below(256)).unwrap();
        match random.below(5) {
            0 if at < text.len() => text[at] = byte,
            1 if at < text.len() => drop(text.remove(at)),
            2 => text.insert(at.min(text.len()), byte),
            3 => text.truncate(at),
            _ => text = [&text[..], &text[..at.min(text.len())]].concat(),
        }
    }
    text
}

/// Every reader of credentials at once; nothing is let through without any.
const CONFIG: &str = "
api_keys: {locations: [{header: x-api-key}, {query: api_key}, {cookie: api_key}], keys: [{consumer: web, secret: key-of-web}]}
basic: {users: 'ada:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac='}
hmac: {keys: [{id: ada, secret: a secret of 27 bytes}]}
request_authentication: [{name: i, spec: {jwtRules: [{issuer: i, jwks: '{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}]}',
  fromHeaders: [{name: authorization, prefix: 'Bearer '}, {name: x-token}], fromParams: [token], fromCookies: [token]}]}}]
require: {any: [api_key, basic, hmac, jwt]}
";

#[test]
fn nothing_passes_and_nothing_panics() {
    let authz = authz(CONFIG);
    let mut random = Random(11);
    let templates: &[(&str, &[u8])] = &[
        ("x-api-key", b"key-of-web"),
        ("authorization", b"Basic YWRhOm9wZW4gc2VzYW1l"),
        ("authorization", b"hmac username=\"ada\", algorithm=\"hmac-sha256\", headers=\"@request-target date\", signature=\"AAAA\""),
        ("authorization", b"Signature keyId=\"ada\",algorithm=\"hmac-sha512\",headers=\"(request-target) date digest\",signature=\"AAAA\""),
        ("authorization", b"Bearer eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJpIn0.AAAA"),
        ("x-token", b"eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJpIn0.AAAA"),
        ("cookie", b"api_key=key-of-web; token=a.b.c"),
        (":path", b"/?api_key=key-of-web&token=a.b.c"),
        ("date", b"Sun, 15 Jun 2025 15:06:40 GMT"),
    ];
    // What is whole is good: these may come out of a change again.
    let good = |headers: &Headers| {
        let is = |name: &str, good: &[u8]| {
            headers.get_all(name.as_bytes()).any(|value| value.trim_ascii() == good)
        };
        is("x-api-key", b"key-of-web")
            || headers.get_all(b"authorization").any(|value| {
                let text = value.get(5..).unwrap_or_default().trim_ascii();
                STANDARD.decode(text).is_ok_and(|text| text == b"ada:open sesame")
                    || text.starts_with(b"YWRhOm9wZW4gc2VzYW1l")
            })
            || headers.iter().any(|(name, value)| {
                (name == b"cookie" || name == b":path")
                    && memchr::memmem::find(value, b"key-of-web").is_some()
            })
    };
    let mut refused = 0;
    for _ in 0..30_000 {
        let mut headers = request("GET / shop");
        for _ in 0..=random.below(2) {
            let (name, template) = templates[random.below(templates.len())];
            let value = match random.below(3) {
                0 => bytes(&mut random, 40),
                1 => {
                    let scheme = template.split(|byte| *byte == b' ').next().unwrap_or_default();
                    [scheme, b" ", &bytes(&mut random, 60)].concat()
                }
                _ => mutated(&mut random, template),
            };
            if name == ":path" {
                headers = [(&b":method"[..], &b"GET"[..]), (b":path", &value)].into_iter().collect();
            } else {
                headers.push(name.as_bytes(), &value);
            }
        }
        let decision = authz.check(&headers, &mut Client::default());
        let _ = authz.edits(&headers, &decision);
        match decision.outcome {
            Outcome::Allow(_) => assert!(good(&headers), "{headers:?} passes"),
            // 401, or 403 for a token of another audience and for a consumer that may not.
            Outcome::DenyCredential(..)
            | Outcome::DenyToken(_)
            | Outcome::DenyUnauthenticated
            | Outcome::DenyForbidden => refused += 1,
            other => panic!("{headers:?}: {other:?}"),
        }
    }
    assert!(refused > 20_000, "{refused}");
}
