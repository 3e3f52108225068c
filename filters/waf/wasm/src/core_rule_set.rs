//! The friendly form, `crs`: the Core Rule Set and what to change of it, as SecLang.

use crate::built_in;
use crate::by_name::ByName;
use schemars::JsonSchema;
use sdk_shim::{ConfigErrors, Path};
use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, SeqAccess, Unexpected, Visitor};
use std::fmt;

/// The OWASP Core Rule Set as it is in this module, blocking, on the recommended settings (`Include @recommended-conf`). The
/// fields are what its `crs-setup.conf` sets; for all else there is `directives_map`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CoreRuleSet {
    /// How much to suspect, from 1 (few false alarms) to 4 (many).
    pub paranoia_level: u8,
    /// Rules up to this level are logged, too, without blocking: to try a higher level. By default `paranoia_level`.
    pub detection_paranoia_level: Option<u8>,
    /// The scores at which to block.
    pub anomaly_threshold: AnomalyThreshold,
    /// Block at the end of phase 1 and 3 already, when the score is reached there. Core Rule Set 4 only.
    pub early_blocking: bool,
    /// The longest request body, in bytes; a longer one is answered 413. Envoy's `per_connection_buffer_limit_bytes` (1 MiB by
    /// default) has to be more.
    pub request_body_limit: usize,
    /// Look for leaks in response bodies: plain text, HTML and XML, their first 512 KB.
    pub inspect_responses: bool,
    /// More of `crs-setup.conf`: TX variables by name, such as `allowed_methods`.
    pub settings: ByName<String>,
    /// Rules that are not to run, everywhere or for a path or a parameter.
    pub exclusions: Vec<Exclusion>,
    /// Plugins of the Core Rule Set, in the order to load them.
    pub plugins: Vec<Plugin>,
}

impl Default for CoreRuleSet {
    fn default() -> Self {
        Self {
            paranoia_level: 1,
            detection_paranoia_level: None,
            anomaly_threshold: AnomalyThreshold::default(),
            early_blocking: false,
            request_body_limit: 131_072,
            inspect_responses: true,
            settings: ByName::default(),
            exclusions: Vec::new(),
            plugins: Vec::new(),
        }
    }
}

/// Scores at which to block. A critical rule scores 5, an error 4, a warning 3, a notice 2.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AnomalyThreshold {
    /// For requests.
    pub inbound: u32,
    /// For responses.
    pub outbound: u32,
}

impl Default for AnomalyThreshold {
    fn default() -> Self {
        Self { inbound: 5, outbound: 4 }
    }
}

/// Rules that are not to run. With `targets` they run, but don't look there.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Exclusion {
    /// Rules by id, `942100`, or range, `"942100-942190"`.
    pub rules: Vec<RuleSelection>,
    /// Rules by tag, such as `attack-sqli`.
    pub tags: Vec<String>,
    /// Variables, such as `ARGS:password` or `REQUEST_COOKIES:/^session_/`. None means the whole rules.
    pub targets: Vec<String>,
    /// For requests to this path only, compared when it is decoded and normalised; `/api/*` for all that begin so.
    pub path: Option<String>,
}

/// A rule's id, or a range of ids.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub enum RuleSelection {
    /// `942100`
    Id(u64),
    /// `"942100-942190"`
    Range(String),
}

impl<'de> Deserialize<'de> for RuleSelection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdOrRange)
    }
}

struct IdOrRange;

impl<'de> Visitor<'de> for IdOrRange {
    type Value = RuleSelection;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an id, or a range such as \"942100-942190\"")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<RuleSelection, E> {
        Err(E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: Error>(self, id: u64) -> Result<RuleSelection, E> {
        Ok(RuleSelection::Id(id))
    }

    /// Read to its end, where the path of the error leads to the whole list.
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<RuleSelection, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Err(A::Error::invalid_type(Unexpected::Seq, &self))
    }

    fn visit_str<E: Error>(self, range: &str) -> Result<RuleSelection, E> {
        Ok(RuleSelection::Range(range.to_owned()))
    }
}

/// A plugin: the files of its `plugins` folder, as lines. Core Rule Set documentation, "Plugins".
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Plugin {
    /// Its name, for messages.
    pub name: String,
    /// `<name>-config.conf`
    pub config: Vec<String>,
    /// `<name>-before.conf`
    pub before: Vec<String>,
    /// `<name>-after.conf`
    pub after: Vec<String>,
    /// Files of phrases or addresses that its rules name.
    pub data: ByName<Vec<String>>,
}

/// A rule set as documents, and the files that belong to it alone.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    /// Names, as messages show them, and texts.
    pub(crate) texts: Vec<(String, String)>,
    pub(crate) files: Vec<(String, String)>,
}

