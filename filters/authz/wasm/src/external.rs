//! Asks external checks, and does what they answer.

use crate::{Decided, Inner, Request, Stage, refused};
use portcullis_authz_core::config::OnCheckError;
use portcullis_authz_core::external::{Allowed, Answered, Check, CheckError, Checked, Question};
use portcullis_authz_core::{Authz, Decision, Outcome};
use sdk_shim::{
    CalloutError, CalloutResponse, Counter, Flow, Handle, Headers, Host, HostError, HttpCall, Level, MapKind,
    OnError, Property, Reply, Setup,
};
use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;

/// How a check has answered, counted.
#[derive(Debug)]
pub(crate) struct CheckMetrics {
    allowed: Counter,
    denied: Counter,
    error: Counter,
    /// Whether the log says already that a header of an answer is left out.
    warned: Cell<bool>,
}

impl CheckMetrics {
    /// Those of all checks, in the order of [`Authz::checks`].
    pub(crate) fn all(authz: &Authz, setup: &mut Setup<'_>) -> Vec<Self> {
        let mut all = Vec::with_capacity(authz.checks().len());
        for check in authz.checks() {
            let mut counter = |outcome| {
                setup.counter("authz_checks_total", &[("check", &check.name), ("outcome", outcome)])
            };
            let (allowed, denied, error) = (counter("allowed"), counter("denied"), counter("error"));
            all.push(Self { allowed, denied, error, warned: Cell::new(false) });
        }
        all
    }
}

/// A check that is to be made: an index, the policy that asks for it, and what is asked.
struct Asked {
    check: usize,
    policy: usize,
    call: HttpCall,
}

impl Inner {
    /// How much of the body the checks of a request want; 0 for nothing.
    pub(crate) fn wanted_body(&self, decision: &Decision<'_>) -> usize {
        let checks = decision.checks.iter().filter_map(|(check, _)| self.authz.checks().get(*check));
        let bytes = checks.filter_map(|check| check.body).map(|body| body.max_request_bytes as usize);
        bytes.max().unwrap_or(0)
    }

    /// Makes the checks that a decision asks for, one after the other, and decides on the request again when all allow it.
    /// `body` is what there is of it, and whether that is all.
    pub(crate) fn ask(
        self: &Rc<Self>,
        decision: &Decision<'_>,
        headers: Headers,
        body: Option<(&[u8], bool)>,
        request: &Request,
        host: &mut dyn Host,
    ) -> Flow {
        let principal = host.property(Property::PeerUriSan.path());
        let protocol = host.property(&["request", "protocol"]);
        let whole = Checked {
            headers: &headers,
            body: None,
            source: host.address(Property::SourceAddress),
            destination: host.address(Property::DestinationAddress),
            principal: principal.as_deref(),
            protocol: protocol.as_deref().and_then(|text| std::str::from_utf8(text).ok()),
            consumer: decision.consumer,
            claims: decision.identity.as_ref().map(|identity| identity.claims()),
        };
        let mut asked = Vec::with_capacity(decision.checks.len());
        for (index, policy) in &decision.checks {
            let Some(check) = self.authz.checks().get(*index) else { continue };
            let Ok(body) = part(check, body) else {
                return Reply::new(413, "authz_request_body_too_large")
                    .with_body("The body is too large.\n")
                    .into();
            };
            let call = call(check, check.question(&Checked { body, ..whole }));
            asked.push(Asked { check: *index, policy: *policy, call });
        }
        if let Some((bytes, end)) = body {
            request.0.borrow_mut().body = Some((bytes.to_vec(), end));
        }
        let decided = self.decided(decision);
        let (filter, request) = (Rc::clone(self), request.clone());
        Flow::run(OnError::Deny, async move |handle| {
            Ok::<_, Infallible>(filter.ask_all(asked, headers, decided, request, &handle).await)
        })
    }

