use crate::{ConfigErrors, Path};
use schemars::JsonSchema;
use serde::Deserialize;
use std::fmt;

/// Looks up one of the environment variables that the host gives to the filter
/// (Envoy: `vm_config.environment_variables`; Istio: `vmConfig.env`).
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// A secret: its text, or `${NAME}` for the environment variable of that name, so that it need not stand in the
/// configuration. `Debug` never prints it.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// A secret with this text or reference.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself. A reference to a variable that is not set, or to an empty one, is recorded in `errors`
    /// under `path`, and `None` returned.
    pub fn resolve(&self, env: &Environment<'_>, path: &Path, errors: &mut ConfigErrors) -> Option<String> {
        let Some(name) = self.0.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) else {
            return Some(self.0.clone());
        };
        let value = env(name).filter(|value| !value.is_empty());
        if value.is_none() {
            let found = format!("a reference to the environment variable {name}, which is not set");
            errors.add(path, found, "a variable that vm_config.environment_variables sets");
        }
        value
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
