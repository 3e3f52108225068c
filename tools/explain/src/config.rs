//! The filters in a file: configurations, manifests, and rules.

use crate::{Chain, Explainer, FilterKind};
use portcullis_lint::{Config, Diagnostic, Filter, Found, ReadOptions, Source};
use portcullis_seclang::loader::NoFiles;
use sdk_shim::Environment;

/// Filters that are loaded, in the order in which they stand.
pub struct LoadedConfig {
    /// The filters.
    pub chain: Chain,
    /// What holds each, such as `WasmPlugin istio-system/waf`; empty where the file is nothing but it.
    pub owners: Vec<String>,
    /// What was assumed, and what the filters warn of.
    pub remarks: Vec<String>,
}

/// Finds the filters in a text.
pub fn read(name: &str, text: &[u8], filter: Option<&str>) -> Source {
    let filter = filter.and_then(|name| Filter::ALL.into_iter().find(|known| known.name() == name));
    Source::read(name, text, &ReadOptions { filter })
}

/// What is wrong with a text.
pub fn check(source: &Source) -> Vec<Diagnostic> {
    source.check(&NoFiles)
}

/// Loads the filters that were found. What a variable of theirs stands for is what the manifest says, else what `env` knows.
///
/// # Errors
/// What is wrong with each that is refused, and that there is none.
pub fn load(source: &Source, env: &Environment<'_>) -> Result<LoadedConfig, Vec<String>> {
    let mut errors: Vec<String> = source.problems.iter().map(ToString::to_string).collect();
    if source.configs.is_empty() && errors.is_empty() {
        errors.push(format!(
            "{}: found no configuration of a filter, expected one in JSON or YAML, a manifest, or SecLang rules",
            source.name
        ));
    }
    let mut loaded = LoadedConfig { chain: Chain::default(), owners: Vec::new(), remarks: Vec::new() };
    for found in &source.configs {
        let kind = kind(found.filter);
        let unknown = std::cell::RefCell::new(Vec::new());
        let env = |name: &str| {
            found.variables.value(name).map(str::to_owned).or_else(|| env(name)).or_else(|| {
                let stand_in = found.variables.stand_in(name)?;
                unknown.borrow_mut().push(name.to_owned());
                Some(stand_in)
            })
        };
        let json = match &found.config {
            Config::Json(json) => json.clone(),
            Config::SecLang(text) => of_rules(&source.name, text, &mut loaded.remarks),
        };
        match Explainer::load(kind, &json, &env) {
            Ok(explainer) => {
                let warnings = explainer.warnings().iter();
                loaded.remarks.extend(warnings.map(|warning| format!("{kind}: {warning}")));
                loaded.owners.push(found.owner.clone());
                loaded.chain.0.push(explainer);
            }
            Err(found_errors) => {
                let owner = named(source, found);
                errors.extend(found_errors.iter().map(|error| format!("{owner}: {error}")));
                let unknown = unknown.borrow().iter().map(|name| format!("${{{name}}}")).collect::<Vec<_>>();
                if !unknown.is_empty() {
                    let names = unknown.join(", ");
                    errors.push(format!("{owner}: not known here, which may be why: {names}"));
                }
            }
        }
        for name in unknown.into_inner() {
            let remark = format!("{kind}: ${{{name}}} is not known here: another text stands in for it");
            if !loaded.remarks.contains(&remark) {
                loaded.remarks.push(remark);
            }
        }
    }
    for filter in Filter::ALL {
        let count = source.configs.iter().filter(|found| found.filter == filter).count();
        if count > 1 {
            loaded.remarks.push(format!(
                "{count} configurations of {filter}: routes and selectors say which of them a request meets; here it meets all"
            ));
        }
    }
    if errors.is_empty() { Ok(loaded) } else { Err(errors) }
}

fn kind(filter: Filter) -> FilterKind {
    match filter {
        Filter::Waf => FilterKind::Waf,
        Filter::Canary => FilterKind::Canary,
        Filter::Affinity => FilterKind::Affinity,
        Filter::Authz => FilterKind::Authz,
    }
}

fn named(source: &Source, found: &Found) -> String {
    if found.owner.is_empty() { source.name.clone() } else { format!("{}: {}", source.name, found.owner) }
}

/// A configuration of the waf with the rules of a file. Rules that do not say whether to block do.
fn of_rules(name: &str, text: &[u8], remarks: &mut Vec<String>) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let says = |directive: &str| {
        text.lines().any(|line| {
            let word = line.split_ascii_whitespace().next().unwrap_or_default();
            word.eq_ignore_ascii_case(directive)
        })
    };
    let is_own = !says("SecRuleEngine") && !says("Include");
    if is_own {
        remarks.push(
            "the rules do not say SecRuleEngine: they are looked at as with `SecRuleEngine On`".to_owned(),
        );
    }
    let body = if is_own && !says("SecRequestBodyAccess") { "SecRequestBodyAccess On\n" } else { "" };
    let mode = if is_own { "on" } else { "rules" };
    let config = serde_json::json!({
        "directives_map": {name: [text, body]},
        "default_directives": name,
        "mode": mode,
    });
    config.to_string().into_bytes()
}
