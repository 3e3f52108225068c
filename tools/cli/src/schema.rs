use crate::error::Error;
use crate::filter::FilterName;
use crate::{Outcome, Output};
use schemars::Schema;
use schemars::generate::SchemaSettings;
use sdk_shim::Filter;

/// Print the JSON Schema of a filter's configuration
///
/// Editors check and complete with it: `portcullis schema waf > waf.schema.json`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which filter
    filter: FilterName,
}

pub(crate) fn run(arguments: &Arguments, output: &mut Output) -> Result<Outcome, Error> {
    let schema = match arguments.filter {
        FilterName::Waf => schema_of::<portcullis_waf::WafFilter>(),
        FilterName::Canary => schema_of::<portcullis_canary::CanaryFilter>(),
        FilterName::Affinity => schema_of::<portcullis_affinity::AffinityFilter>(),
        FilterName::Authz => schema_of::<portcullis_authz::AuthzFilter>(),
    };
    output.json(&schema)?;
    Ok(Outcome::Fine)
}

fn schema_of<F: Filter>() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<F::Config>()
}
