//! Key sets that are fetched: where, how often, and what is made of each answer. Fetching itself is the host's.

mod answer;
mod record;
mod uri;

pub use answer::{Answer, FetchError, Fetched, MAX_FETCHED_BYTES};
pub use record::{Record, Step};
pub use uri::{Target, UriError};

use crate::config::{JwtRule, RemoteJwks};
use portcullis_jwt::Jwks;
use sdk_shim_config::{ConfigErrors, Path, duration};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;
use std::time::Duration;

/// Where a key set is fetched. Rules that name the same place share it.
#[derive(Debug)]
pub struct Source {
    /// The URI that is asked first: that of the keys, or of the issuer's description.
    pub uri: String,
    /// What is asked first.
    pub start: Target,
    /// How long each request may take.
    pub timeout: Duration,
    /// Whose description says where the keys are.
    issuer: Option<String>,
    clusters: RemoteJwks,
    cache_duration: Duration,
    max_staleness: Duration,
    unknown_kid_interval: Duration,
    keys: RefCell<Keys>,
}

/// What this worker has of a source.
#[derive(Debug, Default)]
struct Keys {
    jwks: Option<Rc<Jwks>>,
    /// As they were fetched, to tell whether others are others.
    text: Vec<u8>,
    answered: bool,
}

impl Source {
    /// The source of a rule that has no keys of its own.
    pub(crate) fn new(
        rule: &JwtRule,
        clusters: &RemoteJwks,
        path: &Path,
        errors: &mut ConfigErrors,
    ) -> Option<Self> {
        let timeout = match &rule.timeout {
            None => Some(DEFAULT_TIMEOUT),
            Some(text) => in_range(text, MIN_TIMEOUT, MAX_TIMEOUT, &path.field("timeout"), errors),
        };
        let (target, path, found) = match &rule.jwks_uri {
            Some(uri) => (Target::new(uri, clusters), path.field("jwksUri"), format!("{uri:?}")),
            None => (
                Target::discovery(&rule.issuer, clusters),
                path.field("jwksUri"),
                format!("nothing, no jwks either, and the issuer {:?}", rule.issuer),
            ),
        };
        if let Err(error) = &target {
            errors.add(&path, found, error.to_string());
        }
        let root = Path::root().field("remote_jwks");
        // Each of these is reported once, by `check`.
        let mut ignored = ConfigErrors::new();
        let mut time = |text: &String| duration(text, &root, &mut ignored).unwrap_or_default();
        let start = target.ok()?;
        Some(Self {
            uri: rule.jwks_uri.clone().unwrap_or_else(|| format!("{}{}", start.authority, start.path)),
            start,
            timeout: timeout?,
            issuer: rule.jwks_uri.is_none().then(|| rule.issuer.clone()),
            clusters: clusters.clone(),
            cache_duration: time(&clusters.cache_duration),
            max_staleness: time(&clusters.max_staleness),
            unknown_kid_interval: time(&clusters.unknown_kid_interval),
            keys: RefCell::default(),
        })
    }

    /// Checks what all sources share.
    pub(crate) fn check(config: &RemoteJwks, errors: &mut ConfigErrors) {
        const SECOND: Duration = Duration::from_secs(1);
        let root = Path::root().field("remote_jwks");
        let cache = &config.cache_duration;
        in_range(cache, SECOND, MAX_FRESHNESS, &root.field("cache_duration"), errors);
        let year = MAX_FRESHNESS * 366;
        in_range(&config.max_staleness, Duration::ZERO, year, &root.field("max_staleness"), errors);
        let interval = &config.unknown_kid_interval;
        in_range(interval, SECOND, MAX_FRESHNESS, &root.field("unknown_kid_interval"), errors);
        if config.max_waiting > MAX_WAITING {
            let path = root.field("max_waiting");
            errors.add(&path, config.max_waiting.to_string(), format!("at most {MAX_WAITING}"));
        }
        let empty = config.clusters.iter().find(|(host, cluster)| host.is_empty() || cluster.is_empty());
        if let Some((host, cluster)) = empty {
            errors.add(&root.field("clusters"), format!("{host:?}: {cluster:?}"), "a host and a cluster");
        }
    }

    /// Whether two are the same place, asked in the same way.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (&self.uri, &self.start, &self.issuer, self.timeout)
            == (&other.uri, &other.start, &other.issuer, other.timeout)
    }

    /// The issuer that is asked where its keys are. `None` where the configuration says it.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The target of another URI, with the configured clusters.
    pub(crate) fn target(&self, uri: &str) -> Result<Target, UriError> {
        Target::new(uri, &self.clusters)
    }

    /// The name under which workers share what they know of it.
    pub fn shared_key(&self) -> String {
        let parts = [self.uri.as_str(), &self.start.cluster, self.issuer().unwrap_or_default()];
        let digest = Sha256::digest(parts.join("\n"));
        let mut key = String::from("authz.jwks.");
        for byte in digest.iter().take(16) {
            let _ = write!(key, "{byte:02x}");
        }
        key
    }

    /// The keys that this worker has.
    pub fn jwks(&self) -> Option<Rc<Jwks>> {
        self.keys.borrow().jwks.clone()
    }

    /// Whether a fetch has ended, well or not, as far as this worker knows.
    pub fn is_answered(&self) -> bool {
        self.keys.borrow().answered
    }

    /// Takes over what the workers share. Whether these are other keys than before, or none any more: tokens that were
    /// verified with the old ones are to be verified again.
    pub(crate) fn adopt(&self, record: &Record, now: Duration) -> bool {
        let mut keys = self.keys.borrow_mut();
        keys.answered |= record.is_answered();
        match record.jwks(self, now) {
            Some(text) if keys.jwks.is_some() && *text == keys.text => false,
            Some(text) => {
                let jwks = Jwks::parse(text).ok().map(Rc::new);
                text.clone_into(&mut keys.text);
                keys.jwks = jwks;
                true
            }
            None => {
                keys.text.clear();
                keys.jwks.take().is_some()
            }
        }
    }

    /// How long a worker has to fetch until another does, and how long requests wait for it.
    pub fn lease(&self) -> Duration {
        let rounds = if self.issuer.is_some() { 2 } else { 1 };
        self.timeout * rounds + Duration::from_secs(1)
    }

    fn freshness(&self, max_age: Option<Duration>) -> Duration {
        let least = MIN_FRESHNESS.min(self.cache_duration);
        max_age.map_or(self.cache_duration, |age| age.clamp(least, MAX_FRESHNESS))
    }
}

/// Istio's default for `timeout`.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
const MIN_TIMEOUT: Duration = Duration::from_millis(1);
const MAX_TIMEOUT: Duration = Duration::from_secs(60);

/// What `Cache-Control` counts for at least, and at most.
const MIN_FRESHNESS: Duration = Duration::from_secs(60);
const MAX_FRESHNESS: Duration = Duration::from_secs(24 * 60 * 60);

const MAX_WAITING: usize = 100_000;

/// A duration between two.
pub(crate) fn in_range(
    text: &str,
    least: Duration,
    most: Duration,
    path: &Path,
    errors: &mut ConfigErrors,
) -> Option<Duration> {
    let time = duration(text, path, errors)?;
    if time < least || time > most {
        errors.add(path, format!("`{text}`"), format!("{least:?} to {}s", most.as_secs()));
        return None;
    }
    Some(time)
}
