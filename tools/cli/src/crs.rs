mod exclude;
mod info;

use crate::error::Error;
use crate::{Outcome, Output, files};
use portcullis_seclang::loader::FileSystem;
use portcullis_seclang::{Loader, ParseOptions, Ruleset, parse};
use portcullis_waf::BuiltIn;
use std::path::Path;

/// Look at the OWASP Core Rule Set, and make exclusions from it
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    Info(info::Arguments),
    Exclude(exclude::Arguments),
}

pub(crate) fn run(command: &Command, output: &mut Output) -> Result<Outcome, Error> {
    match command {
        Command::Info(arguments) => info::run(arguments, output),
        Command::Exclude(arguments) => exclude::run(arguments, output),
    }
}

/// The largest file of rules that is read.
const MAX_FILE_BYTES: usize = 16 << 20;

/// The files of a Core Rule Set, each parsed on its own: those in a directory, or those in this program.
fn read(directory: Option<&str>) -> Result<Vec<(String, Ruleset)>, Error> {
    match directory {
        Some(directory) => read_directory(directory),
        None => read_built_in(),
    }
}

fn read_built_in() -> Result<Vec<(String, Ruleset)>, Error> {
    let files = BuiltIn::new("", &[]);
    let absent = |error: portcullis_seclang::loader::LoadError| {
        Error::unusable("the Core Rule Set in this program", error.to_string())
    };
    let names = files.resolve("@owasp_crs/*.conf", "").map_err(absent)?;
    let parsed = names.into_iter().map(|name| {
        let text = files.read(&name).map_err(absent)?;
        parse_file(&name, &text, &files)
    });
    parsed.collect()
}

fn read_directory(directory: &str) -> Result<Vec<(String, Ruleset)>, Error> {
    let root = Path::new(directory);
    let rules = if root.join("rules").is_dir() { root.join("rules") } else { root.to_owned() };
    let unreadable = |source| Error::Unreadable { name: rules.display().to_string(), source };
    let entries = std::fs::read_dir(&rules).map_err(unreadable)?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    paths.retain(|path| path.extension().is_some_and(|it| it == "conf"));
    paths.sort();
    if paths.is_empty() {
        return Err(Error::unusable(directory, "no files *.conf, neither there nor in its `rules`"));
    }
    let loader = FileSystem::new(&rules);
    let parsed = paths.iter().map(|path| {
        let name = path.display().to_string();
        parse_file(&name, &files::read(&name, MAX_FILE_BYTES)?, &loader)
    });
    parsed.collect()
}

fn parse_file(name: &str, text: &[u8], loader: &dyn Loader) -> Result<(String, Ruleset), Error> {
    let ruleset = parse(name, text, loader, ParseOptions::default());
    let ruleset = ruleset.map_err(|errors| {
        let first = errors.0.first().map(ToString::to_string).unwrap_or_default();
        Error::unusable(name, format!("{first}; `portcullis lint` says all"))
    })?;
    let file = name.rsplit('/').next().unwrap_or(name).trim_end_matches(".conf");
    Ok((file.to_owned(), ruleset))
}
