use crate::Attributes;
use crate::changes::Changes;
use crate::compile::is_name;
use crate::config::{Config, JwtRule, warn_of_targets};
use crate::remote::{Record, Source};
use crate::sorted;
#[cfg(feature = "trace")]
use crate::trace;
use cache::{Cache, Entry};
use portcullis_jwt::{Claims, Header, Jwks, Signature, Token, TokenError};
pub use provider::bare_audience;
use provider::{Keys, Provider};
use sdk_shim_config::{ConfigErrors, Environment, Path};
use sdk_shim_http::Headers;
use serde_json::Value;
use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

mod cache;
pub(crate) mod outputs;
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
    sources: Vec<Source>,
    /// The names of all headers that a rule writes, in lower case.
    written: Vec<String>,
    cache: RefCell<Cache>,
    /// That of the last token that was read.
    last_header: RefCell<Option<Header>>,
    pub(crate) warnings: Vec<String>,
}

/// Who a request's token says it is from.
#[derive(Clone, Debug)]
pub struct Identity {
    verified: Rc<Verified>,
    provider: usize,
    space_delimited: Rc<[String]>,
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

/// Why a request is not let through yet, or not at all.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Refusal {
    Token(TokenDenial),
    /// It waits for the keys of this source.
    AwaitKeys(usize),
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
    #[inline(never)]
    pub(crate) fn new(
        config: &Config,
        taken: &[&str],
        env: &Environment<'_>,
        errors: &mut ConfigErrors,
    ) -> Option<Self> {
        let root = Path::root().field("request_authentication");
        let mut names = sorted::Names::default();
        let mut rules: Vec<(&JwtRule, Path)> = Vec::new();
        let mut warnings = Vec::new();
        for (index, entry) in config.request_authentication.iter().enumerate() {
            let path = root.index(index);
            if !is_name(&entry.name) {
                let expected = "1 to 253 letters, digits, `.`, `_`, `-` and `/`";
                errors.add(&path.field("name"), format!("`{}`", entry.name), expected);
            }
            if names.insert(&entry.name).is_err() {
                let found = format!("`{}` for a second time", entry.name);
                errors.add(&path.field("name"), found, "a different name for each entry");
            }
            let spec = path.field("spec");
            let targets = &entry.spec;
            warn_of_targets(targets.selector, targets.target_ref, targets.target_refs, &spec, &mut warnings);
            let path = spec.field("jwtRules");
            if entry.spec.jwt_rules.is_empty() {
                errors.add(&path, "an empty list", "at least one rule");
            }
            for (at, rule) in entry.spec.jwt_rules.iter().enumerate() {
                let place = rules.partition_point(|(other, _)| other.issuer <= rule.issuer);
                rules.insert(place, (rule, path.index(at)));
            }
        }
        if config.jwt_cache_size > MAX_CACHE_SIZE {
            let path = Path::root().field("jwt_cache_size");
            errors.add(&path, config.jwt_cache_size.to_string(), format!("at most {MAX_CACHE_SIZE}"));
        }
        Source::check(&config.remote_jwks, errors);
        let mut sources: Vec<Source> = Vec::new();
        let mut providers = Vec::with_capacity(rules.len());
        for (rule, path) in &rules {
            let keys = match &rule.jwks {
                Some(jwks) => {
                    if rule.jwks_uri.is_some() {
                        errors.add(&path.field("jwksUri"), "jwksUri beside jwks", "only one of them");
                    }
                    provider::read_jwks(jwks, env, &path.field("jwks"), errors, &mut warnings)
                }
                None => Source::new(rule, &config.remote_jwks, path, errors).map(|source| {
                    let known = sources.iter().position(|other| other.is_same(&source));
                    Keys::Remote(known.unwrap_or_else(|| {
                        sources.push(source);
                        sources.len() - 1
                    }))
                }),
            };
            providers.extend(Provider::new(rule, keys, path, errors));
        }
        let read: Vec<&str> = providers.iter().flat_map(Provider::header_names).collect();
        for (rule, path) in &rules {
            for (name, path) in provider::written_headers(rule, path) {
                if read.contains(&name.as_str()) || taken.contains(&name.as_str()) {
                    let expected = "a header that no token is read from and nothing else is written to";
                    errors.add(&path, format!("{name:?}"), expected);
                }
            }
        }
        let mut written = Vec::new();
        for (name, _) in rules.iter().flat_map(|(rule, path)| provider::written_headers(rule, path)) {
            sorted::insert(&mut written, name);
        }
        let cache = RefCell::new(Cache::new(config.jwt_cache_size));
        let last_header = RefCell::new(None);
        (!rules.is_empty()).then_some(Self { providers, sources, written, cache, last_header, warnings })
    }

    /// Who the request is from; `None` for nobody in particular: it has no token, or is a CORS preflight, which cannot have
    /// one (Fetch 4.8).
    pub(crate) fn authenticate(
        &self,
        headers: &Headers,
        attributes: &mut dyn Attributes,
    ) -> Result<Option<Identity>, Refusal> {
        if is_preflight(headers) {
            return Ok(None);
        }
        let mut denial = None;
        let mut tokens = Tokens { rules: self, read: Vec::new(), now: None };
        for (index, provider) in self.providers.iter().enumerate() {
            let checked = tokens.check(index, provider, headers, attributes);
            #[cfg(feature = "trace")]
            trace::token(
                &provider.issuer,
                checked.as_ref().map(|token| token.as_ref().map(|token| token.claims.subject.as_str())),
            );
            match checked {
                Ok(Some(verified)) => {
                    let space_delimited = provider.space_delimited.clone();
                    return Ok(Some(Identity { verified, provider: index, space_delimited }));
                }
                Ok(None) => {}
                Err(Refusal::Token(error)) => denial = denial.or(Some(error)),
                Err(refusal @ Refusal::AwaitKeys(_)) => return Err(refusal),
            }
        }
        // Envoy answers with what the first rule says that found a token.
        denial.map_or(Ok(None), |denial| Err(Refusal::Token(denial)))
    }

