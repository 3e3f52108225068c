//! The schema of the Helm chart's values, with the filters' own in it: `helm install` refuses what a filter would refuse.

use schemars::generate::SchemaSettings;
use sdk_shim::Filter;
use serde_json::{Value, json};

pub(crate) const FILE: &str = "envoy-configs/helm/portcullis/values.schema.json";

pub(crate) fn text() -> Result<String, String> {
    let filters = [
        filter::<portcullis_waf::WafFilter>(),
        filter::<portcullis_authz::AuthzFilter>(),
        filter::<portcullis_canary::CanaryFilter>(),
        filter::<portcullis_affinity::AffinityFilter>(),
    ];
    let mut definitions = serde_json::Map::new();
    let mut properties = serde_json::Map::new();
    for (name, schema) in filters {
        let mut settings = settings(name);
        if name == "waf" {
            let properties = settings.pointer_mut("/properties").and_then(Value::as_object_mut);
            properties.map(|names| names.insert("holdsHeaders".into(), json!({ "type": "boolean" })));
        }
        definitions.insert(name.into(), schema);
        properties.insert(name.into(), settings);
    }
    let target = json!({
        "type": "object",
        "properties": {
            "group": { "type": "string" }, "kind": { "type": "string" }, "name": { "type": "string" }, "namespace": { "type": "string" },
        },
        "required": ["kind", "name"],
        "additionalProperties": false,
    });
    let schema = json!({
        // The newest that all of Helm 3 reads.
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "platform": { "enum": ["istio", "envoy-gateway"] },
            "image": {
                "type": "object",
                "properties": { "registry": { "type": "string", "minLength": 1 }, "tag": { "type": "string" }, "pullSecret": { "type": "string" } },
                "additionalProperties": false,
            },
            "gateway": {
                "type": "object",
                "properties": {
                    "selector": { "type": "object", "additionalProperties": { "type": "string" } },
                    "targetRefs": { "type": "array", "items": target },
                },
                "additionalProperties": false,
            },
            "filters": { "type": "object", "properties": properties, "additionalProperties": false },
            "global": { "type": "object" },
        },
        "additionalProperties": false,
        "definitions": definitions,
    });
    serde_json::to_string_pretty(&schema).map(|text| text + "\n").map_err(|error| error.to_string())
}

/// What the chart asks of each filter.
fn settings(name: &str) -> Value {
    json!({
        "type": "object",
        "properties": {
            "enabled": { "type": "boolean" },
            "digest": { "type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$" },
            "failStrategy": { "enum": ["FAIL_CLOSE", "FAIL_OPEN", "FAIL_RELOAD"] },
            "env": { "type": "array", "items": { "type": "string", "minLength": 1 } },
            "config": { "type": "object" },
        },
        "additionalProperties": false,
        // What is off may be empty.
        "if": { "properties": { "enabled": { "const": false } }, "required": ["enabled"] },
        "else": { "properties": { "config": { "$ref": format!("#/definitions/{name}") } } },
    })
}

/// A filter's own schema; its references lead into where it stands in this one.
fn filter<F: Filter>() -> (&'static str, Value) {
    let path = format!("/definitions/{}/definitions", F::NAME);
    let settings = SchemaSettings::draft07().with(|settings| settings.definitions_path = path.clone().into());
    let schema = settings.into_generator().into_root_schema_for::<F::Config>();
    let mut schema = schema.to_value();
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("$schema");
        // The path puts them where they will be, seen from the whole; here they have to be seen from the part.
        if let Some(inner) = schema_at(fields, F::NAME) {
            fields.remove("definitions");
            fields.insert("definitions".into(), inner);
        }
    }
    (F::NAME, schema)
}

fn schema_at(fields: &serde_json::Map<String, Value>, name: &str) -> Option<Value> {
    fields.get("definitions")?.get(name)?.get("definitions").cloned()
}
