use crate::config::{Compatibility, Config};
use crate::inputs::CookieNames;
use sdk_shim_config::ConfigErrors;

/// What the parts of a configuration are compiled with, and what they report.
pub(crate) struct Loading {
    pub(crate) cookie_names: CookieNames,
    pub(crate) compatibility: Compatibility,
    /// What keeps the configuration from being loaded.
    pub(crate) errors: ConfigErrors,
    /// What does not.
    pub(crate) warnings: ConfigErrors,
}

impl Loading {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            cookie_names: CookieNames::of(&config.releases),
            compatibility: config.compatibility,
            errors: ConfigErrors::new(),
            warnings: ConfigErrors::new(),
        }
    }
}
