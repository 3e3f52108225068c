//! Fetches a list of blocked clients when it loads, and again every minute. Requests wait for the first.
use sdk_shim::{
    CalloutError, CalloutResponse, ConfigErrors, Filter, Flow, Host, HttpCall, Level, MapKind, OnError,
    Reply, Setup, Watch, export_filter,
};
use std::time::Duration;

/// Blocks clients.
pub struct Blocklist(Watch<Vec<u8>>);

/// Where the list is.
#[derive(serde::Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The cluster that has it, at `/blocked`: a name in each line.
    cluster: String,
}

impl Filter for Blocklist {
    const NAME: &'static str = "blocklist";
    type Config = Config;
    type Request = ();

    fn new(config: Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        let list = Watch::default();
        let fetched = list.clone();
        setup.spawn(async move |host| {
            loop {
                let answer = host.call(HttpCall::get(&config.cluster, "/blocked")).await;
                let pause = match answer.and_then(CalloutResponse::success) {
                    Ok(answer) => {
                        fetched.set(answer.body);
                        Duration::from_secs(60)
                    }
                    Err(error) => {
                        host.with(move |host| host.log(Level::Warn, format_args!("no list: {error}"))).await;
                        Duration::from_millis(500)
                    }
                };
                if host.sleep(pause).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self(list))
    }

    fn request_headers(&self, (): &mut (), host: &mut dyn Host) -> Flow {
        let client = host.header(MapKind::RequestHeaders, "x-client").unwrap_or_default();
        let list = self.0.wait();
        Flow::run(OnError::Deny, async move |host| {
            let list = host.timeout(Duration::from_secs(2), list).await?;
            let blocked = list.split(|byte| *byte == b'\n').any(|name| name == client);
            Ok::<_, CalloutError>(if blocked { Reply::new(403, "blocklist").into() } else { Flow::Continue })
        })
    }
}
export_filter!(Blocklist);
