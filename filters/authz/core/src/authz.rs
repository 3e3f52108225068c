use crate::attributes::Attributes;
use crate::authentication::{Authentication, Identity, Refusal, TokenDenial};
use crate::changes::{Changes, Edit};
use crate::compile::{Blocks, Compiled, Known, Matchers, compile};
use crate::config::{Config, CredentialKind, PeerAddressSource};
use crate::credentials::{Answer as Shows, BodyDigest, Caller, Credentials, Problem, Requirements, Shown};
use crate::external::{self, Check, Taken};
use crate::facts::{Facts, host};
use crate::normalization::{Normalizer, PathError};
use crate::recorded::RecordedClaims;
use crate::remote::{Record, Source};
use crate::responses::{Answer, Responses};
#[cfg(feature = "trace")]
use crate::{credentials::Requirement, trace};
use sdk_shim_config::{ConfigErrors, Environment, Path};
use sdk_shim_http::Headers;
use std::borrow::Cow;
use std::time::Duration;

const INVALID_TOKEN: &[u8] = b", error=\"invalid_token\"";

/// The compiled configuration: decides on requests.
///
/// A request first shows its credentials and its token, where these are configured, and what is required of it. Then the policies decide as Istio defines it: a matching
/// DENY policy denies; without ALLOW policies everything else is allowed; with them, one must match.
#[derive(Debug)]
pub struct Authz {
    credentials: Credentials,
    requirements: Requirements,
    authentication: Option<Authentication>,
    recorded: RecordedClaims,
    normalizer: Normalizer,
    checks: Vec<Check>,
    check_of_policy: Vec<Option<usize>>,
    /// Whether anything is changed in requests that are allowed.
    edits_any: bool,
    pub(crate) policies: Compiled,
    responses: Responses,
    policy_names: Vec<String>,
    warnings: Vec<String>,
}

/// What is decided on a request.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// Whether the request may pass.
    pub outcome: Outcome,
    /// The consumer of the request's credentials.
    pub consumer: Option<&'a str>,
    pub(crate) shown: Shown,
    /// Where its requirements come from, as an index into [`Authz::route_names`]; `None` for those of all other requests.
    pub route: Option<usize>,
    /// What the body has to come to, before an allowed request goes upstream.
    pub body: Option<BodyDigest>,
    /// Whose token the request carries.
    pub identity: Option<Identity>,
    /// What would be decided, if the policies that are only tried were enforced. `None` where there are none, or credentials are
    /// refused.
    pub dry_run: Option<Outcome>,
    /// The first AUDIT policy that matches, as an index into [`Authz::policy_names`]. Not evaluated where
    /// credentials are refused.
    pub audit: Option<usize>,
    /// The external checks to make, as indices into [`Authz::checks`], each with the first CUSTOM policy that asks for it.
    pub checks: Vec<(usize, usize)>,
    pub(crate) is_checked: bool,
}

impl Decision<'_> {
    /// The credentials that the request showed, and that are right.
    pub fn shown(&self) -> Vec<CredentialKind> {
        self.shown.kinds().collect()
    }
}

/// Whether a request may pass, and why. Policies are indices into [`Authz::policy_names`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It may, by this ALLOW policy, or because there is none.
    Allow(Option<usize>),
    /// It may not: this DENY policy matches.
    DenyPolicy(usize),
    /// It may not: there are ALLOW policies, and none matches.
    DenyNoMatch,
    /// It may not: a credential is missing or wrong.
    DenyCredential(CredentialKind, Problem),
    /// It may not: it does not show what is required of it, and could with other credentials.
    DenyUnauthenticated,
    /// It may not: it does not fit what is required of it, whatever the credentials.
    DenyForbidden,
    /// It may not: its token is refused.
    DenyToken(TokenDenial),
    /// Nothing is decided yet: its token needs keys of this source, and [`Attributes::may_await_keys`] said that it may wait.
    AwaitKeys(usize),
    /// Nothing is decided yet: external checks are to be made, [`Decision::checks`]. When they have allowed the request, it is to be
    /// decided on again, and [`Attributes::is_checked`] to say so.
    AwaitChecks,
}

impl Authz {
    /// Compiles a configuration.
    ///
    /// # Errors
    /// Every violation, each with its path: what is unknown, malformed, not implemented, or could never match.
    pub fn new(config: &Config, env: &Environment<'_>) -> Result<Self, ConfigErrors> {
        Self::take(&mut config.clone(), env)
    }

