//! The authz filter: Istio's authorization policies and request authentication on any Envoy, and API keys.
//!
//! The decisions are `portcullis-authz-core`'s; this is what ties them to the host. A denied request is answered 403, one
//! whose API key or token is refused 401, before anything goes upstream. What decided is in the details of the response, in the
//! filter state `wasm.authz`, in the log and in the metrics.

mod attributes;
mod jwks;

use attributes::HostAttributes;
use jwks::KeySources;
use portcullis_authz_core::config::{Action, Config, PeerAddressSource};
use portcullis_authz_core::{Authz, Decision, Edit, Outcome, TokenDenial};
use sdk_shim::{
    ConfigErrors, Counter, Filter, Flow, Headers, Host, HostError, Level, MapKind, OnError, Reply, Setup,
    export_filter, split_target,
};
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;

/// The authz filter. Requests that wait share it.
#[derive(Debug)]
pub struct AuthzFilter(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    authz: Rc<Authz>,
    key_sources: Rc<KeySources>,
    peer_address: PeerAddressSource,
    /// By the index of the policy.
    by_policy: Vec<Verdict>,
    allowed: Verdict,
    denied: Verdict,
    key_missing: Verdict,
    key_invalid: Verdict,
    key_accepted: Counter,
    token_accepted: Counter,
    token_invalid: Counter,
    token_audience: Counter,
}

/// How a decision is shown and counted. Made at load, so that a decision costs no allocation.
#[derive(Debug)]
struct Verdict {
    text: String,
    counter: Counter,
}

impl Filter for AuthzFilter {
    const NAME: &'static str = "authz";
    type Config = Config;
    type Request = ();

    fn new(config: Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        let authz = Rc::new(Authz::new(&config, setup.env())?);
        let key_sources = KeySources::start(&authz, config.remote_jwks.max_waiting, setup);
        authz.warnings().iter().for_each(|warning| setup.warn(warning));
        let mut verdict = |text: &str, policy: &str, decision: &str| Verdict {
            text: text.to_owned(),
            counter: setup.counter("authz_decisions_total", &[("policy", policy), ("decision", decision)]),
        };
        let by_policy = config.policies.iter().map(|policy| {
            let name = &policy.name;
            match policy.spec.action {
                Action::Deny => verdict(&format!("denied_policy[{name}]"), name, "deny"),
                Action::Audit => verdict(name, name, "audit"),
                Action::Allow | Action::Custom => verdict(&format!("allowed_policy[{name}]"), name, "allow"),
            }
        });
        let by_policy = by_policy.collect();
        let allowed = verdict("allowed", "none", "allow");
        let denied = verdict("denied_policy[none]", "none", "deny");
        let mut tokens = |outcome| setup.counter("authz_jwt_total", &[("outcome", outcome)]);
        let (token_accepted, token_invalid, token_audience) =
            (tokens("accepted"), tokens("invalid"), tokens("audience"));
        let mut keys = |outcome| setup.counter("authz_api_keys_total", &[("outcome", outcome)]);
        Ok(Self(Rc::new(Inner {
            by_policy,
            allowed,
            denied,
            key_missing: Verdict { text: "denied_api_key[missing]".into(), counter: keys("missing") },
            key_invalid: Verdict { text: "denied_api_key[invalid]".into(), counter: keys("invalid") },
            key_accepted: keys("accepted"),
            token_accepted,
            token_invalid,
            token_audience,
            peer_address: config.peer_address,
            authz,
            key_sources,
        })))
    }

    fn request_headers(&self, _: &mut (), host: &mut dyn Host) -> Flow {
        self.0.decide(true, host)
    }
}

impl Inner {
    /// Decides on the request whose headers the host has now. `may_wait`: whether it has not waited for
    /// keys yet.
    fn decide(self: &Rc<Self>, may_wait: bool, host: &mut dyn Host) -> Flow {
        let mut headers = host.headers(MapKind::RequestHeaders);
        // Every request has a method. Without one the map could not be read, and no policy would match.
        if headers.get(":method").is_none() {
            host.log(Level::Error, format_args!("the request's headers cannot be read"));
            return Reply::new(500, "authz_headers_unreadable").into();
        }
        // Once only: what a request that has waited carries is normalised already.
        let normalized = if may_wait { self.authz.normalize(&mut headers) } else { Ok(false) };
        match normalized {
            Ok(false) => {}
            Ok(true) => {
                let target = headers.get(":path").unwrap_or_default();
                if let Err(error) = host.set_header(MapKind::RequestHeaders, ":path", target) {
                    return refused(error, host);
                }
            }
            Err(error) => {
                host.log(Level::Info, format_args!("denied_path[{}]: {}", error.text(), Shown(&headers)));
                let details = format!("authz_denied_path[{}]", error.text());
                return Reply::new(400, details).with_body("Bad Request").into();
            }
        }
        let keys = may_wait.then_some((&*self.key_sources, &*self.authz));
        let mut attributes = HostAttributes::new(host, &self.peer_address, keys);
        let decision = self.authz.check(&headers, &mut attributes);
        if let Outcome::AwaitKeys(source) = decision.outcome {
            return self.await_keys(source);
        }
        let peer_is_unknown = attributes.peer_is_unknown();
        let of_token;
        let verdict = match decision.outcome {
            Outcome::DenyToken(denial) => {
                of_token = self.token_verdict(denial);
                &of_token
            }
            _ => self.verdict(&decision),
        };
        self.record(&decision, verdict, host);
        if let Outcome::Allow(_) = decision.outcome {
            for (key, value) in self.authz.recorded_claims(&decision) {
                // A host that takes none tells of none, which is of no claim.
                let _ = host.set_filter_state(key, &value);
            }
            return match self.edit(&headers, &decision, host) {
                Ok(()) => Flow::Continue,
                Err(error) => refused(error, host),
            };
        }
        let hint = if peer_is_unknown { UNKNOWN_PEER } else { "" };
        host.log(Level::Info, format_args!("{}: {}{hint}", verdict.text, Shown(&headers)));
        self.denial(&headers, &decision, verdict).into()
    }

