//! The filter {{project-name}}: answers requests that lack a header, and tells the upstream who looked.

use sdk_shim::{
    ConfigErrors, Counter, Filter, Flow, Host, HostError, MapKind, Path, Reply, Setup, export_filter,
};

/// The filter.
pub struct MyFilter {
    config: Config,
    denied: Counter,
}

/// Its configuration.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The header that requests have to carry, in lower case.
    header: String,
    /// The status of those that don't, 400 to 599.
    #[serde(default = "forbidden")]
    status: u16,
}

fn forbidden() -> u16 {
    403
}

impl Filter for MyFilter {
    const NAME: &'static str = "{{project-name}}";
    type Config = Config;
    type Request = ();

    fn new(config: Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        if config.header.is_empty() {
            errors.add(&Path::root().field("header"), "an empty name", "a header's name");
        }
        if !(400..600).contains(&config.status) {
            errors.add(&Path::root().field("status"), config.status.to_string(), "a status from 400 to 599");
        }
        errors.into_result(Self { config, denied: setup.counter("denied_total", &[("filter", Self::NAME)]) })
    }

    fn request_headers(&self, (): &mut (), host: &mut dyn Host) -> Flow {
        if host.header(MapKind::RequestHeaders, &self.config.header).is_none() {
            host.increment(self.denied, 1);
            return Reply::new(self.config.status, "header_missing")
                .with_body("A header is missing.\n")
                .into();
        }
        match self.sign(host) {
            Ok(()) => Flow::Continue,
            Err(_) => Reply::new(500, "headers_refused").into(),
        }
    }
}

impl MyFilter {
    fn sign(&self, host: &mut dyn Host) -> Result<(), HostError> {
        host.set_header(MapKind::RequestHeaders, "x-checked-by", Self::NAME.as_bytes())
    }
}

export_filter!(MyFilter);

#[cfg(test)]
mod tests;
