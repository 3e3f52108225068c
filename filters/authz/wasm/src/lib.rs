//! The authz filter: Istio's authorization policies and request authentication on any Envoy, and other credentials.
//!
//! The decisions are `portcullis-authz-core`'s; this is what ties them to the host. A denied request is answered 403, one
//! whose credentials are missing or wrong 401, before anything goes upstream. What decided is in the details of the
//! response, in the filter state `wasm.authz`, in the log and in the metrics.

mod attributes;
mod external;
mod jwks;
mod verdicts;

use attributes::HostAttributes;
use external::CheckMetrics;
use jwks::KeySources;
use portcullis_authz_core::config::{Config, CredentialKind, DecisionLog, PeerAddressSource};
use portcullis_authz_core::{
    Attributes, Authz, BodyDigest, Decision, Edit, Outcome, Problem, Remarks, TokenDenial, record, shown,
};
use sdk_shim::{
    Body, BodyMode, ConfigErrors, Filter, Flow, Headers, Host, HostError, Level, MapKind, OnError, OverLimit,
    Reply, Setup, export_filter, never_ends, split_target,
};
use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt;
use std::rc::Rc;
use verdicts::{Verdict, Verdicts};

/// The authz filter. Requests that wait share it.
#[derive(Debug)]
pub struct AuthzFilter(Rc<Inner>);

#[derive(Debug)]
struct Inner {
    authz: Rc<Authz>,
    key_sources: Rc<KeySources>,
    peer_address: PeerAddressSource,
    verdicts: Verdicts,
    check_metrics: Vec<CheckMetrics>,
    max_body_bytes: usize,
    decision_log: DecisionLog,
}

/// A request under way. What waits for it shares it.
#[derive(Clone, Debug, Default)]
pub struct Request(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    has_body: bool,
    /// What is decided, if the body is the one that was signed.
    signed: Option<(BodyDigest, Decided)>,
    /// How many bytes of the body external checks wait for.
    wanted: Option<usize>,
    /// The body, or the first bytes of it, and whether that is all, where it was waited for.
    body: Option<(Vec<u8>, bool)>,
    /// What external checks add to the response.
    response: Vec<(String, Vec<u8>)>,
}

/// What was done about a request before it is decided on.
#[derive(Clone, Copy, Debug, Default)]
struct Stage {
    /// It has waited for keys, and its path is normalised.
    waited: bool,
    /// External checks have allowed it.
    checked: bool,
}

/// What is to be recorded of a decision.
#[derive(Clone, Debug)]
struct Decided {
    outcome: Outcome,
    route: Option<usize>,
    shown: Vec<CredentialKind>,
    dry_run: Option<Outcome>,
    audit: Option<usize>,
    consumer: Option<String>,
    principal: Option<String>,
}

impl Filter for AuthzFilter {
    const NAME: &'static str = "authz";
    const UNTIL_RESPONSE: bool = true;
    type Config = Config;
    type Request = Request;

    fn new(mut config: Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        let authz = Rc::new(Authz::take(&mut config, setup.env())?);
        let key_sources = KeySources::start(&authz, config.remote_jwks.max_waiting, setup);
        authz.warnings().iter().for_each(|warning| setup.warn(warning));
        Ok(Self(Rc::new(Inner {
            verdicts: Verdicts::new(&config, &authz, setup),
            check_metrics: CheckMetrics::all(&authz, setup),
            max_body_bytes: config.hmac.as_ref().map_or(0, |hmac| hmac.max_body_bytes),
            decision_log: config.decision_log,
            peer_address: config.peer_address,
            authz,
            key_sources,
        })))
    }

    fn request_body_mode(&self, request: &Request) -> BodyMode {
        let state = request.0.borrow();
        match state.wanted {
            _ if state.signed.is_some() => {
                BodyMode::Buffered { limit: self.0.max_body_bytes, over: OverLimit::Reject }
            }
            // What is longer than a check takes is refused, or cut, for that check.
            Some(wanted) => {
                BodyMode::Buffered { limit: wanted.max(self.0.max_body_bytes), over: OverLimit::Partial }
            }
            None => BodyMode::None,
        }
    }

    fn request_starts(&self, request: &mut Request, has_body: bool) {
        request.0.borrow_mut().has_body = has_body;
    }

    fn request_headers(&self, request: &mut Request, host: &mut dyn Host) -> Flow {
        self.0.decide(Stage::default(), request, host)
    }

    fn request_body(&self, request: &mut Request, body: Body<'_>, host: &mut dyn Host) -> Flow {
        let (wanted, signed) = {
            let mut state = request.0.borrow_mut();
            (state.wanted.take(), state.signed.take())
        };
        if wanted.is_some() {
            request.0.borrow_mut().body = Some((body.bytes.to_vec(), body.end));
            return self.0.decide(Stage { waited: true, checked: false }, request, host);
        }
        let Some((digest, mut decided)) = signed else { return Flow::Continue };
        if !body.end || !digest.is_of(body.bytes) {
            decided.outcome = WRONG_BODY;
        }
        let headers = host.headers(MapKind::RequestHeaders);
        self.0.finish(&decided, &headers, host)
    }

