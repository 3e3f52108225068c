mod affinity;
mod canary;

use crate::error::Error;
use crate::filter::FilterName;
use crate::{Outcome, Output, clock, files};
use portcullis_lint::{Config, Filter, Found, MAX_FILE_BYTES, ReadOptions, Source};
use serde_json::json;

/// Look into the cookies of affinity and canary
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Open(Open),
}

/// Open a cookie with its key: what it says, and whether it counts now
///
/// For affinity's sealed cookies, and for canary's signed cookies and tokens. Keys and names come from --config, whose
/// `${NAME}`s are environment variables here, or from --key and so on. Exit status 1 if the cookie does not count.
#[derive(Debug, clap::Args)]
struct Open {
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

pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<Outcome, Error> {
    let Command::Open(open) = &arguments.command;
    let now = clock::parse(open.now.as_deref())?;
    let (filter, json, found) = match &open.config {
        Some(name) => {
            let found = configuration(name, open.filter)?;
            let Config::Json(json) = &found.config else {
                return Err(Error::unusable(name, "rules, which have no cookie"));
            };
            (found.filter, json.clone(), Some(found))
        }
        None => {
            let filter = open.filter.map_or(Filter::Affinity, Filter::from);
            (filter, given(open, filter)?.to_string().into_bytes(), None)
        }
    };
    let environment = |name: &str| {
        let written = found.as_ref().and_then(|found| found.variables.value(name)).map(str::to_owned);
        written.or_else(|| std::env::var(name).ok())
    };
    match filter {
        Filter::Affinity => affinity::open(open, &json, &environment, now, output),
        Filter::Canary => canary::open(open, &json, &environment, now, output),
        other => Err(Error::misuse(format!("{other} has no cookies"))),
    }
}

/// The configuration in a file that is for a filter with cookies.
fn configuration(name: &str, filter: Option<FilterName>) -> Result<Found, Error> {
    let bytes = files::read(name, MAX_FILE_BYTES)?;
    let wanted = filter.map(Filter::from);
    let source = Source::read(files::display(name), &bytes, &ReadOptions { filter: wanted });
    let fits = |found: &Found| match wanted {
        Some(filter) => found.filter == filter,
        None => matches!(found.filter, Filter::Affinity | Filter::Canary),
    };
    let mut fitting: Vec<Found> = source.configs.into_iter().filter(fits).collect();
    match (fitting.pop(), fitting.is_empty()) {
        (Some(found), true) => Ok(found),
        (Some(_), false) => {
            Err(Error::unusable(name, "several configurations: --filter says which is meant"))
        }
        (None, _) => Err(Error::unusable(name, "no configuration of affinity or canary is in there")),
    }
}

fn given(open: &Open, filter: Filter) -> Result<serde_json::Value, Error> {
    // `${` would be a reference.
    let keys: Vec<String> = open.key.iter().map(|key| key.replace("${", "$${")).collect();
    if filter == Filter::Canary {
        return Ok(json!({ "releases": [], "token": { "keys": keys } }));
    }
    let Some(audience) = &open.audience else {
        return Err(Error::misuse("affinity's cookies are sealed for an audience: --audience, or --config"));
    };
    let mut config = json!({ "keys": keys, "audience": audience });
    if let (Some(name), Some(members)) = (&open.name, config.as_object_mut()) {
        members.insert("cookie".to_owned(), json!({ "name": name }));
    }
    Ok(config)
}
