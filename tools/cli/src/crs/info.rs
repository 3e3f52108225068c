use super::read;
use crate::error::Error;
use crate::{Outcome, Output};
use portcullis_seclang::Ruleset;
use portcullis_seclang::ast::{ActionKind, Directive, Rule};
use serde::Serialize;

/// Say which version it is, and how many rules it has, by file and paranoia level
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A directory with a Core Rule Set; by default the one in this program, which is that of the waf's module
    directory: Option<String>,
}

#[derive(Debug, Serialize)]
struct Info {
    version: Option<String>,
    rules: usize,
    /// Of levels 1 to 4. What runs at every level, such as the rules that add up scores, is in none.
    paranoia_levels: [usize; 4],
    families: Vec<Family>,
}

#[derive(Debug, Serialize)]
struct Family {
    name: String,
    rules: usize,
    paranoia_levels: [usize; 4],
}

pub(super) fn run(arguments: &Arguments, output: &mut Output) -> Result<Outcome, Error> {
    let files = read(arguments.directory.as_deref())?;
    let info = Info {
        version: files.iter().find_map(|(_, ruleset)| version(ruleset)),
        rules: files.iter().map(|(_, ruleset)| ruleset.rules().count()).sum(),
        paranoia_levels: levels(files.iter().flat_map(|(_, ruleset)| ruleset.rules()).map(|(rule, _)| rule)),
        families: files.iter().map(|(name, ruleset)| family(name, ruleset)).collect(),
    };
    if output.is_json() {
        output.json(&info)?;
        return Ok(Outcome::Fine);
    }
    output.line(format_args!(
        "version {}\n",
        info.version.as_deref().unwrap_or("unknown: no SecComponentSignature")
    ))?;
    let width = info.families.iter().map(|family| family.name.len()).max().unwrap_or_default();
    let mut row = |name: &str, rules: &str, levels: [String; 4]| {
        let [one, two, three, four] = levels;
        output.line(format_args!("{name:<width$}  {rules:>5}  {one:>4}  {two:>4}  {three:>4}  {four:>4}"))
    };
    row("file", "rules", ["PL1", "PL2", "PL3", "PL4"].map(str::to_owned))?;
    for Family { name, rules, paranoia_levels } in &info.families {
        row(name, &rules.to_string(), paranoia_levels.map(|count| count.to_string()))?;
    }
    row("all", &info.rules.to_string(), info.paranoia_levels.map(|count| count.to_string()))?;
    Ok(Outcome::Fine)
}

fn family(name: &str, ruleset: &Ruleset) -> Family {
    let rules = || ruleset.rules().map(|(rule, _)| rule);
    Family { name: name.to_owned(), rules: rules().count(), paranoia_levels: levels(rules()) }
}

fn version(ruleset: &Ruleset) -> Option<String> {
    ruleset.directives.iter().find_map(|directive| match &directive.node {
        Directive::ComponentSignature(text) => Some(String::from_utf8_lossy(&text.value).into_owned()),
        _ => None,
    })
}

/// How many rules are of each level, by their tag `paranoia-level/2`.
fn levels<'a>(rules: impl Iterator<Item = &'a Rule>) -> [usize; 4] {
    let mut counts = [0; 4];
    for level in rules.filter_map(level) {
        if let Some(count) = counts.get_mut(level - 1) {
            *count += 1;
        }
    }
    counts
}

fn level(rule: &Rule) -> Option<usize> {
    rule.actions.iter().find_map(|action| {
        let ActionKind::Tag(tag) = &action.kind else { return None };
        let text = std::str::from_utf8(tag.as_literal()?).ok();
        text?.strip_prefix("paranoia-level/")?.parse().ok().filter(|level| (1..=4).contains(level))
    })
}