    fn response_headers(&self, request: &mut Request, host: &mut dyn Host) -> Flow {
        for (name, value) in std::mem::take(&mut request.0.borrow_mut().response) {
            if let Err(error) = host.add_header(MapKind::ResponseHeaders, &name, &value) {
                host.log(Level::Warn, format_args!("the response header {name} cannot be added: {error}"));
            }
        }
        Flow::Continue
    }
}

/// The body is not the one that was signed.
const WRONG_BODY: Outcome = Outcome::DenyCredential(CredentialKind::Hmac, Problem::Invalid);

impl Inner {
    /// Decides on the request whose headers the host has now.
    fn decide(self: &Rc<Self>, stage: Stage, request: &Request, host: &mut dyn Host) -> Flow {
        let mut headers = host.headers(MapKind::RequestHeaders);
        // Every request has a method. Without one the map could not be read, and no policy would match.
        if headers.get(":method").is_none() {
            host.log(Level::Error, format_args!("the request's headers cannot be read"));
            return Reply::new(500, "authz_headers_unreadable").into();
        }
        // Once only: what a request that has waited carries is normalised already.
        let normalized = if stage.waited { Ok(false) } else { self.authz.normalize(&mut headers) };
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
        let keys = (!stage.waited).then_some((&*self.key_sources, &*self.authz));
        let mut attributes = HostAttributes::new(host, &self.peer_address, keys, stage.checked);
        let decision = self.authz.check(&headers, &mut attributes);
        if let Outcome::AwaitKeys(source) = decision.outcome {
            return self.await_keys(source, request);
        }
        if decision.outcome == Outcome::AwaitChecks {
            let mut state = request.0.borrow_mut();
            let wanted = self.wanted_body(&decision);
            let body = state.body.take();
            if wanted > 0 && body.is_none() && state.has_body && !never_ends(&headers) {
                state.wanted = Some(wanted);
                return Flow::Buffer;
            }
            drop(state);
            let body = body.as_ref().map(|(bytes, end)| (bytes.as_slice(), *end));
            return self.ask(&decision, headers, body, request, host);
        }
        let peer_is_unknown = attributes.peer_is_unknown();
        let mut decided = self.decided(&decision);
        if let Outcome::Allow(_) = decision.outcome {
            for (key, value) in self.authz.recorded_claims(&decision) {
                // A host that takes none tells of none, which is of no claim.
                let _ = host.set_filter_state(key, &value);
            }
            if decision.body.is_some() && never_ends(&headers) {
                // Its body cannot be held until it is whole, and nothing may go upstream before.
                decided.outcome = WRONG_BODY;
            } else {
                if let Err(error) = self.edit(&headers, &decision, host) {
                    return refused(error, host);
                }
                let body = request.0.borrow_mut().body.take();
                match (decision.body, body) {
                    (None, _) => {}
                    (Some(digest), None) => {
                        request.0.borrow_mut().signed = Some((digest, decided));
                        return Flow::Buffer;
                    }
                    (Some(digest), Some((bytes, end))) => {
                        if !end || !digest.is_of(&bytes) {
                            decided.outcome = WRONG_BODY;
                        }
                    }
                }
            }
        }
        if peer_is_unknown && !matches!(decided.outcome, Outcome::Allow(_)) {
            host.log(Level::Info, format_args!("{UNKNOWN_PEER}"));
        }
        self.finish(&decided, &headers, host)
    }

    fn decided(&self, decision: &Decision<'_>) -> Decided {
        Decided {
            outcome: decision.outcome,
            route: decision.route,
            shown: decision.shown(),
            dry_run: decision.dry_run,
            audit: decision.audit,
            // Only where they are logged: they are copied.
            consumer: decision.consumer.filter(|_| self.logs_json()).map(str::to_owned),
            principal: self.logs_json().then(|| decision.principal()).flatten(),
        }
    }

    fn await_keys(self: &Rc<Self>, source: usize, request: &Request) -> Flow {
        let (filter, request) = (Rc::clone(self), request.clone());
        Flow::run(OnError::Deny, |host| {
            let keys = self.key_sources.wait(&self.authz, source, &host);
            async move {
                keys.await;
                Ok::<_, Infallible>(
                    host.with(move |host| {
                        filter.decide(Stage { waited: true, checked: false }, &request, host)
                    })
                    .await,
                )
            }
        })
    }