    async fn ask_all(
        self: Rc<Self>,
        asked: Vec<Asked>,
        headers: Headers,
        decided: Decided,
        request: Request,
        handle: &Handle,
    ) -> Flow {
        let checks: Vec<(usize, usize)> = asked.iter().map(|asked| (asked.check, asked.policy)).collect();
        // First, so that what one check says is not taken for the client's by another.
        let remove = self.authz.owned(&headers, &checks).map(str::to_owned).collect();
        let mut changes = vec![Allowed { remove, ..Allowed::default() }];
        for Asked { check: index, policy, call } in asked {
            let answer = handle.call(call).await;
            let (Some(check), Some(metrics)) =
                (self.authz.checks().get(index), self.check_metrics.get(index))
            else {
                continue;
            };
            let answered = answered(check, &answer, &headers);
            let (counter, warning) = match &answered {
                Answered::Allow(Allowed { unlisted: Some(header), .. }) if !metrics.warned.replace(true) => {
                    let why = "it is not in its allowed_upstream_headers (said once)";
                    let name = &check.name;
                    (
                        metrics.allowed,
                        Some(format!("the check {name} sets {header}, which is left out: {why}")),
                    )
                }
                Answered::Allow(_) => (metrics.allowed, None),
                Answered::Deny { .. } => (metrics.denied, None),
                Answered::Error(error) => {
                    (metrics.error, Some(format!("the check {} has failed: {error}", check.name)))
                }
            };
            handle
                .with(move |host| {
                    host.increment(counter, 1);
                    if let Some(warning) = warning {
                        host.log(Level::Warn, format_args!("{warning}"));
                    }
                })
                .await;
            let details = |kind: &str, name: &str| format!("authz_{kind}[{name}]");
            let name = self.authz.policy_names().get(policy).map_or("", String::as_str);
            let reply = match answered {
                Answered::Allow(allowed) => {
                    changes.push(allowed);
                    continue;
                }
                Answered::Error(_) if check.on_error == OnCheckError::Allow => continue,
                Answered::Deny { status, headers, body } => {
                    Reply { headers, ..Reply::new(status, details("denied_policy", name)).with_body(body) }
                }
                Answered::Error(_) => Reply::new(check.status_on_error, details("failed_check", &check.name)),
            };
            let decided = Decided { outcome: Outcome::DenyPolicy(policy), ..decided };
            let filter = Rc::clone(&self);
            return handle
                .with(move |host| {
                    // It records what is decided; what the client gets is the service's to say.
                    filter.finish(&decided, &headers, host);
                    reply.into()
                })
                .await;
        }
        handle.with(move |host| self.checked(changes, &request, host)).await
    }

    /// All checks have allowed the request.
    fn checked(self: &Rc<Self>, changes: Vec<Allowed>, request: &Request, host: &mut dyn Host) -> Flow {
        for change in changes {
            if let Err(error) = apply(&change, host) {
                return refused(error, host);
            }
            request.0.borrow_mut().response.extend(change.response);
        }
        self.decide(Stage { waited: true, checked: true }, request, host)
    }
}

/// The part of the body that a check gets. `Err` where it is longer, and the check takes no part.
fn part<'b>(check: &Check, body: Option<(&'b [u8], bool)>) -> Result<Option<(&'b [u8], bool)>, ()> {
    let (Some(limits), Some((bytes, end))) = (check.body, body) else { return Ok(None) };
    match bytes.get(..limits.max_request_bytes as usize) {
        Some(part) if part.len() < bytes.len() || !end => {
            if limits.allow_partial_message {
                Ok(Some((part, false)))
            } else {
                Err(())
            }
        }
        None if !end && !limits.allow_partial_message => Err(()),
        _ => Ok(Some((bytes, end))),
    }
}

fn call(check: &Check, question: Question) -> HttpCall {
    HttpCall {
        cluster: check.cluster.clone(),
        headers: question.headers,
        body: question.body,
        trailers: Vec::new(),
        timeout: check.timeout,
    }
}

fn answered(check: &Check, answer: &Result<CalloutResponse, CalloutError>, request: &Headers) -> Answered {
    match answer {
        Ok(answer) => check.answered(answer.status(), &answer.headers, &answer.body, request),
        Err(CalloutError::NoAnswer) => Answered::Error(CheckError::NoAnswer),
        Err(_) => Answered::Error(CheckError::NotStarted),
    }
}

fn apply(change: &Allowed, host: &mut dyn Host) -> Result<(), HostError> {
    const MAP: MapKind = MapKind::RequestHeaders;
    change.remove.iter().try_for_each(|name| host.remove_header(MAP, name))?;
    // A name that comes again has several values.
    let mut before = "";
    for (name, value) in &change.set {
        if before == name {
            host.add_header(MAP, name, value)?;
        } else {
            host.set_header(MAP, name, value)?;
        }
        before = name;
    }
    change.append.iter().try_for_each(|(name, value)| host.add_header(MAP, name, value))
}
