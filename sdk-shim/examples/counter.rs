//! Numbers requests, over all workers.
use sdk_shim::{ConfigErrors, Filter, Flow, Host, Level, MapKind, Setup, export_filter};

/// Counts.
pub struct Counter(Config);

/// How.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The request header that the upstream finds the number in.
    header: String,
}

/// Begun with the filter's name: filters of the same `vm_id` share the keys.
const KEY: &str = "counter.requests";

impl Filter for Counter {
    const NAME: &'static str = "counter";
    type Config = Config;
    type Request = ();

    fn new(config: Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        setup.shared_data(KEY, "0");
        Ok(Self(config))
    }

    fn request_headers(&self, (): &mut (), host: &mut dyn Host) -> Flow {
        let next = |value: &[u8]| {
            let count: u64 = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
            (count + 1).to_string().into_bytes()
        };
        let counted = host.update_shared_data(KEY, &mut |value| next(value));
        let shown =
            counted.and_then(|count| host.set_header(MapKind::RequestHeaders, &self.0.header, &count));
        if let Err(error) = shown {
            host.log(Level::Warn, format_args!("a request was not counted: {error}"));
        }
        Flow::Continue
    }
}
export_filter!(Counter);