    /// As [`Authz::new`], and takes the rules out of the policies: where there are thousands, they need more memory than what is
    /// compiled of them.
    ///
    /// # Errors
    /// As those of [`Authz::new`].
    pub fn take(config: &mut Config, env: &Environment<'_>) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let credentials = Credentials::new(config, env, &mut errors);
        if let PeerAddressSource::FilterState(key) = &config.peer_address
            && (key.is_empty() || key.contains('\0'))
        {
            let path = Path::root().field("peer_address").field("filter_state");
            errors.add(&path, format!("{key:?}"), "the name of a filter state object");
        }
        let written: Vec<&str> = credentials.written_headers().collect();
        let mut authentication = Authentication::new(config, &written, env, &mut errors);
        let check_of_policy = external::of_policies(&config.policies, &config.external_checks, &mut errors);
        let mut written_policies = std::mem::take(&mut config.policies);
        let known = Known {
            consumers: credentials.names(),
            groups: credentials.group_names(),
            has_tokens: !config.request_authentication.is_empty(),
            blocks: Blocks::new(&config.ip_lists, &mut errors),
            matchers: Matchers::default(),
            trust_domains: &config.trust_domains,
            strict: config.strict,
        };
        let path = Path::root().field("claims_to_filter_state");
        let recorded =
            RecordedClaims::new(&config.claims_to_filter_state, known.has_tokens, &path, &mut errors);
        let kinds =
            [CredentialKind::ApiKey, CredentialKind::Basic, CredentialKind::Hmac, CredentialKind::Jwt];
        let is_there = |kind: &CredentialKind| match kind {
            CredentialKind::Jwt => known.has_tokens,
            kind => credentials.has(*kind),
        };
        let kinds: Vec<CredentialKind> = kinds.into_iter().filter(is_there).collect();
        let requirements = Requirements::new(config, credentials.required(), &kinds, &known, &mut errors);
        let mut taken = Taken { read: credentials.read_headers().collect(), written };
        if let Some(rules) = &authentication {
            taken.read.extend(rules.read_headers());
            taken.written.extend(rules.written_headers());
        }
        let checks = Check::all(&config.external_checks, &taken, env, &mut errors);
        let mut policies = compile(&mut written_policies, &known, &mut errors);
        config.policies = written_policies;
        let mut warnings = std::mem::take(&mut policies.warnings);
        warnings.extend(authentication.iter_mut().flat_map(|rules| std::mem::take(&mut rules.warnings)));
        let responses = Responses::new(config, &credentials, authentication.as_ref(), &mut errors);
        let policy_names = config.policies.iter().map(|policy| policy.name.clone()).collect();
        for (index, domain) in config.trust_domains.iter().enumerate() {
            if domain.is_empty() || domain.contains(['/', '*']) {
                let path = Path::root().field("trust_domains").index(index);
                errors.add(&path, format!("{domain:?}"), "a trust domain, without `/` and `*`");
            }
        }
        let normalizer = Normalizer { level: config.path_normalization, parameters: config.path_parameters };
        let edits_any = credentials.edits_any() || authentication.is_some() || !checks.is_empty();
        errors.into_result(Self {
            edits_any,
            credentials,
            requirements,
            authentication,
            recorded,
            normalizer,
            checks,
            check_of_policy,
            policies,
            responses,
            policy_names,
            warnings,
        })
    }

    /// Brings the path of a request into the form that policies are compared with. Whether it changed: then `:path` has to
    /// be changed for the upstream as well, before [`Authz::edits`] are made.
    ///
    /// # Errors
    /// A path that is not served at all.
    pub fn normalize(&self, headers: &mut Headers) -> Result<bool, PathError> {
        let Some(target) = headers.get(":path") else { return Ok(false) };
        let Cow::Owned(target) = self.normalizer.target(target)? else { return Ok(false) };
        let replaced =
            |(name, value)| if name == b":path" { (name, target.as_slice()) } else { (name, value) };
        *headers = headers.iter().map(replaced).collect();
        Ok(true)
    }

