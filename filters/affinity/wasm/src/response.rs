//! The way back: the cookie is set where the session is new, has moved or is to be renewed.

use crate::{AffinityFilter, Request};
use portcullis_affinity_core::{
    Answer, Client, Endpoint, Lifetime, Mode, NONCE_BYTES, Outcome, Pin, Rule, Session, Target,
};
use sdk_shim::{Headers, Host, HostError, Level, MapKind, Property};

/// The filter state that holds the outcome, for access logs: `wasm.affinity`.
const FILTER_STATE: &str = "affinity";

/// A header of Envoy's own in what an endpoint has answered, unless the router's `suppress_envoy_headers` is on. Its own
/// replies don't have it.
const SERVICE_TIME: &str = "x-envoy-upstream-service-time";

/// A response, as far as it was looked at.
pub(crate) struct Answered {
    /// Whether `stateful_session` may have named an endpoint: one that the request did not name.
    pub(crate) is_named: bool,
    /// All headers, where several are needed: to read one costs as much.
    headers: Option<Headers>,
}

impl AffinityFilter {
    /// Looks at a response. That of a session's endpoint, which most are, has nothing to be looked at.
    pub(crate) fn answered(&self, request: &Request, host: &mut dyn Host) -> Answered {
        let name = &self.affinity.config().header;
        if matches!(request.session, Session::Pinned(_)) {
            let is_named = host.header(MapKind::ResponseHeaders, name).is_some();
            return Answered { is_named, headers: None };
        }
        let headers = request.applies.then(|| host.headers(MapKind::ResponseHeaders));
        let is_named = headers.as_ref().is_none_or(|headers| headers.get(name).is_some());
        Answered { is_named, headers }
    }

    /// Decides about the cookie, and counts.
    pub(crate) fn bind(&self, answered: &Answered, request: &Request, host: &mut dyn Host) {
        let Some(outcome) = self.outcome(answered, request, host) else {
            return self.end_if_unavailable(request, host);
        };
        let (name, counter, pin) = match outcome {
            Outcome::Kept => ("kept", self.kept, None),
            Outcome::Renewed(pin) => ("renewed", self.renewed, Some(pin)),
            Outcome::Moved(pin) => ("moved", self.moved, Some(pin)),
            Outcome::Replaced(pin) => ("replaced", self.replaced, Some(pin)),
            Outcome::New(pin) => ("new", self.new, Some(pin)),
        };
        match self.write_cookies(&outcome, pin, answered, request, host) {
            // Without a cookie there is no session.
            Ok(false) if matches!(outcome, Outcome::New(_)) => {}
            Ok(_) => self.count(name, counter, host),
            Err(error) => host.log(Level::Error, format_args!("no cookie was set: {error}")),
        }
    }

    /// `None` where no endpoint that can have sessions has answered.
    fn outcome(&self, answered: &Answered, request: &Request, host: &mut dyn Host) -> Option<Outcome> {
        let config = self.affinity.config();
        let now = request.now;
        // Saves the lookups on the way that most requests go.
        if let Session::Pinned(pin) = &request.session
            && config.mode == Mode::StatefulSession
            && !(answered.is_named || config.dry_run || config.change_on_failure)
            && self.affinity.is_settled(pin, now)
        {
            return Some(Outcome::Kept);
        }
        let target = match request.key {
            Some(key) => Target::Key(key),
            None => Target::Endpoint(self.endpoint(answered, host)?),
        };
        let mut answer = Answer { target, cluster: None, identity: None };
        let cluster = self.cluster(host);
        if !cluster.as_ref().is_none_or(|cluster| self.affinity.has_sessions(cluster)) {
            return None;
        }
        answer.cluster = cluster.as_deref();
        let identity = self.affinity.identity_property().and_then(|property| host.property(&property));
        answer.identity = identity.as_deref().filter(|identity| !identity.is_empty());
        let outcome = self.affinity.answered(&request.session, answer, now);
        // Envoy names an endpoint that it only tried, too: a client must not be bound to one that is down.
        let needs_answer = outcome != Outcome::Kept || config.change_on_failure;
        (!needs_answer || answered.is_from_upstream(host)).then_some(outcome)
    }

    /// The endpoint that has answered, or was tried last. What `stateful_session` says of it counts where it can be nobody
    /// else's word: it replaces what an endpoint itself says.
    fn endpoint(&self, answered: &Answered, host: &mut dyn Host) -> Option<Endpoint> {
        let config = self.affinity.config();
        let is_asked = config.mode == Mode::StatefulSession;
        let response = answered.headers.as_ref().filter(|headers| is_asked && has_service_time(headers));
        let named: Vec<&[u8]> =
            response.into_iter().flat_map(|response| response.get_all(config.header.as_bytes())).collect();
        match named[..] {
            [one] => Endpoint::from_header_value(one),
            _ => Endpoint::parse(&host.property(Property::UpstreamAddress.path())?),
        }
    }

