use super::read;
use crate::error::Error;
use crate::{Outcome, Output};
use clap::ValueEnum;
use portcullis_waf::{Exclusion, RuleSelection};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Write an exclusion: rules that are not to run, or not to look at a variable, everywhere or on a path
///
/// With a path it is a rule with `ctl:ruleRemove…`, to be put before the Core Rule Set; without one, SecRuleRemove… or
/// SecRuleUpdateTarget…, to be put behind it. --form json writes an entry of `crs.exclusions` instead.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A rule's id, or a range: 942100, 942100-942190; several times
    #[arg(long = "rule", required_unless_present = "tag", value_name = "ID")]
    rules: Vec<String>,
    /// A tag of rules, such as attack-sqli; several times
    #[arg(long = "tag")]
    tag: Vec<String>,
    /// A variable that the rules are not to look at, such as ARGS:password; several times. Without one they don't run
    #[arg(long = "target", value_name = "VARIABLE")]
    targets: Vec<String>,
    /// For requests to this path only; /api/* for all that begin so
    #[arg(long)]
    path: Option<String>,
    /// The id of the rule that is written for a path
    #[arg(long, default_value_t = 10_000)]
    id: usize,
    /// What to write
    #[arg(long, value_enum, default_value_t = Form::Seclang)]
    form: Form,
    /// A directory with the Core Rule Set that the ids are of; by default the one in this program
    #[arg(long, value_name = "DIRECTORY")]
    crs: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Directives
    Seclang,
    /// An entry of `crs.exclusions` in the waf's configuration
    Json,
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> Result<Outcome, Error> {
    let Arguments { rules, tag, targets, path, id, form, crs } = arguments;
    let exclusion = Exclusion {
        rules: rules.iter().map(|text| selection(text)).collect(),
        tags: tag.clone(),
        targets: targets.clone(),
        path: path.clone(),
    };
    let directives = exclusion.directives(*id).map_err(|errors| Error::misuse(errors.to_string()))?;
    are_there(&exclusion, crs.as_deref())?;
    let place = if path.is_some() { "before" } else { "after" };
    let entry = entry(arguments);
    if output.is_json() {
        output.json(&json!({ "seclang": directives, "place": place, "exclusion": entry }))?;
    } else if *form == Form::Json {
        output.json(&entry)?;
    } else {
        output.line(format_args!("# {place} Include @owasp_crs/*.conf"))?;
        output.line(directives.trim_end())?;
    }
    Ok(Outcome::Fine)
}

fn selection(text: &str) -> RuleSelection {
    text.parse().map_or_else(|_| RuleSelection::Range(text.to_owned()), RuleSelection::Id)
}

fn entry(arguments: &Arguments) -> Value {
    let rules =
        arguments.rules.iter().map(|text| text.parse::<u64>().map_or_else(|_| json!(text), |id| json!(id)));
    let rules: Vec<Value> = rules.collect();
    let mut entry = serde_json::Map::new();
    let lists =
        [("rules", json!(rules)), ("tags", json!(arguments.tag)), ("targets", json!(arguments.targets))];
    for (name, list) in lists {
        if list.as_array().is_some_and(|list| !list.is_empty()) {
            entry.insert(name.to_owned(), list);
        }
    }
    entry.extend(arguments.path.as_ref().map(|path| ("path".to_owned(), json!(path))));
    Value::Object(entry)
}

/// An exclusion of a rule that is not there does nothing, and is surely a slip.
fn are_there(exclusion: &Exclusion, crs: Option<&str>) -> Result<(), Error> {
    let files = match (read(crs), crs) {
        (Ok(files), _) => files,
        // A program without a Core Rule Set cannot say.
        (Err(_), None) => return Ok(()),
        (Err(error), Some(_)) => return Err(error),
    };
    let known: BTreeSet<u64> =
        files.iter().flat_map(|(_, set)| set.rules().filter_map(|(rule, _)| rule.id())).collect();
    for rule in &exclusion.rules {
        let is_there = match rule {
            RuleSelection::Id(id) => known.contains(id),
            RuleSelection::Range(range) => {
                let bounds = range
                    .split_once('-')
                    .and_then(|(from, to)| Some(from.parse::<u64>().ok()?..=to.parse().ok()?));
                bounds.is_none_or(|bounds| known.range(bounds).next().is_some())
            }
        };
        if !is_there {
            let text = match rule {
                RuleSelection::Id(id) => id.to_string(),
                RuleSelection::Range(range) => range.clone(),
            };
            return Err(Error::misuse(format!("--rule {text}: the Core Rule Set has no such rule")));
        }
    }
    Ok(())
}
