//! What annotations are about: each as the configuration of a filter.

pub(crate) mod affinity;
pub(crate) mod auth_url;
pub(crate) mod authz;
pub(crate) mod canary;
pub(crate) mod hash;
pub(crate) mod waf;

use sdk_shim::{ConfigErrors, Filter, load};
use serde_json::Value;

/// Loads a configuration as the module would.
pub(crate) fn check<F: Filter>(
    config: &Value,
    variables: &dyn Fn(&str) -> Option<String>,
) -> Result<(), ConfigErrors> {
    load::<F>(config.to_string().as_bytes(), variables).map(drop)
}

/// A text in a configuration: `${` begins a reference there.
pub(crate) fn literal(text: &str) -> String {
    text.replace("${", "$${")
}

/// What names in configurations may have: letters, digits, `.`, `_` and `-`.
pub(crate) fn slug(text: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    text.chars().map(keep).take(60).collect()
}