    /// The cluster that the request went to, where that counts.
    fn cluster(&self, host: &mut dyn Host) -> Option<Vec<u8>> {
        let counts = !self.affinity.config().clusters.is_empty();
        counts.then(|| host.property(Property::ClusterName.path()).unwrap_or_default())
    }

    /// Ends a session whose endpoint did not answer, where that is asked for.
    fn end_if_unavailable(&self, request: &Request, host: &mut dyn Host) {
        let config = self.affinity.config();
        let is_passive = config.cookie.lifetime == Some(Lifetime::Passive);
        if !config.change_on_failure
            || config.dry_run
            || is_passive
            || !matches!(request.session, Session::Pinned(_))
            || self.cluster(host).is_some_and(|cluster| !self.affinity.has_sessions(&cluster))
            || details_say_upstream(host)
            || !host
                .header(MapKind::ResponseHeaders, ":status")
                .is_some_and(|status| status.starts_with(b"5"))
        {
            return;
        }
        let cookie = self.affinity.end(&client(request));
        match host.add_header(MapKind::ResponseHeaders, "set-cookie", &cookie) {
            Ok(()) => self.count("ended", self.ended, host),
            Err(error) => host.log(Level::Error, format_args!("the session is not ended: {error}")),
        }
    }

    /// Sets our cookie, or writes into the upstream's. Whether a cookie of ours was set.
    fn write_cookies(
        &self,
        outcome: &Outcome,
        pin: Option<Pin>,
        answered: &Answered,
        request: &Request,
        host: &mut dyn Host,
    ) -> Result<bool, HostError> {
        let config = self.affinity.config();
        let cookie = &config.cookie;
        if cookie.lifetime == Some(Lifetime::Passive)
            || (config.dry_run && matches!(outcome, Outcome::Moved(_)))
        {
            return Ok(false);
        }
        let pinned = match &request.session {
            Session::Pinned(pin) => Some(*pin),
            _ => None,
        };
        // A cookie of our name that the upstream sets is rare: most responses cost one look for any.
        let read = match answered.headers {
            Some(_) => Headers::default(),
            None if host.header(MapKind::ResponseHeaders, "set-cookie").is_none() => Headers::default(),
            None => host.headers(MapKind::ResponseHeaders),
        };
        let upstreams = answered.headers.as_ref().unwrap_or(&read);
        let set: Vec<&[u8]> = upstreams.get_all(b"set-cookie").collect();
        let is_ours_set = self.affinity.is_set_by_upstream(&set);
        if is_ours_set {
            let nonce = if cookie.rule == Rule::Insert { [0; NONCE_BYTES] } else { nonce(host)? };
            if let Some(edited) =
                self.affinity.edit_upstream_cookies(&set, pin.or(pinned).as_ref(), nonce, &request.scope)
            {
                host.remove_header(MapKind::ResponseHeaders, "set-cookie")?;
                for value in &edited {
                    host.add_header(MapKind::ResponseHeaders, "set-cookie", value)?;
                }
            }
        }
        let is_left_to_upstream = cookie.rule != Rule::Insert || (is_ours_set && cookie.preserve);
        let sets = pin.filter(|_| !is_left_to_upstream && (request.is_post || !cookie.postonly));
        if let Some(pin) = &sets
            && let Some(value) = self.affinity.seal(pin, nonce(host)?, request.now, &client(request))
        {
            host.add_header(MapKind::ResponseHeaders, "set-cookie", &value)?;
        }
        let is_set = sets.is_some() || (is_ours_set && cookie.rule != Rule::Insert);
        if cookie.nocache && is_set {
            host.add_header(MapKind::ResponseHeaders, "cache-control", b"private")?;
        }
        Ok(is_set)
    }

    fn count(&self, outcome: &str, counter: sdk_shim::Counter, host: &mut dyn Host) {
        host.increment(counter, 1);
        if let Err(error) = host.set_filter_state(FILTER_STATE, outcome.as_bytes()) {
            host.log(Level::Warn, format_args!("the filter state is not set: {error}"));
        }
    }
}

impl Answered {
    /// Whether the response is an endpoint's, not one of Envoy's own.
    fn is_from_upstream(&self, host: &mut dyn Host) -> bool {
        self.headers.as_ref().is_some_and(has_service_time) || details_say_upstream(host)
    }
}

fn has_service_time(response: &Headers) -> bool {
    response.get(SERVICE_TIME).is_some()
}

fn details_say_upstream(host: &mut dyn Host) -> bool {
    host.property(&["response", "code_details"]).is_some_and(|details| details == b"via_upstream")
}

fn nonce(host: &mut dyn Host) -> Result<[u8; NONCE_BYTES], HostError> {
    let mut nonce = [0; NONCE_BYTES];
    host.random(&mut nonce)?;
    Ok(nonce)
}

fn client(request: &Request) -> Client<'_> {
    Client {
        https: request.https,
        rejects_same_site_none: request.rejects_same_site_none,
        scope: &request.scope,
    }
}
