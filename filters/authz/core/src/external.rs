//! Checks by other services: what they are asked, and what is made of their answers. Asking is the host's.

mod auth_request;
mod http;
mod opa;
mod owned;

use crate::compile::{is_header_name, is_name};
use crate::config::{Action, Common, ExternalCheck, OnCheckError, Policy, RequestBody};
use crate::pattern::{Pattern, PatternSet};
use crate::remote::in_range;
use crate::sorted::Names;
use auth_request::AuthRequest;
use http::HttpService;
use opa::Opa;
use owned::Owned;
pub(crate) use owned::Taken;
use portcullis_jwt::Claims;
use sdk_shim_config::{ConfigErrors, Environment, Path};
use sdk_shim_http::Headers;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// A service that is asked whether a request may pass.
#[derive(Debug)]
pub struct Check {
    /// Its name in the configuration.
    pub name: String,
    /// Its cluster.
    pub cluster: String,
    /// How long it may take.
    pub timeout: Duration,
    /// Whether a failure of the service lets the request pass.
    pub on_error: OnCheckError,
    /// The status of the answer where it does not.
    pub status_on_error: u16,
    /// How much of the body it gets. `None`: nothing.
    pub body: Option<RequestBody>,
    owned: Owned,
    service: Service,
}

#[derive(Debug)]
enum Service {
    Http(Box<HttpService>),
    Opa(Opa),
    AuthRequest(Box<AuthRequest>),
}

/// A request that is checked.
#[derive(Clone, Copy, Debug)]
pub struct Checked<'a> {
    /// Its headers.
    pub headers: &'a Headers,
    /// Its body, and whether that is all of it. `None` where the check gets none, or it has none.
    pub body: Option<(&'a [u8], bool)>,
    /// The client's address.
    pub source: Option<SocketAddr>,
    /// The local address.
    pub destination: Option<SocketAddr>,
    /// The name in the client's certificate.
    pub principal: Option<&'a [u8]>,
    /// The protocol, as `HTTP/1.1`.
    pub protocol: Option<&'a str>,
    /// The consumer that its credentials name.
    pub consumer: Option<&'a str>,
    /// The claims of its token.
    pub claims: Option<&'a Claims>,
}

/// What a service is asked: headers, with those of HTTP/2 for method, path and authority, and a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The headers.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
}

/// What a service has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// The request may pass.
    Allow(Allowed),
    /// It may not, and the client gets this.
    Deny {
        /// The status, 200 to 599.
        status: u16,
        /// The headers.
        headers: Vec<(String, Vec<u8>)>,
        /// The body.
        body: Vec<u8>,
    },
    /// The service has failed.
    Error(CheckError),
}

/// What changes of a request that may pass, and of its response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allowed {
    /// Headers of the request to remove.
    pub remove: Vec<String>,
    /// Headers of the request to replace.
    pub set: Vec<(String, Vec<u8>)>,
    /// Headers of the request to add.
    pub append: Vec<(String, Vec<u8>)>,
    /// Headers of the response to add.
    pub response: Vec<(String, Vec<u8>)>,
    /// A header of the answer that is not in `allowed_upstream_headers`, so that it is left out; the first, if there are several.
    pub unlisted: Option<String>,
}

/// How a service has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckError {
    /// The host did not ask it: it knows no such cluster.
    NotStarted,
    /// The host gave up on the answer.
    NoAnswer,
    /// The answer has this status: 503 and 504 are the host's own, for a cluster that cannot be reached and for the timeout.
    Status(u16),
    /// The answer cannot be read.
    Malformed,
}

impl fmt::Display for CheckError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted => f.write_str("it was not asked, is there such a cluster?"),
            Self::NoAnswer => f.write_str("its answer broke off, or is far too large"),
            Self::Status(503) => f.write_str("it cannot be reached (503)"),
            Self::Status(504) => f.write_str("it did not answer in time"),
            Self::Status(status) => write!(f, "its answer has status {status}"),
            Self::Malformed => f.write_str("its answer cannot be read"),
        }
    }
}

