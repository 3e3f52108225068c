use super::{Presented, Problem, consumer_error, credentials_of};
use crate::attributes::Attributes;
use crate::changes::Changes;
use crate::compile::is_header_name;
use crate::config::{Hmac as HmacConfig, HmacAlgorithm, HmacFormat};
use crate::sorted::Map;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac as Mac, KeyInit, Mac as _};
use sdk_shim_config::{ConfigErrors, Environment, Path};
use sdk_shim_http::Headers;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use std::fmt;
use std::time::UNIX_EPOCH;
use subtle::ConstantTimeEq;

/// The most headers that a signature may cover.
pub const MAX_SIGNED_HEADERS: usize = 64;

/// The longest text that is signed, in bytes. A longer one is wrong.
pub const MAX_SIGNING_BYTES: usize = 128 * 1024;

/// The most keys.
pub const MAX_HMAC_KEYS: usize = 10_000;

/// The longest body whose digest can be checked, in bytes.
pub const MAX_DIGESTED_BYTES: usize = 64 * 1024 * 1024;

/// Requests signed with a shared secret, as the `hmac-auth` plugins of Kong and APISIX take them
/// (draft-cavage-http-signatures).
#[derive(Debug)]
pub(crate) struct Hmac {
    keys: Map<Key>,
    algorithms: Vec<HmacAlgorithm>,
    format: HmacFormat,
    signed_headers: Vec<String>,
    clock_skew: u64,
    require_digest: bool,
    pub(crate) required: bool,
    hide_credentials: bool,
}

struct Key {
    consumer: String,
    secret: Box<[u8]>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("consumer", &self.consumer).finish_non_exhaustive()
    }
}

/// A request whose signature is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Signed<'a> {
    pub(crate) consumer: &'a str,
    /// What the body has to come to.
    pub(crate) body: Option<BodyDigest>,
}

/// The SHA-256 that a request's signature says its body has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyDigest([u8; 32]);

impl BodyDigest {
    /// Whether this is the body.
    pub fn is_of(&self, body: &[u8]) -> bool {
        Sha256::digest(body).as_slice().ct_eq(&self.0).into()
    }
}

impl Hmac {
    pub(crate) fn new(
        config: &HmacConfig,
        env: &Environment<'_>,
        path: &Path,
        errors: &mut ConfigErrors,
    ) -> Self {
        if !(1..=MAX_CLOCK_SKEW).contains(&config.clock_skew) {
            let expected = "1 to 3,600 seconds: within them a request can be replayed";
            errors.add(&path.field("clock_skew"), config.clock_skew.to_string(), expected);
        }
        if config.algorithms.is_empty() {
            errors.add(&path.field("algorithms"), "an empty list", "at least one item, or no such field");
        }
        if !(1..=MAX_DIGESTED_BYTES).contains(&config.max_body_bytes) {
            let expected = format!("1 to {MAX_DIGESTED_BYTES}");
            errors.add(&path.field("max_body_bytes"), config.max_body_bytes.to_string(), expected);
        }
        for (index, name) in config.signed_headers.iter().enumerate() {
            if !is_header_name(name) {
                let path = path.field("signed_headers").index(index);
                errors.add(&path, format!("{name:?}"), "the name of a header");
            }
        }
        let signed_headers = config.signed_headers.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self {
            keys: read_keys(config, env, &path.field("keys"), errors),
            algorithms: config.algorithms.clone(),
            format: config.format,
            signed_headers,
            clock_skew: config.clock_skew,
            require_digest: config.require_digest,
            required: config.required,
            hide_credentials: config.hide_credentials,
        }
    }

    /// The names of all consumers.
    pub(crate) fn consumers(&self) -> impl Iterator<Item = &str> {
        self.keys.values().iter().map(|key| key.consumer.as_str())
    }

