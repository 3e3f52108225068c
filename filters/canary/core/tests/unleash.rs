//! Unleash's client specification, as far as it is about who takes part in a rollout.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use portcullis_canary_core::{Canary, Facts};
use sdk_shim_http::Headers;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;
use suites::Known;

#[test]
fn specifications() {
    let Some(folder) = suites::data("unleash/specifications") else { return };
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let known = Known::parse("skips/unleash.txt", include_str!("skips/unleash.txt"));
    let mut met = BTreeMap::new();
    let mut meet = |file: &str, what: &str, case: &Value| {
        met.insert(format!("{file}: {what}"), case["description"].to_string());
    };
    let mut names = Vec::new();
    let (mut ran, mut skipped) = (0, 0);
    for path in files {
        let specification: Value = suites::json(&path);
        if specification.is_array() {
            continue; // index.json, the list of the others.
        }
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        for case in specification["tests"].as_array().into_iter().flatten() {
            match translate(&specification, case) {
                Ok((canary, headers)) => {
                    let expected = case["expectedResult"].as_bool().unwrap();
                    let address = case["context"]["remoteAddress"].as_str();
                    let mut facts = Address(address.and_then(|text| text.parse().ok()));
                    let taken = canary.decide(&headers, &mut facts).release.is_some();
                    assert_eq!(taken, expected, "{file}: {}", case["description"]);
                    ran += 1;
                }
                Err(construct) => {
                    skipped += 1;
                    meet(&file, construct, case);
                }
            }
        }
        if let Some(variants) = specification["variantTests"].as_array() {
            skipped += variants.len();
            meet(&file, "variants", &specification);
        }
        if specification.get("tests").is_none() && specification.get("variantTests").is_none() {
            meet(&file, "other", &specification);
        }
        names.push(file);
    }
    let was_read = |name: &str| names.iter().any(|file| name.split(": ").next() == Some(file));
    assert_eq!(known.compare(&met, was_read), [""; 0]);
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
        let mut release = translate_strategy(strategy, &case["context"])?;
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
    match Canary::new(config) {
        Ok(canary) => Ok((canary, headers)),
        // Unleash finds out with the first evaluation.
        Err(errors) if errors.iter().all(|error| error.path().as_str().ends_with(".regex")) => {
            Err("broken patterns")
        }
        Err(errors) => panic!("{case}\n{errors}"),
    }
}

fn translate_strategy(strategy: &Value, context: &Value) -> Result<Value, &'static str> {
    let list = |name: &str| strategy.get(name).and_then(Value::as_array).into_iter().flatten();
    if list("segments").next().is_some() {
        return Err("segments");
    }
    let empty = Map::new();
    let parameters = strategy.get("parameters").and_then(Value::as_object).unwrap_or(&empty);
    let text = |name: &str| parameters.get(name).and_then(Value::as_str);
    let number = |name: &str| text(name).and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    let key = |field: &str| json!([{"header": header(field)}, "none"]);
    let mut conditions = list("constraints")
        .map(|constraint| translate_constraint(constraint, context))
        .collect::<Result<Vec<_>, _>>()?;
    let mut release = match strategy["name"].as_str().unwrap() {
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
            conditions.push(json!({"header": {"name": header("userId"), "in": ids}}));
            json!({})
        }
        "remoteAddress" => {
            conditions.push(addresses(text("IPs").unwrap().split(',').map(str::trim))?);
            json!({})
        }
        _ => return Err("unknown strategy"),
    };
    if !conditions.is_empty() {
        release["match"] = json!({ "all": conditions });
    }
    Ok(release)
}

fn translate_constraint(constraint: &Value, context: &Value) -> Result<Value, &'static str> {
    let field = constraint["contextName"].as_str().unwrap();
    let values: Vec<&str> =
        constraint["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let ignore_case = constraint["caseInsensitive"].as_bool().unwrap_or(false);
    let test = |test: &str, value: Value| json!({"header": {"name": header(field), test: value, "ignore_case": ignore_case}});
    let any = |name: &str| {
        let tests: Vec<Value> = values.iter().map(|value| test(name, json!(value))).collect();
        // A field of a list without values is never in it.
        if tests.is_empty() { nothing() } else { json!({ "any": tests }) }
    };
    let range = |start: Option<i64>, end: Option<i64>| {
        test("range", json!({"start": start.unwrap_or(i64::MIN), "end": end.unwrap_or(i64::MAX)}))
    };
    let number = || {
        // Ranges are of whole numbers, as Envoy's.
        let is_whole = |value: &Value| value.as_str().is_none_or(|text| text.parse::<i64>().is_ok());
        let given = [&context[field], &context["properties"][field]];
        let value = constraint["value"].as_str().and_then(|value| value.parse::<i64>().ok());
        value.filter(|_| given.into_iter().all(is_whole)).ok_or("fractions")
    };
    let condition = match constraint["operator"].as_str().unwrap() {
        "IN" => any("exact"),
        "NOT_IN" => json!({"not": any("exact")}),
        "STR_STARTS_WITH" => any("prefix"),
        "STR_ENDS_WITH" => any("suffix"),
        "STR_CONTAINS" => any("contains"),
        "NUM_EQ" => range(Some(number()?), Some(number()? + 1)),
        "NUM_GT" => range(Some(number()? + 1), None),
        "NUM_GTE" => range(Some(number()?), None),
        "NUM_LT" => range(None, Some(number()?)),
        "NUM_LTE" => range(None, Some(number()? + 1)),
        "IN_CIDR" if field == "remoteAddress" => addresses(values.into_iter())?,
        "REGEX" => {
            let case = if ignore_case { "i" } else { "" };
            let pattern = constraint["value"].as_str().unwrap();
            test("regex", json!(format!("(?s:.*)(?{case}:{pattern})(?s:.*)")))
        }
        "NOT_A_VALID_OPERATOR" => nothing(),
        _ => return Err("dates and versions"),
    };
    let is_inverted = constraint["inverted"].as_bool().unwrap_or(false);
    Ok(if is_inverted { json!({ "not": condition }) } else { condition })
}

fn addresses<'a>(blocks: impl Iterator<Item = &'a str>) -> Result<Value, &'static str> {
    let blocks: Vec<&str> = blocks.collect();
    let is_block = |block: &&str| block.parse::<sdk_shim_http::Cidr>().is_ok();
    if blocks.iter().all(is_block) { Ok(json!({ "source_ip": blocks })) } else { Err("broken blocks") }
}

fn nothing() -> Value {
    json!({"not": {"any": [{"path": {"suffix": "/"}}, {"not": {"path": {"suffix": "/"}}}]}})
}

fn header(field: &str) -> String {
    format!("x-{}", field.to_ascii_lowercase())
}

/// The client's address; no case that is run depends on the rest.
struct Address(Option<IpAddr>);

impl Facts for Address {
    fn source_ip(&mut self) -> Option<IpAddr> {
        self.0
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

    fn claim(&mut self, _: &[String]) -> Option<Vec<u8>> {
        None
    }
}
