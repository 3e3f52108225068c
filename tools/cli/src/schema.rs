use crate::error::Error;
use crate::filter::FilterName;
use crate::{Outcome, Output};
use portcullis_lint::Filter;

/// Print the JSON Schema of a filter's configuration
///
/// Editors check and complete with it: `portcullis schema waf > waf.schema.json`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which filter
    filter: FilterName,
}

pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<Outcome, Error> {
    output.json(&Filter::from(arguments.filter).schema())?;
    Ok(Outcome::Fine)
}
