//! Envoy Gateway: `EnvoyExtensionPolicy` (gateway.envoyproxy.io/v1alpha1), `spec.wasm`.

use super::{Slot, host_keys, owner};
use crate::Variables;
use crate::tree::Node;

pub(super) fn slots(manifest: &Node) -> Vec<Slot<'_>> {
    let entries = manifest.at(&["spec", "wasm"]).map(Node::elements).unwrap_or_default();
    let slot = |entry| {
        let text = |names: &[&str]| Node::at(entry, names).and_then(Node::as_str);
        let name = text(&["name"]);
        let names =
            [text(&["code", "image", "url"]), text(&["code", "http", "url"]), text(&["rootID"]), name];
        Slot {
            owner: format!("{}, {}", owner(manifest), name.unwrap_or("an entry without a name")),
            names: names.into_iter().flatten().collect(),
            config: entry.get("config"),
            variables: Variables::Given(host_keys(entry.at(&["env", "hostKeys"]))),
            start: entry.start,
        }
    };
    entries.iter().map(slot).collect()
}
