use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The configuration of the filter. `directives_map`, `default_directives`, `per_authority_directives` and
/// `metric_labels` are those of coraza-proxy-wasm.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Rule sets by name. The texts of one are SecLang; they are read as the lines of one file, whose name in messages is
    /// that of the rule set. `Include @portcullis-starter` brings the small rule set that is built in.
    pub directives_map: BTreeMap<String, Vec<String>>,
    /// The rule set for requests whose authority has none of its own.
    #[serde(default = "default_directives")]
    pub default_directives: String,
    /// Rule sets by authority, without regard to case: `shop.example.com:8443` for that port only, `shop.example.com`
    /// for any.
    #[serde(default)]
    pub per_authority_directives: BTreeMap<String, String>,
    /// Labels on every metric, with their values.
    #[serde(default)]
    pub metric_labels: BTreeMap<String, String>,
    /// Whether to block, whatever `SecRuleEngine` says.
    #[serde(default)]
    pub mode: Mode,
}

fn default_directives() -> String {
    "default".to_owned()
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
