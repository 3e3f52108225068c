use schemars::JsonSchema;
use sdk_shim_config::Path;
use serde::{Deserialize, Deserializer, de::IgnoredAny};

/// A value that is accepted and not looked at.
#[derive(Clone, Copy, Debug)]
pub struct Ignored;

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

impl JsonSchema for Ignored {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Ignored".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        true.into()
    }
}

/// Warns of the fields that say in Kubernetes which workloads a `spec` is for. Here it is for whatever the filter is.
pub(crate) fn warn_of_targets(
    selector: Option<Ignored>,
    target_ref: Option<Ignored>,
    target_refs: Option<Ignored>,
    path: &Path,
    warnings: &mut Vec<String>,
) {
    for (name, value) in [("selector", selector), ("targetRef", target_ref), ("targetRefs", target_refs)] {
        if value.is_some() {
            let path = path.field(name);
            warnings.push(format!("{path} has no effect: it applies wherever this filter does"));
        }
    }
}
