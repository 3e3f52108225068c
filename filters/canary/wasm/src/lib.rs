//! The canary filter: decides which release a request goes to, and has the host choose the route by it.
//!
//! The decisions are `portcullis-canary-core`'s; this is what ties them to the host.

use portcullis_canary_core::{Act, Canary, Config, Decision, Facts, Reason, Release, STABLE};
use sdk_shim::{
    ConfigErrors, Counter, Filter, Flow, Host, HostError, Level, MapKind, Property, Reply, Setup,
    export_filter,
};
use std::collections::HashMap;
use std::net::IpAddr;

/// The filter.
pub struct CanaryFilter {
    canary: Canary,
    counters: HashMap<Outcome, Counter>,
}

/// A release by its index, or stable, and the reason.
type Outcome = (Option<usize>, Reason);

impl Filter for CanaryFilter {
    const NAME: &'static str = "canary";
    type Config = Config;
    type Request = ();

    fn new(config: Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        let canary = Canary::new(config)?;
        for warning in canary.warnings().iter() {
            setup.warn(warning.to_string());
        }
        let mut counters = HashMap::new();
        for (release, reason) in canary.outcomes() {
            let name = release.map_or(STABLE, Release::name);
            let labels = [("release", name), ("reason", reason.as_str())];
            counters.insert(
                (release.map(Release::index), reason),
                setup.counter("canary_decisions_total", &labels),
            );
        }
        Ok(Self { canary, counters })
    }

    fn request_headers(&self, _: &mut (), host: &mut dyn Host) -> Flow {
        let headers = host.headers(MapKind::RequestHeaders);
        let decision = self.canary.decide(&headers, &mut HostFacts(host));
        host.log(Level::Debug, format_args!("{} by {}", decision.name(), decision.reason.as_str()));
        if let Some(counter) = self.counters.get(&(decision.release.map(Release::index), decision.reason)) {
            host.increment(*counter, 1);
        }
        match self.act(decision, host) {
            Ok(()) => Flow::Continue,
            Err(error) => {
                // To go on would be to let a client's own decision header through.
                host.log(Level::Error, format_args!("the decision cannot be recorded: {error}"));
                Reply::new(500, "canary_decision_not_recorded").into()
            }
        }
    }
}

impl CanaryFilter {
    fn act(&self, decision: Decision<'_>, host: &mut dyn Host) -> Result<(), HostError> {
        let name = decision.name().as_bytes();
        match self.canary.act() {
            Act::FilterState { key } => host.set_filter_state(key, name)?,
            // Replaces what the client sent under that name.
            Act::Header { name: header } => host.set_header(MapKind::RequestHeaders, header, name)?,
        }
        // Why, for access logs.
        host.set_filter_state("canary_reason", decision.reason.as_str().as_bytes())?;
        host.clear_route_cache();
        Ok(())
    }
}

struct HostFacts<'a>(&'a mut dyn Host);

impl Facts for HostFacts<'_> {
    fn source_ip(&mut self) -> Option<IpAddr> {
        self.0.address(Property::SourceAddress).map(|address| address.ip())
    }

    fn random(&mut self) -> u64 {
        let mut bytes = [0; 8];
        match self.0.random(&mut bytes) {
            Ok(()) => u64::from_le_bytes(bytes),
            // Spreads requests too, and nothing secret hangs on it.
            Err(_) => u64::from(self.0.now().subsec_nanos()),
        }
    }
}

export_filter!(CanaryFilter);

#[cfg(test)]
mod tests;
