//! What is refused, made from nothing but secrets: whoever signs can sign anything.

use super::*;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

const SECRET: &[u8; 64] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token that is signed with HS256, whatever its header says.
fn sign(header: &str, payload: &str) -> String {
    let input = format!("{}.{}", base64url(header), base64url(payload));
    let mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap().chain_update(&input).finalize();
    format!("{input}.{}", base64url(mac.into_bytes()))
}

fn secret(members: &Value) -> Value {
    let mut key = json!({"kty": "oct", "k": base64url(SECRET)});
    key.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    key
}

fn jwks(keys: &Value) -> Result<Jwks, JwksError> {
    Jwks::parse(json!({"keys": keys}).to_string().as_bytes())
}

fn verify(token: &str, jwks: &Jwks) -> Result<Claims, TokenError> {
    let token = Token::parse(token.as_bytes())?;
    let claims = Claims::parse(&token.payload)?;
    jwks.verify(&token.signature()?, token.signing_input, &mut Software).map(|()| claims)
}

#[test]
fn headers() {
    use TokenError::*;
    let cases = [
        (r#"{"alg":"HS256"}"#, Ok(())),
        (r#" { "typ" : "JWT" , "alg" : "HS256", "kid": "a" } "#, Ok(())),
        (r#"{"alg":"HS256","kid":""}"#, Ok(())),
        (r#"{"alg":"HS256","kid":"b"}"#, Err(NoKey)),
        (r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#, Ok(())),
        (r#"{"alg":"HS384"}"#, Err(Signature)),
        (r#"{"alg":"RS256"}"#, Err(NoKey)),
        (r#"{"alg":"none"}"#, Err(HeaderAlgorithmUnknown)),
        (r#"{"alg":"None"}"#, Err(HeaderAlgorithmUnknown)),
        (r#"{"alg":"hs256"}"#, Err(HeaderAlgorithmUnknown)),
        (r#"{"alg":""}"#, Err(HeaderAlgorithmUnknown)),
        (r#"{"alg":["HS256"]}"#, Err(HeaderAlgorithm)),
        (r#"{"alg":null}"#, Err(HeaderAlgorithm)),
        (r"{}", Err(HeaderAlgorithm)),
        (r#"{"alg":"HS256","kid":7}"#, Err(HeaderKid)),
        (r#"{"alg":"HS256","crit":["exp"]}"#, Err(HeaderCritical)),
        (r#"{"alg":"HS256","crit":[]}"#, Err(HeaderCritical)),
        (r#"{"alg":"HS256","b64":false,"crit":["b64"]}"#, Err(HeaderCritical)),
        (r#"{"alg":"none","alg":"HS256"}"#, Err(HeaderJson)),
        (r#"{"alg":"HS256","a":{"b":1,"b":2}}"#, Err(HeaderJson)),
        (r#"{"alg":"HS256"}x"#, Err(HeaderJson)),
        (r#"["alg"]"#, Err(HeaderJson)),
        ("\u{feff}{\"alg\":\"HS256\"}", Err(HeaderJson)),
    ];
    let jwks = jwks(&json!([secret(&json!({"kid": "a"}))])).unwrap();
    for (header, expected) in cases {
        assert_eq!(verify(&sign(header, "{}"), &jwks).map(drop), expected, "{header}");
    }
    let not_utf8 = format!("{}.e30.AA", base64url(b"{\"alg\":\"HS256\",\"x\":\"\xff\"}"));
    assert_eq!(verify(&not_utf8, &jwks).unwrap_err(), HeaderJson);
    let deep = format!(r#"{{"alg":"HS256","x":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
    assert_eq!(verify(&sign(&deep, "{}"), &jwks).unwrap_err(), HeaderJson);
}

#[test]
fn forms() {
    use TokenError::*;
    let good = sign(r#"{"alg":"HS256"}"#, r#"{"iss":"me"}"#);
    let jwks = jwks(&json!([secret(&json!({}))])).unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else { panic!("{good}") };
    assert!(verify(&good, &jwks).is_ok());
    let cases = [
        (String::new(), Format),
        ("..".into(), Format),
        (format!("{header}.{payload}"), Format),
        (format!("{header}.{payload}."), Format),
        (format!(".{payload}.{signature}"), Format),
        (format!("{header}..{signature}"), Format),
        (format!("{good}."), Format),
        (format!("{good}.{signature}"), Format),
        (format!(" {good}"), HeaderBase64),
        (format!("{good} "), SignatureBase64),
        (format!("{good}="), SignatureBase64),
        (format!("{header}.{payload}=.{signature}"), PayloadBase64),
        (format!("{header}.{payload}\n.{signature}"), PayloadBase64),
        (format!("{header}.{payload}A.{signature}"), PayloadBase64),
        (format!("{header}.{}.{signature}", base64url("7")), PayloadJson),
        (format!("{header}.{}.{signature}", base64url("{}")), Signature),
        (format!("{good}AA"), SignatureBase64),
        (format!("{header}.{payload}.AA"), Signature),
        (format!("{header}.{payload}.{}", "A".repeat(MAX_TOKEN_BYTES)), TooLarge),
    ];
    for (token, expected) in cases {
        assert_eq!(verify(&token, &jwks).unwrap_err(), expected, "{token}");
    }
}

#[test]
fn claims() {
    use TokenError::*;
    let cases = [
        (r#"{"iss":1}"#, Err(Issuer)),
        (r#"{"sub":null}"#, Err(Subject)),
        (r#"{"iat":"1"}"#, Err(IssuedAt)),
        (r#"{"nbf":true}"#, Err(NotBefore)),
        (r#"{"exp":"1"}"#, Err(Expires)),
        (r#"{"exp":-1}"#, Err(ExpiresRange)),
        (r#"{"exp":1e20}"#, Err(ExpiresRange)),
        (r#"{"iat":-0.5}"#, Err(IssuedAtRange)),
        (r#"{"nbf":18446744073709551616}"#, Err(NotBeforeRange)),
        (r#"{"jti":{}}"#, Err(Id)),
        (r#"{"aud":7}"#, Err(Audience)),
        (r#"{"aud":["a",7]}"#, Err(Audience)),
        (r#"{"iss":"a","iss":"b"}"#, Err(PayloadJson)),
        (r#"{"x":{"a":1,"\u0061":2}}"#, Err(PayloadJson)),
        (r#"{"exp":1000}"#, Ok(())),
        (r#"{"exp":940.9}"#, Ok(())),
        (r#"{"exp":939}"#, Err(Expired)),
        (r#"{"exp":0}"#, Ok(())),
        (r#"{"nbf":1060}"#, Ok(())),
        (r#"{"nbf":1061}"#, Err(NotYetValid)),
        (r#"{"nbf":18446744073709551615,"exp":1}"#, Err(NotBeforeRange)),
        (r#"{"exp":18446744073709549568}"#, Ok(())),
    ];
    for (payload, expected) in cases {
        let found = Claims::parse(payload.as_bytes()).and_then(|claims| claims.check_time(1000, 60));
        assert_eq!(found, expected, "{payload}");
    }
    let many = json!({"aud": vec!["a"; MAX_AUDIENCES + 1]}).to_string();
    assert_eq!(Claims::parse(many.as_bytes()).unwrap_err(), Audience);
}

#[test]
fn key_sets() {
    let point = json!({"kty": "EC", "crv": "P-256", "kid": "e",
        "x": "04N0xi21hshyvBp7I167sbE_bXqyqkAPfefdklMO7wY", "y": "UI8exy-C06a7DUnjIdENkxeFtHM4-l_41LqEw9nVgmw"});
    let with = |members: Value| {
        let mut key = point.clone();
        key.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        key
    };
    let usable = [
        json!([point]),
        json!([point, with(json!({"kid": "f"}))]),
        json!([with(json!({"alg": "ES256", "use": "sig", "key_ops": ["sign", "verify"]}))]),
        json!([{"kty": "EC", "crv": "secp256k1"}, point]),
        json!([7, point]),
        json!([{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]),
    ];
    for keys in usable {
        assert!(jwks(&keys).is_ok(), "{keys}: {:?}", jwks(&keys));
    }
    let refused = [
        (json!([]), "no usable key"),
        (
            json!([with(json!({"x": "AAAA"}))]),
            "no usable key; keys[0]: the key is absent, malformed or too small",
        ),
        (
            json!([with(json!({"crv": "P-384"}))]),
            "no usable key; keys[0]: the key is absent, malformed or too small",
        ),
        (
            json!([with(json!({"crv": "Ed25519"}))]),
            "no usable key; keys[0]: crv is none of P-256, P-384, P-521 (EC) and Ed25519 (OKP)",
        ),
        (
            json!([with(json!({"alg": "ES384"}))]),
            "no usable key; keys[0]: alg is no signature algorithm of this type of key",
        ),
        (
            json!([with(json!({"alg": "HS256"}))]),
            "no usable key; keys[0]: alg is no signature algorithm of this type of key",
        ),
        (
            json!([with(json!({"use": "enc"}))]),
            "no usable key; keys[0]: use is not sig, or key_ops is without verify",
        ),
        (
            json!([with(json!({"key_ops": "verify"}))]),
            "no usable key; keys[0]: use is not sig, or key_ops is without verify",
        ),
        (json!([with(json!({"kid": 1}))]), "no usable key; keys[0]: kid is not a string"),
        (json!([with(json!({"kty": "rsa"}))]), "no usable key; keys[0]: kty is none of RSA, EC, OKP and oct"),
        (
            json!([{"kty": "oct", "k": "AAAA"}]),
            "no usable key; keys[0]: the key is absent, malformed or too small",
        ),
        (
            json!([{"kty": "RSA", "n": "", "e": ""}]),
            "no usable key; keys[0]: the key is absent, malformed or too small",
        ),
        (
            json!([{"kty": "RSA", "n": "A".repeat(2000), "e": "AQAB"}]),
            "no usable key; keys[0]: the key is absent, malformed or too small",
        ),
        (
            json!([{"kty": "OKP", "crv": "Ed25519", "x": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]),
            "no usable key; keys[0]: the key is absent, malformed or too small",
        ),
        (json!([point, point]), "two keys with the kid \"e\" and the same algorithm"),
        (json!([point, secret(&json!({}))]), "shared secrets beside public keys"),
        (json!(vec![point; MAX_KEYS + 1]), "101 keys, more than 100"),
    ];
    for (keys, expected) in refused {
        assert_eq!(jwks(&keys).unwrap_err().to_string(), expected, "{keys}");
    }
    for (text, expected) in [
        ("", JwksError::Json),
        ("[]", JwksError::Json),
        (r#"{"keys":[],"keys":[]}"#, JwksError::Json),
        ("{}", JwksError::Keys),
        (r#"{"keys":{}}"#, JwksError::Keys),
    ] {
        assert_eq!(Jwks::parse(text.as_bytes()).unwrap_err(), expected, "{text}");
    }
    let large = vec![b' '; MAX_JWKS_BYTES + 1];
    assert_eq!(Jwks::parse(&large).unwrap_err(), JwksError::TooLarge(MAX_JWKS_BYTES + 1));
    assert!(!format!("{:?}", jwks(&json!([secret(&json!({}))])).unwrap()).contains("0123"));
}

/// Whatever is changed in a token, it is refused, and nothing panics.
#[test]
fn no_changed_token_passes() {
    let good = sign(r#"{"alg":"HS256"}"#, r#"{"iss":"me","exp":4000000000}"#);
    let jwks = jwks(&json!([secret(&json!({}))])).unwrap();
    let verify = |token: &[u8]| {
        let token = Token::parse(token)?;
        Claims::parse(&token.payload)?;
        jwks.verify(&token.signature()?, token.signing_input, &mut Software)
    };
    assert_eq!(verify(good.as_bytes()), Ok(()));
    for at in 0..good.len() {
        for byte in 0..=255 {
            let mut changed = good.clone().into_bytes();
            if std::mem::replace(&mut changed[at], byte) != byte {
                assert!(verify(&changed).is_err(), "byte {at} is {byte}");
            }
        }
        assert!(verify(&good.as_bytes()[..at]).is_err(), "cut at {at}");
    }
}

/// The header of the token before counts only for tokens that have the same.
#[test]
fn a_header_is_read_anew_where_it_is_another_one() {
    let token = |header: &str| {
        let parts = [header, "{}", "signature"].map(|part| URL_SAFE_NO_PAD.encode(part));
        parts.join(".")
    };
    let one = token(r#"{"alg":"RS256","kid":"a"}"#);
    let cases = [
        one.clone(),
        one.clone(),
        token(r#"{"alg":"RS256","kid":"b"}"#),
        token(r#"{"alg":"none","kid":"b"}"#),
        token(r#"{"alg":"RS256","kid":"a","crit":[]}"#),
        one.clone(),
        one.replacen('.', "..", 1),
        one.clone(),
        token(r#"{"alg":"HS256"}"#),
    ];
    let mut last = None;
    for text in &cases {
        let read =
            |token: Result<Token<'_>, _>| token.map(|token| (token.algorithm, token.kid, token.payload));
        let behind = Token::parse_behind(&mut last, text.as_bytes());
        assert_eq!(read(behind), read(Token::parse(text.as_bytes())), "{text}");
    }
}
