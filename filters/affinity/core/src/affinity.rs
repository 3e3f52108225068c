use crate::config::{Config, Lifetime, Mode, Rule, Scope};
use crate::cookie::{Cookie, covers, takes_same_site_none};
use crate::ignored::Ignored;
use crate::token::{Keyring, NONCE_BYTES, Pin, Rejection, Target};
use crate::{Endpoint, fingerprint};
use sdk_shim_http::Headers;
use std::fmt;
use std::time::Duration;

/// A checked configuration, ready to open and seal cookies.
pub struct Affinity {
    pub(crate) keyring: Keyring,
    pub(crate) cookie: Cookie,
    pub(crate) ignored: Ignored,
    pub(crate) config: Config,
    /// The property that tells endpoints with one address apart.
    pub(crate) identity: Option<[String; 5]>,
    /// In seconds.
    pub(crate) absolute_timeout: Option<u32>,
    /// In seconds.
    pub(crate) idle_timeout: Option<u32>,
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
    /// The address of the cookie answered, but another endpoint has it now. The session starts anew there.
    Replaced(Pin),
    /// There was no session.
    New(Pin),
}

/// What the cookie that is set depends on in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Client<'a> {
    /// Whether the request came over TLS.
    pub https: bool,
    /// Whether the browser is one of those for which `SameSite=None` is left out.
    pub rejects_same_site_none: bool,
    /// The name of what the session is for, by [`Scope`]; empty for none.
    pub scope: &'a [u8],
}

/// Who has answered. What was not looked up is `None`, and what the cookie says of it holds on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The endpoint, or the key that led there.
    pub target: Target,
    /// The name of its cluster.
    pub cluster: Option<&'a [u8]>,
    /// What tells it from others with its address.
    pub identity: Option<&'a [u8]>,
}

impl From<Endpoint> for Answer<'_> {
    fn from(endpoint: Endpoint) -> Self {
        Self { target: Target::Endpoint(endpoint), cluster: None, identity: None }
    }
}

