use crate::{ConfigErrors, Path};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use std::cell::Cell;
use std::fmt;

/// Looks up one of the environment variables that the host gives to the filter
/// (Envoy: `vm_config.environment_variables`; Istio: `vmConfig.env`).
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// A secret: its text, or `${NAME}` for the environment variable of that name, so that it need not stand in the
/// configuration. `Debug` never prints it.
///
/// ```
/// use sdk_shim_config::{ConfigErrors, Path, Secret};
///
/// let env = |name: &str| (name == "KEY").then(|| "s3cret".to_owned());
/// let mut errors = ConfigErrors::new();
/// let secret = Secret::new("${KEY}").resolve(&env, &Path::root().field("key"), &mut errors);
/// assert_eq!(secret.as_deref(), Some("s3cret"));
/// ```
#[derive(Clone, PartialEq, Eq, JsonSchema)]
#[schemars(transparent)]
#[schemars(
    description = "A secret: its text, or `${NAME}` for the environment variable of that name, so that it need not stand in the\nconfiguration. `Debug` never prints it."
)]
pub struct Secret(String, #[schemars(skip)] IsResolved);

/// Whether the text is the secret itself, because what it referred to has been put in.
type IsResolved = bool;

thread_local! {
    static RESOLVED: Cell<IsResolved> = const { Cell::new(false) };
}

/// Secrets that are read meanwhile hold no references any more: what a variable holds may look like one.
pub(crate) fn without_references<T>(read: impl FnOnce() -> T) -> T {
    let before = RESOLVED.replace(true);
    let value = read();
    RESOLVED.set(before);
    value
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer)?, RESOLVED.get()))
    }
}

impl Secret {
    /// A secret with this text or reference.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into(), false)
    }

    /// The secret itself. A reference to a variable that is not set, or to an empty one, is recorded in `errors`
    /// under `path`, and `None` returned.
    pub fn resolve(&self, env: &Environment<'_>, path: &Path, errors: &mut ConfigErrors) -> Option<String> {
        let name = self.0.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
        let Some(name) = name.filter(|_| !self.1) else { return Some(self.0.clone()) };
        let value = env(name).filter(|value| !value.is_empty());
        if value.is_none() {
            crate::references::missing(name, path, errors);
        }
        value
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
