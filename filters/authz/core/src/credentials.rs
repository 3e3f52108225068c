//! Who a request is from, by its credentials, and whether it shows what is required of it.

use crate::attributes::Attributes;
use crate::changes::Changes;
use crate::compile::is_header_name;
use crate::config::{Config, CredentialKind, default_consumer_header};
use crate::sorted::{Map, Names};
#[cfg(feature = "trace")]
use crate::trace;
use api_keys::ApiKeys;
use basic::Basic;
use hmac::Hmac;
use sdk_shim_config::{ConfigErrors, Environment, Path};
use sdk_shim_http::Headers;

mod api_keys;
mod basic;
mod hmac;
mod htpasswd;
mod requirement;

pub use api_keys::{MAX_KEY_BYTES, MAX_KEYS_PER_REQUEST, MAX_SALTS};
pub use basic::{MAX_BASIC_BYTES, MAX_USERS};
pub use hmac::{BodyDigest, MAX_DIGESTED_BYTES, MAX_HMAC_KEYS, MAX_SIGNED_HEADERS, MAX_SIGNING_BYTES};
pub use htpasswd::{MAX_BCRYPT_COST, MAX_SHA_CRYPT_ROUNDS};
#[cfg(feature = "trace")]
pub(crate) use requirement::Requirement;
pub(crate) use requirement::{Answer, Requirements, Shown};

/// Everything that tells whom a request is from, except tokens.
#[derive(Debug)]
pub(crate) struct Credentials {
    api_keys: Option<ApiKeys>,
    basic: Option<Basic>,
    hmac: Option<Hmac>,
    groups: Map<Vec<String>>,
    anonymous: Option<String>,
    consumer_header: Option<String>,
    groups_header: Option<String>,
    /// The names that requests can have.
    names: Names,
}

/// What is wrong with a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It is required and not there.
    Missing,
    /// It is malformed, unknown or wrong, or there are several that contradict each other.
    Invalid,
    /// It is right, and of another time.
    Expired,
    /// It would take too much time to tell: [`config::Basic::work_per_second`](crate::config::Basic::work_per_second).
    Busy,
}

impl Problem {
    /// In a word, for details, logs and metrics.
    pub fn text(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Invalid => "invalid",
            Self::Expired => "expired",
            Self::Busy => "busy",
        }
    }
}

/// A credential that was looked for: absent, good, or wrong.
pub(crate) type Presented<T> = Result<Option<T>, Problem>;

/// Whom a request is from.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Caller<'a> {
    pub(crate) consumer: Option<&'a str>,
    pub(crate) groups: &'a [String],
    pub(crate) shown: Shown,
    /// What the body has to come to.
    pub(crate) body: Option<BodyDigest>,
}

impl Credentials {
    pub(crate) fn new(config: &Config, env: &Environment<'_>, errors: &mut ConfigErrors) -> Self {
        let root = Path::root();
        let api_keys = config.api_keys.as_ref();
        let api_keys = api_keys.map(|keys| ApiKeys::new(keys, env, &root.field("api_keys"), errors));
        let basic = config.basic.as_ref();
        let basic = basic.map(|basic| Basic::new(basic, env, &root.field("basic"), errors));
        let hmac = config.hmac.as_ref();
        let hmac = hmac.map(|hmac| Hmac::new(hmac, env, &root.field("hmac"), errors));
        let mut names = Names::default();
        names.extend(api_keys.iter().flat_map(ApiKeys::consumers));
        names.extend(basic.iter().flat_map(Basic::consumers));
        names.extend(hmac.iter().flat_map(Hmac::consumers));
        if let Some(name) = &config.anonymous_consumer {
            let path = root.field("anonymous_consumer");
            if let Some(expected) = consumer_error(name) {
                errors.add(&path, format!("{name:?}"), expected);
            }
            if names.contains(name) {
                let expected = "a name that no credential has: it would be everybody's";
                errors.add(&path, format!("{name:?}"), expected);
            }
            let _ = names.insert(name);
        }
        let groups = read_groups(config, &names, errors);
        let mut header = |name: &Option<String>, field: &str| {
            let name = name.as_ref()?.to_ascii_lowercase();
            let is_read = api_keys.iter().any(|keys| keys.header_names().any(|read| read == name));
            if !is_header_name(&name)
                || is_read
                || ["host", "cookie", "authorization"].contains(&name.as_str())
            {
                let expected = "the name of a header that no credential stands in, and not host";
                errors.add(&root.field(field), format!("{name:?}"), expected);
            }
            Some(name)
        };
        let has_any = !names.is_empty();
        // One that is named is the filter's also where nobody can be a consumer.
        let is_named = config.consumer_header != default_consumer_header();
        let consumer_header =
            header(&config.consumer_header, "consumer_header").filter(|_| has_any || is_named);
        let groups_header = header(&config.groups_header, "groups_header");
        if groups_header.is_some() && groups_header == consumer_header {
            errors.add(&root.field("groups_header"), "the consumer's header", "another one");
        }
        let anonymous = config.anonymous_consumer.clone();
        Self { api_keys, basic, hmac, groups, anonymous, consumer_header, groups_header, names }
    }

