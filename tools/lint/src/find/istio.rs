//! Istio: `WasmPlugin` (extensions.istio.io/v1alpha1) and `TrafficExtension`, which supersedes it from 1.30 on. Its
//! `EnvoyFilter` holds Envoy's configuration.

use super::{Slot, owner};
use crate::Variables;
use crate::tree::Node;

pub(super) fn slots(manifest: &Node) -> Vec<Slot<'_>> {
    let Some(spec) = manifest.get("spec") else { return Vec::new() };
    let wasm = spec.get("wasm").unwrap_or(spec);
    let text = |name: &str| wasm.get(name).and_then(Node::as_str);
    let name = manifest.at(&["metadata", "name"]).and_then(Node::as_str);
    let config = wasm.get("pluginConfig");
    if config.is_none() && text("url").is_none() {
        return Vec::new();
    }
    let names = [text("url"), text("pluginName"), name].into_iter().flatten().collect();
    let start = wasm.member("url").map_or(wasm.start, |(key, _)| key.start);
    vec![Slot { owner: owner(manifest), names, config, variables: variables(wasm), start }]
}

/// `vmConfig.env`: a value, or the host's.
fn variables(wasm: &Node) -> Variables {
    let entries = wasm.at(&["vmConfig", "env"]).map(Node::elements).unwrap_or_default();
    let entries = entries.iter().filter_map(|entry| {
        let is_hosts = entry.get("valueFrom").and_then(Node::as_str) == Some("HOST");
        let value = entry.get("value").and_then(Node::as_str).unwrap_or_default();
        Some((entry.get("name")?.as_str()?.to_owned(), (!is_hosts).then(|| value.to_owned())))
    });
    Variables::Given(entries.collect())
}
