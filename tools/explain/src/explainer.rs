use crate::exchange::DEFAULT_ENDPOINT;
use crate::explanation::{Decision, Explanation, changes, text};
use crate::{Exchange, FilterKind, summary, timeline};
use portcullis_affinity::AffinityFilter;
use portcullis_affinity_core::{Affinity, Session};
use portcullis_authz::AuthzFilter;
use portcullis_canary::CanaryFilter;
use portcullis_trace as trace;
use portcullis_waf::WafFilter;
use sdk_shim::{ConfigErrors, Environment, Filter, Level, Loaded, load};
use sdk_shim_http::Headers;
use sdk_shim_testing::{Chunking, Outcome, Settings, TestHost, run};
use std::collections::BTreeMap;
use std::time::Duration;

/// A filter that is loaded and can be asked about requests.
pub struct Explainer {
    kind: FilterKind,
    filter: Filters,
    /// What it has besides requests: keys that were fetched, and what else its tasks hold.
    host: TestHost,
}

enum Filters {
    Waf(Box<Loaded<WafFilter>>),
    Authz(Box<Loaded<AuthzFilter>>),
    Canary(Box<Loaded<CanaryFilter>>),
    Affinity(Box<Loaded<AffinityFilter>>, Box<Affinity>),
}

/// What a filter leaves to those behind it.
pub(crate) struct Passed {
    pub(crate) explanation: Explanation,
    pub(crate) exchange: Exchange,
    pub(crate) state: BTreeMap<String, Vec<u8>>,
}

impl Explainer {
    /// Loads a filter from its configuration, which is JSON. `env` has the variables that it may refer to.
    ///
    /// # Errors
    /// Every violation, as the module would refuse it.
    pub fn load(kind: FilterKind, config: &[u8], env: &Environment<'_>) -> Result<Self, ConfigErrors> {
        // Nothing of a configuration depends on the time that it is loaded at. What is heard from the start leaves no rule out.
        let loading = || {
            Ok::<_, ConfigErrors>(match kind {
                FilterKind::Waf => Filters::Waf(load(config, env)?.into()),
                FilterKind::Authz => Filters::Authz(load(config, env)?.into()),
                FilterKind::Canary => Filters::Canary(load(config, env)?.into()),
                FilterKind::Affinity => {
                    let loaded = load(config, env)?;
                    let parsed = sdk_shim_config::parse_with(config, env, &mut ConfigErrors::new());
                    let core = parsed.map(|config| Affinity::new(config, env)).transpose()?;
                    Filters::Affinity(Box::new(loaded), core.ok_or_else(ConfigErrors::new)?.into())
                }
            })
        };
        let (filter, _) = trace::at(Duration::ZERO, || trace::listen(loading));
        Ok(Self { kind, filter: filter?, host: TestHost::new() })
    }

    /// Which filter it is.
    pub fn kind(&self) -> FilterKind {
        self.kind
    }

    /// What the filter warned of when it loaded.
    pub fn warnings(&self) -> &[String] {
        match &self.filter {
            Filters::Waf(loaded) => &loaded.warnings,
            Filters::Authz(loaded) => &loaded.warnings,
            Filters::Canary(loaded) => &loaded.warnings,
            Filters::Affinity(loaded, _) => &loaded.warnings,
        }
    }

    /// What the filter said of itself when it loaded, such as the versions of its rules.
    pub fn notices(&self) -> &[String] {
        match &self.filter {
            Filters::Waf(loaded) => &loaded.notices,
            Filters::Authz(loaded) => &loaded.notices,
            Filters::Canary(loaded) => &loaded.notices,
            Filters::Affinity(loaded, _) => &loaded.notices,
        }
    }

    /// What the filter decides on an exchange.
    pub fn explain(&mut self, exchange: &Exchange) -> Explanation {
        self.pass(exchange.clone(), BTreeMap::new()).explanation
    }

