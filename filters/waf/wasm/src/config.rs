use crate::audit_log::AuditLogConfig;
use crate::by_name::ByName;
use crate::core_rule_set::CoreRuleSet;
use crate::rule_sets::CRS;
use schemars::JsonSchema;
use serde::Deserialize;

/// The configuration of the filter: rule sets in SecLang (`directives_map`), or the Core Rule Set (`crs`), or both for different
/// authorities. `directives_map`, `default_directives`, `per_authority_directives` and
/// `metric_labels` are those of coraza-proxy-wasm.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Rule sets by name. The texts of one are SecLang; they are read as the lines of one file, whose name in messages is
    /// that of the rule set. `Include` knows `@owasp_crs/*.conf`, `@crs-setup-conf`, `@recommended-conf` (the settings that
    /// the Core Rule Set expects), `@demo-conf` (those, blocking), `@ftw-conf` (for the Core Rule Set's tests) and
    /// `@portcullis-starter` (a small rule set).
    #[serde(default)]
    pub directives_map: ByName<Vec<String>>,
    /// The OWASP Core Rule Set, as the rule set of the name `crs`.
    #[serde(default)]
    pub crs: Option<CoreRuleSet>,
    /// The rule set for requests whose authority has none of its own. By default `crs` where that is given, else `default`.
    #[serde(default)]
    pub default_directives: Option<String>,
    /// Rule sets by authority, without regard to case: `shop.example.com:8443` for that port only, `shop.example.com`
    /// for any.
    #[serde(default)]
    pub per_authority_directives: ByName<String>,
    /// Rule sets by authority and path. The first entry that fits counts, and before `per_authority_directives`.
    #[serde(default)]
    pub per_route_directives: Vec<RouteDirectives>,
    /// Labels on every metric, with their values.
    #[serde(default)]
    pub metric_labels: ByName<String>,
    /// Headers that Envoy takes out of requests before any filter, by the names under which its `early_header_mutation_extensions`
    /// keep them: `{"referer": "x-original-referer"}`. The rules see them under their own names, the upstream does not get them.
    #[serde(default)]
    pub original_headers: ByName<String>,
    /// Where the audit log goes.
    #[serde(default)]
    pub audit_log: AuditLogConfig,
    /// Whether to block, whatever `SecRuleEngine` says.
    #[serde(default)]
    pub mode: Mode,
}

impl Config {
    pub(crate) fn uses_core_rule_set(&self) -> bool {
        let mut texts = self.directives_map.iter().flat_map(|(_, texts)| texts);
        self.crs.is_some() || texts.any(|text| text.contains("@owasp_crs"))
    }

    pub(crate) fn default_directives(&self) -> &str {
        let unsaid = if self.crs.is_some() { CRS } else { "default" };
        self.default_directives.as_deref().unwrap_or(unsaid)
    }
}

/// A rule set for some authorities and paths.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RouteDirectives {
    /// Authorities, as in `per_authority_directives`. None means any.
    #[serde(default)]
    pub authorities: Vec<String>,
    /// Paths, compared when they are decoded and normalised; `/api/*` for all that begin so. None means any.
    #[serde(default)]
    pub paths: Vec<String>,
    /// The name of the rule set.
    pub directives: String,
}

/// Whether to block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// As `SecRuleEngine` in the rules says.
    #[default]
    Rules,
    /// Block, as with `SecRuleEngine On`.
    On,
    /// Judge and log, and let everything through, as with `SecRuleEngine DetectionOnly`.
    Detect,
    /// Look at nothing.
    Off,
}
