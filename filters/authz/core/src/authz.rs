use crate::api_keys::{ApiKeys, KeyError};
use crate::attributes::Attributes;
use crate::authentication::{Authentication, Identity, Refusal, TokenDenial};
use crate::changes::{Changes, Edit};
use crate::compile::{Compiled, compile};
use crate::config::{Config, PeerAddressSource};
use crate::facts::{Facts, host};
use crate::normalization::{Normalizer, PathError};
use crate::recorded::RecordedClaims;
use crate::remote::{Record, Source};
use sdk_shim_config::{ConfigErrors, Environment, Path};
use sdk_shim_http::Headers;
use std::borrow::Cow;
use std::time::Duration;

/// The compiled configuration: decides on requests.
///
/// A request first shows its API key and its token, where these are configured. Then the policies decide as Istio defines it: a matching
/// DENY policy denies; without ALLOW policies everything else is allowed; with them, one must match.
#[derive(Debug)]
pub struct Authz {
    api_keys: Option<ApiKeys>,
    authentication: Option<Authentication>,
    recorded: RecordedClaims,
    normalizer: Normalizer,
    policies: Compiled,
    policy_names: Vec<String>,
    warnings: Vec<String>,
}

/// What is decided on a request.
#[derive(Clone, Debug)]
pub struct Decision<'a> {
    /// Whether the request may pass.
    pub outcome: Outcome,
    /// The consumer of the request's API key.
    pub consumer: Option<&'a str>,
    /// Whose token the request carries.
    pub identity: Option<Identity>,
    /// The first AUDIT policy that matches, as an index into [`Authz::policy_names`]. Not evaluated where the API key is
    /// or the token is refused.
    pub audit: Option<usize>,
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
    /// It may not: it has no API key.
    DenyKeyMissing,
    /// It may not: its API key is unknown, or it has several that contradict each other.
    DenyKeyInvalid,
    /// It may not: its token is refused.
    DenyToken(TokenDenial),
    /// Nothing is decided yet: its token needs keys of this source, and [`Attributes::may_await_keys`] said that it may wait.
    AwaitKeys(usize),
}

impl Authz {
    /// Compiles a configuration.
    ///
    /// # Errors
    /// Every violation, each with its path: what is unknown, malformed, not implemented, or could never match.
    pub fn new(config: &Config, env: &Environment<'_>) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let api_keys = config
            .api_keys
            .as_ref()
            .map(|keys| ApiKeys::new(keys, env, &Path::root().field("api_keys"), &mut errors));
        let consumers =
            config.api_keys.as_ref().map(|keys| keys.keys.iter().map(|key| key.consumer.as_str()).collect());
        if let PeerAddressSource::FilterState(key) = &config.peer_address
            && (key.is_empty() || key.contains('\0'))
        {
            let path = Path::root().field("peer_address").field("filter_state");
            errors.add(&path, format!("{key:?}"), "the name of a filter state object");
        }
        let consumer_header = api_keys.as_ref().and_then(ApiKeys::consumer_header);
        let mut authentication = Authentication::new(config, consumer_header, env, &mut errors);
        let has_tokens = !config.request_authentication.is_empty();
        let path = Path::root().field("claims_to_filter_state");
        let recorded = RecordedClaims::new(&config.claims_to_filter_state, has_tokens, &path, &mut errors);
        let mut policies = compile(&config.policies, consumers.as_ref(), has_tokens, &mut errors);
        let mut warnings = std::mem::take(&mut policies.warnings);
        warnings.extend(authentication.iter_mut().flat_map(|rules| std::mem::take(&mut rules.warnings)));
        let policy_names = config.policies.iter().map(|policy| policy.name.clone()).collect();
        let normalizer = Normalizer { level: config.path_normalization, parameters: config.path_parameters };
        errors.into_result(Self {
            api_keys,
            authentication,
            recorded,
            normalizer,
            policies,
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
    pub fn check(&self, headers: &Headers, attributes: &mut dyn Attributes) -> Decision<'_> {
        let consumer = match self.api_keys.as_ref().map(|keys| keys.authenticate(headers)) {
            None => None,
            Some(Ok(consumer)) => consumer,
            Some(Err(error)) => {
                let outcome = match error {
                    KeyError::Missing => Outcome::DenyKeyMissing,
                    KeyError::Invalid => Outcome::DenyKeyInvalid,
                };
                return Decision { outcome, consumer: None, identity: None, audit: None };
            }
        };
        let identity = match self.authentication.as_ref().map(|rules| rules.authenticate(headers, attributes))
        {
            None => None,
            Some(Ok(identity)) => identity,
            Some(Err(refusal)) => {
                let outcome = match refusal {
                    Refusal::Token(denial) => Outcome::DenyToken(denial),
                    Refusal::AwaitKeys(source) => Outcome::AwaitKeys(source),
                };
                return Decision { outcome, consumer, identity: None, audit: None };
            }
        };
        let host = host(headers);
        let name = consumer.unwrap_or_default().as_bytes();
        let mut facts = Facts::new(headers, host.as_deref(), name, identity.as_ref(), attributes);
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
        Decision { outcome, consumer, identity, audit }
    }

    /// The filter state that tells filters behind this one the claims of a request that is allowed: keys and values.
    pub fn recorded_claims(&self, decision: &Decision<'_>) -> Vec<(&str, Vec<u8>)> {
        decision.identity.as_ref().map(|identity| self.recorded.values(identity)).unwrap_or_default()
    }

    /// What to change in the headers of a request that is allowed: its credentials are hidden from the upstream, its consumer
    /// is named and its claims are told, and what the client wrote itself under these names is removed.
    pub fn edits(&self, headers: &Headers, decision: &Decision<'_>) -> Vec<Edit<'_>> {
        let mut changes = Changes::default();
        if let Some(keys) = &self.api_keys {
            keys.changes(decision.consumer, &mut changes);
        }
        if let Some(rules) = &self.authentication {
            rules.changes(decision.identity.as_ref(), &mut changes);
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

    /// The value of `WWW-Authenticate` for a request whose API key is refused. `None` where no keys are configured.
    pub fn challenge(&self) -> Option<String> {
        self.api_keys.as_ref().map(ApiKeys::challenge)
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
