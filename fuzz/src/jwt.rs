//! JSON Web Tokens and key sets.

use crate::Input;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use portcullis_jwt::{Algorithm, Claims, Jwks, Software, Token};
use sha2::Sha256;

const SECRET: &[u8; 32] = b"0123456789abcdef0123456789abcdef";

/// The first byte chooses: a header and a payload that are signed here, a whole token, or a key set.
///
/// What is signed verifies, if it is a token of this key's algorithm at all; with one byte changed it does not. A token that
/// was not signed never verifies, and what was read of it stands in it.
pub fn check(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    match input.below(3) {
        0 => signed(input),
        1 => foreign(input.rest()),
        _ => key_set(input.rest()),
    }
}

fn signed(mut input: Input<'_>) {
    let (at, change) = (input.byte(), input.byte());
    let mut halves = input.rest().splitn(2, |byte| *byte == 0);
    let mut half = || URL_SAFE_NO_PAD.encode(halves.next().unwrap_or_default());
    let text = format!("{}.{}", half(), half());
    let mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap().chain_update(&text).finalize();
    let mut text = format!("{text}.{}", URL_SAFE_NO_PAD.encode(mac.into_bytes())).into_bytes();
    let Ok(token) = Token::parse(&text) else { return };
    let expected = token.algorithm == Algorithm::HS256;
    assert_eq!(verifies(&token), expected, "{}", text.escape_ascii());
    let _ = Claims::parse(&token.payload);
    let at = usize::from(at) * text.len() / 256;
    text[at] ^= change.max(1);
    if let Ok(token) = Token::parse(&text) {
        assert!(!verifies(&token), "{}", text.escape_ascii());
    }
}

fn foreign(text: &[u8]) {
    let Ok(token) = Token::parse(text) else { return };
    assert_eq!(token.signing_input, &text[..token.signing_input.len()]);
    assert_eq!(URL_SAFE_NO_PAD.encode(&token.payload).as_bytes(), token.payload_base64url);
    // No fuzzer forges a signature.
    assert!(!verifies(&token), "{}", text.escape_ascii());
    match Claims::parse(&token.payload) {
        Ok(claims) => {
            let json = serde_json::from_slice::<serde_json::Value>(&token.payload).expect("a JSON text");
            assert_eq!(json.as_object(), Some(&claims.members));
        }
        Err(error) => drop(error.to_string()),
    }
}

fn key_set(text: &[u8]) {
    match Jwks::parse(text) {
        Ok(keys) => {
            assert!(!keys.keys().is_empty());
            let token = Token::parse(b"eyJhbGciOiJSUzI1NiJ9.e30.AAAA").unwrap();
            let _ = keys.verify(&token.signature().unwrap(), token.signing_input, &mut Software);
        }
        Err(error) => drop(error.to_string()),
    }
}

fn verifies(token: &Token<'_>) -> bool {
    let Ok(signature) = token.signature() else { return false };
    keys().verify(&signature, token.signing_input, &mut Software).is_ok()
}

fn keys() -> Jwks {
    let set = format!(r#"{{"keys":[{{"kty":"oct","k":"{}"}}]}}"#, URL_SAFE_NO_PAD.encode(SECRET));
    Jwks::parse(set.as_bytes()).unwrap()
}
