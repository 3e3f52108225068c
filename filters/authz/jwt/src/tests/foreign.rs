//! Suites of others, read from `PORTCULLIS_DATA` (default `../shared/data` beside the repository), not part of it.

use super::*;
use serde_json::{Value, json};
use suites::{Known, Outcome, data};

fn verifies(jwks: &Value, token: &str) -> Result<(), String> {
    let jwks = Jwks::parse(jwks.to_string().as_bytes()).map_err(|error| error.to_string())?;
    let token = Token::parse(token.as_bytes()).map_err(|error| error.to_string())?;
    token
        .signature()
        .and_then(|signature| jwks.verify(&signature, token.signing_input, &mut Software))
        .map_err(|error| error.to_string())
}

const LIST: &str = "expected-skips.toml";

fn wycheproof(suite: &str, group_type: &str, key_set: impl Fn(&Value) -> Value) {
    let Some(path) = data(&format!("wycheproof/{suite}_test.json")) else { return };
    let known = Known::section(LIST, include_str!("../../tests/expected-skips.toml"), suite);
    let mut outcome = Outcome::default();
    for group in suites::json::<Value>(&path)["testGroups"].as_array().unwrap() {
        assert_eq!(group["type"], group_type);
        let keys = key_set(group.get("public").unwrap_or(&group["private"]));
        for test in group["tests"].as_array().unwrap() {
            // A JWS in JSON serialisation is an object in some vectors: as a token it is its text.
            let token = test["jws"].as_str().map_or_else(|| test["jws"].to_string(), str::to_owned);
            let verified = verifies(&keys, &token);
            let holds = verified.is_ok() == (test["result"] == "valid");
            let what = format!("{}, {}: {verified:?}", group["comment"], test["comment"]);
            outcome.add(test["tcId"].to_string(), if holds { Ok(()) } else { Err(what) });
        }
    }
    outcome.finish(suite, &known);
}

#[test]
fn wycheproof_json_web_signature() {
    wycheproof("json_web_signature", "JsonWebSignature", |key| json!({"keys": [key]}));
}

#[test]
fn wycheproof_json_web_key() {
    wycheproof("json_web_key", "JsonWebKey", Clone::clone);
}

#[test]
fn rfc7520() {
    let Some(folder) = data("rfc7520-jose-cookbook/jws") else { return };
    let mut verified = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let example: Value = suites::json(&entry.unwrap().path());
        let title = example["title"].as_str().unwrap().to_owned();
        let keys = match &example["input"]["key"] {
            Value::Array(keys) => json!({"keys": keys}),
            key => json!({"keys": [key]}),
        };
        if let Some(compact) = example["output"]["compact"].as_str() {
            // Without the payload it is detached content, which a token cannot be.
            let holds = verifies(&keys, compact);
            assert_eq!(holds.is_ok(), !compact.contains(".."), "{title}: {holds:?}");
            if holds.is_ok() {
                verified.push(title.clone());
                let (input, signature) = compact.rsplit_once('.').unwrap();
                let reversed: String = signature.chars().rev().collect();
                let forged = format!("{input}.{reversed}");
                assert!(verifies(&keys, &forged).is_err(), "{title}, forged");
            }
        }
        for name in ["json", "json_flat"] {
            if let Some(json) = example["output"].get(name) {
                assert!(verifies(&keys, &json.to_string()).is_err(), "{title}, {name}");
            }
        }
    }
    assert_eq!(verified.len(), 4, "{verified:?}");
}
