//! Verified claims, from the authz filter and from Envoy's `jwt_authn`.

use integration::battery::Upstreams;
use integration::config::native;
use integration::prelude::*;

use crate::authz::native_jwt::{KEYS, TOKENS};

fn token(name: &str) -> &'static str {
    TOKENS.iter().find(|(known, _)| *known == name).map(|(_, token)| *token).unwrap()
}

/// Who is Ada by a verified token is in `v2`, and those whose subject is drawn at 50 %.
fn canary(claims: Value) -> Wasm {
    Wasm::module("canary").config(json!({
        "releases": [
            {"name": "v2", "match": {"claim": {"name": "sub", "exact": "ada"}}},
            {"name": "drawn", "hosts": ["drawn.example.com"], "weight": 100, "key": [{"claim": "sub"}, "none"]},
        ],
        "claims": claims,
    }))
}

#[test]
fn only_verified_claims_count() {
    let issuer = "https://issuer.example";
    let authz = Wasm::module("authz").config(json!({
        "request_authentication": [{"name": "r", "spec": {"jwtRules": [{"issuer": issuer, "jwks": KEYS}]}}],
        "claims_to_filter_state": ["sub"],
    }));
    let jwt_authn = native(
        "jwt_authn",
        "jwt_authn.v3.JwtAuthentication",
        json!({
            "providers": {"a": {"issuer": issuer, "local_jwks": {"inline_string": KEYS}, "payload_in_metadata": "payload"}},
            "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [
                {"provider_name": "a"}, {"allow_missing_or_failed": {}}]}}}],
        }),
    );
    let native_claims = json!({"jwt_authn": {"payload_in_metadata": "payload"}});
    let drawn = json!([{"key": "wasm.canary", "string_match": {"exact": "drawn"}}]);
    let listener = |listener: Listener| {
        super::routed(
            listener
                .route(json!({"match": {"prefix": "/", "filter_state": drawn}, "route": {"cluster": "v2"}})),
        )
    };
    let upstreams = Upstreams::new();
    let envoy = upstreams
        .clusters()
        .listener(listener(Listener::new("authz").filter(authz).filter(canary(json!({"authz": {}})))))
        .listener(listener(Listener::new("jwt_authn").filter(jwt_authn).filter(canary(native_claims))))
        .start();
    for name in ["authz", "jwt_authn"] {
        let client = envoy.client_of(name);
        let version = |request: Request| super::operation::version(&client.send(request));
        let bearer = |token: &str| Request::get("/").header("authorization", format!("Bearer {token}"));
        assert_eq!(version(bearer(token("rs"))), "v2", "{name}: ada");
        assert_eq!(version(bearer(token("es"))), "v1", "{name}: bob");
        assert_eq!(version(bearer(token("es")).authority("drawn.example.com")), "v2", "{name}: by a claim");
        assert_eq!(version(Request::get("/").authority("drawn.example.com")), "v1", "{name}: without a key");
        let forged = Request::get("/").header("sub", "ada").header("authz_claim.sub", "ada");
        assert_eq!(version(forged), "v1", "{name}: forged");
        // An expired token is no token to jwt_authn as configured here, and refused by authz.
        let expired = client.send(bearer(token("expired")));
        assert!(expired.status == 401 || super::operation::version(&expired) == "v1", "{name}: {expired:?}");
        let answer = client.send(bearer(token("rs")));
        assert_eq!(answer.header_values("vary"), ["authorization"], "{name}");
    }
    envoy.assert_no_vm_failure();
}