impl Affinity {
    /// The configuration as it is in force: names of headers in lower case.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The property that has the name of what a session is for.
    pub fn scope_property(&self) -> Option<&'static [&'static str]> {
        match self.config.scope {
            Scope::None => None,
            Scope::Route => Some(&["xds", "route_name"]),
            Scope::Cluster => Some(&["xds", "cluster_name"]),
            // What a module records as filter state is a property of that name to the others.
            Scope::Canary => Some(&["canary"]),
        }
    }

    /// The property that tells endpoints with one address apart.
    pub fn identity_property(&self) -> Option<[&str; 5]> {
        self.identity.as_ref().map(|path| path.each_ref().map(String::as_str))
    }

    /// Whether a request for `target`, the `:path` header, is the cookie's: whether the cookie's path covers it.
    pub fn applies_to(&self, target: &[u8]) -> bool {
        covers(self.config.cookie.path.as_bytes(), target)
    }

    /// Whether a request is one of those that have no session.
    pub fn ignores(&self, request: &Headers) -> bool {
        self.ignored.has(request)
    }

    /// Whether a browser is one of those for which `SameSite=None` is left out.
    pub fn rejects_same_site_none(&self, user_agent: Option<&[u8]>) -> bool {
        self.config.cookie.conditional_same_site_none && !user_agent.is_none_or(takes_same_site_none)
    }

    /// Reads the session from the values of a request's `cookie` headers. `now` is the time since 1970.
    ///
    /// The first valid cookie of our name counts. At most 8 that look like ours are tried, so that a header full of them
    /// costs little more than reading it.
    pub fn open<'a>(&self, cookie_headers: impl IntoIterator<Item = &'a [u8]>, now: Duration) -> Session {
        self.open_in(b"", cookie_headers, now)
    }

    /// The same for the session of a scope.
    pub fn open_in<'a>(
        &self,
        scope: &[u8],
        cookie_headers: impl IntoIterator<Item = &'a [u8]>,
        now: Duration,
    ) -> Session {
        let now = unix_seconds(now);
        let context = self.keyring.context(scope);
        let mut session = Session::Absent;
        let mut tries = 0;
        for value in cookie_headers.into_iter().flat_map(|header| self.cookie.values(header, scope)) {
            let rejection = match self.keyring.open(value, &context).and_then(|pin| self.check(pin, now)) {
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

    /// What the upstream is to see of a `cookie` header. The cookies of others stay byte for byte; the answer is empty
    /// where there is nothing, and `None` where the upstream may see it all.
    pub fn for_upstream(&self, cookie_header: &[u8]) -> Option<Vec<u8>> {
        self.cookie.for_upstream(cookie_header)
    }

    /// How the header names a target to the host.
    pub fn header_value(&self, target: &Target) -> String {
        match target {
            Target::Endpoint(endpoint) if self.config.mode == Mode::OverrideHost => endpoint.to_string(),
            Target::Endpoint(endpoint) => endpoint.header_value(),
            Target::Key(key) => format!("{:032x}", u128::from_be_bytes(*key)),
        }
    }

    /// The name of the cluster that a session is bound to, where it is one of `clusters`.
    pub fn cluster(&self, pin: &Pin) -> Option<&str> {
        let mut names = self.config.clusters.iter();
        names.find(|name| fingerprint(name.as_bytes()) == pin.cluster).map(String::as_str)
    }

    /// Whether the endpoints of a cluster get sessions.
    pub fn has_sessions(&self, cluster: &[u8]) -> bool {
        self.config.clusters.is_empty() || self.config.clusters.iter().any(|name| name.as_bytes() == cluster)
    }

    /// Whether nothing is left to do once the target of this pin has answered, so that nothing need be looked up.
    pub fn is_settled(&self, pin: &Pin, now: Duration) -> bool {
        let is_complete = self.config.clusters.is_empty() || pin.cluster != 0;
        is_complete
            && self.identity.is_none()
            && !pin.under_old_key
            && !self.is_refresh_due(pin, unix_seconds(now))
    }

    /// Decides about the cookie once somebody has answered. `now` is the time since 1970.
    pub fn answered<'a>(&self, session: &Session, answer: impl Into<Answer<'a>>, now: Duration) -> Outcome {
        let answer = answer.into();
        let now = unix_seconds(now);
        let anew = Pin {
            target: answer.target,
            issued: now,
            seen: now,
            cluster: answer.cluster.map_or(0, fingerprint),
            identity: answer.identity.map_or(0, fingerprint),
            under_old_key: false,
        };
        let Session::Pinned(pin) = session else { return Outcome::New(anew) };
        let differs = |then: u32, now: u32| then != 0 && now != 0 && then != now;
        if pin.target != anew.target || differs(pin.cluster, anew.cluster) {
            return Outcome::Moved(anew);
        }
        if differs(pin.identity, anew.identity) {
            return Outcome::Replaced(anew);
        }
        let is_incomplete =
            (pin.cluster == 0 && anew.cluster != 0) || (pin.identity == 0 && anew.identity != 0);
        if pin.under_old_key || is_incomplete || self.is_refresh_due(pin, now) {
            let known = |now: u32, then: u32| if now == 0 { then } else { now };
            let cluster = known(anew.cluster, pin.cluster);
            let identity = known(anew.identity, pin.identity);
            return Outcome::Renewed(Pin { issued: pin.issued, cluster, identity, ..anew });
        }
        Outcome::Kept
    }

    /// The value of the `set-cookie` header that binds a session. `nonce` has to be random and used once; `now` is the
    /// time since 1970.
    ///
    /// `None` where nothing can be sealed, which no accepted configuration leads to: the session then stays unbound.
    pub fn seal(
        &self,
        pin: &Pin,
        nonce: [u8; NONCE_BYTES],
        now: Duration,
        client: &Client<'_>,
    ) -> Option<Vec<u8>> {
        let token = self.token(pin, nonce, client.scope)?;
        // A browser need not keep what will be refused.
        let now = unix_seconds(now);
        let age = now.saturating_sub(pin.issued);
        let remaining = self.absolute_timeout.map_or(u32::MAX, |timeout| timeout.saturating_sub(age));
        let max_age = match self.config.cookie.lifetime {
            Some(Lifetime::Permanent) => Some(remaining),
            _ => self.cookie.max_age.map(|max_age| max_age.min(remaining)),
        };
        let expires = self.cookie.expires.map(|expires| u64::from(now) + u64::from(expires.min(remaining)));
        Some(self.cookie.set(&token, max_age, expires, client))
    }

    /// The value of the `set-cookie` header that ends a session.
    pub fn end(&self, client: &Client<'_>) -> Vec<u8> {
        self.cookie.set("", Some(0), self.cookie.expires.map(|_| 0), client)
    }

    /// What the `set-cookie` headers of the upstream become: those of our name get the token (rules `rewrite` and
    /// `prefix`), stay (`preserve`) or go (`indirect`). `None` where nothing changes.
    pub fn edit_upstream_cookies(
        &self,
        headers: &[&[u8]],
        pin: Option<&Pin>,
        nonce: [u8; NONCE_BYTES],
        scope: &[u8],
    ) -> Option<Vec<Vec<u8>>> {
        headers.iter().find(|header| self.cookie.is_set_by(header))?;
        let token = match self.config.cookie.rule {
            Rule::Insert if self.config.cookie.preserve || !self.config.cookie.indirect => return None,
            Rule::Insert => None,
            Rule::Rewrite | Rule::Prefix => Some(self.token(pin?, nonce, scope)?),
        };
        let edited = headers.iter().filter_map(|header| match &token {
            _ if !self.cookie.is_set_by(header) => Some(header.to_vec()),
            Some(token) => Some(self.cookie.with_token(header, token)),
            None => None,
        });
        Some(edited.collect())
    }

    /// Whether one of the upstream's `set-cookie` headers sets a cookie of our name.
    pub fn is_set_by_upstream(&self, headers: &[&[u8]]) -> bool {
        headers.iter().any(|header| self.cookie.is_set_by(header))
    }

    fn token(&self, pin: &Pin, nonce: [u8; NONCE_BYTES], scope: &[u8]) -> Option<String> {
        self.keyring.seal(pin, nonce, &self.keyring.context(scope))
    }

    fn check(&self, pin: Pin, now: u32) -> Result<Pin, Rejection> {
        let latest = now.saturating_add(MAX_CLOCK_LEAD);
        let is_past = |since: u32, timeout: Option<u32>| {
            timeout.is_some_and(|timeout| now.saturating_sub(since) >= timeout)
        };
        let is_key = matches!(pin.target, Target::Key(_));
        if is_key != (self.config.mode == Mode::Hash) {
            // Sealed before the mode was changed.
            Err(Rejection::Malformed)
        } else if pin.issued > latest || pin.seen > latest {
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
        f.debug_struct("Affinity").field("header", &self.config.header).finish_non_exhaustive()
    }
}

/// A header of 60 KB, Envoy's limit, has room for some 500 sealed tokens, at a microsecond each in Wasm.
const MAX_COOKIES_TRIED: u32 = 8;
/// In seconds: a day, as HAProxy has it (`cookie`, `maxidle`).
const MAX_CLOCK_LEAD: u32 = 24 * 3600;

fn unix_seconds(now: Duration) -> u32 {
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}
