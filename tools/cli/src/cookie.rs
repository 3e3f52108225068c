mod affinity;
mod canary;

use crate::configuration::Configuration;
use crate::error::Error;
use crate::filter::FilterName;
use crate::{Outcome, Output, clock};
use portcullis_lint::Filter;
use serde_json::{Value, json};

/// Look into the cookies of affinity and canary
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Open(Open),
}

/// Open a cookie with its key: what it says, and whether it counts now
///
/// For affinity's sealed cookies, and for canary's signed cookies and tokens. Keys and names come from --config, whose
/// `${NAME}`s are environment variables here, or from --key and so on. Exit status 1 if the cookie does not count.
#[derive(Debug, clap::Args)]
pub(crate) struct Open {
    /// The cookie: its value, or a whole `name=value; …`
    cookie: String,
    /// A file with the filter's configuration, in any form that `lint` reads
    #[arg(long, value_name = "FILE", conflicts_with_all = ["key", "audience", "name"])]
    config: Option<String>,
    /// Whose cookie it is; by default what the configuration is for, else affinity
    #[arg(long)]
    filter: Option<FilterName>,
    /// A key; several times for older ones
    #[arg(long, required_unless_present = "config")]
    key: Vec<String>,
    /// affinity's `audience`
    #[arg(long)]
    audience: Option<String>,
    /// The cookie's name, where the value alone is given
    #[arg(long)]
    name: Option<String>,
    /// What the session is for, where affinity's `scope` is set
    #[arg(long, default_value = "")]
    scope: String,
    /// The time at which it is judged: seconds since 1970, or 2026-11-22T12:00:00Z; default: now
    #[arg(long)]
    now: Option<String>,
}

/// What a cookie says.
struct Opened {
    verdict: &'static str,
    /// What the verdict means, where its name does not say it.
    meaning: &'static str,
    content: Value,
    lines: Vec<(&'static str, String)>,
}

pub(crate) fn run(command: &Command, output: &mut Output) -> Result<Outcome, Error> {
    let Command::Open(open) = command;
    let now = clock::parse(open.now.as_deref())?;
    let filter = open.filter.map(Filter::from);
    let config = match (&open.config, filter) {
        (Some(name), Some(filter)) => Configuration::read(name, &[filter])?,
        (Some(name), None) => Configuration::read(name, &[Filter::Affinity, Filter::Canary])?,
        (None, filter) => given(open, filter.unwrap_or(Filter::Affinity))?,
    };
    let Opened { verdict, meaning, content, lines } = match config.filter {
        Filter::Affinity => affinity::open(open, &config, now)?,
        Filter::Canary => canary::open(open, &config, now)?,
        other => return Err(Error::misuse(format!("{other} has no cookies"))),
    };
    if output.is_json() {
        output.json(&json!({ "filter": config.filter.name(), "verdict": verdict, "content": content }))?;
    } else {
        output.line(format_args!("verdict   {verdict}{meaning}"))?;
        lines.iter().try_for_each(|(name, value)| output.line(format_args!("{name:<9} {value}")))?;
    }
    Ok(if verdict == "valid" { Outcome::Fine } else { Outcome::Findings })
}

fn given(open: &Open, filter: Filter) -> Result<Configuration, Error> {
    // `${` would be a reference.
    let keys: Vec<String> = open.key.iter().map(|key| key.replace("${", "$${")).collect();
    if filter == Filter::Canary {
        return Ok(Configuration::of(filter, &json!({ "releases": [], "token": { "keys": keys } })));
    }
    let Some(audience) = &open.audience else {
        return Err(Error::misuse("affinity's cookies are sealed for an audience: --audience, or --config"));
    };
    let mut config = json!({ "keys": keys, "audience": audience });
    if let (Some(name), Some(members)) = (&open.name, config.as_object_mut()) {
        members.insert("cookie".to_owned(), json!({ "name": name }));
    }
    Ok(Configuration::of(filter, &config))
}
