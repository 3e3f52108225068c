use crate::claims::ClaimNames;
use crate::config::{Compatibility, Config};
use crate::fields::FieldNames;
use crate::inputs::Asked;
use crate::key::Key;
use crate::patterns::Patterns;
use crate::share::Namespaces;
use crate::trust::Trust;
use sdk_shim_config::{ConfigErrors, Path};

/// What the parts of a configuration are compiled with, and what they report.
pub(crate) struct Loading {
    pub(crate) headers: FieldNames,
    pub(crate) cookies: FieldNames,
    pub(crate) queries: FieldNames,
    pub(crate) claims: ClaimNames,
    pub(crate) patterns: Patterns,
    pub(crate) namespaces: Namespaces,
    pub(crate) compatibility: Compatibility,
    /// The name of the cookie that the filter issues.
    pub(crate) id_cookie: Option<String>,
    /// The name of the header with the client's country.
    pub(crate) country: Option<String>,
    /// Whether there are keys for signed tokens.
    pub(crate) has_tokens: bool,
    /// The sources of keys so far, each list once.
    pub(crate) keys: Vec<Vec<Key>>,
    /// The seeds so far, each with the path to it.
    pub(crate) seeds: Vec<(String, Path)>,
    /// The conditions so far, for their limit.
    pub(crate) conditions: usize,
    /// What keeps the configuration from being loaded.
    pub(crate) errors: ConfigErrors,
    /// What does not.
    pub(crate) warnings: ConfigErrors,
}

impl Loading {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            headers: FieldNames::default(),
            cookies: FieldNames::default(),
            queries: FieldNames::default(),
            claims: ClaimNames::new(config.claims.as_ref()),
            patterns: Patterns::default(),
            keys: Vec::new(),
            seeds: Vec::new(),
            namespaces: Namespaces::default(),
            compatibility: config.compatibility,
            id_cookie: config.id_cookie.as_ref().map(|cookie| cookie.name.clone()),
            country: config.country.as_ref().map(|country| country.header.to_ascii_lowercase()),
            has_tokens: config.token.is_some(),
            conditions: 0,
            errors: ConfigErrors::new(),
            warnings: ConfigErrors::new(),
        }
    }

    /// What rules ask for, and the errors and warnings.
    pub(crate) fn finish(mut self, trust: Trust) -> (Asked, ConfigErrors, ConfigErrors) {
        let asked = Asked {
            headers: self.headers.build(),
            cookies: self.cookies.build(),
            queries: self.queries.build(),
            claims: self.claims.build(),
            patterns: self.patterns.build(&mut self.errors),
            trust,
        };
        (asked, self.errors, self.warnings)
    }
}