    /// The names that requests can have, to check what policies say.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// The groups that requests can be in.
    pub(crate) fn group_names(&self) -> Names {
        let mut names = Names::default();
        names.extend(self.groups.values().iter().flatten().map(String::as_str));
        names
    }

    /// The headers that tell the upstream who the consumer is, in lower case.
    pub(crate) fn written_headers(&self) -> impl Iterator<Item = &str> {
        self.consumer_header.iter().chain(&self.groups_header).map(String::as_str)
    }

    /// The headers that API keys are read from, in lower case. Other credentials stand in `authorization`.
    pub(crate) fn read_headers(&self) -> impl Iterator<Item = &str> {
        self.api_keys.iter().flat_map(ApiKeys::header_names)
    }

    /// The names of the query parameters that credentials are read from.
    pub(crate) fn param_names(&self) -> impl Iterator<Item = &str> {
        self.api_keys.iter().flat_map(ApiKeys::param_names)
    }

    /// What is required where the configuration does not say it.
    pub(crate) fn required(&self) -> Vec<CredentialKind> {
        let kinds = [
            (CredentialKind::ApiKey, self.api_keys.as_ref().is_some_and(|keys| keys.required)),
            (CredentialKind::Basic, self.basic.as_ref().is_some_and(|basic| basic.required)),
            (CredentialKind::Hmac, self.hmac.as_ref().is_some_and(|hmac| hmac.required)),
        ];
        kinds.into_iter().filter(|(_, required)| *required).map(|(kind, _)| kind).collect()
    }

    /// Whether any header can change for them.
    pub(crate) fn edits_any(&self) -> bool {
        let kinds = [CredentialKind::ApiKey, CredentialKind::Basic, CredentialKind::Hmac];
        kinds.into_iter().any(|kind| self.has(kind)) || self.written_headers().next().is_some()
    }

    /// Whether credentials of this kind can be shown at all.
    pub(crate) fn has(&self, kind: CredentialKind) -> bool {
        match kind {
            CredentialKind::ApiKey => self.api_keys.is_some(),
            CredentialKind::Basic => self.basic.is_some(),
            CredentialKind::Hmac => self.hmac.is_some(),
            CredentialKind::Jwt => false,
        }
    }

    /// Whom the request is from. All credentials that it shows must be right, and of the same consumer, whether they are
    /// required or not; those to ignore are not looked at.
    pub(crate) fn authenticate(
        &self,
        ignored: Shown,
        headers: &Headers,
        attributes: &mut dyn Attributes,
    ) -> Result<Caller<'_>, (CredentialKind, Problem)> {
        use CredentialKind::{ApiKey, Basic, Hmac};
        let mut caller = Caller::default();
        let looked_at = |kind| !ignored.has(kind);
        if let Some(keys) = self.api_keys.as_ref().filter(|_| looked_at(ApiKey)) {
            let found = keys.authenticate(headers);
            #[cfg(feature = "trace")]
            trace::credential(ApiKey, &found);
            let found = found.map_err(|problem| (ApiKey, problem))?;
            caller.take(ApiKey, found)?;
        }
        if let Some(basic) = self.basic.as_ref().filter(|_| looked_at(Basic)) {
            let found = basic.authenticate(headers, attributes);
            #[cfg(feature = "trace")]
            trace::credential(Basic, &found);
            let found = found.map_err(|problem| (Basic, problem))?;
            caller.take(Basic, found)?;
        }
        if let Some(hmac) = self.hmac.as_ref().filter(|_| looked_at(Hmac)) {
            let found = hmac.authenticate(headers, attributes);
            #[cfg(feature = "trace")]
            trace::credential(
                Hmac,
                &found
                    .as_ref()
                    .map(|signed| signed.as_ref().map(|signed| signed.consumer))
                    .map_err(|problem| *problem),
            );
            let found = found.map_err(|problem| (Hmac, problem))?;
            caller.take(Hmac, found.map(|signed| signed.consumer))?;
            caller.body = found.and_then(|signed| signed.body);
        }
        if caller.consumer.is_none() {
            caller.consumer = self.anonymous.as_deref();
        }
        caller.groups = caller.consumer.and_then(|name| self.groups_of(name)).unwrap_or_default();
        Ok(caller)
    }

    /// What to change for the upstream: credentials hidden, the consumer and its groups told, the client's own names for them
    /// removed.
    pub(crate) fn changes<'a>(
        &'a self,
        ignored: Shown,
        consumer: Option<&str>,
        headers: &Headers,
        changes: &mut Changes<'a>,
    ) {
        if let Some(keys) = self.api_keys.as_ref().filter(|_| !ignored.has(CredentialKind::ApiKey)) {
            keys.changes(changes);
        }
        if let Some(basic) = self.basic.as_ref().filter(|_| !ignored.has(CredentialKind::Basic)) {
            basic.changes(headers, changes);
        }
        if let Some(hmac) = self.hmac.as_ref().filter(|_| !ignored.has(CredentialKind::Hmac)) {
            hmac.changes(headers, changes);
        }
        if let Some(name) = &self.consumer_header {
            changes.write(name, consumer.map(Into::into));
        }
        if let Some(name) = &self.groups_header {
            let groups = consumer.and_then(|name| self.groups_of(name)).filter(|groups| !groups.is_empty());
            changes.write(name, groups.map(|groups| groups.join(",").into_bytes()));
        }
    }

    fn groups_of(&self, consumer: &str) -> Option<&[String]> {
        self.groups.get(consumer).map(|(_, groups)| groups.as_slice())
    }

    /// The value of `WWW-Authenticate` for a credential of this kind that is missing or wrong.
    pub(crate) fn challenge(&self, kind: CredentialKind) -> Option<String> {
        match kind {
            CredentialKind::ApiKey => self.api_keys.as_ref().map(ApiKeys::challenge),
            CredentialKind::Basic => self.basic.as_ref().map(Basic::challenge),
            CredentialKind::Hmac => self.hmac.as_ref().map(Hmac::challenge),
            CredentialKind::Jwt => None,
        }
    }
}

