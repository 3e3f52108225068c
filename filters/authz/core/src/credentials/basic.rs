use super::htpasswd::PasswordHash;
use super::{Presented, Problem, check_realm, consumer_error, credentials_of};
use crate::attributes::Attributes;
use crate::changes::Changes;
use crate::config::Basic as BasicConfig;
use crate::recent::Recent;
use crate::sorted::Map;
use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sdk_shim_config::{ConfigErrors, Environment, Path};
use sdk_shim_http::Headers;
use sha2::{Digest, Sha256};
use std::cell::{Cell, RefCell};

/// The longest name and password together, in bytes. A longer one is wrong.
pub const MAX_BASIC_BYTES: usize = 512;

/// The most users.
pub const MAX_USERS: usize = 10_000;

/// Basic authentication (RFC 7617) against a list of users as `htpasswd` writes it.
#[derive(Debug)]
pub(crate) struct Basic {
    users: Map<PasswordHash>,
    /// Stands in for the hash of users that are not there, so that they cannot be told by the time of an answer.
    decoy: Option<PasswordHash>,
    pub(crate) required: bool,
    hide_credentials: bool,
    pub(crate) realm: String,
    /// Whether a password was right, by a hash of name, password and stored digest.
    verified: RefCell<Recent<[u8; 32], bool>>,
    budget: Budget,
}

impl Basic {
    pub(crate) fn new(
        config: &BasicConfig,
        env: &Environment<'_>,
        path: &Path,
        errors: &mut ConfigErrors,
    ) -> Self {
        check_realm(&config.realm, &path.field("realm"), errors);
        if config.cache_size > MAX_CACHE_SIZE {
            let expected = format!("at most {MAX_CACHE_SIZE}");
            errors.add(&path.field("cache_size"), config.cache_size.to_string(), expected);
        }
        if config.work_per_second == 0 {
            errors.add(&path.field("work_per_second"), "0", "at least 1");
        }
        let path = path.field("users");
        let text = config.users.resolve(env, &path, errors).unwrap_or_default();
        let users = read_users(&text, &path, errors);
        let decoy = users.values().iter().max_by_key(|hash| hash.work()).cloned();
        let most = decoy.as_ref().map_or(0, PasswordHash::work);
        Self {
            users,
            decoy,
            required: config.required,
            hide_credentials: config.hide_credentials,
            realm: config.realm.clone(),
            verified: RefCell::new(Recent::new(config.cache_size)),
            budget: Budget::new(config.work_per_second, most),
        }
    }

    /// The names of all users.
    pub(crate) fn consumers(&self) -> impl Iterator<Item = &str> {
        self.users.names().iter()
    }

    /// The user that the request says it is from, if its password is right.
    pub(crate) fn authenticate<'a>(
        &'a self,
        headers: &Headers,
        attributes: &mut dyn Attributes,
    ) -> Presented<&'a str> {
        let mut found = Ok(None);
        for text in credentials_of(headers, b"basic") {
            // A second one is one too many: the upstream may read another than we do.
            if !matches!(found, Ok(None)) {
                return Err(Problem::Invalid);
            }
            found = self.verify(text, attributes).map(Some);
        }
        found
    }

    fn verify(&self, text: &[u8], attributes: &mut dyn Attributes) -> Result<&str, Problem> {
        if text.len() > MAX_BASIC_BYTES * 4 / 3 {
            return Err(Problem::Invalid);
        }
        let decoded = BASE64.decode(text).map_err(|_| Problem::Invalid)?;
        let at = memchr::memchr(b':', &decoded).ok_or(Problem::Invalid)?;
        let (name, password) = decoded.split_at_checked(at).ok_or(Problem::Invalid)?;
        let password = password.get(1..).unwrap_or_default();
        // crypt(3) would not see what stands behind a NUL.
        if password.contains(&0) {
            return Err(Problem::Invalid);
        }
        let name = std::str::from_utf8(name).unwrap_or_default();
        let user = self.users.get(name);
        let hash = user.map(|(_, hash)| hash).or(self.decoy.as_ref()).ok_or(Problem::Invalid)?;
        let key = Sha256::new()
            .chain_update(hash.digest())
            .chain_update(u64::try_from(decoded.len()).unwrap_or(0).to_le_bytes())
            .chain_update(&decoded)
            .finalize()
            .into();
        let cached = self.verified.borrow_mut().get(&key);
        let is_right = match cached {
            Some(is_right) => is_right,
            None => {
                if !self.budget.take(hash.work(), attributes) {
                    return Err(Problem::Busy);
                }
                let is_right = hash.verify(password) && user.is_some();
                self.verified.borrow_mut().insert(key, is_right);
                is_right
            }
        };
        user.filter(|_| is_right).map(|(name, _)| name).ok_or(Problem::Invalid)
    }

    /// Hides the credentials of a request that shows some.
    pub(crate) fn changes<'a>(&'a self, headers: &Headers, changes: &mut Changes<'a>) {
        if self.hide_credentials && credentials_of(headers, b"basic").next().is_some() {
            changes.hide_header("authorization");
        }
    }

    pub(crate) fn challenge(&self) -> String {
        format!("Basic realm=\"{}\", charset=\"UTF-8\"", self.realm)
    }
}

/// How much verification a worker does in a second: a bucket that fills with time, so that guessing passwords takes a share of
/// the worker and not all of it.
#[derive(Debug)]
struct Budget {
    per_second: u32,
    most: u32,
    left: Cell<u32>,
    at: Cell<u64>,
}

impl Budget {
    /// Holds at least what one verification takes.
    fn new(per_second: u32, one: u32) -> Self {
        let most = per_second.max(one);
        Self { per_second, most, left: Cell::new(most), at: Cell::new(0) }
    }

    fn take(&self, work: u32, attributes: &mut dyn Attributes) -> bool {
        if work == 0 {
            return true;
        }
        let now = attributes.now();
        let seconds = u32::try_from(now.saturating_sub(self.at.replace(now))).unwrap_or(u32::MAX);
        let left = self.left.get().saturating_add(self.per_second.saturating_mul(seconds)).min(self.most);
        let after = left.checked_sub(work);
        self.left.set(after.unwrap_or(left));
        after.is_some()
    }
}

const MAX_CACHE_SIZE: usize = 100_000;

/// With or without padding: RFC 7617 wants it, some clients leave it out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The lines of a password file. Empty ones and those that begin with `#` are left out.
fn read_users(text: &str, path: &Path, errors: &mut ConfigErrors) -> Map<PasswordHash> {
    let mut users = Map::default();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_end_matches('\r');
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        // Never the line itself: what stands there may be a password.
        let found = |what: &str| format!("{what} in line {number}");
        let Some((name, rest)) = line.split_once(':') else {
            errors.add(path, found("no `:`"), "name:hash, as htpasswd writes it");
            continue;
        };
        if let Some(expected) = consumer_error(name) {
            errors.add(path, found("another name"), expected);
        }
        // What stands behind a further `:` is a comment, as in nginx.
        match PasswordHash::parse(rest.split(':').next().unwrap_or_default()) {
            Ok(hash) => {
                if !users.insert(name, hash) {
                    errors.add(path, found(&format!("`{name}` for a second time")), "each name once");
                }
            }
            Err(expected) => errors.add(path, found("another hash"), expected),
        }
    }
    if users.names().is_empty() && errors.is_empty() {
        errors.add(path, "no user", "at least one line with name:hash");
    }
    if users.names().len() > MAX_USERS {
        errors.add(path, format!("{} users", users.names().len()), format!("at most {MAX_USERS}"));
    }
    users
}
