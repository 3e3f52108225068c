//! Answers 403 to requests that carry a header.

use sdk_shim::{ConfigErrors, Filter, Flow, Host, MapKind, Reply, Setup, export_filter};

pub(crate) struct Deny(Config);

#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
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
        let denied = host.header(MapKind::RequestHeaders, &self.0.header).is_some();
        if denied { Reply::new(403, "deny_header").into() } else { Flow::Continue }
    }
}

export_filter!(Deny);