impl CoreRuleSet {
    /// The order is that of the Core Rule Set's documentation: its setup, plugins' settings, what is to run before it, its rules,
    /// what is to run after them.
    pub(crate) fn documents(&self, path: &Path, errors: &mut ConfigErrors) -> Documents {
        self.check(path, errors);
        let mut documents = Documents::default();
        documents.add("crs", self.setup(path, errors));
        let plugin_parts = |part: &str, lines: fn(&Plugin) -> &Vec<String>| -> Vec<(String, String)> {
            let name = |plugin: &Plugin| format!("@plugins/{}-{part}.conf", plugin.name);
            self.plugins.iter().map(|plugin| (name(plugin), lines(plugin).join("\n"))).collect()
        };
        documents.texts.extend(plugin_parts("config", |plugin| &plugin.config));
        documents.texts.extend(plugin_parts("before", |plugin| &plugin.before));
        let exclusions = path.field("exclusions");
        for (index, exclusion) in self.exclusions.iter().enumerate() {
            let at = exclusions.index(index);
            exclusion.check(&at, errors);
            documents.add(&at.to_string(), exclusion.before(FIRST_ID + index));
        }
        documents.add("crs", "Include @owasp_crs/*.conf".to_owned());
        documents.texts.extend(plugin_parts("after", |plugin| &plugin.after));
        for (index, exclusion) in self.exclusions.iter().enumerate() {
            documents.add(&exclusions.index(index).to_string(), exclusion.after());
        }
        for (name, lines) in self.plugins.iter().flat_map(|plugin| plugin.data.iter()) {
            documents.files.push((format!("@plugins/{name}"), lines.join("\n")));
        }
        documents
    }

    fn check(&self, path: &Path, errors: &mut ConfigErrors) {
        if !built_in::has_core_rule_set() {
            errors.add(
                path,
                "a module that was built without the Core Rule Set",
                "one with it: `make crs`, then `make modules`",
            );
        }
        let mut level = |field: &str, level: u8, least: u8| {
            if !(least..=4).contains(&level) {
                errors.add(&path.field(field), level.to_string(), format!("a number from {least} to 4"));
            }
        };
        level("paranoia_level", self.paranoia_level, 1);
        if let Some(detection) = self.detection_paranoia_level {
            level("detection_paranoia_level", detection, self.paranoia_level.clamp(1, 4));
        }
        let threshold = path.field("anomaly_threshold");
        let AnomalyThreshold { inbound, outbound } = self.anomaly_threshold;
        for (field, score) in [("inbound", inbound), ("outbound", outbound)] {
            if score == 0 {
                errors.add(&threshold.field(field), "0", "a score of 1 or more: 0 would block everything");
            }
        }
        if self.early_blocking && built_in::has_core_rule_set() && !built_in::has_early_blocking() {
            errors.add(&path.field("early_blocking"), "true", "false: only the Core Rule Set 4 has it");
        }
        for (index, plugin) in self.plugins.iter().enumerate() {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            if plugin.name.is_empty() || !plugin.name.bytes().all(plain) {
                let at = path.field("plugins").index(index).field("name");
                errors.add(&at, format!("{:?}", plugin.name), "a name of letters, digits, `-`, `_` and `.`");
            }
        }
    }

    fn setup(&self, path: &Path, errors: &mut ConfigErrors) -> String {
        let detection = self.detection_paranoia_level.unwrap_or(self.paranoia_level);
        // The second names are those of the Core Rule Set 3.
        let own = [
            ("blocking_paranoia_level", self.paranoia_level.into()),
            ("paranoia_level", self.paranoia_level.into()),
            ("detection_paranoia_level", detection.into()),
            ("executing_paranoia_level", detection.into()),
            ("inbound_anomaly_score_threshold", self.anomaly_threshold.inbound),
            ("outbound_anomaly_score_threshold", self.anomaly_threshold.outbound),
            ("early_blocking", self.early_blocking.into()),
        ];
        let mut variables: Vec<(&str, String)> =
            own.iter().map(|(name, value)| (*name, value.to_string())).collect();
        for (name, value) in self.settings.iter() {
            let at = path.field("settings").field(name);
            if own.iter().any(|(own, _)| *own == name) {
                errors.add(&at, "a setting that has a field of its own", "that field");
            } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                errors.add(&at, format!("{name:?}"), "the name of a TX variable");
            } else if !is_quotable(value) {
                errors.add(&at, format!("{value:?}"), NOT_QUOTABLE);
            } else {
                variables.push((name, value.clone()));
            }
        }
        let variables: String =
            variables.iter().map(|(name, value)| format!(",setvar:'tx.{name}={value}'")).collect();
        let responses = if self.inspect_responses { "On" } else { "Off" };
        format!(
            "Include @recommended-conf\n\
             SecRuleEngine On\n\
             SecRequestBodyLimit {}\n\
             SecResponseBodyAccess {responses}\n\
             SecAction \"id:900000,phase:1,pass,nolog,t:none{variables}\"\n\
             Include @crs-setup-conf",
            self.request_body_limit
        )
    }
}

