use crate::Attributes;
use crate::changes::Changes;
use crate::compile::is_name;
use crate::config::{Config, JwtRule};
use cache::{Cache, Entry};
use portcullis_jwt::{Claims, Token, TokenError};
use provider::Provider;
use sdk_shim_config::{ConfigErrors, Environment, Path};
use sdk_shim_http::Headers;
use serde_json::Value;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

mod cache;
mod outputs;
mod provider;

/// The most tokens that one request may carry in the locations of one rule. With more of them, all are wrong.
pub const MAX_TOKENS_PER_REQUEST: usize = 8;

/// How far the clocks of the issuer and of this proxy may differ, in seconds (Envoy's default, which Istio leaves).
pub const CLOCK_SKEW_SECONDS: u64 = 60;

/// Istio's `RequestAuthentication`, as it compiles it for Envoy's `jwt_authn` (pilot/pkg/security/authn/policy_applier.go):
/// the rules in the order of their issuers, the first that accepts all tokens in its locations decides. Without any
/// token the request passes.
#[derive(Debug)]
pub(crate) struct Authentication {
    providers: Vec<Provider>,
    /// The names of all headers that a rule writes, in lower case.
    written: BTreeSet<String>,
    cache: RefCell<Cache>,
    pub(crate) warnings: Vec<String>,
}

/// Who a request's token says it is from.
#[derive(Clone, Debug)]
pub struct Identity {
    verified: Rc<Verified>,
    provider: usize,
    space_delimited: Rc<BTreeSet<String>>,
}

/// A token whose signature is good, if not its times.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) claims: Claims,
    pub(crate) payload_base64url: Box<[u8]>,
}

/// Why a request's token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenDenial {
    /// It is malformed, out of its time, or its signature is wrong.
    Token(TokenError),
    /// No rule for its location has its issuer.
    UnknownIssuer,
    /// It is for others.
    Audience,
    /// More than [`MAX_TOKENS_PER_REQUEST`].
    TooMany,
}

impl TokenDenial {
    /// The status of the answer, as Envoy's `jwt_authn` has it.
    pub fn status(self) -> u16 {
        if self == Self::Audience { 403 } else { 401 }
    }

    /// The body of the answer, as Envoy's `jwt_authn` has it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Token(error) => error.text(),
            Self::UnknownIssuer => "Jwt issuer is not configured",
            Self::Audience => "Audiences in Jwt are not allowed",
            Self::TooMany => "Found multiple Jwt tokens",
        }
    }
}

impl TokenDenial {
    /// The value of `WWW-Authenticate` (RFC 6750 3), as Envoy writes it: the realm is the request's own URL, of which the path
    /// is cut at 256 bytes (source/common/http/utility.cc, `buildOriginalUri`). Quotes and what no header can carry are
    /// left out.
    pub fn challenge(headers: &Headers) -> Vec<u8> {
        const MAX_PATH_BYTES: usize = 256;
        let scheme = headers.get("x-forwarded-proto").unwrap_or_default();
        let host = headers.get(":authority").unwrap_or_default();
        let path = headers.get("x-envoy-original-path").or(headers.get(":path")).unwrap_or_default();
        let path = path.get(..MAX_PATH_BYTES).unwrap_or(path);
        let is_safe = |byte: &u8| (b' '..=b'~').contains(byte) && *byte != b'"' && *byte != b'\\';
        let uri = [scheme, b"://", host, path].concat();
        let uri = uri.into_iter().filter(is_safe).collect::<Vec<u8>>();
        [b"Bearer realm=\"", uri.as_slice(), b"\", error=\"invalid_token\""].concat()
    }
}

impl Identity {
    /// The claims of the token.
    pub fn claims(&self) -> &Claims {
        &self.verified.claims
    }

    /// A claim by its path through objects.
    pub(crate) fn claim(&self, path: &[String]) -> Option<&Value> {
        outputs::find(&self.claims().members, path.iter().map(String::as_str))
    }

    /// Whether policies take the text of a claim for a list, separated by blanks.
    pub(crate) fn is_space_delimited(&self, path: &[String]) -> bool {
        matches!(path, [claim] if self.space_delimited.contains(claim))
    }
}

