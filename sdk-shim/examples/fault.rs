//! Fault injection: delays and aborts a share of the requests, those with a header or all.
use sdk_shim::{
    ConfigErrors, Filter, Flow, Host, HostError, MapKind, OnError, Path, Reply, Setup, export_filter,
};
use std::time::Duration;

/// Makes faults.
pub struct Fault(Config);

/// Which requests get which faults.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Only requests with this header, in lower case. All where there is none.
    header: Option<String>,
    /// How many of them, in percent.
    percentage: u8,
    /// How long they are held back, in milliseconds.
    #[serde(default)]
    delay_ms: u64,
    /// The status that they are answered with in place of the upstream, 200 to 599.
    abort: Option<u16>,
}

impl Filter for Fault {
    const NAME: &'static str = "fault";
    type Config = Config;
    type Request = ();

    fn new(config: Config, _: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        if config.percentage > 100 {
            errors.add(&Path::root().field("percentage"), config.percentage.to_string(), "0 to 100");
        }
        if let Some(status) = config.abort.filter(|status| !(200..600).contains(status)) {
            errors.add(&Path::root().field("abort"), status.to_string(), "a status from 200 to 599");
        }
        errors.into_result(Self(config))
    }

    fn request_headers(&self, _: &mut (), host: &mut dyn Host) -> Flow {
        let Config { header, percentage, delay_ms, abort } = &self.0;
        let meant = header.as_ref().is_none_or(|name| host.header(MapKind::RequestHeaders, name).is_some());
        let mut random = [0; 8];
        // Without randomness there are no faults.
        let chosen =
            host.random(&mut random).is_ok() && u64::from_le_bytes(random) % 100 < u64::from(*percentage);
        if !meant || !chosen {
            return Flow::Continue;
        }
        let outcome = abort.map_or(Flow::Continue, |status| Reply::new(status, "fault_abort").into());
        let delay = Duration::from_millis(*delay_ms);
        Flow::run(OnError::Allow, async move |host| {
            host.sleep(delay).await?;
            Ok::<_, HostError>(outcome)
        })
    }
}
export_filter!(Fault);
