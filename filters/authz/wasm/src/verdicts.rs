use portcullis_authz_core::config::{Action, Config, CredentialKind};
use portcullis_authz_core::{Authz, Outcome, Problem, TokenDenial};
use sdk_shim::{Counter, Host, Setup};
use std::borrow::Cow;

/// How decisions are shown and counted. Made at load, so that most of them cost no allocation.
#[derive(Debug)]
pub(crate) struct Verdicts {
    /// By the index of the policy.
    by_policy: Vec<Verdict>,
    allowed: Verdict,
    denied: Verdict,
    /// No ALLOW policy matches, those that are only tried included.
    dry_run_denied: Counter,
    api_key: Credential,
    basic: Credential,
    hmac: Credential,
    token: Credential,
    token_audience: Counter,
    /// By the index of the route, and at the end of requests on none: unauthenticated, forbidden.
    by_route: Vec<(Verdict, Counter)>,
}

/// How a decision is shown and counted.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) text: Cow<'static, str>,
    pub(crate) counter: Counter,
}

#[derive(Debug)]
struct Credential {
    name: &'static str,
    accepted: Counter,
    missing: Counter,
    invalid: Counter,
    expired: Counter,
    busy: Counter,
}

impl Credential {
    fn new(name: &'static str, metric: &str, setup: &mut Setup<'_>) -> Self {
        let mut counter = |outcome| setup.counter(metric, &[("outcome", outcome)]);
        Self {
            name,
            accepted: counter("accepted"),
            missing: counter("missing"),
            invalid: counter("invalid"),
            expired: counter("expired"),
            busy: counter("busy"),
        }
    }

    fn verdict(&self, problem: Problem) -> Verdict {
        let counter = match problem {
            Problem::Missing => self.missing,
            Problem::Invalid => self.invalid,
            Problem::Expired => self.expired,
            Problem::Busy => self.busy,
        };
        Verdict { text: format!("denied_{}[{}]", self.name, problem.text()).into(), counter }
    }
}

impl Verdicts {
    pub(crate) fn new(config: &Config, authz: &Authz, setup: &mut Setup<'_>) -> Self {
        let mut verdict = |text: String, policy: &str, decision: &str| Verdict {
            text: text.into(),
            counter: setup.counter("authz_decisions_total", &[("policy", policy), ("decision", decision)]),
        };
        let by_policy = config.policies.iter().map(|policy| {
            let name = &policy.name;
            match policy.spec.action {
                Action::Deny if policy.dry_run => {
                    verdict(format!("denied_policy[{name}]"), name, "dry_run_deny")
                }
                Action::Allow if policy.dry_run => {
                    verdict(format!("allowed_policy[{name}]"), name, "dry_run_allow")
                }
                Action::Deny | Action::Custom => verdict(format!("denied_policy[{name}]"), name, "deny"),
                Action::Audit => verdict(name.clone(), name, "audit"),
                Action::Allow => verdict(format!("allowed_policy[{name}]"), name, "allow"),
            }
        });
        let by_policy = by_policy.collect();
        let allowed = verdict("allowed".to_owned(), "none", "allow");
        let denied = verdict("denied_policy[none]".to_owned(), "none", "deny");
        let dry_run_denied = verdict(String::new(), "none", "dry_run_deny").counter;
        let names = authz.route_names().iter().map(String::as_str).chain(["none"]);
        let by_route = names.map(|name| {
            let mut counter =
                |outcome| setup.counter("authz_requirements_total", &[("route", name), ("outcome", outcome)]);
            let counters = (counter("unauthenticated"), counter("forbidden"));
            (Verdict { text: format!("denied_requirement[{name}]").into(), counter: counters.0 }, counters.1)
        });
        Self {
            by_policy,
            allowed,
            denied,
            dry_run_denied,
            by_route: by_route.collect(),
            api_key: Credential::new("api_key", "authz_api_keys_total", setup),
            basic: Credential::new("basic", "authz_basic_total", setup),
            hmac: Credential::new("hmac", "authz_hmac_total", setup),
            token: Credential::new("jwt", "authz_jwt_total", setup),
            token_audience: setup.counter("authz_jwt_total", &[("outcome", "audience")]),
        }
    }

    pub(crate) fn of(&self, outcome: Outcome, route: Option<usize>) -> Cow<'_, Verdict> {
        let of_policy = |policy: usize| self.by_policy.get(policy).unwrap_or(&self.denied);
        match outcome {
            Outcome::Allow(None) => Cow::Borrowed(&self.allowed),
            Outcome::Allow(Some(policy)) | Outcome::DenyPolicy(policy) => Cow::Borrowed(of_policy(policy)),
            Outcome::DenyNoMatch | Outcome::AwaitKeys(_) | Outcome::AwaitChecks => {
                Cow::Borrowed(&self.denied)
            }
            Outcome::DenyCredential(kind, problem) => Cow::Owned(self.credential(kind).verdict(problem)),
            Outcome::DenyToken(denial) => {
                let is_audience = denial == TokenDenial::Audience;
                let counter = if is_audience { self.token_audience } else { self.token.invalid };
                let text = format!("denied_jwt[{}]", denial.text().replace(' ', "_"));
                Cow::Owned(Verdict { text: text.into(), counter })
            }
            Outcome::DenyUnauthenticated | Outcome::DenyForbidden => {
                let route = route.unwrap_or(self.by_route.len().saturating_sub(1));
                match self.by_route.get(route) {
                    None => Cow::Borrowed(&self.denied),
                    Some((verdict, _)) if outcome == Outcome::DenyUnauthenticated => Cow::Borrowed(verdict),
                    Some((verdict, forbidden)) => {
                        Cow::Owned(Verdict { counter: *forbidden, ..verdict.clone() })
                    }
                }
            }
        }
    }

    /// What would be decided, if policies that are only tried were enforced.
    pub(crate) fn dry_run(&self, outcome: Outcome, enforced: Outcome) -> (Cow<'_, str>, Option<Counter>) {
        let verdict = self.of(outcome, None);
        let counter = match outcome {
            _ if outcome == enforced => None,
            Outcome::DenyNoMatch => Some(self.dry_run_denied),
            _ => Some(verdict.counter),
        };
        match verdict {
            Cow::Borrowed(verdict) => (Cow::Borrowed(&verdict.text), counter),
            Cow::Owned(verdict) => (verdict.text, counter),
        }
    }

    /// The AUDIT policy of this index.
    pub(crate) fn audit(&self, policy: usize) -> Option<&Verdict> {
        self.by_policy.get(policy)
    }

    /// Counts the credentials that were right.
    pub(crate) fn count_accepted(&self, kinds: &[CredentialKind], host: &mut dyn Host) {
        kinds.iter().for_each(|kind| host.increment(self.credential(*kind).accepted, 1));
    }

    fn credential(&self, kind: CredentialKind) -> &Credential {
        match kind {
            CredentialKind::ApiKey => &self.api_key,
            CredentialKind::Basic => &self.basic,
            CredentialKind::Hmac => &self.hmac,
            CredentialKind::Jwt => &self.token,
        }
    }
}
