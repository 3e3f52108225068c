use crate::Endpoint;
use crate::config::{Config, MAX_KEYS, MIN_SECRET_CHARACTERS};
use crate::cookie::{Cookie, is_token};
use crate::interval;
use crate::token::{Keyring, NONCE_BYTES, Pin, Rejection};
use sdk_shim_config::{ConfigErrors, Environment, Path, Secret};
use std::fmt;
use std::time::Duration;

/// A checked configuration, ready to open and seal cookies.
pub struct Affinity {
    keyring: Keyring,
    cookie: Cookie,
    header: String,
    /// In seconds.
    absolute_timeout: Option<u32>,
    /// In seconds.
    idle_timeout: Option<u32>,
}

/// What a request's cookies say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Session {
    /// Nothing: the client has no cookie of ours.
    #[default]
    Absent,
    /// It is bound to an endpoint.
    Pinned(Pin),
    /// It has cookies of our name and none is valid: the same as `Absent` to the client.
    Rejected(Rejection),
}

/// What becomes of a session when an endpoint has answered. All but `Kept` need a new cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint of the cookie answered.
    Kept,
    /// The same, and the cookie is due to be sealed again: with the first key, or with a later time of use.
    Renewed(Pin),
    /// Another endpoint answered than the cookie names, which is gone, ill or failed. The session starts anew there.
    Moved(Pin),
    /// There was no session.
    New(Pin),
}

impl Affinity {
    /// Checks a configuration and derives its keys.
    ///
    /// # Errors
    /// All violations, each with its path.
    pub fn new(config: Config, env: &Environment<'_>) -> Result<Self, ConfigErrors> {
        let mut errors = ConfigErrors::new();
        let root = Path::root();
        let secrets = resolve(&config.keys, env, &root.field("keys"), &mut errors);
        if !(1..=MAX_AUDIENCE_BYTES).contains(&config.audience.len()) {
            let found = format!("{} bytes", config.audience.len());
            errors.add(&root.field("audience"), found, "the application's name, in 1 to 256 bytes");
        }
        let header = config.header.to_ascii_lowercase();
        if !is_token(&header) || RESERVED_HEADERS.contains(&header.as_str()) {
            let expected = "the name of a header that has no other use";
            errors.add(&root.field("header"), format!("{:?}", config.header), expected);
        }
        let cookie = Cookie::new(&config.cookie, &root.field("cookie"), &mut errors);
        let mut timeout = |text: &Option<String>, field| {
            text.as_ref().and_then(|text| interval::seconds(text, &root.field(field), &mut errors))
        };
        let absolute_timeout = timeout(&config.absolute_timeout, "absolute_timeout");
        let idle_timeout = timeout(&config.idle_timeout, "idle_timeout");
        for (field, timeout) in [("cookie.max_age", cookie.max_age), ("idle_timeout", idle_timeout)] {
            if let (Some(absolute), Some(timeout)) = (absolute_timeout, timeout)
                && timeout > absolute
            {
                errors.add(&root.field(field), format!("{timeout}s"), "at most the absolute_timeout");
            }
        }
        errors.into_result(Self {
            keyring: Keyring::new(&secrets, &config.audience, &config.cookie.name),
            absolute_timeout: absolute_timeout.or(cookie.max_age),
            idle_timeout,
            cookie,
            header,
        })
    }

    /// The request header that names the endpoint to the host, in lower case.
    pub fn header(&self) -> &str {
        &self.header
    }