impl<'a> Caller<'a> {
    fn take(
        &mut self,
        kind: CredentialKind,
        consumer: Option<&'a str>,
    ) -> Result<(), (CredentialKind, Problem)> {
        let Some(consumer) = consumer else { return Ok(()) };
        if self.consumer.is_some_and(|other| other != consumer) {
            return Err((kind, Problem::Invalid));
        }
        self.consumer = Some(consumer);
        self.shown.add(kind);
        Ok(())
    }
}

/// What stands behind a scheme in the `authorization` headers of a request (RFC 9110 11.6.2).
pub(crate) fn credentials_of<'a>(
    headers: &'a Headers,
    scheme: &'static [u8],
) -> impl Iterator<Item = &'a [u8]> {
    headers.get_all(b"authorization").filter_map(move |value| {
        let value = value.trim_ascii();
        let (name, rest) = value.split_at_checked(scheme.len())?;
        let is_whole = rest.first().is_none_or(|byte| *byte == b' ' || *byte == b'\t');
        (name.eq_ignore_ascii_case(scheme) && is_whole).then(|| rest.trim_ascii())
    })
}

const MAX_CONSUMER_BYTES: usize = 128;
const MAX_REALM_BYTES: usize = 256;

/// Why a text cannot name a consumer or a group: what was expected.
pub(crate) fn consumer_error(name: &str) -> Option<&'static str> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-@/".contains(&byte);
    let is_name = (1..=MAX_CONSUMER_BYTES).contains(&name.len()) && name.bytes().all(valid);
    (!is_name).then_some("1 to 128 letters, digits, `.`, `_`, `-`, `@` and `/`")
}

fn check_realm(realm: &str, path: &Path, errors: &mut ConfigErrors) {
    let is_safe = |byte: u8| matches!(byte, b' '..=b'~' if byte != b'"' && byte != b'\\');
    if realm.len() > MAX_REALM_BYTES || !realm.bytes().all(is_safe) {
        let expected = "at most 256 printable ASCII characters without quotes and backslashes";
        errors.add(path, format!("{realm:?}"), expected);
    }
}

fn read_groups(config: &Config, names: &Names, errors: &mut ConfigErrors) -> Map<Vec<String>> {
    let mut groups = Map::default();
    for (index, consumer) in config.consumers.iter().enumerate() {
        let path = Path::root().field("consumers").index(index);
        if !names.contains(&consumer.name) {
            let expected = "a consumer that a credential names, or anonymous_consumer";
            errors.add(&path.field("name"), format!("{:?}", consumer.name), expected);
        }
        for (at, group) in consumer.groups.iter().enumerate() {
            if let Some(expected) = consumer_error(group) {
                errors.add(&path.field("groups").index(at), format!("{group:?}"), expected);
            }
        }
        if !groups.insert(&consumer.name, consumer.groups.clone()) {
            let found = format!("`{}` for a second time", consumer.name);
            errors.add(&path.field("name"), found, "each consumer once");
        }
    }
    groups
}
