//! The affinity filter: a sealed cookie pins a client to the endpoint that answered it.
//!
//! The filter stands before Envoy's `stateful_session` in header mode. It opens the cookie and names the endpoint in a
//! header, which `stateful_session` reads; where that endpoint is gone or ill, Envoy balances as without it. On the
//! response it seals the endpoint that really answered, where that is not the one of the cookie.

mod request;
mod response;

use portcullis_affinity_core::{Affinity, Config, Rejection, Session};
use sdk_shim::{ConfigErrors, Counter, Filter, Flow, Host, MapKind, Reply, Setup, export_filter};
use std::time::Duration;

/// The affinity filter.
#[derive(Debug)]
pub struct AffinityFilter {
    affinity: Affinity,
    new: Counter,
    kept: Counter,
    renewed: Counter,
    moved: Counter,
    replaced: Counter,
    ended: Counter,
    rejected: Vec<(Rejection, Counter)>,
}

/// What the filter knows of a stream.
#[derive(Debug, Default)]
pub struct Request {
    /// Whether the cookie's path covers the request's. What follows is empty where it does not.
    applies: bool,
    /// When the request came. A host call less for each look at the clock.
    now: Duration,
    session: Session,
    https: bool,
    rejects_same_site_none: bool,
    is_post: bool,
    scope: Vec<u8>,
    /// The key that this request was balanced by, in mode `hash`.
    key: Option<[u8; 16]>,
}

impl Filter for AffinityFilter {
    const NAME: &'static str = "affinity";
    type Config = Config;
    type Request = Request;
    const HEADERS_ONLY: bool = true;

    fn new(config: Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        let affinity = Affinity::new(config, setup.env())?;
        let mut sessions = |outcome| setup.counter("affinity_sessions_total", &[("outcome", outcome)]);
        Ok(Self {
            affinity,
            new: sessions("new"),
            kept: sessions("kept"),
            renewed: sessions("renewed"),
            moved: sessions("moved"),
            replaced: sessions("replaced"),
            ended: sessions("ended"),
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
        let answered = self.answered(request, host);
        // What stateful_session says is for us alone. To remove what is not there is no error.
        if answered.is_named {
            let _ = host.remove_header(MapKind::ResponseHeaders, &self.affinity.config().header);
        }
        if request.applies {
            self.bind(&answered, request, host);
        }
        Flow::Continue
    }
}

export_filter!(AffinityFilter, headers_only);

#[cfg(test)]
mod tests;
