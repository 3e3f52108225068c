//! The canary filter: decides which release a request goes to, and has the host choose the route by it.
//!
//! The decisions are `portcullis-canary-core`'s; this is what ties them to the host.

use portcullis_canary_core::{
    Act, Canary, Config, DRY_RUN_KEY, Decision, Edit, Facts, REASON_KEY, Reason, Release, ResponsePlan,
    STABLE,
};
use sdk_shim::{
    ConfigErrors, Counter, Filter, Flow, Headers, Host, HostError, Level, MapKind, Property, Reply, Setup,
    export_filter,
};
use std::net::IpAddr;
use std::time::Duration;

/// The filter.
pub struct CanaryFilter {
    canary: Canary,
    /// By release, stable last, and reason. None for what cannot be decided.
    counters: Vec<[Option<Counter>; Reason::ALL.len()]>,
}

impl Filter for CanaryFilter {
    const NAME: &'static str = "canary";
    type Config = Config;
    const HEADERS_ONLY: bool = true;
    /// What is to be done to the response; nothing where the request was never seen.
    type Request = Option<ResponsePlan>;

    fn new(config: Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        let canary = Canary::with_env(config, setup.env())?;
        for warning in canary.warnings().iter() {
            setup.warn(warning.to_string());
        }
        let metric =
            if canary.is_dry() { "canary_dry_run_decisions_total" } else { "canary_decisions_total" };
        let mut counters = vec![[None; Reason::ALL.len()]; canary.releases().len() + 1];
        for (release, reason) in canary.outcomes() {
            let name = release.map_or(STABLE, Release::name);
            let labels = [("release", name), ("reason", reason.as_str())];
            let row = release.map_or(canary.releases().len(), Release::index);
            if let Some(slot) = counters.get_mut(row).and_then(|row| row.get_mut(reason as usize)) {
                *slot = Some(setup.counter(metric, &labels));
            }
        }
        Ok(Self { canary, counters })
    }

    fn request_headers(&self, plan: &mut Self::Request, host: &mut dyn Host) -> Flow {
        let headers = host.headers(MapKind::RequestHeaders);
        let decision = self.canary.decide(&headers, &mut HostFacts(host));
        host.log(Level::Debug, format_args!("{} by {}", decision.name(), decision.reason.as_str()));
        if let Some(counter) = self.counter(&decision) {
            host.increment(counter, 1);
        }
        let is_https = || host.text(Property::RequestScheme).is_some_and(|scheme| scheme == "https");
        *plan = Some(self.canary.plan_response(&decision, &headers, is_https));
        match self.act(&decision, &headers, host) {
            Ok(()) => Flow::Continue,
            Err(error) => {
                // To go on would be to let a client's own decision header through.
                host.log(Level::Error, format_args!("the decision cannot be recorded: {error}"));
                Reply::new(500, "canary_decision_not_recorded").into()
            }
        }
    }

    fn response_headers(&self, plan: &mut Self::Request, host: &mut dyn Host) -> Flow {
        let Some(plan) = plan.take() else { return Flow::Continue };
        if let Err(error) =
            self.canary.edit_response(&plan, |edit| write(host, MapKind::ResponseHeaders, edit))
        {
            host.log(Level::Error, format_args!("the response's headers cannot be changed: {error}"));
        }
        Flow::Continue
    }
}

impl CanaryFilter {
    fn counter(&self, decision: &Decision<'_>) -> Option<Counter> {
        let row = decision.release.map_or(self.canary.releases().len(), Release::index);
        *self.counters.get(row)?.get(decision.reason as usize)?
    }

    fn act(&self, decision: &Decision<'_>, headers: &Headers, host: &mut dyn Host) -> Result<(), HostError> {
        self.canary.edit_request(decision, headers, |edit| write(host, MapKind::RequestHeaders, edit))?;
        let name = decision.name().as_bytes();
        if self.canary.is_dry() {
            host.set_filter_state(DRY_RUN_KEY, name)?;
        }
        if let Act::FilterState { key, match_stable } = self.canary.act() {
            let release = decision.release.filter(|_| !self.canary.is_dry());
            host.set_filter_state(key, release.map_or(STABLE, Release::name).as_bytes())?;
            // Headers that change have Envoy choose again by themselves.
            if release.is_some() || *match_stable {
                host.clear_route_cache();
            }
        }
        // Why, for access logs. That no rule decided needs no word, and this would be a call for most requests.
        if decision.reason == Reason::Default {
            return Ok(());
        }
        host.set_filter_state(REASON_KEY, decision.reason.as_str().as_bytes())
    }
}

fn write(host: &mut dyn Host, map: MapKind, edit: Edit<'_>) -> Result<(), HostError> {
    match edit {
        Edit::Set(name, value) => host.set_header(map, name, value),
        Edit::Add(name, value) => host.add_header(map, name, value),
        Edit::Remove(name) => host.remove_header(map, name),
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

    fn now(&mut self) -> Duration {
        self.0.now()
    }

    fn principal(&mut self) -> Option<Vec<u8>> {
        // Without mutual TLS there is no certificate of the client's to speak of.
        self.0.flag(Property::ConnectionMtls).then(|| self.0.property(Property::PeerUriSan.path())).flatten()
    }

    fn claim(&mut self, property: &[String]) -> Option<Vec<u8>> {
        let path: Vec<&str> = property.iter().map(String::as_str).collect();
        self.0.property(&path)
    }
}

export_filter!(CanaryFilter, headers_only);

#[cfg(test)]
mod tests;