/// The most bytes of a denying answer's body that the client gets.
pub const MAX_DENIED_BODY_BYTES: usize = 1 << 20;

const MAX_BODY_BYTES: u32 = 1 << 20;

impl Check {
    /// The checks of a configuration.
    #[inline(never)]
    pub(crate) fn all(
        config: &[ExternalCheck],
        taken: &Taken<'_>,
        env: &Environment<'_>,
        errors: &mut ConfigErrors,
    ) -> Vec<Self> {
        let mut names = Names::default();
        let mut checks = Vec::with_capacity(config.len());
        for (index, check) in config.iter().enumerate() {
            let path = Path::root().field("external_checks").index(index);
            if !is_name(&check.name) {
                let expected = "1 to 253 letters, digits, `.`, `_`, `-` and `/`";
                errors.add(&path.field("name"), format!("`{}`", check.name), expected);
            }
            if names.insert(&check.name).is_err() {
                let found = format!("`{}` for a second time", check.name);
                errors.add(&path.field("name"), found, "a different name for each check");
            }
            checks.extend(Self::new(check, taken, env, &path, errors));
        }
        checks
    }

    fn new(
        config: &ExternalCheck,
        taken: &Taken<'_>,
        env: &Environment<'_>,
        path: &Path,
        errors: &mut ConfigErrors,
    ) -> Option<Self> {
        let (kind, common, body) = match (&config.http, &config.opa, &config.auth_request) {
            (Some(http), None, None) => ("http", http.common(), http.with_request_body),
            (None, Some(opa), None) => ("opa", opa.common(), opa.with_request_body),
            (None, None, Some(check)) => ("auth_request", check.common(), None),
            (http, opa, check) => {
                let is_there = [http.is_some(), opa.is_some(), check.is_some()];
                let found = match is_there.iter().filter(|is_there| **is_there).count() {
                    0 => "none of http, opa and auth_request",
                    _ => "more than one of http, opa and auth_request",
                };
                errors.add(path, found, "one of them");
                return None;
            }
        };
        let path = &path.field(kind);
        let service = match (&config.http, &config.opa, &config.auth_request) {
            (Some(http), ..) => Some(Service::Http(Box::new(HttpService::new(http, path, errors)))),
            (_, Some(opa), _) => Opa::new(opa, env, path, errors).map(Service::Opa),
            (.., check) => check
                .as_ref()
                .map(|check| Service::AuthRequest(Box::new(AuthRequest::new(check, path, errors)))),
        };
        let Common { cluster, timeout, on_error, status_on_error, allowed_upstream_headers } = common;
        if cluster.is_empty() {
            errors.add(&path.field("cluster"), "an empty text", "the name of a cluster");
        }
        if !(400..=599).contains(&status_on_error) {
            errors.add(&path.field("status_on_error"), status_on_error.to_string(), "400 to 599");
        }
        if let Some(body) = body
            && !(1..=MAX_BODY_BYTES).contains(&body.max_request_bytes)
        {
            let path = path.field("with_request_body").field("max_request_bytes");
            errors.add(&path, body.max_request_bytes.to_string(), format!("1 to {MAX_BODY_BYTES}"));
        }
        let owned =
            Owned::new(allowed_upstream_headers, taken, &path.field("allowed_upstream_headers"), errors);
        let (least, most) = (Duration::from_millis(1), Duration::from_secs(60));
        let timeout = in_range(timeout, least, most, &path.field("timeout"), errors)?;
        let (name, cluster) = (config.name.clone(), cluster.clone());
        Some(Self { name, cluster, timeout, on_error, status_on_error, body, owned, service: service? })
    }

    /// What the service is asked about a request.
    pub fn question(&self, request: &Checked<'_>) -> Question {
        match &self.service {
            Service::Http(http) => http.question(request),
            Service::Opa(opa) => opa.question(request),
            Service::AuthRequest(check) => check.question(request),
        }
    }