    /// Reads the session from the values of a request's `cookie` headers. `now` is the time since 1970.
    ///
    /// The first valid cookie of our name counts. At most 8 that look like ours are tried, so that a header full of them
    /// costs little more than reading it.
    pub fn open<'a>(&self, cookie_headers: impl IntoIterator<Item = &'a [u8]>, now: Duration) -> Session {
        let now = unix_seconds(now);
        let mut session = Session::Absent;
        let mut tries = 0;
        for value in cookie_headers.into_iter().flat_map(|header| self.cookie.values(header)) {
            let rejection = match self.keyring.open(value).and_then(|pin| self.check_times(pin, now)) {
                Ok(pin) => return Session::Pinned(pin),
                Err(rejection) => rejection,
            };
            if session == Session::Absent {
                session = Session::Rejected(rejection);
            }
            tries += u32::from(rejection != Rejection::Malformed);
            if tries == MAX_COOKIES_TRIED {
                break;
            }
        }
        session
    }

    /// The value of a `cookie` header without our cookies, for the upstream. The others stay byte for byte; the answer is
    /// empty where there are none, and `None` where none of ours is in it.
    pub fn without_cookie(&self, cookie_header: &[u8]) -> Option<Vec<u8>> {
        self.cookie.without(cookie_header)
    }

    /// Decides about the cookie once `endpoint` has answered. `now` is the time since 1970.
    pub fn answered(&self, session: &Session, endpoint: Endpoint, now: Duration) -> Outcome {
        let now = unix_seconds(now);
        let anew = Pin { endpoint, issued: now, seen: now, under_old_key: false };
        match session {
            Session::Absent | Session::Rejected(_) => Outcome::New(anew),
            Session::Pinned(pin) if pin.endpoint != endpoint => Outcome::Moved(anew),
            Session::Pinned(pin) if pin.under_old_key || self.is_refresh_due(pin, now) => {
                Outcome::Renewed(Pin { issued: pin.issued, ..anew })
            }
            Session::Pinned(_) => Outcome::Kept,
        }
    }

    /// The value of the `set-cookie` header that binds a session. `nonce` has to be random and used once; `now` is the
    /// time since 1970; `https` says whether the client's request came over TLS.
    ///
    /// `None` where nothing can be sealed, which no accepted configuration leads to: the session then stays unbound.
    pub fn seal(&self, pin: &Pin, nonce: [u8; NONCE_BYTES], now: Duration, https: bool) -> Option<Vec<u8>> {
        let token = self.keyring.seal(pin, nonce)?;
        // A browser need not keep what will be refused.
        let age = unix_seconds(now).saturating_sub(pin.issued);
        let remaining = self.absolute_timeout.map_or(u32::MAX, |timeout| timeout.saturating_sub(age));
        Some(self.cookie.set(&token, self.cookie.max_age.map(|max_age| max_age.min(remaining)), https))
    }

    fn check_times(&self, pin: Pin, now: u32) -> Result<Pin, Rejection> {
        let latest = now.saturating_add(MAX_CLOCK_LEAD);
        let is_past = |since: u32, timeout: Option<u32>| {
            timeout.is_some_and(|timeout| now.saturating_sub(since) >= timeout)
        };
        if pin.issued > latest || pin.seen > latest {
            Err(Rejection::Future)
        } else if is_past(pin.issued, self.absolute_timeout) {
            Err(Rejection::Expired)
        } else if is_past(pin.seen, self.idle_timeout) {
            Err(Rejection::Idle)
        } else {
            Ok(pin)
        }
    }

    /// A cookie on every response would cost more than an idle timeout that is exact to a tenth.
    fn is_refresh_due(&self, pin: &Pin, now: u32) -> bool {
        self.idle_timeout.is_some_and(|timeout| now.saturating_sub(pin.seen) >= (timeout / 10).max(1))
    }
}

impl fmt::Debug for Affinity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Affinity").field("header", &self.header).finish_non_exhaustive()
    }
}

/// A header of 60 KB, Envoy's limit, has room for some 500 sealed tokens, at a microsecond each in Wasm.
const MAX_COOKIES_TRIED: u32 = 8;
/// In seconds: a day, as HAProxy has it (`cookie`, `maxidle`).
const MAX_CLOCK_LEAD: u32 = 24 * 3600;
const MAX_AUDIENCE_BYTES: usize = 256;
/// A password repeated to the length is no secret; hexadecimal text has up to 16.
const MIN_DISTINCT_CHARACTERS: usize = 8;
/// The filter removes its header from requests.
const RESERVED_HEADERS: [&str; 3] = ["cookie", "host", "set-cookie"];

fn unix_seconds(now: Duration) -> u32 {
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}

/// The secrets themselves, in order. After an error some may be missing.
fn resolve(keys: &[Secret], env: &Environment<'_>, path: &Path, errors: &mut ConfigErrors) -> Vec<String> {
    if !(1..=MAX_KEYS).contains(&keys.len()) {
        errors.add(path, format!("{} secrets", keys.len()), format!("1 to {MAX_KEYS}"));
    }
    let mut secrets: Vec<String> = Vec::with_capacity(keys.len().min(MAX_KEYS));
    for (index, key) in keys.iter().enumerate().take(MAX_KEYS) {
        let path = path.index(index);
        let Some(secret) = key.resolve(env, &path, errors) else { continue };
        let secret = secret.trim_ascii();
        let characters = secret.chars().count();
        if characters < MIN_SECRET_CHARACTERS {
            let expected = format!("at least {MIN_SECRET_CHARACTERS}: `openssl rand -base64 32` makes one");
            errors.add(&path, format!("a secret of {characters} characters"), expected);
        } else if distinct_bytes(secret) < MIN_DISTINCT_CHARACTERS {
            let expected = "random text: `openssl rand -base64 32` makes one";
            errors.add(&path, "a secret of few different characters", expected);
        } else if secrets.iter().any(|known| known == secret) {
            errors.add(&path, "the same secret again", "each secret once");
        } else {
            secrets.push(secret.to_owned());
        }
    }
    secrets
}

fn distinct_bytes(text: &str) -> usize {
    let mut bytes = text.as_bytes().to_vec();
    bytes.sort_unstable();
    bytes.dedup();
    bytes.len()
}
