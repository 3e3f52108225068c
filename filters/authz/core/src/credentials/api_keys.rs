use super::{Presented, Problem, check_realm, consumer_error};
use crate::changes::Changes;
use crate::compile::is_header_name;
use crate::config::{ApiKeys as ApiKeysConfig, Key, Location};
use crate::sorted::Names;
use sdk_shim_config::{ConfigErrors, Environment, Path};
use sdk_shim_http::{Cookies, Headers, Query, split_target};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeMap;
use subtle::ConstantTimeEq;

/// The longest key that is looked up, in bytes. A longer one is wrong.
pub const MAX_KEY_BYTES: usize = 512;

/// The most keys that one request may carry. With more of them, all are wrong.
pub const MAX_KEYS_PER_REQUEST: usize = 4;

/// The most different salts: a request's key is hashed once with each.
pub const MAX_SALTS: usize = 16;

/// The keys, and where requests carry them.
#[derive(Debug)]
pub(crate) struct ApiKeys {
    locations: Vec<Location>,
    consumers: Names,
    tables: Vec<Table>,
    pub(crate) required: bool,
    hide_credentials: bool,
    realm: String,
}

impl ApiKeys {
    pub(crate) fn new(
        config: &ApiKeysConfig,
        env: &Environment<'_>,
        path: &Path,
        errors: &mut ConfigErrors,
    ) -> Self {
        let locations = read_locations(config, &path.field("locations"), errors);
        check_realm(&config.realm, &path.field("realm"), errors);
        let (consumers, tables) = read_keys(&config.keys, env, &path.field("keys"), errors);
        Self {
            locations,
            consumers,
            tables,
            required: config.required,
            hide_credentials: config.hide_credentials,
            realm: config.realm.clone(),
        }
    }

    /// The consumer of the request's key. All keys that a request carries must be right, and of the same consumer.
    pub(crate) fn authenticate(&self, headers: &Headers) -> Presented<&str> {
        let mut found: Option<usize> = None;
        for (count, key) in self.presented(headers).enumerate() {
            if count >= MAX_KEYS_PER_REQUEST {
                return Err(Problem::Invalid);
            }
            let consumer = self.consumer(&key).ok_or(Problem::Invalid)?;
            if found.is_some_and(|found| found != consumer) {
                return Err(Problem::Invalid);
            }
            found = Some(consumer);
        }
        Ok(found.and_then(|consumer| self.consumers.get(consumer)))
    }

    /// The names of all consumers.
    pub(crate) fn consumers(&self) -> impl Iterator<Item = &str> {
        self.consumers.iter()
    }