    /// What the service's answer means. `status` is `None` where the host gave up on it. `request` are the headers of the
    /// request that was checked.
    pub fn answered(
        &self,
        status: Option<u16>,
        headers: &Headers,
        body: &[u8],
        request: &Headers,
    ) -> Answered {
        let Some(status) = status else { return Answered::Error(CheckError::NoAnswer) };
        match &self.service {
            Service::Http(http) => http.answered(status, headers, body, &self.owned),
            Service::Opa(_) => opa::answered(status, body, &self.owned),
            Service::AuthRequest(check) => check.answered(status, headers, request, &self.owned),
        }
    }

    /// Which of a request's headers only the service may write: they are to be removed, before an answer is carried out.
    pub(crate) fn owned<'h>(&self, request: &'h Headers, is_asked: bool) -> impl Iterator<Item = &'h str> {
        self.owned.of(request, is_asked)
    }
}

/// The check of each policy, by its index; `None` for those that have none.
#[inline(never)]
pub(crate) fn of_policies(
    policies: &[Policy],
    checks: &[ExternalCheck],
    errors: &mut ConfigErrors,
) -> Vec<Option<usize>> {
    let mut used = vec![false; checks.len()];
    let mut of_policies = Vec::with_capacity(policies.len());
    for (index, policy) in policies.iter().enumerate() {
        let path = Path::root().field("policies").index(index).field("spec");
        let provider = policy.spec.provider.as_ref();
        let is_custom = policy.spec.action == Action::Custom;
        let check = provider.and_then(|provider| checks.iter().position(|check| check.name == provider.name));
        match (is_custom, provider, check) {
            (false, Some(_), _) => {
                errors.add(
                    &path.field("provider"),
                    "a provider",
                    "no provider: it belongs to the action CUSTOM",
                );
            }
            (true, None, _) => {
                errors.add(&path.field("provider"), "nothing", "the name of one of external_checks");
            }
            (true, Some(provider), None) => {
                let path = path.field("provider").field("name");
                errors.add(&path, format!("`{}`", provider.name), "the name of one of external_checks");
            }
            _ => {}
        }
        // Istio refuses it, too: it reads like one that asks always, and never does.
        if is_custom && policy.spec.rules.as_ref().is_none_or(|rules| rules.is_empty()) {
            errors.add(&path.field("rules"), "no rule", "at least one rule, or the check is never made");
        }
        let check = check.filter(|_| is_custom);
        check.and_then(|check| used.get_mut(check)).into_iter().for_each(|used| *used = true);
        of_policies.push(check);
    }
    for (index, _) in used.iter().enumerate().filter(|(_, used)| !**used) {
        let path = Path::root().field("external_checks").index(index);
        errors.add(
            &path,
            "a check that no policy names",
            "a policy with the action CUSTOM and this provider",
        );
    }
    of_policies
}

/// A list of names of headers, as patterns.
fn names(list: &[String], path: &Path, errors: &mut ConfigErrors) -> PatternSet {
    let mut patterns = Vec::with_capacity(list.len());
    for (index, name) in list.iter().enumerate() {
        let bare = name.strip_suffix('*').or(name.strip_prefix('*')).unwrap_or(name);
        if name != "*" && !is_header_name(bare) {
            errors.add(
                &path.index(index),
                format!("{name:?}"),
                "the name of a header, `prefix*` or `*suffix`",
            );
        }
        patterns.push(Pattern::new(&name.to_ascii_lowercase()));
    }
    PatternSet::new(&patterns)
}

/// Whether a service may say it of a request or a response: nothing that frames a message, or says where it goes.
#[must_use]
pub fn is_free(name: &[u8]) -> bool {
    let reserved: [&[u8]; 7] =
        [b"host", b"connection", b"content-length", b"keep-alive", b"te", b"transfer-encoding", b"upgrade"];
    !name.is_empty() && !name.starts_with(b":") && !reserved.contains(&name)
}

/// Whether a value can be written: anything else would split the message.
fn is_value(value: &[u8]) -> bool {
    !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0))
}

fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
