//! `docs/waf-support.md`, from the tables by which the waf's engine refuses.

use portcullis_engine::support::{self, Support};
use portcullis_seclang::ast::{
    ActionName, BodyProcessor, CtlName, DirectiveName, OperatorName, Transformation, VERSION_2_VARIABLES,
    VariableName, Vocabulary,
};

const HEAD: &str = "# What of SecLang the waf does

Written by `make docs` from the tables by which the engine refuses rule sets. The names are those of the ModSecurity v3 reference
manual, and Coraza's. Nothing is ignored silently: what is *refused* stops the configuration from loading, with file, line and
column; what has *no effect* concerns files, logs or tuning that a filter does not have.

";

/// The page.
pub(super) fn page() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("## Directives\n\n");
    let rules = [
        ("`SecAction`".to_owned(), Support::Full),
        ("`SecRule`".to_owned(), Support::Full),
        ("`SecRuleScript`".to_owned(), Support::Refused("there is no Lua interpreter in the filter")),
    ];
    let directives = rows("", DirectiveName::ALL, support::directive);
    table(rules.into_iter().chain(directives), &mut text);
    text.push_str("## Variables\n\n");
    let version_2 =
        VERSION_2_VARIABLES.iter().map(|(name, why)| (format!("`{name}`"), Support::Refused(why)));
    table(rows("", VariableName::ALL, support::variable).chain(version_2), &mut text);
    text.push_str("## Operators\n\n");
    table(rows("@", OperatorName::ALL, support::operator), &mut text);
    text.push_str("## Transformations\n\n");
    table(rows("t:", Transformation::ALL, support::transformation), &mut text);
    text.push_str("## Actions\n\n");
    table(rows("", ActionName::ALL, support::action), &mut text);
    text.push_str("## Options of `ctl`\n\n");
    table(rows("ctl:", CtlName::ALL, support::ctl), &mut text);
    text.push_str("## Body processors\n\n");
    table(rows("", BodyProcessor::ALL, support::body_processor), &mut text);
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Each value by all of its names, and what becomes of it.
fn rows<N: Vocabulary>(
    mark: &str,
    all: &'static [N],
    support: fn(N) -> Support,
) -> impl Iterator<Item = (String, Support)> {
    all.iter().map(move |value| {
        let names = N::NAMES.iter().filter(|(_, known)| known == value);
        let names: Vec<String> = names.map(|(name, _)| format!("`{mark}{name}`")).collect();
        (names.join(", "), support(*value))
    })
}

fn table(rows: impl Iterator<Item = (String, Support)>, text: &mut String) {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|(name, _)| name.replace('`', "").to_ascii_lowercase());
    text.push_str("| name | |\n|---|---|\n");
    for (name, support) in rows {
        let meaning = match support {
            Support::Full => "yes".to_owned(),
            Support::But(what) => format!("yes: {what}"),
            Support::NoEffect(why) => format!("no effect: {why}"),
            Support::OnlyOff(why) => format!("**refused** unless `Off`: {why}"),
            Support::Refused(why) => format!("**refused**: {why}"),
        };
        text.push_str(&format!("| {name} | {meaning} |\n"));
    }
    text.push('\n');
}
