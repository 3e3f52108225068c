//! Wycheproof's JSON web signatures and keys, and the JOSE cookbook (RFC 7520), in a real Envoy: by the module's own code
//! and by the host's `verify_signature`. Both have to give the answer that the suite says.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use integration::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

const SIGNATURE: &str = "json_web_signature";
const KEY: &str = "json_web_key";

/// What came of the vectors.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) passed: usize,
    /// How many of them the host was asked about.
    pub(crate) by_host: usize,
    /// By suite, then by name.
    pub(crate) failures: BTreeMap<&'static str, BTreeMap<String, String>>,
}

/// A key set, a token, and whether it is to be verified.
struct Vector {
    name: String,
    keys: Value,
    token: String,
    valid: bool,
}

pub(crate) fn run(wycheproof: &Path) -> Outcome {
    let cookbook = wycheproof.with_file_name("rfc7520-jose-cookbook").join("jws");
    let suites = [
        (
            SIGNATURE,
            vectors_of(&wycheproof.join("json_web_signature_test.json"), |key| json!({"keys": [key]})),
        ),
        (KEY, vectors_of(&wycheproof.join("json_web_key_test.json"), Clone::clone)),
        ("rfc7520", examples(&cookbook)),
    ];
    let module = Wasm::module("examples/signatures").config(json!({}));
    let route = json!({"match": {"prefix": "/"}, "direct_response": {"status": 500}});
    let envoy = Config::new()
        .without_access_log()
        .listener(
            Listener::new("main").with_manager("max_request_headers_kb", 96).filter(module).route(route),
        )
        .start();
    let mut outcome = Outcome::default();
    let vectors = suites
        .into_iter()
        .flat_map(|(suite, vectors)| vectors.into_iter().map(move |vector| (suite, vector)));
    for (suite, vector) in vectors {
        let encoded = |text: String| URL_SAFE_NO_PAD.encode(text);
        let request = Request::get("/")
            .header("x-jwks", encoded(vector.keys.to_string()))
            .header("x-token", encoded(vector.token));
        let answer = envoy.send(request).text();
        let valid = vector.valid;
        let holds = match answer.split_once(", asked: ") {
            Some((answers, asked)) => {
                outcome.by_host += usize::from(asked == "true");
                answers == format!("own: {valid}, host: {valid}")
            }
            None => answer.starts_with("refused: ") && !valid,
        };
        if holds {
            outcome.passed += 1;
        } else {
            outcome
                .failures
                .entry(suite)
                .or_default()
                .insert(vector.name, format!("expected {valid}, answered {answer}"));
        }
    }
    envoy.assert_no_vm_failure();
    outcome
}

fn vectors_of(file: &Path, key_set: impl Fn(&Value) -> Value) -> Vec<Vector> {
    let suite: Value = suites::json(file);
    let mut vectors = Vec::new();
    for group in suite["testGroups"].as_array().unwrap() {
        let keys = key_set(group.get("public").unwrap_or(&group["private"]));
        for test in group["tests"].as_array().unwrap() {
            let token = test["jws"].as_str().map_or_else(|| test["jws"].to_string(), str::to_owned);
            let name = format!("{}", test["tcId"]);
            vectors.push(Vector { name, keys: keys.clone(), token, valid: test["result"] == "valid" });
        }
    }
    vectors
}

/// Compact serialisations, and each with its signature reversed. Without a payload in it, it is no token.
fn examples(folder: &Path) -> Vec<Vector> {
    let mut vectors = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let example: Value = suites::json(&entry.unwrap().path());
        let keys = match &example["input"]["key"] {
            Value::Array(keys) => json!({"keys": keys}),
            key => json!({"keys": [key]}),
        };
        let Some(compact) = example["output"]["compact"].as_str() else { continue };
        let name = example["title"].as_str().unwrap_or_default().to_owned();
        let (input, signature) = compact.rsplit_once('.').unwrap();
        let forged = format!("{input}.{}", signature.chars().rev().collect::<String>());
        let valid = !compact.contains("..");
        vectors.push(Vector {
            name: format!("{name}, forged"),
            keys: keys.clone(),
            token: forged,
            valid: false,
        });
        vectors.push(Vector { name, keys, token: compact.to_owned(), valid });
    }
    vectors
}

/// The suite as the runner has it: the folder is that of Wycheproof.
pub(crate) fn suite(wycheproof: &Path, _: &super::Choice) -> super::Summary {
    let outcome = run(wycheproof);
    let file = "filters/authz/jwt/tests/expected-skips.toml";
    let list = include_str!("../../filters/authz/jwt/tests/expected-skips.toml");
    let none = BTreeMap::new();
    let mut problems: Vec<String> = [SIGNATURE, KEY, "rfc7520"]
        .into_iter()
        .flat_map(|suite| {
            let found = outcome.failures.get(suite).unwrap_or(&none);
            suites::Known::section(file, list, suite).compare(found, |_| true)
        })
        .collect();
    if outcome.by_host == 0 {
        problems.push("the host was asked about none of them".to_owned());
    }
    let note = format!(" (in Envoy, by both back ends; {} by the host's)", outcome.by_host);
    super::Summary {
        passed: outcome.passed,
        failed: outcome.failures.values().map(BTreeMap::len).sum(),
        skipped: 0,
        note,
        problems,
    }
}
