//! The same requests through the filter and through Envoy's own `jwt_authn`, configured as Istio does it.

use integration::config::native;
pub(crate) use integration::jwks::EXAMPLE_KEYS as KEYS;
use integration::jwks::EXAMPLE_TOKEN;
use integration::prelude::*;

/// Tokens of `https://issuer.example`, RS256 unless they say otherwise.
pub(crate) const TOKENS: [(&str, &str); 8] = [
    ("rs", EXAMPLE_TOKEN),
    (
        "es",
        "eyJhbGciOiJFUzI1NiIsImtpZCI6ImVjIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoiYm9iIiwiYXVkIjoic2hvcCIsImdyb3VwcyI6WyJndWVzdHMiXSwiZW1haWwiOiJhZGFAZXhhbXBsZS5jb20ifQ.ToBUDmZXT4merogsBo_0MK0XEsciwR4G7cIF3XhqJpHNefC-8eshHgTqrrzf-cRw6kLYzqS9qmW9XJ895fg3lQ",
    ),
    (
        "expired",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoiYWRhIiwiYXVkIjoic2hvcCIsImdyb3VwcyI6WyJzdGFmZiJdLCJlbWFpbCI6ImFkYUBleGFtcGxlLmNvbSIsImV4cCI6MTcwMDAwMDAwMH0.rpZQqYpDwEJw60nJx6E_AgAPVssXFvmB8gWFJXp5j3lTi6pvhSRuq0PPX0hD2VKxrDWYck90BkncKn2Q9nNbWEjNgv3Hnu-QwySUxqJljI9X-tcc8Gq0ueDBI9HTdpYvvNl9kSC5FYMrxKNby14YI8a1m5OqOiYXXuKIVu5dtugBZC0x_FGja3ccqis2-ve-svwt4uskfaVU2SoSDKao_FbwjpOXaLQzZRk1cl8Z7Tgemp6AD8Bmh8EOtckDE1YEschf9Gmj9kAXfKV2z2jGP4THrwIQZE501Zvj6PqUx6cZD7MVEmmDNMGJXpPfKWp1b6cZdKtFPsHi6H1u0lJi8w",
    ),
    (
        "aud",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoiYWRhIiwiYXVkIjoib3RoZXIiLCJncm91cHMiOlsic3RhZmYiXSwiZW1haWwiOiJhZGFAZXhhbXBsZS5jb20ifQ.NFX0j76fsVL1hpQzxuOdAxh62d6vb5rBZFiVT-dT7JcvUwPfJKYah-xmnGw-VLQkSRmUaYvest0Kl1lAPwoSPsnwvU93hVtQP29h4THr0e6koT2-u3h9W592LXLbYf8SCnXEWK16YHkah1TncY7zThBxFEWhPuhZbNCvXjyM29NC3T619tPilEc9joK5bkawn5XseTEpR-12APiu4GOYe7H2xAy7_eqLfWVAbHvDW4uTXjRV5izBUDEXVB8Yr125phI5Yjc_Amnc9qiuPGwyFLFm3xjoBooqkyMYZTm4za7JbClYHZoGnGfKPeCyNT8pLN7wNUJOFl1QfdfyUkwc7Q",
    ),
    (
        "iss",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL290aGVyLmV4YW1wbGUiLCJzdWIiOiJhZGEiLCJhdWQiOiJzaG9wIiwiZ3JvdXBzIjpbInN0YWZmIl0sImVtYWlsIjoiYWRhQGV4YW1wbGUuY29tIn0.IZg_XSAQDaObcId1k1OmvrHA_83YJV6sKozN5499PARQ4-CREGaM53KyriXzMFXAW8CVUrUkqZy8ebmdnhU754nAfmDYk8jY_eXx1igOf8vk8SAVWToQHZG70ibBHi5wT3DYFJqgZHjz9EcwqNvY7KpME4VCerorsH1O7K3aVL84_EyO7zPxeiyD3kVWq9kKmEFJpHvo1S74YR4Zo7DQ_k7R04-80wLaEBGd1NjleIjBOvhQG-Bkx14cHzilD6GJ4G9Qmw2_u5FMdNS1h_4wzahkRt7-yrqVg8tegLfPxiuEvTqPDwAV9MyexKsZygECptg7d7ym0YLsoDRy-UL4Cw",
    ),
    (
        "forged",
        "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoicm9vdCIsImF1ZCI6InNob3AiLCJncm91cHMiOlsic3RhZmYiXSwiZW1haWwiOiJhZGFAZXhhbXBsZS5jb20ifQ.RHLaFwtmi6yTtih7ViCI9qBjvlUBGVPkY9ZXf_oevcFBMwHeTBe3U-7bYqG99t-fJftIWzZXI2Z5m9kBlTW7tdI6QifoQgF-WdejBW3QHb3qlQLa-_G5vwyVwUKHMbaSgQYUSFQCXlO_6C1ryRCE7Z3A17zGAEl6ouffXzTb2rehKJoqSv7sl4ErVDv1PGxsRzPN8fCfxMg6yORuYjhW9UoGmuUDg1KGEejwwLxzKAx-pW6fQp1ftasOz5agt3sXrBs3twBPkKebajeeMuMf1--imnTRNdUu5ASaU-74fQphqDZ23Y6h-Yq2osBwnMHhW-1RxDQ0tK7QyFQDx2M8Gg",
    ),
    (
        "confused",
        "eyJhbGciOiJIUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoiYWRhIiwiYXVkIjoic2hvcCIsImdyb3VwcyI6WyJzdGFmZiJdLCJlbWFpbCI6ImFkYUBleGFtcGxlLmNvbSJ9.QnmluF883hxKZ7s-Pe13cRUM2QSrPFtlFNnVN-oibfQ",
    ),
    (
        "none",
        "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoiYWRhIiwiYXVkIjoic2hvcCIsImdyb3VwcyI6WyJzdGFmZiJdLCJlbWFpbCI6ImFkYUBleGFtcGxlLmNvbSJ9.AA",
    ),
];