impl Authentication {
    /// Compiles the rules. `None` where there are none.
    pub(crate) fn new(
        config: &Config,
        consumer_header: Option<&str>,
        env: &Environment<'_>,
        errors: &mut ConfigErrors,
    ) -> Option<Self> {
        let root = Path::root().field("request_authentication");
        let mut names = BTreeSet::new();
        let mut rules: Vec<(&JwtRule, Path)> = Vec::new();
        let mut warnings = Vec::new();
        for (index, entry) in config.request_authentication.iter().enumerate() {
            let path = root.index(index);
            if !is_name(&entry.name) {
                let expected = "1 to 253 letters, digits, `.`, `_`, `-` and `/`";
                errors.add(&path.field("name"), format!("`{}`", entry.name), expected);
            }
            if !names.insert(&entry.name) {
                let found = format!("`{}` for a second time", entry.name);
                errors.add(&path.field("name"), found, "a different name for each entry");
            }
            let spec = path.field("spec");
            for (name, value) in [
                ("selector", &entry.spec.selector),
                ("targetRef", &entry.spec.target_ref),
                ("targetRefs", &entry.spec.target_refs),
            ] {
                if value.is_some() {
                    let path = spec.field(name);
                    warnings.push(format!("{path} has no effect: the rules apply wherever this filter does"));
                }
            }
            let path = spec.field("jwtRules");
            if entry.spec.jwt_rules.is_empty() {
                errors.add(&path, "an empty list", "at least one rule");
            }
            rules.extend(entry.spec.jwt_rules.iter().enumerate().map(|(at, rule)| (rule, path.index(at))));
        }
        if config.jwt_cache_size > MAX_CACHE_SIZE {
            let path = Path::root().field("jwt_cache_size");
            errors.add(&path, config.jwt_cache_size.to_string(), format!("at most {MAX_CACHE_SIZE}"));
        }
        rules.sort_by(|(one, _), (other, _)| one.issuer.cmp(&other.issuer));
        let mut providers = Vec::with_capacity(rules.len());
        for (rule, path) in &rules {
            providers.extend(Provider::new(rule, env, path, errors, &mut warnings));
        }
        let read: BTreeSet<&str> = providers.iter().flat_map(Provider::header_names).collect();
        for (rule, path) in &rules {
            for (name, path) in provider::written_headers(rule, path) {
                if read.contains(name.as_str()) || consumer_header == Some(&name) {
                    let expected = "a header that no token is read from and nothing else is written to";
                    errors.add(&path, format!("{name:?}"), expected);
                }
            }
        }
        let written = rules.iter().flat_map(|(rule, path)| provider::written_headers(rule, path));
        let written = written.map(|(name, _)| name).collect();
        let cache = RefCell::new(Cache::new(config.jwt_cache_size));
        (!rules.is_empty()).then_some(Self { providers, written, cache, warnings })
    }

    /// Who the request is from; `None` for nobody in particular: it has no token, or is a CORS preflight, which cannot have
    /// one (Fetch 4.8).
    pub(crate) fn authenticate(
        &self,
        headers: &Headers,
        attributes: &mut dyn Attributes,
    ) -> Result<Option<Identity>, TokenDenial> {
        if is_preflight(headers) {
            return Ok(None);
        }
        let mut denial = None;
        let mut tokens = Tokens { cache: &self.cache, read: Vec::new(), now: None };
        for (index, provider) in self.providers.iter().enumerate() {
            match tokens.check(index, provider, headers, attributes) {
                Ok(Some(verified)) => {
                    let space_delimited = provider.space_delimited.clone();
                    return Ok(Some(Identity { verified, provider: index, space_delimited }));
                }
                Ok(None) => {}
                // Envoy answers with what the first rule says that found a token.
                Err(error) => denial = denial.or(Some(error)),
            }
        }
        denial.map_or(Ok(None), Err)
    }

    #[cfg(test)]
    pub(crate) fn cached_tokens(&self) -> usize {
        self.cache.borrow().len()
    }

