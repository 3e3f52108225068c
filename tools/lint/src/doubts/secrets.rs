use crate::check::{Part, Report, references};
use crate::tree::{Node, Value};
use crate::{Found, Severity};
use serde_json::Value as Json;

/// Secrets that stand in the configuration itself: whoever may read the manifest has them.
pub(crate) fn secrets(report: &mut Report<'_>) {
    let Some(tree) = report.found.tree.as_ref() else { return };
    let schema = report.found.filter.schema();
    let mut found = Vec::new();
    let walk = Walk { definitions: schema.get("$defs"), found: &mut found };
    walk.value(schema.as_value(), tree, String::new());
    for path in found {
        let name = variable(report.found, &path);
        let message = "a secret in plain text: whoever may read this file has it".to_owned();
        let help = format!("\"${{{name}}}\", and the variable {name} in {}", environment(report.found));
        report.at_path(Severity::Warning, "plain-secret", &path, Part::Value, message, &help);
    }
}

/// Where the environment of the filter is set.
fn environment(found: &Found) -> &'static str {
    match found.owner.split(' ').next().unwrap_or_default() {
        "WasmPlugin" | "TrafficExtension" => "vmConfig.env, with valueFrom: HOST",
        "EnvoyExtensionPolicy" => "env.hostKeys",
        "ServiceDefaults" | "ProxyDefaults" | "service-defaults" | "proxy-defaults" => {
            "vmConfig.environmentVariables.hostEnvKeys"
        }
        owner if owner.starts_with("filters.") => "the filter's `env`",
        _ => "vm_config.environment_variables",
    }
}

/// A name for the variable, from what the secret is of.
fn variable(found: &Found, path: &str) -> String {
    let member = path.rsplit('.').next().unwrap_or_default().split('[').next().unwrap_or_default();
    let member = match member {
        "keys" => "key",
        member => member,
    };
    format!("{}_{}", found.filter.name(), member).to_ascii_uppercase().replace('-', "_")
}

/// Schema and value, side by side.
struct Walk<'a> {
    definitions: Option<&'a Json>,
    found: &'a mut Vec<String>,
}

impl Walk<'_> {
    fn value(mut self, schema: &Json, node: &Node, path: String) {
        self.visit(schema, node, path);
    }

    fn visit(&mut self, schema: &Json, node: &Node, path: String) {
        if let Some(name) = schema.get("$ref").and_then(Json::as_str) {
            let name = name.rsplit('/').next().unwrap_or_default();
            if name == "Secret" {
                return self.secret(node, path);
            }
            if let Some(definition) = self.definitions.and_then(|all| all.get(name)) {
                self.visit(definition, node, path.clone());
            }
        }
        for list in ["anyOf", "oneOf", "allOf"] {
            for variant in schema.get(list).and_then(Json::as_array).into_iter().flatten() {
                self.visit(variant, node, path.clone());
            }
        }
        match &node.value {
            Value::Scalar { .. } => {}
            Value::List(elements) => {
                let Some(items) = schema.get("items") else { return };
                for (index, element) in elements.iter().enumerate() {
                    self.visit(items, element, format!("{path}[{index}]"));
                }
            }
            Value::Map(members) => {
                for (name, value) in members {
                    let Some(name) = name.as_str() else { continue };
                    let known = schema.get("properties").and_then(|all| all.get(name));
                    let Some(schema) = known.or_else(|| schema.get("additionalProperties")) else { continue };
                    let dot = if path.is_empty() { "" } else { "." };
                    self.visit(schema, value, format!("{path}{dot}{name}"));
                }
            }
        }
    }

    fn secret(&mut self, node: &Node, path: String) {
        let Some(text) = node.as_str() else { return };
        // Keys that verify are public, unless they are those of HMAC (RFC 7518, 6.4).
        let is_public = path.ends_with(".jwks") && !text.contains("\"oct\"");
        let is_reference = references(text).next().is_some();
        if !text.is_empty() && !is_public && !is_reference && !self.found.contains(&path) {
            self.found.push(path);
        }
    }
}
