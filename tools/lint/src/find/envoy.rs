//! Envoy's own configuration: bootstraps, listeners, what an ECDS serves, patches of it. Wherever a
//! `envoy.extensions.filters.http.wasm.v3.Wasm` stands.

use super::{Slot, host_keys};
use crate::Variables;
use crate::tree::{Node, Style, Value};
use std::collections::BTreeMap;

const WASM: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";

/// Members of Envoy's messages; no filter's configuration has them.
const MEMBERS: [&str; 12] = [
    "static_resources",
    "staticResources",
    "dynamic_resources",
    "dynamicResources",
    "admin",
    "filter_chains",
    "filterChains",
    "http_filters",
    "httpFilters",
    "typed_config",
    "typedConfig",
    "@type",
];

/// Whether this is a message of Envoy's, or what a management server answers with.
pub(super) fn is_configuration(document: &Node) -> bool {
    MEMBERS.iter().any(|name| document.get(name).is_some())
        || document.get("resources").is_some_and(|list| list.elements().iter().any(is_configuration))
        || document.elements().iter().any(is_configuration)
}

/// The filters in it.
pub(super) fn slots<'a>(document: &'a Node, owner: &str) -> Vec<Slot<'a>> {
    let mut slots = Vec::new();
    visit(document, &mut |node| {
        let kind = node.get("@type").and_then(Node::as_str).unwrap_or_default();
        let typed = node.get_any(&["type_url", "typeUrl"]).and_then(Node::as_str).unwrap_or_default();
        let config = match kind {
            _ if kind.ends_with(WASM) => node.get("config"),
            _ if kind.ends_with("TypedStruct") && typed.ends_with(WASM) => node.at(&["value", "config"]),
            _ => None,
        };
        slots.extend(config.and_then(|config| slot(config, owner)));
    });
    slots
}

/// Texts that hold such a filter in turn.
pub(super) fn embedded(document: &Node) -> Vec<(usize, Style, &str)> {
    let mut all = Vec::new();
    visit(document, &mut |node| {
        if let Value::Scalar { text, style, .. } = &node.value
            && text.contains('\n')
            && text.contains(WASM)
        {
            all.push((node.start, *style, text.as_str()));
        }
    });
    all
}

/// `envoy.extensions.wasm.v3.PluginConfig`.
fn slot<'a>(plugin: &'a Node, owner: &str) -> Option<Slot<'a>> {
    let vm = plugin.get_any(&["vm_config", "vmConfig"]);
    let configuration = plugin.get("configuration");
    // A patch of a filter that is made elsewhere.
    if vm.is_none() && configuration.is_none() {
        return None;
    }
    let code = vm.and_then(|vm| vm.get("code"));
    let file = code.and_then(|code| code.at(&["local", "filename"]));
    let remote = code.and_then(|code| code.get("remote")?.get_any(&["http_uri", "httpUri"])?.get("uri"));
    let name = plugin.get("name").and_then(Node::as_str);
    let root = plugin.get_any(&["root_id", "rootId"]);
    let names = [file, remote, root].map(|node| node.and_then(Node::as_str)).into_iter().chain([name]);
    let comma = if owner.is_empty() { "" } else { ", " };
    Some(Slot {
        owner: format!(
            "{owner}{comma}{}",
            name.map(|name| format!("filter {name}")).unwrap_or("filter".into())
        ),
        names: names.flatten().collect(),
        config: configuration
            .and_then(|any| any.get("value").or(Some(any).filter(|any| any.get("@type").is_none()))),
        variables: Variables::Given(variables(vm)),
        start: plugin.start,
    })
}

/// `VmConfig.environment_variables`.
fn variables(vm: Option<&Node>) -> BTreeMap<String, Option<String>> {
    let Some(given) = vm.and_then(|vm| vm.get_any(&["environment_variables", "environmentVariables"])) else {
        return BTreeMap::new();
    };
    let values = given.get_any(&["key_values", "keyValues"]).map(Node::members).unwrap_or_default();
    let values = values
        .iter()
        .filter_map(|(name, value)| Some((name.as_str()?.to_owned(), Some(value.as_str()?.to_owned()))));
    host_keys(given.get_any(&["host_env_keys", "hostEnvKeys"])).into_iter().chain(values).collect()
}

fn visit<'a>(node: &'a Node, see: &mut impl FnMut(&'a Node)) {
    see(node);
    match &node.value {
        Value::Scalar { .. } => {}
        Value::List(elements) => elements.iter().for_each(|element| visit(element, see)),
        Value::Map(members) => members.iter().for_each(|(_, value)| visit(value, see)),
    }
}