impl Exclusion {
    /// The same in SecLang. With a path it is a rule, of the id `id`, that has to stand before the Core Rule Set's; without one
    /// it has to stand behind them.
    ///
    /// # Errors
    /// What the filter refuses in its configuration.
    pub fn directives(&self, id: usize) -> Result<String, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        self.check(&Path::root(), &mut errors);
        errors.into_result(if self.path.is_some() { self.before(id) } else { self.after() })
    }

    fn check(&self, path: &Path, errors: &mut ConfigErrors) {
        if self.rules.is_empty() && self.tags.is_empty() {
            errors.add(path, "neither rules nor tags", "the rules that are not to run");
        }
        for (index, rule) in self.rules.iter().enumerate() {
            if let RuleSelection::Range(range) = rule
                && !is_range(range)
            {
                let at = path.field("rules").index(index);
                errors.add(&at, format!("{range:?}"), "an id, or a range such as \"942100-942190\"");
            }
        }
        let words = [("tags", &self.tags), ("targets", &self.targets)];
        for (field, index, word) in words
            .iter()
            .flat_map(|(field, words)| words.iter().enumerate().map(move |(i, word)| (field, i, word)))
        {
            if word.is_empty() || !is_quotable(word) || word.contains([',', ';', ' ']) {
                let expected = "a text without quotes, backslashes, macros, commas, semicolons and spaces";
                errors.add(&path.field(field).index(index), format!("{word:?}"), expected);
            }
        }
        for (index, target) in self.targets.iter().enumerate() {
            if let Some((_, pattern)) = target.split_once(":/")
                && !(pattern.ends_with('/') || target.starts_with("XML:"))
            {
                let at = path.field("targets").index(index);
                errors.add(&at, format!("{target:?}"), "a `/` at the end of the pattern, too");
            }
        }
        if let Some(text) = &self.path
            && !(text.starts_with('/') && is_quotable(text))
        {
            let expected = "a path that begins with `/`, without quotes, backslashes and macros";
            errors.add(&path.field("path"), format!("{text:?}"), expected);
        }
    }

    /// For a path: what to switch off when a request begins.
    fn before(&self, id: usize) -> String {
        let Some(path) = &self.path else { return String::new() };
        let (operator, path) = match path.strip_suffix('*') {
            Some(start) => ("@beginsWith", start),
            None => ("@streq", path.as_str()),
        };
        let mut controls = String::new();
        for (kind, rules) in [("ById", self.ids()), ("ByTag", self.tags.clone())] {
            for rule in rules {
                if self.targets.is_empty() {
                    controls.push_str(&format!(",ctl:ruleRemove{kind}={rule}"));
                }
                for target in &self.targets {
                    controls.push_str(&format!(",ctl:ruleRemoveTarget{kind}={rule};{target}"));
                }
            }
        }
        // Normalised, or `/excluded/../elsewhere` would be excluded, too.
        format!(
            "SecRule REQUEST_FILENAME \"{operator} {path}\" \
             \"id:{id},phase:1,pass,nolog,t:none,t:urlDecodeUni,t:normalizePath{controls}\""
        )
    }

    /// For all paths: what to change of the rules.
    fn after(&self) -> String {
        if self.path.is_some() {
            return String::new();
        }
        let targets = self.targets.iter().map(|target| format!("!{target}")).collect::<Vec<_>>().join("|");
        let mut text = String::new();
        for (kind, rules) in [("ById", self.ids()), ("ByTag", self.tags.clone())] {
            for rule in rules {
                if targets.is_empty() {
                    text.push_str(&format!("SecRuleRemove{kind} \"{rule}\"\n"));
                } else {
                    text.push_str(&format!("SecRuleUpdateTarget{kind} \"{rule}\" \"{targets}\"\n"));
                }
            }
        }
        text
    }

    fn ids(&self) -> Vec<String> {
        let text = |rule: &RuleSelection| match rule {
            RuleSelection::Id(id) => id.to_string(),
            RuleSelection::Range(range) => range.clone(),
        };
        self.rules.iter().map(text).collect()
    }
}

impl Documents {
    fn add(&mut self, name: &str, text: String) {
        if !text.is_empty() {
            self.texts.push((name.to_owned(), text));
        }
    }
}

/// The first id of the rules for paths. The Core Rule Set leaves the ids below 100,000 to the site; these are unlikely there.
const FIRST_ID: usize = 99_000;

const NOT_QUOTABLE: &str = "a text without quotes, backslashes and macros";

/// Whether a text can stand in a directive, and means itself there.
fn is_quotable(text: &str) -> bool {
    !text.contains(['"', '\'', '\\']) && !text.contains("%{") && !text.contains(char::is_control)
}

fn is_range(text: &str) -> bool {
    let number = |text: &str| text.parse::<u64>().ok();
    match text.split_once('-') {
        Some((from, to)) => number(from).zip(number(to)).is_some_and(|(from, to)| from <= to),
        None => number(text).is_some(),
    }
}