    /// The names of the headers that keys are read from, in lower case.
    pub(crate) fn header_names(&self) -> impl Iterator<Item = &str> {
        self.locations.iter().filter_map(|location| match location {
            Location::Header(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// The names of the query parameters that keys are read from.
    pub(crate) fn param_names(&self) -> impl Iterator<Item = &str> {
        self.locations.iter().filter_map(|location| match location {
            Location::Query(name) => Some(name.as_str()),
            _ => None,
        })
    }

    /// Hides the keys from the upstream.
    pub(crate) fn changes<'a>(&'a self, changes: &mut Changes<'a>) {
        for location in self.locations.iter().filter(|_| self.hide_credentials) {
            match location {
                Location::Header(name) => changes.hide_header(name),
                Location::Query(name) => changes.hide_param(name),
                Location::Cookie(name) => changes.hide_cookie(name),
            }
        }
    }

    /// The value of `WWW-Authenticate` for a refusal (RFC 9110 11.6.1). API keys have no registered scheme; `Key` is what
    /// other gateways write.
    pub(crate) fn challenge(&self) -> String {
        format!("Key realm=\"{}\"", self.realm)
    }

    fn presented<'a>(&'a self, headers: &'a Headers) -> impl Iterator<Item = Cow<'a, [u8]>> + 'a {
        self.locations.iter().flat_map(move |location| {
            let all: Box<dyn Iterator<Item = Cow<'a, [u8]>> + 'a> = match location {
                Location::Header(name) => Box::new(headers.get_all(name.as_bytes()).map(Cow::Borrowed)),
                Location::Query(name) => Box::new(
                    query(headers)
                        .iter()
                        .filter(move |(candidate, _)| *candidate == name.as_bytes())
                        .map(|(_, value)| percent_encoding::percent_decode(value).into()),
                ),
                Location::Cookie(name) => Box::new(
                    Cookies::new(headers)
                        .iter()
                        .filter(move |(candidate, _)| *candidate == name.as_bytes())
                        .map(|(_, value)| Cow::Borrowed(value)),
                ),
            };
            all
        })
    }

    fn consumer(&self, key: &[u8]) -> Option<usize> {
        if key.is_empty() || key.len() > MAX_KEY_BYTES {
            return None;
        }
        self.tables.iter().find_map(|table| table.consumer(key))
    }
}

/// The keys with one salt: a key is hashed once, however many there are.
#[derive(Debug)]
struct Table {
    /// Has taken in the salt.
    hasher: Sha256,
    /// Sorted by digest.
    keys: Vec<([u8; 32], usize)>,
}

impl Table {
    /// The search goes by the first eight bytes of the digest. Their comparison takes a time that depends on them, which
    /// tells nothing about a key: who does not know the salt cannot choose them. The rest is compared in constant time.
    fn consumer(&self, key: &[u8]) -> Option<usize> {
        let digest: [u8; 32] = self.hasher.clone().chain_update(key).finalize().into();
        let start = self.keys.partition_point(|(other, _)| other.first_chunk::<8>() < digest.first_chunk());
        let same = self.keys.iter().skip(start);
        let mut same = same.take_while(|(other, _)| other.first_chunk::<8>() == digest.first_chunk());
        same.find(|(other, _)| other.ct_eq(&digest).into()).map(|(_, consumer)| *consumer)
    }
}

fn read_locations(config: &ApiKeysConfig, path: &Path, errors: &mut ConfigErrors) -> Vec<Location> {
    if config.locations.is_empty() {
        errors.add(path, "an empty list", "at least one location, or no such field");
    }
    let mut locations = Vec::with_capacity(config.locations.len());
    for (index, location) in config.locations.iter().enumerate() {
        let path = path.index(index);
        let location = match location {
            Location::Header(name) => Location::Header(name.to_ascii_lowercase()),
            other => other.clone(),
        };
        match &location {
            Location::Header(name) if !is_header_name(name) || name == "host" || name == "cookie" => {
                errors.add(
                    &path,
                    format!("the header {name:?}"),
                    "the name of a header, but not host or cookie",
                );
            }
            Location::Cookie(name) if !is_header_name(name) => {
                errors.add(&path, format!("the cookie {name:?}"), "the name of a cookie (RFC 6265, token)");
            }
            Location::Query(name) if name.is_empty() || name.contains(['&', '=', '#', '%', '+', ' ']) => {
                let expected = "the name of a query parameter that needs no encoding";
                errors.add(&path, format!("the parameter {name:?}"), expected);
            }
            _ => {}
        }
        if locations.contains(&location) {
            errors.add(&path, "the same location again", "each location once");
        }
        locations.push(location);
    }
    locations
}

fn read_keys(
    keys: &[Key],
    env: &Environment<'_>,
    path: &Path,
    errors: &mut ConfigErrors,
) -> (Names, Vec<Table>) {
    if keys.is_empty() {
        errors.add(path, "an empty list", "at least one key");
    }
    let mut consumers = Names::default();
    let mut salts = Names::default();
    let mut by_salt: Vec<BTreeMap<[u8; 32], usize>> = Vec::new();
    for (index, key) in keys.iter().enumerate() {
        let path = path.index(index);
        let name = key.consumer.as_str();
        if let Some(expected) = consumer_error(name) {
            errors.add(&path.field("consumer"), format!("{name:?}"), expected);
        }
        let (Ok(consumer) | Err(consumer)) = consumers.insert(name);
        let Some((salt, digest)) = read_key(key, env, &path, errors) else { continue };
        let (Ok(salt) | Err(salt)) = salts.insert(&salt);
        if by_salt.len() == salt {
            by_salt.push(BTreeMap::new());
        }
        if by_salt.get_mut(salt).is_some_and(|keys| keys.insert(digest, consumer).is_some()) {
            errors.add(&path, "the same key as in an earlier entry", "each key once");
        }
    }
    if by_salt.len() > MAX_SALTS {
        let expected = format!("at most {MAX_SALTS}: hash the keys with the same salt");
        errors.add(path, format!("{} different salts", by_salt.len()), expected);
    }
    let tables = salts.iter().zip(by_salt).map(|(salt, keys)| Table {
        hasher: Sha256::new_with_prefix(salt),
        keys: keys.into_iter().collect(),
    });
    let tables = tables.collect();
    (consumers, tables)
}

/// Salt and digest of a configured key. One that is given in the clear is kept as a hash as well.
fn read_key(
    key: &Key,
    env: &Environment<'_>,
    path: &Path,
    errors: &mut ConfigErrors,
) -> Option<(String, [u8; 32])> {
    match (&key.hash, &key.secret) {
        (Some(hash), None) => {
            let parsed = parse_hash(hash);
            if parsed.is_none() {
                let expected = "`salt:digest`, a salt of 8 to 64 letters, digits, `.`, `_` and `-`, and the \
                    SHA-256 of salt and key in 64 hexadecimal digits";
                // Not the text itself, which may be a key that was put here by mistake.
                let found = format!("a text of {} bytes in another form", hash.len());
                errors.add(&path.field("hash"), found, expected);
            }
            parsed
        }
        (None, Some(secret)) => {
            let path = path.field("secret");
            let key = secret.resolve(env, &path, errors)?;
            if key.is_empty() || key.len() > MAX_KEY_BYTES {
                errors.add(
                    &path,
                    format!("a key of {} bytes", key.len()),
                    format!("1 to {MAX_KEY_BYTES} bytes"),
                );
                return None;
            }
            Some((String::new(), Sha256::digest(key.as_bytes()).into()))
        }
        _ => {
            let found = if key.hash.is_some() { "both hash and secret" } else { "neither hash nor secret" };
            errors.add(path, found, "one of them");
            None
        }
    }
}

fn parse_hash(text: &str) -> Option<(String, [u8; 32])> {
    let (salt, hex) = text.split_once(':')?;
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if !(8..=64).contains(&salt.len()) || !salt.bytes().all(valid) || hex.len() != 64 {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some((salt.to_owned(), digest))
}

fn query(headers: &Headers) -> Query<'_> {
    let target = headers.get(":path").unwrap_or_default();
    Query::new(split_target(target).1.unwrap_or_default())
}
