//! Consul: the extension `builtin/wasm` of a `ServiceDefaults` or `ProxyDefaults`, as a Kubernetes object or as a config entry
//! in JSON, which has the same members in another case.

use super::Slot;
use crate::Variables;
use crate::tree::Node;
use std::collections::BTreeMap;

pub(super) fn is_config_entry(document: &Node) -> bool {
    member(document, "kind").is_some() && member(document, "envoyextensions").is_some()
}

pub(super) fn slots(document: &Node) -> Vec<Slot<'_>> {
    let text = |node: Option<&Node>| node.and_then(Node::as_str).unwrap_or_default().to_owned();
    let kind = text(member(document, "kind"));
    let name = text(document.at(&["metadata", "name"]).or_else(|| member(document, "name")));
    let spec = document.get("spec").unwrap_or(document);
    let extensions = member(spec, "envoyextensions").map(Node::elements).unwrap_or_default();
    let extensions = extensions
        .iter()
        .filter(|extension| member(extension, "name").and_then(Node::as_str) == Some("builtin/wasm"));
    let plugins = extensions.filter_map(|extension| at(extension, &["arguments", "pluginconfig"]));
    plugins.map(|plugin| slot(plugin, format!("{kind} {name}"))).collect()
}

fn slot(plugin: &Node, owner: String) -> Slot<'_> {
    let text = |names: &[&str]| at(plugin, names).and_then(Node::as_str);
    let names = [
        text(&["vmconfig", "code", "local", "filename"]),
        text(&["vmconfig", "code", "remote", "httpuri", "uri"]),
        text(&["rootid"]),
        text(&["name"]),
    ];
    let host = super::host_keys(at(plugin, &["vmconfig", "environmentvariables", "hostenvkeys"]));
    let values = at(plugin, &["vmconfig", "environmentvariables", "keyvalues"]).map(Node::members);
    let values = values
        .unwrap_or_default()
        .iter()
        .filter_map(|(name, value)| Some((name.as_str()?.to_owned(), Some(value.as_str()?.to_owned()))));
    let all: BTreeMap<_, _> = host.into_iter().chain(values).collect();
    Slot {
        owner: format!("{owner}, {}", text(&["name"]).unwrap_or("a plugin without a name")),
        names: names.into_iter().flatten().collect(),
        config: member(plugin, "configuration"),
        variables: Variables::Given(all),
        start: plugin.start,
    }
}

fn at<'a>(node: &'a Node, names: &[&str]) -> Option<&'a Node> {
    names.iter().try_fold(node, |node, name| member(node, name))
}

/// The member of this name in any case.
fn member<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let is_it = |key: &Node| key.as_str().is_some_and(|key| key.eq_ignore_ascii_case(name));
    node.members().iter().find(|(key, _)| is_it(key)).map(|(_, value)| value)
}