pub(super) fn token(name: &str) -> &'static str {
    TOKENS.iter().find(|(other, _)| *other == name).unwrap().1
}

/// What Istio makes of one rule, and of several (pilot/pkg/security/authn/policy_applier.go).
fn requirement(providers: &[&str]) -> Value {
    let provider = |name: &str| json!({"provider_name": name});
    let or_missing =
        |name: &&str| json!({"requires_any": {"requirements": [provider(name), {"allow_missing": {}}]}});
    match providers {
        [one] => or_missing(one),
        several => {
            let mut any: Vec<Value> = several.iter().map(|name| provider(name)).collect();
            let all: Vec<Value> = several.iter().map(or_missing).collect();
            any.push(json!({"requires_all": {"requirements": all}}));
            json!({"requires_any": {"requirements": any}})
        }
    }
}

fn jwt_authn(providers: &Value, names: &[&str]) -> Value {
    let config = json!({
        "providers": providers,
        "rules": [{"match": {"prefix": "/"}, "requires": requirement(names)}],
        "bypass_cors_preflight": true,
    });
    native("jwt_authn", "jwt_authn.v3.JwtAuthentication", config)
}

#[test]
fn tokens_are_judged_as_by_jwt_authn() {
    let app = Upstream::start("app");
    let issuer = "https://issuer.example";
    let claims = json!([{"header": "x-email", "claim": "email"}, {"header": "x-none", "claim": "none"}]);
    let ours = |rules: Value| {
        let entry = json!({"name": "r", "spec": {"jwtRules": rules}});
        Wasm::module("authz").config(json!({"request_authentication": [entry]}))
    };
    let one = ours(json!([{"issuer": issuer, "audiences": ["shop"], "jwks": KEYS,
        "outputPayloadToHeader": "x-payload", "outputClaimToHeaders": claims}]));
    let two = ours(json!([
        {"issuer": "https://other.example", "jwks": KEYS, "forwardOriginalToken": true},
        {"issuer": issuer, "jwks": KEYS, "fromHeaders": [{"name": "x-token", "prefix": "T "}], "fromParams": ["t"], "fromCookies": ["c"]},
    ]));
    let native_claims = json!([{"header_name": "x-email", "claim_name": "email"}, {"header_name": "x-none", "claim_name": "none"}]);
    let native_one = jwt_authn(
        &json!({"a": {"issuer": issuer, "audiences": ["shop"], "local_jwks": {"inline_string": KEYS},
            "forward_payload_header": "x-payload", "claim_to_headers": native_claims}}),
        &["a"],
    );
    let native_two = jwt_authn(
        &json!({
            "a": {"issuer": issuer, "local_jwks": {"inline_string": KEYS}, "from_headers": [{"name": "x-token", "value_prefix": "T "}],
                "from_params": ["t"], "from_cookies": ["c"]},
            "b": {"issuer": "https://other.example", "local_jwks": {"inline_string": KEYS}, "forward": true},
        }),
        &["a", "b"],
    );
    let listener = |name: &str| Listener::new(name).route_to("app");
    let envoy = Config::new()
        .cluster(Cluster::new("app", [&app]))
        .listener(listener("one ours").filter(one))
        .listener(listener("one native").filter(native_one))
        .listener(listener("two ours").filter(two))
        .listener(listener("two native").filter(native_two))
        .start();
    let mut differences = Vec::new();
    let mut statuses = std::collections::BTreeSet::new();
    for request in requests() {
        for kind in ["one", "two"] {
            let [ours, native] = ["ours", "native"].map(|side| {
                // The same authority on both, as it stands in the challenge.
                let request = request.clone().authority("shop.example");
                let answer = envoy.client_of(&format!("{kind} {side}")).send(request);
                let challenge = answer.header("www-authenticate");
                let body = if answer.status == 200 { String::new() } else { answer.text() };
                let upstream: Vec<String> = app
                    .seen(&answer.id)
                    .iter()
                    .map(|seen| {
                        let names = ["authorization", "x-token", "cookie", "x-email", "x-none", "x-payload"];
                        let headers: Vec<_> = names.iter().map(|name| seen.header_values(name)).collect();
                        format!("{} {headers:?}", seen.path)
                    })
                    .collect();
                (answer.status, body, challenge, upstream)
            });
            statuses.insert(ours.0);
            if ours != native {
                differences.push(format!("{kind}: {request:?}:\n    {ours:?}, natively\n    {native:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), [200, 401, 403]);
    envoy.assert_no_vm_failure();
}

fn requests() -> Vec<Request> {
    let get = || Request::get("/a?b=c");
    let bearer = |value: &str| get().header("authorization", format!("Bearer {value}"));
    let mut requests = vec![
        get(),
        get().header("x-email", "forged").header("x-none", "forged").header("x-payload", "forged"),
    ];
    for (_, token) in TOKENS {
        requests.push(bearer(token));
        requests.push(bearer(token).header("x-email", "forged"));
        requests.push(get().header("x-token", format!("T {token}")));
        requests.push(get().header("x-token", token));
        requests.push(get().header("cookie", format!("a=b; c={token}")));
        requests.push(Request::get(format!("/?access_token={token}")));
        requests.push(Request::get(format!("/p?t={token}&z=1")));
        requests.push(bearer(token).header("x-token", format!("T {}", self::token("rs"))));
        for method in ["OPTIONS", "GET"] {
            let preflight = Request::new(method, "/").header("authorization", format!("Bearer {token}"));
            requests.push(preflight.clone().header("origin", "https://o"));
            requests
                .push(preflight.header("origin", "https://o").header("access-control-request-method", "PUT"));
        }
    }
    let good = token("rs");
    let (header, rest) = good.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let values = [
        "".to_owned(),
        "x".into(),
        "..".into(),
        "a.b.c".into(),
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!("{header}..{signature}"),
        format!("{header}.{payload}.{signature}.x"),
        format!("!{header}.{payload}.{signature}"),
        format!("{header}.!{payload}.{signature}"),
        format!("{header}.{payload}.!{signature}"),
        format!("{payload}.{payload}.{signature}"),
        format!("{header}.{header}.{signature}"),
        format!("{header}.{payload}.AAAA"),
        format!("  {good}"),
        format!("({good}"),
    ];
    requests.extend(values.iter().map(|value| bearer(value)));
    let authorization = |value: String| get().header("authorization", value);
    requests.extend([
        authorization(format!("bearer {good}")),
        authorization(format!("Basic {good}")),
        authorization(format!("Bearer{good}")),
        authorization(format!("Basic x Bearer {good}")),
        authorization(good.to_owned()),
        bearer(good).header("authorization", format!("Bearer {}", token("expired"))),
        Request::get(format!("/{}", "x".repeat(400))).header("authorization", "Bearer x"),
    ]);
    requests
}
