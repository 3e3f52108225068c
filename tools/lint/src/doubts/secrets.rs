use crate::check::{Part, Report, references};
use crate::tree::Node;
use crate::{Filter, Found, Severity};

/// Secrets that stand in the configuration itself: whoever may read the manifest has them.
pub(crate) fn secrets(report: &mut Report<'_>) {
    let Some(tree) = report.found.tree.as_ref() else { return };
    let mut found = Vec::new();
    for place in places(report.found.filter) {
        search(tree, place, String::new(), &mut found);
    }
    for path in found {
        let name = variable(report.found, &path);
        let message = "a secret in plain text: whoever may read this file has it".to_owned();
        let help = format!("\"${{{name}}}\", and the variable {name} in {}", environment(report.found));
        report.at_path(Severity::Warning, "plain-secret", &path, Part::Value, message, &help);
    }
}

/// Where secrets stand in a configuration, `[]` for each element of a list and `*` for each member. A test compares it with the schemas, whose code is large and
/// would go into the playground.
fn places(filter: Filter) -> &'static [&'static str] {
    match filter {
        Filter::Waf => &["audit_log.collector.headers.*"],
        Filter::Canary => &["token.keys[]"],
        Filter::Affinity => &["keys[]"],
        Filter::Authz => &[
            "api_keys.keys[].secret",
            "basic.users",
            "external_checks[].opa.authorization",
            "hmac.keys[].secret",
            "request_authentication[].spec.jwtRules[].jwks",
        ],
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

/// The texts at a place that are secrets.
fn search(node: &Node, place: &str, path: String, found: &mut Vec<String>) {
    if let Some(rest) = place.strip_prefix("[]") {
        for (index, element) in node.elements().iter().enumerate() {
            search(element, rest, format!("{path}[{index}]"), found);
        }
        return;
    }
    let place = place.strip_prefix('.').unwrap_or(place);
    if place.is_empty() {
        let is_secret = node.as_str().is_some_and(|text| is_secret(&path, text));
        found.extend(is_secret.then_some(path));
        return;
    }
    let end = place.find(['.', '[']).unwrap_or(place.len());
    let (wanted, rest) = place.split_at(end);
    let dot = if path.is_empty() { "" } else { "." };
    for (name, member) in node.members() {
        if let Some(name) = name.as_str().filter(|name| wanted == "*" || *name == wanted) {
            search(member, rest, format!("{path}{dot}{name}"), found);
        }
    }
}

fn is_secret(path: &str, text: &str) -> bool {
    // Keys that verify are public, unless they are those of HMAC (RFC 7518, 6.4).
    let is_public = path.ends_with(".jwks") && !text.contains("\"oct\"");
    let is_reference = references(text).next().is_some();
    !text.is_empty() && !is_public && !is_reference
}

#[cfg(test)]
mod tests;