    /// Records what is decided, and answers a request that is denied.
    fn finish(&self, decided: &Decided, headers: &Headers, host: &mut dyn Host) -> Flow {
        let verdict = self.verdicts.of(decided.outcome, decided.route);
        let is_allowed = matches!(decided.outcome, Outcome::Allow(_));
        host.increment(verdict.counter, 1);
        self.verdicts.count_accepted(&decided.shown, host);
        // For access logs and routes. A host that takes none decides the same. Where no policy has anything to say, that it is
        // not there says it: a call of the host less for most requests of many configurations.
        if decided.outcome != Outcome::Allow(None) {
            let _ = host.set_filter_state("authz", verdict.text.as_bytes());
        }
        let audit = decided.audit.and_then(|policy| self.verdicts.audit(policy));
        if let Some(audit) = audit {
            host.increment(audit.counter, 1);
            let _ = host.set_filter_state("authz_audit", audit.text.as_bytes());
        }
        let dry_run = decided.dry_run.map(|outcome| self.verdicts.dry_run(outcome, decided.outcome));
        if let Some((text, counter)) = &dry_run {
            counter.iter().for_each(|counter| host.increment(*counter, 1));
            let _ = host.set_filter_state("authz_dry_run", text.as_bytes());
        }
        let tried = dry_run.as_ref().map(|(text, _)| text.as_ref());
        let audit = audit.map(|audit| audit.text.as_ref());
        let is_logged = match self.decision_log {
            DecisionLog::Off => false,
            DecisionLog::All => true,
            DecisionLog::Denied => !is_allowed,
            DecisionLog::Text => !is_allowed || audit.is_some() || tried.is_some(),
        };
        if is_logged && host.logs(Level::Info) {
            if self.logs_json() {
                let client = HostAttributes::new(host, &self.peer_address, None, true).remote_address();
                let remarks = Remarks { reason: &verdict.text, audit, dry_run: tried, client };
                let consumer = decided.consumer.as_deref();
                let line = record(headers, is_allowed, consumer, decided.principal.as_deref(), remarks);
                host.log(Level::Info, format_args!("{line}"));
            } else {
                if let Some(audit) = audit {
                    host.log(Level::Info, format_args!("audit policy {audit} matches, {}", verdict.text));
                }
                if let Some(tried) = tried.filter(|_| decided.dry_run != Some(decided.outcome)) {
                    host.log(
                        Level::Info,
                        format_args!("dry run: {tried}, {}: {}", verdict.text, Shown(headers)),
                    );
                }
                if !is_allowed {
                    host.log(Level::Info, format_args!("{}: {}", verdict.text, Shown(headers)));
                }
            }
        }
        if is_allowed { Flow::Continue } else { self.denial(headers, decided, &verdict).into() }
    }

    fn logs_json(&self) -> bool {
        matches!(self.decision_log, DecisionLog::Denied | DecisionLog::All)
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

    fn denial(&self, headers: &Headers, decided: &Decided, verdict: &Verdict) -> Reply {
        let outcome = decided.outcome;
        let details = format!("authz_{}", verdict.text);
        let (status, body) = match outcome {
            Outcome::DenyCredential(kind, problem) => {
                let kind = match kind {
                    CredentialKind::ApiKey => "API key",
                    CredentialKind::Basic => "Basic credentials",
                    CredentialKind::Hmac => "Signature",
                    CredentialKind::Jwt => "Token",
                };
                (401, format!("{kind} {}", problem.text()))
            }
            Outcome::DenyUnauthenticated => (401, "Credentials missing".to_owned()),
            Outcome::DenyToken(denial) => (denial.status(), denial.text().to_owned()),
            // The text is Istio's, so that what looks for it keeps working.
            _ => (403, "RBAC: access denied".to_owned()),
        };
        let answer = self.authz.answer(outcome, headers);
        let is_redirect = answer.as_ref().is_some_and(|answer| answer.is_redirect);
        let (own_status, own_headers, own_body) =
            answer.map_or_else(Default::default, |answer| (answer.status, answer.headers, answer.body));
        let mut reply = Reply::new(own_status.unwrap_or(status), details);
        let challenges = match outcome {
            _ if is_redirect => Vec::new(),
            Outcome::DenyCredential(..) | Outcome::DenyUnauthenticated => {
                self.authz.challenges(outcome, decided.route, headers)
            }
            Outcome::DenyToken(_) => vec![TokenDenial::challenge(headers)],
            _ => Vec::new(),
        };
        for challenge in challenges {
            reply = reply.with_header("www-authenticate", challenge);
        }
        if let Outcome::DenyCredential(_, Problem::Busy) = outcome {
            reply = reply.with_header("retry-after", "1");
        }
        reply.headers.extend(own_headers);
        reply.with_body(own_body.unwrap_or_else(|| body.into_bytes()))
    }
}

/// To go on would be to let a key, a client's own name for its consumer, or another path than was compared, through.
fn refused(error: HostError, host: &mut dyn Host) -> Flow {
    host.log(Level::Error, format_args!("the headers cannot be changed: {error}"));
    Reply::new(500, "authz_headers_refused").into()
}

const UNKNOWN_PEER: &str = "the peer's address is unknown: Envoy took source.address from x-forwarded-for (see \
    use_remote_address and peer_address)";

/// A request in a log line: method and path without query, where keys may stand, the path cut to a bounded length.
struct Shown<'a>(&'a Headers);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.0.get(":method").unwrap_or_default();
        let (path, _) = split_target(self.0.get(":path").unwrap_or_default());
        write!(f, "{} {}", shown(method), shown(path))
    }
}

export_filter!(AuthzFilter, until_response);

#[cfg(test)]
mod tests;
