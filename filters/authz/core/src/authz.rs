use crate::api_keys::{ApiKeys, Edit, KeyError};
use crate::attributes::Attributes;
use crate::compile::{Compiled, compile};
use crate::config::{Config, PeerAddressSource};
use crate::facts::{Facts, host};
use sdk_shim_config::{ConfigErrors, Environment, Path};
use sdk_shim_http::Headers;

/// The compiled configuration: decides on requests.
///
/// A request first shows its API key, if that is configured. Then the policies decide as Istio defines it: a matching
/// DENY policy denies; without ALLOW policies everything else is allowed; with them, one must match.
#[derive(Debug)]
pub struct Authz {
    api_keys: Option<ApiKeys>,
    policies: Compiled,
    policy_names: Vec<String>,
}

/// What is decided on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision<'a> {
    /// Whether the request may pass.
    pub outcome: Outcome,
    /// The consumer of the request's API key.
    pub consumer: Option<&'a str>,
    /// The first AUDIT policy that matches, as an index into [`Authz::policy_names`]. Not evaluated where the API key is
    /// refused.
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
        let policies = compile(&config.policies, consumers.as_ref(), &mut errors);
        let policy_names = config.policies.iter().map(|policy| policy.name.clone()).collect();
        errors.into_result(Self { api_keys, policies, policy_names })
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
                return Decision { outcome, consumer: None, audit: None };
            }
        };
        let host = host(headers);
        let name = consumer.unwrap_or_default().as_bytes();
        let mut facts = Facts::new(headers, host.as_deref(), name, attributes);
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
        Decision { outcome, consumer, audit }
    }

    /// What to change in the headers of a request that is allowed: its API key is hidden from the upstream, its consumer is
    /// named, and a name for it that the client wrote itself is removed.
    pub fn edits(&self, headers: &Headers, consumer: Option<&str>) -> Vec<Edit<'_>> {
        self.api_keys.as_ref().map(|keys| keys.edits(headers, consumer)).unwrap_or_default()
    }

    /// The value of `WWW-Authenticate` for a request whose API key is refused. `None` where no keys are configured.
    pub fn challenge(&self) -> Option<String> {
        self.api_keys.as_ref().map(ApiKeys::challenge)
    }

    /// What an operator should know of a configuration that is legal all the same.
    pub fn warnings(&self) -> &[String] {
        &self.policies.warnings
    }

    /// The names of the policies, in the order of the configuration.
    pub fn policy_names(&self) -> &[String] {
        &self.policy_names
    }
}