    /// Decides on a request. `headers` are in the form that the upstream will see, paths normalised as the proxy is set up
    /// to do; `attributes` are asked only for what a policy needs.
    pub fn check<'a>(&'a self, headers: &Headers, attributes: &mut dyn Attributes) -> Decision<'a> {
        let host = host(headers);
        let (without, identity);
        let nobody = Caller::default();
        let is_checked = attributes.is_checked();
        let mut facts = Facts::new(headers, host.as_deref(), nobody, None, attributes);
        let (route, required) = self.requirements.of(&mut facts);
        let refuse = |outcome, caller: Caller<'a>| Decision {
            outcome,
            consumer: caller.consumer,
            shown: caller.shown,
            route,
            body: None,
            identity: None,
            dry_run: None,
            audit: None,
            checks: Vec::new(),
            is_checked,
        };
        let mut caller = match self.credentials.authenticate(required.ignored, headers, facts.attributes) {
            Ok(caller) => caller,
            Err((kind, problem)) => return refuse(Outcome::DenyCredential(kind, problem), nobody),
        };
        let rules = self.authentication.as_ref().filter(|_| !required.ignored.has(CredentialKind::Jwt));
        identity = match rules.map(|rules| rules.authenticate(headers, facts.attributes)) {
            None => None,
            Some(Ok(identity)) => identity,
            Some(Err(Refusal::Token(denial))) => return refuse(Outcome::DenyToken(denial), caller),
            Some(Err(Refusal::AwaitKeys(source))) => return refuse(Outcome::AwaitKeys(source), caller),
        };
        if identity.is_some() {
            caller.shown.add(CredentialKind::Jwt);
        }
        facts.caller = caller;
        facts.identity = identity.as_ref();
        let answer = required.requirement.answer(&caller, &mut facts);
        #[cfg(feature = "trace")]
        {
            let route = route.and_then(|route| self.requirements.route_names.get(route));
            let is_empty = matches!(required.requirement, Requirement::Nothing);
            trace::requirement(route.map(String::as_str), is_empty, answer);
        }
        match answer {
            Shows::Yes => {}
            Shows::Unauthenticated => return refuse(required.denial(), caller),
            Shows::Forbidden => return refuse(Outcome::DenyForbidden, caller),
        }
        let checks = if is_checked { Vec::new() } else { self.checks_for(&mut facts) };
        #[cfg(feature = "trace")]
        self.trace_checks(&mut facts);
        if !checks.is_empty() {
            let decision = refuse(Outcome::AwaitChecks, caller);
            return Decision { identity, checks, ..decision };
        }
        if !is_checked && let Some(rest) = self.without_owned(headers) {
            without = rest;
            facts.headers = &without;
        }
        let audit = self.policies.audit.first_match(&mut facts);
        let outcome = if let Some(policy) = self.policies.deny.first_match(&mut facts) {
            Outcome::DenyPolicy(policy)
        } else if !self.policies.has_allow {
            Outcome::Allow(None)
        } else if let Some(policy) = self.policies.allow.first_match(&mut facts) {
            Outcome::Allow(Some(policy))
        } else {
            Outcome::DenyNoMatch
        };
        let dry_run = self.policies.dry_run.as_ref().map(|tried| tried.outcome(outcome, &mut facts));
        #[cfg(feature = "trace")]
        self.trace_policies(outcome, dry_run, &mut facts);
        Decision {
            outcome,
            consumer: caller.consumer,
            shown: caller.shown,
            route,
            body: caller.body,
            identity,
            dry_run,
            audit,
            checks,
            is_checked,
        }
    }

    /// The headers without those that only external checks may write, for the policies that decide where none is asked. `None` where
    /// the client has sent none.
    fn without_owned(&self, headers: &Headers) -> Option<Headers> {
        let owned: Vec<&str> = self.owned(headers, &[]).collect();
        let is_free = |(name, _): &(&[u8], &[u8])| !owned.iter().any(|owned| owned.as_bytes() == *name);
        (!owned.is_empty()).then(|| headers.iter().filter(is_free).collect())
    }

    /// Which of a request's headers only external checks may write, those that are asked and others: where one is asked, they are to be
    /// removed before its answer is carried out. `asked` is [`Decision::checks`]. A name may come several times.
    pub fn owned<'h>(&self, headers: &'h Headers, asked: &[(usize, usize)]) -> impl Iterator<Item = &'h str> {
        let is_asked = |index| asked.iter().any(|(asked, _)| *asked == index);
        let checks = self.checks.iter().enumerate();
        checks.flat_map(move |(index, check)| check.owned(headers, is_asked(index)))
    }

    fn checks_for(&self, facts: &mut Facts<'_>) -> Vec<(usize, usize)> {
        let mut checks: Vec<(usize, usize)> = Vec::new();
        if !self.checks.is_empty() {
            for policy in self.policies.custom.all_matches(facts) {
                let check = self.check_of_policy.get(policy).copied().flatten();
                let new = check.filter(|check| !checks.iter().any(|(other, _)| other == check));
                checks.extend(new.map(|check| (check, policy)));
            }
        }
        checks
    }

    /// The external checks, in the order of the configuration.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// The filter state that tells filters behind this one the claims of a request that is allowed: keys and values.
    pub fn recorded_claims(&self, decision: &Decision<'_>) -> Vec<(&str, Vec<u8>)> {
        decision.identity.as_ref().map(|identity| self.recorded.values(identity)).unwrap_or_default()
    }

    /// What to change in the headers of a request that is allowed: its credentials are hidden from the upstream, its consumer
    /// is named and its claims are told, and what the client wrote itself under these names is removed, with `_` in place of `-`
    /// as well.
    pub fn edits<'a>(&'a self, headers: &'a Headers, decision: &Decision<'_>) -> Vec<Edit<'a>> {
        if !self.edits_any {
            return Vec::new();
        }
        let mut changes = Changes::default();
        let ignored = self.requirements.get(decision.route).ignored;
        self.credentials.changes(ignored, decision.consumer, headers, &mut changes);
        if let Some(rules) = &self.authentication {
            rules.changes(decision.identity.as_ref(), &mut changes);
        }
        if !decision.is_checked {
            self.owned(headers, &[]).for_each(|name| changes.hide_header(name));
        }
        changes.edits(headers)
    }

    /// Where keys are fetched, for the host to do so.
    pub fn sources(&self) -> &[Source] {
        self.authentication.as_ref().map_or(&[], Authentication::sources)
    }

    /// Takes over what the workers know of a source, by its index: its keys, or that there are none.
    pub fn adopt(&self, source: usize, record: &Record, now: Duration) {
        if let Some(rules) = &self.authentication {
            rules.adopt(source, record, now);
        }
    }

    /// The values of `WWW-Authenticate` for a request that is denied for want of credentials (RFC 9110 11.6.1).
    pub fn challenges(&self, outcome: Outcome, route: Option<usize>, headers: &Headers) -> Vec<Vec<u8>> {
        let kinds: &[CredentialKind] = match &outcome {
            Outcome::DenyCredential(kind, problem) if *problem != Problem::Missing => &[*kind],
            _ => &self.requirements.get(route).kinds,
        };
        let challenge = |kind: &CredentialKind| match kind {
            // A token that is missing is not invalid (RFC 6750 3.1).
            CredentialKind::Jwt => {
                let challenge = TokenDenial::challenge(headers);
                Some(challenge.strip_suffix(INVALID_TOKEN).unwrap_or(&challenge).to_vec())
            }
            kind => self.credentials.challenge(*kind).map(String::into_bytes),
        };
        kinds.iter().filter_map(challenge).collect()
    }

    /// What the configuration has a denied request be answered with, if it says so.
    pub fn answer(&self, outcome: Outcome, headers: &Headers) -> Option<Answer> {
        let response = match outcome {
            Outcome::Allow(_) | Outcome::AwaitKeys(_) | Outcome::AwaitChecks => None,
            Outcome::DenyPolicy(policy) => {
                let own = self.responses.by_policy.get(policy).and_then(Option::as_ref);
                own.or(self.responses.forbidden.as_ref())
            }
            Outcome::DenyCredential(..) | Outcome::DenyUnauthenticated => {
                self.responses.unauthenticated.as_ref()
            }
            Outcome::DenyToken(denial) if denial.status() == 401 => self.responses.unauthenticated.as_ref(),
            Outcome::DenyToken(_) | Outcome::DenyForbidden | Outcome::DenyNoMatch => {
                self.responses.forbidden.as_ref()
            }
        };
        response.map(|response| response.answer(headers, &self.responses.secrets))
    }

    /// The names of the routes, in the order of the configuration.
    pub fn route_names(&self) -> &[String] {
        &self.requirements.route_names
    }

    #[cfg(test)]
    pub(crate) fn cached_tokens(&self) -> usize {
        self.authentication.as_ref().map_or(0, Authentication::cached_tokens)
    }

    /// What an operator should know of a configuration that is legal all the same.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The names of the policies, in the order of the configuration.
    pub fn policy_names(&self) -> &[String] {
        &self.policy_names
    }
}
