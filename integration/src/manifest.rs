//! Checks Kubernetes manifests as an API server with strict field validation would, against CustomResourceDefinitions.
//!
//! Structural schemas (Kubernetes documentation, "Extend the Kubernetes API with CustomResourceDefinitions") differ from JSON Schema
//! where it matters here: fields that the schema does not know are errors, unless it says
//! `x-kubernetes-preserve-unknown-fields`; `x-kubernetes-int-or-string` and `nullable` are types of their own. A JSON Schema
//! library would need a rewritten schema for all of these, and brings some fifty crates. Not checked: CEL rules
//! (`x-kubernetes-validations`) and `format`.

use std::collections::BTreeMap;
use std::path::Path;

use regex::bytes::RegexBuilder;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The schemas of custom resources, by `apiVersion` and `kind`.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    by_kind: BTreeMap<(String, String), Value>,
}

impl Schemas {
    /// Reads the CustomResourceDefinitions of these YAML files.
    ///
    /// # Errors
    /// If a file can't be read or is no YAML.
    pub fn read<P: AsRef<Path>>(files: impl IntoIterator<Item = P>) -> Result<Self, String> {
        let mut schemas = Self::default();
        for file in files {
            // Envoy Gateway's come out of its Helm chart, with a condition around each.
            let text: String = read(file.as_ref())?
                .lines()
                .filter(|line| !line.starts_with("{{"))
                .fold(String::new(), |text, line| text + line + "\n");
            documents(&text)?.iter().for_each(|document| schemas.add(document));
        }
        Ok(schemas)
    }

    /// Checks every document of a YAML text.
    ///
    /// # Errors
    /// All violations, one in each line, each with the document's number and the path.
    pub fn check_text(&self, yaml: &str) -> Result<(), String> {
        let documents = documents(yaml)?;
        let mut violations = Vec::new();
        for (index, document) in documents.iter().enumerate() {
            let number = index + 1;
            violations
                .extend(self.check(document).into_iter().map(|text| format!("document {number}: {text}")));
        }
        if documents.is_empty() {
            violations.push("no document".to_owned());
        }
        if violations.is_empty() { Ok(()) } else { Err(violations.join("\n")) }
    }

    /// Checks every document of a YAML file.
    ///
    /// # Errors
    /// As [`check_text`](Self::check_text), or if the file can't be read.
    pub fn check_file(&self, file: &Path) -> Result<(), String> {
        let named = |text| format!("{}: {text}", file.display());
        self.check_text(&read(file)?).map_err(named)
    }

    /// All violations of one resource.
    pub fn check(&self, document: &Value) -> Vec<String> {
        let text = |field: &str| document[field].as_str().unwrap_or_default().to_owned();
        let kind = (text("apiVersion"), text("kind"));
        let Some(schema) = self.by_kind.get(&kind) else {
            let known: Vec<_> =
                self.by_kind.keys().map(|(version, kind)| format!("{version} {kind}")).collect();
            return vec![format!("no schema for {:?} {:?}; known: {}", kind.0, kind.1, known.join(", "))];
        };
        let mut violations = Vec::new();
        check(schema, document, "", Mode::Structural, &mut violations);
        violations
    }

    fn add(&mut self, definition: &Value) {
        let (group, kind) = (&definition["spec"]["group"], &definition["spec"]["names"]["kind"]);
        for version in definition["spec"]["versions"].as_array().into_iter().flatten() {
            if version["served"] == json!(false) {
                continue;
            }
            let (Some(group), Some(kind), Some(name)) =
                (group.as_str(), kind.as_str(), version["name"].as_str())
            else {
                continue;
            };
            let mut schema = version["schema"]["openAPIV3Schema"].clone();
            schema["properties"]["apiVersion"] = json!({"type": "string"});
            schema["properties"]["kind"] = json!({"type": "string"});
            schema["properties"]["metadata"] = object_meta();
            schema["required"] = json!(["apiVersion", "kind", "metadata"]);
            self.by_kind.insert((format!("{group}/{name}"), kind.to_owned()), schema);
        }
    }
}

/// The names of the YAML files of a directory, sorted; none if it is not there.
pub fn yaml_files(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".yaml") || name.ends_with(".yml")).collect();
    names.sort();
    names
}

/// Every document of a YAML text that is not empty, as JSON.
///
/// # Errors
/// If it is no YAML.
pub fn documents(yaml: &str) -> Result<Vec<Value>, String> {
    let each = serde_norway::Deserializer::from_str(yaml).map(Value::deserialize);
    let all: Vec<_> = each.collect::<Result<_, _>>().map_err(|e| e.to_string())?;
    Ok(all.into_iter().filter(|document| !document.is_null()).collect())
}

fn read(file: &Path) -> Result<String, String> {
    std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))
}

/// What people write of `ObjectMeta` (Kubernetes API reference).
fn object_meta() -> Value {
    let text = json!({"type": "string"});
    let map = json!({"type": "object", "additionalProperties": {"type": "string"}});
    json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "pattern": r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", "maxLength": 253},
            "generateName": text,
            "namespace": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63},
            "labels": map,
            "annotations": map,
            "finalizers": {"type": "array", "items": text},
        },
    })
}

/// Inside `allOf`, `anyOf`, `oneOf` and `not` a schema only adds conditions: the fields are known from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Structural,
    Condition,
}