    /// Who signed the request.
    pub(crate) fn authenticate<'a>(
        &'a self,
        headers: &Headers,
        attributes: &mut dyn Attributes,
    ) -> Presented<Signed<'a>> {
        let mut found = Ok(None);
        for text in signatures(headers) {
            if !matches!(found, Ok(None)) {
                return Err(Problem::Invalid);
            }
            found = self.verify(text, headers, attributes).map(Some);
        }
        found
    }

    fn verify(
        &self,
        text: &[u8],
        headers: &Headers,
        attributes: &mut dyn Attributes,
    ) -> Result<Signed<'_>, Problem> {
        let parameters = Parameters::parse(text).ok_or(Problem::Invalid)?;
        let (_, key) = self.keys.get(parameters.key_id).ok_or(Problem::Invalid)?;
        let algorithm = self.algorithms.iter().find(|one| one.name() == parameters.algorithm);
        let algorithm = algorithm.ok_or(Problem::Invalid)?;
        let covers = |name: &str| parameters.headers.iter().any(|header| header == name);
        let is_bound = covers(REQUEST_TARGET) || covers(REQUEST_LINE);
        let date = ["x-date", "date"].into_iter().find(|name| covers(name)).ok_or(Problem::Invalid)?;
        if !is_bound || !self.signed_headers.iter().all(|name| covers(name)) {
            return Err(Problem::Invalid);
        }
        let signed = self.signed_text(&parameters, headers, attributes).ok_or(Problem::Invalid)?;
        if !algorithm.is_signature(&key.secret, &signed, &parameters.signature) {
            return Err(Problem::Invalid);
        }
        // What follows is said by who has the secret.
        let time = single(headers, date).and_then(seconds).ok_or(Problem::Invalid)?;
        if attributes.now().abs_diff(time) > self.clock_skew {
            return Err(Problem::Expired);
        }
        let body = match single(headers, DIGEST).filter(|_| covers(DIGEST)) {
            Some(digest) => Some(body_digest(digest).ok_or(Problem::Invalid)?),
            None if self.require_digest => return Err(Problem::Invalid),
            None => None,
        };
        Ok(Signed { consumer: &key.consumer, body })
    }

    /// The text that is signed: draft-cavage-http-signatures 2.3, as Kong writes it, or APISIX's.
    fn signed_text(
        &self,
        parameters: &Parameters<'_>,
        headers: &Headers,
        attributes: &mut dyn Attributes,
    ) -> Option<Vec<u8>> {
        let apisix = self.format == HmacFormat::Apisix;
        let method = headers.get(":method")?;
        let target = headers.get(":path")?;
        let mut lines: Vec<Vec<u8>> = Vec::new();
        if apisix {
            lines.push(parameters.key_id.into());
        }
        for name in &parameters.headers {
            lines.push(match name.as_str() {
                REQUEST_TARGET if apisix => [method, b" ", target].concat(),
                REQUEST_TARGET => {
                    [REQUEST_TARGET.as_bytes(), b": ", &method.to_ascii_lowercase(), b" ", target].concat()
                }
                REQUEST_LINE => {
                    let protocol = attributes.protocol()?;
                    // Kong writes HTTP/2.0.
                    let minor: &[u8] = if protocol.contains(&b'.') { b"" } else { b".0" };
                    [method, b" ", target, b" ", &protocol, minor].concat()
                }
                // A header that is not there could be added by anyone on the way.
                name => {
                    let header = if name == "host" { ":authority" } else { name };
                    let mut values = headers.get_all(header.as_bytes());
                    let first = values.next()?;
                    let value = values.fold(first.to_vec(), |all, value| [&all, &b", "[..], value].concat());
                    [name.as_bytes(), b": ", &value].concat()
                }
            });
            if lines.iter().map(Vec::len).sum::<usize>() > MAX_SIGNING_BYTES {
                return None;
            }
        }
        let mut text = lines.join(&b'\n');
        if apisix {
            text.push(b'\n');
        }
        Some(text)
    }

    /// Hides the signature of a request that shows one.
    pub(crate) fn changes<'a>(&'a self, headers: &Headers, changes: &mut Changes<'a>) {
        if self.hide_credentials && signatures(headers).next().is_some() {
            changes.hide_header("authorization");
        }
    }

    pub(crate) fn challenge(&self) -> String {
        match self.format {
            HmacFormat::Kong => "hmac realm=\"portcullis\"".to_owned(),
            HmacFormat::Apisix => "Signature realm=\"portcullis\"".to_owned(),
        }
    }
}

const MAX_CLOCK_SKEW: u64 = 3600;
const REQUEST_TARGET: &str = "@request-target";
const REQUEST_LINE: &str = "request-line";
const DIGEST: &str = "digest";

/// Secrets shorter than this can be guessed from one signature.
const MIN_SECRET_BYTES: usize = 16;

/// What stands in the header: `keyId="…"` or `username="…"`, `algorithm="…"`, `headers="…"`, `signature="…"`.
struct Parameters<'a> {
    key_id: &'a str,
    algorithm: &'a str,
    headers: Vec<String>,
    signature: Vec<u8>,
}

