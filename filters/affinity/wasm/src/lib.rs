//! The affinity filter: a sealed cookie pins a client to the endpoint that answered it.
//!
//! The filter stands before Envoy's `stateful_session` in header mode. It opens the cookie and names the endpoint in a
//! header, which `stateful_session` reads; where that endpoint is gone or ill, Envoy balances as without it. On the
//! response it seals the endpoint that really answered, where that is not the one of the cookie.

use portcullis_affinity_core::{Affinity, Config, Endpoint, NONCE_BYTES, Outcome, Pin, Rejection, Session};
use sdk_shim::{
    ConfigErrors, Counter, Filter, Flow, Headers, Host, HostError, Level, MapKind, Property, Reply, Setup,
    export_filter,
};
use std::borrow::Cow;

/// The filter state that holds the outcome, for access logs: `wasm.affinity`.
const FILTER_STATE: &str = "affinity";

/// The affinity filter.
#[derive(Debug)]
pub struct AffinityFilter {
    affinity: Affinity,
    new: Counter,
    kept: Counter,
    renewed: Counter,
    moved: Counter,
    rejected: Vec<(Rejection, Counter)>,
}

/// What the filter knows of a stream.
#[derive(Debug, Default)]
pub struct Request {
    session: Session,
    https: bool,
}

impl Filter for AffinityFilter {
    const NAME: &'static str = "affinity";
    type Config = Config;
    type Request = Request;

    fn new(config: Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        let affinity = Affinity::new(config, setup.env())?;
        let mut sessions = |outcome| setup.counter("affinity_sessions_total", &[("outcome", outcome)]);
        Ok(Self {
            affinity,
            new: sessions("new"),
            kept: sessions("kept"),
            renewed: sessions("renewed"),
            moved: sessions("moved"),
            rejected: Rejection::ALL
                .map(|reason| {
                    (reason, setup.counter("affinity_rejected_total", &[("reason", reason.as_str())]))
                })
                .into(),
        })
    }

    fn request_headers(&self, request: &mut Request, host: &mut dyn Host) -> Flow {
        match self.pin(request, host) {
            Ok(()) => Flow::Continue,
            // Unchanged headers would let the client name an endpoint.
            Err(_) => Reply::new(500, "affinity_headers_refused").into(),
        }
    }

    fn response_headers(&self, request: &mut Request, host: &mut dyn Host) -> Flow {
        // What stateful_session says is for us alone. A host that has no such header is no trouble.
        let _ = host.remove_header(MapKind::ResponseHeaders, self.affinity.header());
        let address = host.property(Property::UpstreamAddress.path());
        if let Some(endpoint) = address.and_then(|address| Endpoint::parse(&address)) {
            self.answered(endpoint, request, host);
        }
        Flow::Continue
    }
}

impl AffinityFilter {
    /// Opens the cookie, takes it out of the request, and names its endpoint to `stateful_session`.
    fn pin(&self, request: &mut Request, host: &mut dyn Host) -> Result<(), HostError> {
        // The map, because Envoy does not join the cookie headers of HTTP/1.1.
        let headers = host.headers(MapKind::RequestHeaders);
        request.session = self.affinity.open(headers.get_all(b"cookie"), host.now());
        request.https = headers.get(":scheme").is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https"));
        if request.session != Session::Absent {
            self.hide_cookie(&headers, host)?;
        }
        if let Session::Rejected(reason) = request.session {
            host.log(Level::Debug, format_args!("a cookie is not honoured: {}", reason.as_str()));
            if let Some((_, counter)) = self.rejected.iter().find(|(candidate, _)| *candidate == reason) {
                host.increment(*counter, 1);
            }
        }
        let header = self.affinity.header();
        // Each change has Envoy choose the route again: none where there is nothing to change.
        if headers.get(header).is_some() {
            host.remove_header(MapKind::RequestHeaders, header)?;
        }
        if let Session::Pinned(pin) = request.session {
            host.add_header(MapKind::RequestHeaders, header, pin.endpoint().header_value().as_bytes())?;
        }
        Ok(())
    }

    fn hide_cookie(&self, headers: &Headers, host: &mut dyn Host) -> Result<(), HostError> {
        let others: Vec<_> = headers
            .get_all(b"cookie")
            .map(|header| self.affinity.without_cookie(header).map_or(Cow::Borrowed(header), Cow::Owned))
            .filter(|others| !others.is_empty())
            .collect();
        match others.split_first() {
            None => host.remove_header(MapKind::RequestHeaders, "cookie"),
            Some((first, more)) => {
                host.set_header(MapKind::RequestHeaders, "cookie", first)?;
                more.iter().try_for_each(|other| host.add_header(MapKind::RequestHeaders, "cookie", other))
            }
        }
    }

    /// Sends the cookie where the session is new, has moved or is to be renewed.
    fn answered(&self, endpoint: Endpoint, request: &Request, host: &mut dyn Host) {
        let outcome = self.affinity.answered(&request.session, endpoint, host.now());
        let (name, counter, pin) = match &outcome {
            Outcome::Kept => ("kept", self.kept, None),
            Outcome::Renewed(pin) => ("renewed", self.renewed, Some(pin)),
            Outcome::Moved(pin) => ("moved", self.moved, Some(pin)),
            Outcome::New(pin) => ("new", self.new, Some(pin)),
        };
        if let Some(pin) = pin {
            // Envoy names an endpoint that it only tried, too: a client must not be bound to one that is down.
            if host.property(&["response", "code_details"]).is_none_or(|details| details != b"via_upstream") {
                return;
            }
            if let Err(error) = self.set_cookie(pin, request.https, host) {
                return host.log(Level::Error, format_args!("no cookie was set: {error}"));
            }
        }
        host.increment(counter, 1);
        if let Err(error) = host.set_filter_state(FILTER_STATE, name.as_bytes()) {
            host.log(Level::Warn, format_args!("the filter state is not set: {error}"));
        }
    }

    fn set_cookie(&self, pin: &Pin, https: bool, host: &mut dyn Host) -> Result<(), HostError> {
        let mut nonce = [0; NONCE_BYTES];
        host.random(&mut nonce)?;
        match self.affinity.seal(pin, nonce, host.now(), https) {
            Some(cookie) => host.add_header(MapKind::ResponseHeaders, "set-cookie", &cookie),
            None => Ok(()),
        }
    }
}

export_filter!(AffinityFilter);

#[cfg(test)]
mod tests;