fn check(schema: &Value, value: &Value, path: &str, mode: Mode, out: &mut Vec<String>) {
    if value.is_null() && schema["nullable"] == json!(true) {
        return;
    }
    if !has_type(schema, value) {
        let expected = schema["type"].as_str().unwrap_or("integer or string");
        return out.push(format!("{}: expected {expected}, found {value}", shown(path)));
    }
    let mut wrong = |text: String| out.push(format!("{}: {text}", shown(path)));
    if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
        wrong(format!("{value} is none of {}", Value::from(allowed.clone())));
    }
    match value {
        Value::String(text) => check_text(schema, text, &mut wrong),
        Value::Number(number) => check_number(schema, number.as_f64().unwrap_or_default(), &mut wrong),
        Value::Array(items) => {
            check_size(schema, items.len(), ["minItems", "maxItems"], "items", &mut wrong);
            for (index, item) in items.iter().enumerate() {
                check(&schema["items"], item, &format!("{path}[{index}]"), mode, out);
            }
        }
        Value::Object(fields) => check_object(schema, fields, path, mode, out),
        Value::Null | Value::Bool(_) => {}
    }
    check_combinations(schema, value, path, out);
}

fn has_type(schema: &Value, value: &Value) -> bool {
    if schema["x-kubernetes-int-or-string"] == json!(true) {
        return value.is_string() || value.is_i64() || value.is_u64();
    }
    match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        _ => true,
    }
}

fn check_text(schema: &Value, text: &str, wrong: &mut impl FnMut(String)) {
    check_size(schema, text.chars().count(), ["minLength", "maxLength"], "characters", wrong);
    let Some(pattern) = schema["pattern"].as_str() else { return };
    // Kubernetes uses RE2, whose classes are ASCII, too.
    match RegexBuilder::new(pattern).unicode(false).build() {
        Ok(regex) if regex.is_match(text.as_bytes()) => {}
        Ok(_) => wrong(format!("{text:?} does not match {pattern}")),
        Err(e) => wrong(format!("the schema's pattern {pattern} can't be compiled: {e}")),
    }
}

fn check_number(schema: &Value, number: f64, wrong: &mut impl FnMut(String)) {
    let limit = |name: &str| schema[name].as_f64();
    let excluded = |name: &str| schema[name] == json!(true);
    if limit("minimum").is_some_and(|min| number < min || (excluded("exclusiveMinimum") && number <= min)) {
        wrong(format!("{number} is below the minimum {}", schema["minimum"]));
    }
    if limit("maximum").is_some_and(|max| number > max || (excluded("exclusiveMaximum") && number >= max)) {
        wrong(format!("{number} is above the maximum {}", schema["maximum"]));
    }
    if limit("multipleOf").is_some_and(|step| number % step != 0.0) {
        wrong(format!("{number} is no multiple of {}", schema["multipleOf"]));
    }
}

fn check_size(
    schema: &Value,
    size: usize,
    [min, max]: [&str; 2],
    what: &str,
    wrong: &mut impl FnMut(String),
) {
    let limit = |name: &str| schema[name].as_u64().and_then(|limit| usize::try_from(limit).ok());
    if limit(min).is_some_and(|min| size < min) {
        wrong(format!("{size} {what}, at least {}", schema[min]));
    }
    if limit(max).is_some_and(|max| size > max) {
        wrong(format!("{size} {what}, at most {}", schema[max]));
    }
}

fn check_object(schema: &Value, fields: &Map<String, Value>, path: &str, mode: Mode, out: &mut Vec<String>) {
    let mut wrong = |text: String| out.push(format!("{}: {text}", shown(path)));
    check_size(schema, fields.len(), ["minProperties", "maxProperties"], "fields", &mut wrong);
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !fields.contains_key(required) {
            wrong(format!("the field {required} is missing"));
        }
    }
    let free = schema["x-kubernetes-preserve-unknown-fields"] == json!(true) || mode == Mode::Condition;
    for (name, field) in fields {
        let inner = format!("{path}.{name}");
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (known @ Value::Object(_), _) | (Value::Null, known @ Value::Object(_)) => {
                check(known, field, &inner, mode, out);
            }
            (_, Value::Bool(true)) => {}
            _ if free => {}
            _ => out.push(format!("{}: unknown field", shown(&inner))),
        }
    }
}

fn check_combinations(schema: &Value, value: &Value, path: &str, out: &mut Vec<String>) {
    let violations = |condition: &Value| {
        let mut found = Vec::new();
        check(condition, value, path, Mode::Condition, &mut found);
        found
    };
    let all =
        |name: &str| schema[name].as_array().map(|list| list.iter().map(violations).collect::<Vec<_>>());
    for found in all("allOf").into_iter().flatten() {
        out.extend(found);
    }
    if let Some(found) = all("anyOf").filter(|found| !found.iter().any(Vec::is_empty)) {
        out.push(format!("{}: none of anyOf holds: {}", shown(path), found.concat().join("; ")));
    }
    if let Some(found) = all("oneOf") {
        let holding = found.iter().filter(|found| found.is_empty()).count();
        if holding != 1 {
            out.push(format!(
                "{}: {holding} of oneOf hold, not one: {}",
                shown(path),
                found.concat().join("; ")
            ));
        }
    }
    if schema["not"].is_object() && violations(&schema["not"]).is_empty() {
        out.push(format!("{}: what `not` excludes: {}", shown(path), schema["not"]));
    }
}

fn shown(path: &str) -> &str {
    path.strip_prefix('.').unwrap_or(if path.is_empty() { "the document" } else { path })
}

#[cfg(test)]
mod tests;