    /// Where keys are fetched.
    pub(crate) fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Takes over what is known of a source. Tokens that old keys have verified are forgotten.
    pub(crate) fn adopt(&self, source: usize, record: &Record, now: Duration) {
        if self.sources.get(source).is_some_and(|source| source.adopt(record, now)) {
            self.cache.borrow_mut().clear();
        }
    }

    /// The keys that a rule's tokens are verified with.
    fn keys(
        &self,
        provider: &Provider,
        kid: Option<&str>,
        attributes: &mut dyn Attributes,
    ) -> Result<Rc<Jwks>, Refusal> {
        let index = match &provider.keys {
            Keys::Own(jwks) => return Ok(Rc::clone(jwks)),
            Keys::Remote(index) => *index,
        };
        let missing = Refusal::Token(TokenDenial::Token(TokenError::NoKeySet));
        let source = self.sources.get(index).ok_or(missing)?;
        match source.jwks() {
            Some(jwks) => {
                let unknown = kid.is_some_and(|kid| !kid.is_empty() && !jwks.knows(kid));
                if unknown && attributes.may_await_keys(index) {
                    return Err(Refusal::AwaitKeys(index));
                }
                Ok(jwks)
            }
            None if !source.is_answered() && attributes.may_await_keys(index) => {
                Err(Refusal::AwaitKeys(index))
            }
            None => Err(missing),
        }
    }

    /// The names of the headers that tokens are read from, in lower case.
    pub(crate) fn read_headers(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().flat_map(Provider::header_names)
    }

    /// The names of the headers that rules write, in lower case.
    pub(crate) fn written_headers(&self) -> impl Iterator<Item = &str> {
        self.written.iter().map(String::as_str)
    }

    fn parse(&self, text: &[u8]) -> Read {
        let token = Token::parse_behind(&mut self.last_header.borrow_mut(), text)?;
        let claims = Claims::parse(&token.payload)?;
        let signature = Rc::new((token.signature()?, token.signing_input.len()));
        let token = Rc::new(Verified { claims, payload_base64url: token.payload_base64url.into() });
        Ok(Known { entry: Entry { provider: None, token }, signature: Some(signature) })
    }

    /// The names of the query parameters that tokens are read from.
    pub(crate) fn param_names(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().flat_map(Provider::param_names)
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
type Read = Result<Known, TokenError>;

/// What is known of a token of a request.
#[derive(Clone)]
struct Known {
    entry: Entry,
    /// What it is verified with; `None` where it was remembered.
    signature: Option<Rc<(Signature, usize)>>,
}

/// The tokens of a request, each read once for all rules.
struct Tokens<'a> {
    rules: &'a Authentication,
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
    ) -> Result<Option<Rc<Verified>>, Refusal> {
        let mut first = None;
        for (count, text) in provider.tokens(headers).enumerate() {
            if count >= MAX_TOKENS_PER_REQUEST {
                return Err(Refusal::Token(TokenDenial::TooMany));
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
    ) -> Result<Rc<Verified>, Refusal> {
        let invalid = |error| Refusal::Token(TokenDenial::Token(error));
        let known = self.read(text.clone()).map_err(invalid)?;
        let token = known.entry.token;
        let claims = &token.claims;
        if claims.issuer != provider.issuer {
            return Err(Refusal::Token(TokenDenial::UnknownIssuer));
        }
        let now = *self.now.get_or_insert_with(|| attributes.now());
        claims.check_time(now, CLOCK_SKEW_SECONDS).map_err(invalid)?;
        if !provider.takes_audience(&claims.audiences) {
            return Err(Refusal::Token(TokenDenial::Audience));
        }
        if known.entry.provider == Some(index) {
            return Ok(token);
        }
        // Remembered for another rule with the same issuer: only its text says what it is verified with.
        let known = if known.signature.is_some() {
            Ok(known.signature)
        } else {
            self.rules.parse(&text).map(|read| read.signature)
        };
        let Some(signature) = known.map_err(invalid)? else { return Err(invalid(TokenError::Format)) };
        let (signature, signed) = &*signature;
        let jwks = self.rules.keys(provider, signature.kid.as_deref(), attributes)?;
        let signing_input = text.get(..*signed).unwrap_or_default();
        jwks.verify(signature, signing_input, &mut Asking(attributes)).map_err(invalid)?;
        let entry = Entry { provider: Some(index), token: Rc::clone(&token) };
        self.rules.cache.borrow_mut().insert(&text, entry);
        Ok(token)
    }

    fn read(&mut self, text: Cow<'a, [u8]>) -> Read {
        if let Some((_, known)) = self.read.iter().find(|(other, _)| *other == text) {
            return known.clone();
        }
        let cached = self.rules.cache.borrow_mut().get(&text);
        let known =
            cached.map_or_else(|| self.rules.parse(&text), |entry| Ok(Known { entry, signature: None }));
        self.read.push((text, known.clone()));
        known
    }
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