impl<'a> Parameters<'a> {
    /// Each parameter once, in any order; unknown ones are wrong.
    fn parse(text: &'a [u8]) -> Option<Self> {
        let mut rest = std::str::from_utf8(text).ok()?.trim();
        let (mut key_id, mut algorithm, mut headers, mut signature) = (None, None, None, None);
        while !rest.is_empty() {
            let (name, behind) = rest.split_once('=')?;
            let (value, behind) = behind.strip_prefix('"')?.split_once('"')?;
            let slot = match name.trim() {
                "keyId" | "username" => &mut key_id,
                "algorithm" => &mut algorithm,
                "headers" => &mut headers,
                "signature" => &mut signature,
                _ => return None,
            };
            if slot.replace(value).is_some() {
                return None;
            }
            let behind = behind.trim_start();
            rest = match behind.strip_prefix(',') {
                Some(next) if !next.trim().is_empty() => next.trim_start(),
                None if behind.is_empty() => behind,
                _ => return None,
            };
        }
        let headers: Vec<String> = headers?.split_whitespace().map(str::to_ascii_lowercase).collect();
        let signature = STANDARD.decode(signature?).ok()?;
        (headers.len() <= MAX_SIGNED_HEADERS).then_some(Self {
            key_id: key_id?,
            algorithm: algorithm?,
            headers,
            signature,
        })
    }
}

impl HmacAlgorithm {
    fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "hmac-sha1",
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha384 => "hmac-sha384",
            Self::HmacSha512 => "hmac-sha512",
        }
    }

    /// Compares in constant time.
    fn is_signature(self, secret: &[u8], text: &[u8], signature: &[u8]) -> bool {
        macro_rules! verify {
            ($hash:ty) => {
                Mac::<$hash>::new_from_slice(secret)
                    .is_ok_and(|mac| mac.chain_update(text).verify_slice(signature).is_ok())
            };
        }
        match self {
            Self::HmacSha1 => verify!(Sha1),
            Self::HmacSha256 => verify!(Sha256),
            Self::HmacSha384 => verify!(Sha384),
            Self::HmacSha512 => verify!(Sha512),
        }
    }
}

/// The signatures in a request, in either scheme that clients write.
fn signatures(headers: &Headers) -> impl Iterator<Item = &[u8]> {
    credentials_of(headers, b"hmac").chain(credentials_of(headers, b"signature"))
}

/// The value of a header that is there once.
fn single<'a>(headers: &'a Headers, name: &'a str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name.as_bytes());
    values.next().filter(|_| values.next().is_none())
}

/// A date as RFC 9110 5.6.7 has it, in seconds since 1970.
fn seconds(date: &[u8]) -> Option<u64> {
    let time = httpdate::parse_http_date(std::str::from_utf8(date).ok()?).ok()?;
    Some(time.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

/// `SHA-256=base64` (RFC 3230 4.3.2); the only one in the header.
fn body_digest(value: &[u8]) -> Option<BodyDigest> {
    let (name, digest) = value.split_at_checked(8)?;
    let digest = STANDARD.decode(digest).ok().filter(|_| name.eq_ignore_ascii_case(b"SHA-256="))?;
    Some(BodyDigest(digest.try_into().ok()?))
}

fn read_keys(config: &HmacConfig, env: &Environment<'_>, path: &Path, errors: &mut ConfigErrors) -> Map<Key> {
    if config.keys.is_empty() {
        errors.add(path, "an empty list", "at least one key");
    }
    if config.keys.len() > MAX_HMAC_KEYS {
        errors.add(path, format!("{} keys", config.keys.len()), format!("at most {MAX_HMAC_KEYS}"));
    }
    let mut keys = Map::default();
    for (index, key) in config.keys.iter().enumerate() {
        let path = path.index(index);
        let consumer = key.consumer.as_ref().unwrap_or(&key.id);
        if let Some(expected) = consumer_error(consumer) {
            let field = if key.consumer.is_some() { "consumer" } else { "id" };
            errors.add(&path.field(field), format!("{consumer:?}"), expected);
        }
        if key.id.is_empty() || !key.id.bytes().all(|byte| matches!(byte, b' '..=b'~' if byte != b'"')) {
            errors.add(&path.field("id"), format!("{:?}", key.id), "printable ASCII without quotes");
        }
        let secret = key.secret.resolve(env, &path.field("secret"), errors).unwrap_or_default();
        if !secret.is_empty() && secret.len() < MIN_SECRET_BYTES {
            let found = format!("a secret of {} bytes", secret.len());
            errors.add(&path.field("secret"), found, format!("at least {MIN_SECRET_BYTES}"));
        }
        let key_of = Key { consumer: consumer.clone(), secret: secret.into_bytes().into() };
        if !keys.insert(&key.id, key_of) {
            errors.add(&path.field("id"), format!("`{}` for a second time", key.id), "each id once");
        }
    }
    keys
}
