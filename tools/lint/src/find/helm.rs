//! Values for the Helm chart: `filters`, with the `config` of each.

use super::Slot;
use crate::tree::{Node, Value};
use crate::{Filter, Variables};
use std::collections::BTreeMap;

pub(super) fn is_values(document: &Node) -> bool {
    let filters = document.get("filters").map(Node::members).unwrap_or_default();
    let is_ours = |name: &Node| Filter::ALL.iter().any(|filter| name.as_str() == Some(filter.name()));
    filters.iter().any(|(name, value)| is_ours(name) && matches!(value.value, Value::Map(_)))
}

/// Those that are enabled; the chart's own default is that the waf is.
pub(super) fn slots(document: &Node) -> Vec<Slot<'_>> {
    let filters = document.get("filters").map(Node::members).unwrap_or_default();
    let slots = filters.iter().filter_map(|(name, filter)| {
        let name = name.as_str()?;
        let is_enabled =
            filter.get("enabled").map_or(name == "waf", |enabled| enabled.as_str() == Some("true"));
        let config = filter.get("config").filter(|_| is_enabled)?;
        let given = filter.get("env").map(Node::elements).unwrap_or_default().iter();
        let given: BTreeMap<_, _> =
            given.filter_map(|name| Some((name.as_str()?.to_owned(), None))).collect();
        Some(Slot {
            owner: format!("filters.{name}"),
            names: vec![name],
            config: Some(config),
            variables: Variables::Given(given),
            start: config.start,
        })
    });
    slots.collect()
}