    /// The same, and what goes on behind it.
    pub(crate) fn pass(&mut self, mut exchange: Exchange, state: BTreeMap<String, Vec<u8>>) -> Passed {
        let session = self.session(&mut exchange, &state);
        let mut host = std::mem::take(&mut self.host);
        let kind = self.kind;
        // What another filter of this kind has said is not what this one says.
        let is_own = |key: &str| key.starts_with(kind.as_str());
        let mut new_state = state;
        let before: BTreeMap<_, _> = new_state
            .iter()
            .filter(|(key, _)| !is_own(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        exchange.prepare(&mut host, &before);
        let (outcome, steps) = trace::at(exchange.now, || trace::listen(|| self.filter.run(host, &exchange)));
        let reply = outcome.details.is_some();
        let passes = !reply && !outcome.hangs();
        let set = outcome.host.filter_state.iter().filter(|(key, value)| before.get(*key) != Some(value));
        let shown_state: BTreeMap<String, String> =
            set.clone().map(|(key, value)| (key.clone(), text(value))).collect();
        new_state.extend(set.map(|(key, value)| (key.clone(), value.clone())));
        let decision = Decision {
            passes,
            status: outcome.status(),
            details: outcome.details.clone(),
            at_response: reply && outcome.upstream.is_some(),
            summary: summary::of(kind, passes, &outcome, &steps, &shown_state),
        };
        let request_changes = outcome
            .upstream
            .as_ref()
            .map(|upstream| changes(&exchange.request.headers, &upstream.headers))
            .unwrap_or_default();
        let response = outcome.response.clone().unwrap_or_default();
        let response_changes =
            if reply { Vec::new() } else { changes(&exchange.response.headers, &response.headers) };
        let log = outcome
            .host
            .logs
            .iter()
            .filter(|(level, _)| *level >= Level::Info)
            .map(|(_, line)| line.clone())
            .collect();
        let mut explanation = Explanation {
            filter: kind,
            decision,
            timeline: Vec::new(),
            steps,
            state: shown_state,
            session,
            request_changes,
            response_changes,
            reply: reply.then(|| crate::explanation::Reply::of(&response)),
            log,
        };
        explanation.timeline = timeline::of(&explanation);
        if let Some(upstream) = outcome.upstream {
            exchange.request = upstream;
        }
        self.host = outcome.host;
        Passed { explanation, exchange, state: new_state }
    }

    /// What the request's cookie says, for affinity. The endpoint that it names answers, unless the exchange says another.
    fn session(
        &self,
        exchange: &mut Exchange,
        state: &BTreeMap<String, Vec<u8>>,
    ) -> Option<crate::explanation::Cookie> {
        let Filters::Affinity(_, affinity) = &self.filter else { return None };
        let headers: Headers =
            exchange.request.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let scope = affinity.scope_property().and_then(|path| {
            let path = path.join(".");
            exchange.properties.get(&path).or_else(|| state.get(&path)).cloned()
        });
        let session = affinity.open_in(&scope.unwrap_or_default(), headers.get_all(b"cookie"), exchange.now);
        let config = affinity.config();
        if let Session::Pinned(pin) = &session
            && let Some(endpoint) = pin.endpoint()
        {
            let answers = *exchange.endpoint.get_or_insert(endpoint.address());
            if answers != endpoint.address()
                && let Some(answering) = portcullis_affinity_core::Endpoint::from_address(answers)
            {
                // As stateful_session says it.
                exchange
                    .response
                    .headers
                    .push((config.header.clone(), answering.header_value().into_bytes()));
            }
        } else if let Some(answering) = portcullis_affinity_core::Endpoint::parse(
            exchange
                .endpoint
                .map_or_else(|| DEFAULT_ENDPOINT.to_owned(), |endpoint| endpoint.to_string())
                .as_bytes(),
        ) {
            exchange.response.headers.push((config.header.clone(), answering.header_value().into_bytes()));
        }
        Some(crate::explanation::Cookie::of(affinity, &session))
    }
}

impl Filters {
    fn run(&self, host: TestHost, exchange: &Exchange) -> Outcome {
        fn go<F: Filter>(loaded: &Loaded<F>, host: TestHost, exchange: &Exchange) -> Outcome {
            let settings = Settings { chunking: Chunking::Whole, late_answers: false };
            run(loaded, host, exchange.request.clone(), exchange.response.clone(), settings)
        }
        match self {
            Self::Waf(loaded) => go(loaded, host, exchange),
            Self::Authz(loaded) => go(loaded, host, exchange),
            Self::Canary(loaded) => go(loaded, host, exchange),
            Self::Affinity(loaded, _) => go(loaded, host, exchange),
        }
    }
}
