//! A filter.
use sdk_shim::{ConfigErrors, Filter, Flow, Host, MapKind, Reply, Setup, export_filter};

/// Answers 403 to requests that carry a header.
pub struct Deny(Config);

/// What it is configured with.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The header's name, in lower case.
    header: String,
}

impl Filter for Deny {
    const NAME: &'static str = "deny";
    type Config = Config;
    type Request = ();

    fn new(config: Config, _: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        Ok(Self(config))
    }

    fn request_headers(&self, _: &mut (), host: &mut dyn Host) -> Flow {
        let denied = host.header(MapKind::RequestHeaders, &self.0.header);
        denied.map_or(Flow::Continue, |_| Reply::new(403, "deny_header").into())
    }
}
export_filter!(Deny);