    fn await_keys(self: &Rc<Self>, source: usize) -> Flow {
        let filter = Rc::clone(self);
        Flow::run(OnError::Deny, |host| {
            let keys = self.key_sources.wait(&self.authz, source, &host);
            async move {
                keys.await;
                Ok::<_, Infallible>(host.with(move |host| filter.decide(false, host)).await)
            }
        })
    }

    fn verdict(&self, decision: &Decision<'_>) -> &Verdict {
        match decision.outcome {
            Outcome::Allow(None) => &self.allowed,
            Outcome::DenyNoMatch | Outcome::DenyToken(_) | Outcome::AwaitKeys(_) => &self.denied,
            Outcome::DenyKeyMissing => &self.key_missing,
            Outcome::DenyKeyInvalid => &self.key_invalid,
            Outcome::Allow(Some(policy)) => self.by_policy.get(policy).unwrap_or(&self.allowed),
            Outcome::DenyPolicy(policy) => self.by_policy.get(policy).unwrap_or(&self.denied),
        }
    }

    fn token_verdict(&self, denial: TokenDenial) -> Verdict {
        let counter = if denial == TokenDenial::Audience { self.token_audience } else { self.token_invalid };
        Verdict { text: format!("denied_jwt[{}]", denial.text().replace(' ', "_")), counter }
    }

    fn record(&self, decision: &Decision<'_>, verdict: &Verdict, host: &mut dyn Host) {
        host.increment(verdict.counter, 1);
        if decision.consumer.is_some() {
            host.increment(self.key_accepted, 1);
        }
        if decision.identity.is_some() {
            host.increment(self.token_accepted, 1);
        }
        // For access logs and routes. A host that takes none decides the same.
        let _ = host.set_filter_state("authz", verdict.text.as_bytes());
        if let Some(audit) = decision.audit.and_then(|policy| self.by_policy.get(policy)) {
            host.increment(audit.counter, 1);
            let _ = host.set_filter_state("authz_audit", audit.text.as_bytes());
            host.log(Level::Info, format_args!("audit policy {} matches, {}", audit.text, verdict.text));
        }
    }

    fn edit(&self, headers: &Headers, decision: &Decision<'_>, host: &mut dyn Host) -> Result<(), HostError> {
        for edit in self.authz.edits(headers, decision) {
            match edit {
                Edit::Remove(name) => host.remove_header(MapKind::RequestHeaders, name)?,
                Edit::Set(name, value) => host.set_header(MapKind::RequestHeaders, name, &value)?,
            }
        }
        Ok(())
    }

    fn denial(&self, headers: &Headers, decision: &Decision<'_>, verdict: &Verdict) -> Reply {
        let details = format!("authz_{}", verdict.text);
        let unauthorized = |body: &str| {
            let challenge = self.authz.challenge().unwrap_or_default();
            Reply::new(401, details.clone()).with_header("www-authenticate", challenge).with_body(body)
        };
        match decision.outcome {
            Outcome::DenyKeyMissing => unauthorized("API key missing"),
            Outcome::DenyKeyInvalid => unauthorized("API key invalid"),
            Outcome::DenyToken(denial) => Reply::new(denial.status(), details)
                .with_header("www-authenticate", TokenDenial::challenge(headers))
                .with_body(denial.text()),
            // The text is Istio's, so that what looks for it keeps working.
            _ => Reply::new(403, details).with_body("RBAC: access denied"),
        }
    }
}

/// To go on would be to let a key, a client's own name for its consumer, or another path than was compared, through.
fn refused(error: HostError, host: &mut dyn Host) -> Flow {
    host.log(Level::Error, format_args!("the headers cannot be changed: {error}"));
    Reply::new(500, "authz_headers_refused").into()
}

const UNKNOWN_PEER: &str = "; the peer's address is unknown: Envoy took source.address from x-forwarded-for (see \
    use_remote_address and peer_address)";

/// A request in a log line: method and path without query, where keys may stand, the path cut to a bounded length.
struct Shown<'a>(&'a Headers);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_BYTES: usize = 200;
        let cut = |text: &'_ [u8]| text.get(..MAX_BYTES).unwrap_or(text).escape_ascii().to_string();
        let method = self.0.get(":method").unwrap_or_default();
        let (path, _) = split_target(self.0.get(":path").unwrap_or_default());
        write!(f, "{} {}", cut(method), cut(path))
    }
}

export_filter!(AuthzFilter);

#[cfg(test)]
mod tests;
