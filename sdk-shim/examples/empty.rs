//! A filter that does nothing: what any filter costs at least.
use sdk_shim::{ConfigErrors, Filter, Setup, export_filter};

/// Lets everything through.
pub struct Empty;

/// There is nothing to configure.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {}

impl Filter for Empty {
    const NAME: &'static str = "empty";
    type Config = Config;
    type Request = ();

    fn new(_: Config, _: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        Ok(Self)
    }
}
export_filter!(Empty);
