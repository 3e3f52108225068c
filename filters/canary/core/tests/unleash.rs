//! Unleash's client specification, as far as it is about who takes part in a rollout.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

mod common;

use portcullis_canary_core::{Canary, Facts};
use sdk_shim_http::Headers;
use serde_json::{Map, Value, json};
use std::net::IpAddr;
use std::time::Duration;

#[test]
fn specifications() {
    let Some(folder) = common::data("unleash/specifications") else { return };
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut skips = common::Skips::read(include_str!("skips/unleash.txt"));
    let mut names = Vec::new();
    let (mut ran, mut skipped) = (0, 0);
    for path in files {
        let specification = common::json(&path);
        if specification.is_array() {
            continue; // index.json, the list of the others.
        }
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        for case in specification["tests"].as_array().into_iter().flatten() {
            match translate(&specification, case) {
                Ok((canary, headers)) => {
                    let expected = case["expectedResult"].as_bool().unwrap();
                    let taken = canary.decide(&headers, &mut Facts0).release.is_some();
                    assert_eq!(taken, expected, "{file}: {}", case["description"]);
                    ran += 1;
                }
                Err(construct) => {
                    skipped += 1;
                    skips.meet(&file, construct);
                }
            }
        }
        if let Some(variants) = specification["variantTests"].as_array() {
            skipped += variants.len();
            skips.meet(&file, "variants");
        }
        if specification.get("tests").is_none() && specification.get("variantTests").is_none() {
            skips.meet(&file, "other");
        }
        names.push(file);
    }
    skips.check(&names);
    println!("canary: {ran} passed, 0 failed, {skipped} skipped (Unleash)");
    assert!(ran > 0);
}

/// The feature as releases, one for each strategy since they are alternatives, and the context as headers. The error
/// names what cannot be expressed.
fn translate(specification: &Value, case: &Value) -> Result<(Canary, Headers), &'static str> {
    let features = specification["state"]["features"].as_array().ok_or("other")?;
    // One that is unknown or disabled is a release that is not in the list.
    let feature =
        features.iter().find(|feature| feature["name"] == case["toggleName"] && feature["enabled"] == true);
    if feature.is_some_and(|feature| feature.get("dependencies").is_some()) {
        return Err("dependencies");
    }
    let mut releases = Vec::new();
    for strategy in feature.iter().filter_map(|feature| feature["strategies"].as_array()).flatten() {
        let mut release = translate_strategy(strategy)?;
        release["name"] = json!(format!("s{}", releases.len()));
        releases.push(release);
    }
    if feature.is_some() && releases.is_empty() {
        releases.push(json!({"name": "everyone", "weight": 100}));
    }
    let mut headers = Headers::default();
    let context = case["context"].as_object().unwrap();
    let properties = context.get("properties").and_then(Value::as_object);
    let fields = context.iter().chain(properties.into_iter().flatten());
    for (name, value) in fields.filter_map(|(name, value)| Some((name, value.as_str()?))) {
        headers.push(header(name).as_bytes(), value.as_bytes());
    }
    let config = json!({"releases": releases}).to_string();
    let config = sdk_shim_config::parse(config.as_bytes()).unwrap();
    Ok((Canary::new(config).unwrap_or_else(|errors| panic!("{case}\n{errors}")), headers))
}

fn translate_strategy(strategy: &Value) -> Result<Value, &'static str> {
    let is_empty = |name: &str| strategy.get(name).and_then(Value::as_array).is_none_or(Vec::is_empty);
    if !is_empty("constraints") || !is_empty("segments") {
        return Err("constraints");
    }
    let empty = Map::new();
    let parameters = strategy.get("parameters").and_then(Value::as_object).unwrap_or(&empty);
    let text = |name: &str| parameters.get(name).and_then(Value::as_str);
    let number = |name: &str| text(name).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    let key = |field: &str| json!([{"header": header(field)}, "none"]);
    Ok(match strategy["name"].as_str().unwrap() {
        "default" => json!({"weight": 100}),
        "gradualRolloutRandom" => json!({"weight": number("percentage"), "key": ["random"]}),
        "gradualRolloutUserId" => {
            json!({"weight": number("percentage"), "seed": text("groupId"), "key": key("userId")})
        }
        "gradualRolloutSessionId" => {
            json!({"weight": number("percentage"), "seed": text("groupId"), "key": key("sessionId")})
        }
        "flexibleRollout" => {
            let key = match text("stickiness") {
                None | Some("default") => {
                    json!([{"header": header("userId")}, {"header": header("sessionId")}, "random"])
                }
                Some("random") => json!(["random"]),
                Some(field) => key(field),
            };
            json!({"weight": number("rollout"), "seed": text("groupId"), "key": key})
        }
        "userWithId" => {
            let ids: Vec<&str> = text("userIds").unwrap().split(',').map(str::trim).collect();
            let pattern = format!("^({})$", ids.join("|"));
            json!({"by_header": {"name": header("userId"), "pattern": pattern}})
        }
        "remoteAddress" => return Err("remote address"),
        _ => return Err("unknown strategy"),
    })
}

fn header(field: &str) -> String {
    format!("x-{}", field.to_ascii_lowercase())
}

/// No case that is run depends on these.
struct Facts0;

impl Facts for Facts0 {
    fn source_ip(&mut self) -> Option<IpAddr> {
        None
    }

    fn random(&mut self) -> u64 {
        0
    }

    fn now(&mut self) -> Duration {
        Duration::ZERO
    }

    fn principal(&mut self) -> Option<Vec<u8>> {
        None
    }
}