    /// What to change for the upstream: the token hidden, its claims told, and the client's own headers of these names
    /// removed.
    pub(crate) fn changes<'a>(&'a self, identity: Option<&Identity>, changes: &mut Changes<'a>) {
        let provider = identity.and_then(|identity| self.providers.get(identity.provider));
        let outputs = match (identity, provider) {
            (Some(identity), Some(provider)) => {
                provider.hide(changes);
                provider.outputs.values(&identity.verified)
            }
            _ => Vec::new(),
        };
        for name in &self.written {
            let value = outputs.iter().find(|(written, _)| written == name);
            changes.write(name, value.map(|(_, value)| value.clone()));
        }
    }
}

/// The most tokens that can be remembered.
const MAX_CACHE_SIZE: usize = 100_000;

/// Envoy `source/extensions/filters/http/jwt_authn/filter.cc`, `isCorsPreflightRequest`.
fn is_preflight(headers: &Headers) -> bool {
    let has = |name: &str| headers.get(name).is_some_and(|value| !value.is_empty());
    headers.get(":method") == Some(b"OPTIONS") && has("origin") && has("access-control-request-method")
}

/// A token that was read, if it could be.
type Read = Result<Entry, TokenError>;

/// The tokens of a request, each read once for all rules.
struct Tokens<'a> {
    cache: &'a RefCell<Cache>,
    read: Vec<(Cow<'a, [u8]>, Read)>,
    now: Option<u64>,
}

impl<'a> Tokens<'a> {
    /// The first token of a provider's locations, if there is one and all of them are good.
    fn check(
        &mut self,
        index: usize,
        provider: &'a Provider,
        headers: &'a Headers,
        attributes: &mut dyn Attributes,
    ) -> Result<Option<Rc<Verified>>, TokenDenial> {
        let mut first = None;
        for (count, text) in provider.tokens(headers).enumerate() {
            if count >= MAX_TOKENS_PER_REQUEST {
                return Err(TokenDenial::TooMany);
            }
            let verified = self.check_one(index, provider, text, attributes)?;
            first = first.or(Some(verified));
        }
        Ok(first)
    }

    /// The checks of one token in Envoy's order (source/extensions/filters/http/jwt_authn/authenticator.cc).
    fn check_one(
        &mut self,
        index: usize,
        provider: &Provider,
        text: Cow<'a, [u8]>,
        attributes: &mut dyn Attributes,
    ) -> Result<Rc<Verified>, TokenDenial> {
        let entry = self.read(text.clone()).map_err(TokenDenial::Token)?;
        let claims = &entry.token.claims;
        if claims.issuer != provider.issuer {
            return Err(TokenDenial::UnknownIssuer);
        }
        let now = *self.now.get_or_insert_with(|| attributes.now());
        claims.check_time(now, CLOCK_SKEW_SECONDS).map_err(TokenDenial::Token)?;
        if !provider.takes_audience(&claims.audiences) {
            return Err(TokenDenial::Audience);
        }
        if entry.provider != Some(index) {
            let token = Token::parse(&text).map_err(TokenDenial::Token)?;
            provider.jwks.verify(&token, &mut Asking(attributes)).map_err(TokenDenial::Token)?;
            let entry = Entry { provider: Some(index), token: entry.token.clone() };
            self.cache.borrow_mut().insert(&text, entry);
        }
        Ok(entry.token)
    }

    fn read(&mut self, text: Cow<'a, [u8]>) -> Read {
        if let Some((_, entry)) = self.read.iter().find(|(other, _)| *other == text) {
            return entry.clone();
        }
        let cached = self.cache.borrow_mut().get(&text);
        let entry = cached.map_or_else(|| parse(&text), Ok);
        self.read.push((text, entry.clone()));
        entry
    }
}

fn parse(text: &[u8]) -> Read {
    let token = Token::parse(text)?;
    let claims = Claims::parse(&token.payload)?;
    token.signature()?;
    let token = Rc::new(Verified { claims, payload_base64url: token.payload_base64url.into() });
    Ok(Entry { provider: None, token })
}

/// Verifies with what the host offers.
struct Asking<'a>(&'a mut dyn Attributes);

impl portcullis_jwt::Verifier for Asking<'_> {
    fn verify(
        &mut self,
        key: &portcullis_jwt::Key,
        algorithm: portcullis_jwt::Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        self.0.verify(key, algorithm, message, signature)
    }
}
