//! A file that is nothing but a filter's configuration.

use super::Slot;
use crate::tree::{Node, Value};
use crate::{Filter, Variables};

pub(super) fn slot(document: &Node) -> Option<Slot<'_>> {
    let slot = Slot {
        owner: String::new(),
        names: Vec::new(),
        config: Some(document),
        variables: Variables::Any,
        start: document.start,
    };
    (matches!(document.value, Value::Map(_)) && !is_jwks(document)).then_some(slot)
}

/// A JWKS (RFC 7517) has `keys`, as affinity's configuration does.
fn is_jwks(document: &Node) -> bool {
    let keys = document.get("keys").map(Node::elements).unwrap_or_default();
    keys.first().is_some_and(|key| key.get("kty").is_some())
}

/// The filter after which the file is named, if it has anything that this filter knows.
pub(super) fn named(name: &str, document: &Node) -> Option<Filter> {
    let filter = Filter::named(name)?;
    let members = document.members().iter().filter_map(|(name, _)| name.as_str());
    let (best, count) = Filter::shaped(members);
    (best.contains(&filter) && count > 0).then_some(filter)
}
