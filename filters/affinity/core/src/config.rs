use schemars::JsonSchema;
use sdk_shim_config::Secret;
use serde::Deserialize;

/// The configuration of the affinity filter.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The secrets that cookies are sealed with: the first seals, all open. 1 to 8, each with at least 32 characters of
    /// random text (`openssl rand -base64 32`), or `${NAME}` for an environment variable of the filter's VM. Blanks and
    /// line breaks around a secret don't count.
    ///
    /// To change it without losing a session: add the new secret at the end everywhere, then move it to the front
    /// everywhere, then remove the old one once no cookie comes under it.
    pub keys: Vec<Secret>,

    /// The application that the cookies are for. A cookie of one audience is worthless in another, also under the same
    /// keys. 1 to 256 bytes.
    pub audience: String,

    /// The cookie.
    #[serde(default)]
    pub cookie: CookieConfig,

    /// How Envoy is told where a session belongs. Default: `stateful_session`.
    #[serde(default)]
    pub mode: Mode,

    /// The request header that tells Envoy: the endpoint, or in mode `hash` the session's key. The filter removes it from
    /// what clients send.
    #[serde(default = "default_header")]
    pub header: String,

    /// What each has a session of its own, in a cookie of its own. Default: `none`.
    #[serde(default)]
    pub scope: Scope,

    /// The clusters whose endpoints get sessions; a response of another sets no cookie. At most 64. Default: all. List the
    /// stable version alone, and clients of the other are balanced freely (ingress-nginx,
    /// `affinity-canary-behavior: legacy`).
    #[serde(default)]
    pub clusters: Vec<String>,

    /// A request header in which the filter names the cluster of a session, one of `clusters`, so that routes send it
    /// there whatever weights say (GEP-1619: persistence wins over traffic splitting, also at weight 0). The filter
    /// removes it from what clients send. Default: none.
    #[serde(default)]
    pub cluster_header: Option<String>,

    /// What tells an endpoint from one that had its address before: a key of the endpoints' metadata, such as the pod's
    /// UID. A session that comes to another one counts as `replaced` and starts anew there. Default: none.
    #[serde(default)]
    pub identity: Option<Identity>,

    /// Whether a session ends when its endpoint is unavailable: Envoy has answered in its place, after retries. The next
    /// request is then balanced. Default: false, the session waits for it (ingress-nginx,
    /// `session-cookie-change-on-failure`).
    #[serde(default)]
    pub change_on_failure: bool,

    /// Requests without a session, though the cookie's path covers them: their cookie is not honoured, and none is set. For
    /// what any endpoint can serve, such as files and health checks (HAProxy, `ignore-persist`). At most 64. Default: none.
    #[serde(default)]
    pub ignore_persist: Vec<RequestMatch>,

    /// Whether sessions are only watched: cookies are set and read, but Envoy is told nothing, and a cookie is not set anew
    /// because another endpoint answered. `moved` then counts what pinning would have sent elsewhere. Default: false.
    #[serde(default)]
    pub dry_run: bool,

    /// How long a session stays with an endpoint, from its first answer on, such as `12h`: hours, minutes and seconds
    /// (GEP-2257), at least `1s`. It is enforced when the cookie is read, to the second. Default: `cookie.max_age`, else
    /// `cookie.expires`, else for ever. In Gateway API: `absoluteTimeout` (GEP-1619).
    #[serde(default)]
    pub absolute_timeout: Option<String>,

    /// How long a session may rest between two requests, such as `30m`. It is enforced when the cookie is read; the
    /// cookie is sent anew once a tenth of this has passed, so a session may end that much early. Default: for ever. In
    /// Gateway API: `idleTimeout` (GEP-1619).
    #[serde(default)]
    pub idle_timeout: Option<String>,
}

/// The cookie's name and attributes (RFC 6265 4.1, RFC 6265bis).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CookieConfig {
    /// Its name: a token of at most 256 characters. Default: `portcullis_affinity`.
    pub name: String,

    /// The paths that it is sent to. Default: `/`.
    pub path: String,

    /// The domain whose hosts all get it. Default: only the host that set it.
    pub domain: Option<String>,

    /// How it comes about. Default: `insert`.
    pub rule: Rule,

    /// Whether the upstream does not get to see it, and a cookie of its name that the upstream sets is dropped; for
    /// `insert`. Default: true.
    pub indirect: bool,

    /// Whether the upstream may set a cookie of its name, which then goes to the client as it is: to end a session, say at
    /// a logout. For `insert`. Default: false.
    pub preserve: bool,

    /// Whether responses that set it get `cache-control: private`, so that no shared cache hands it to others. Default:
    /// false.
    pub nocache: bool,

    /// Whether it is set on responses to POST only; for `insert`. Default: false.
    pub postonly: bool,

    /// How long it lives. Default: as `max_age` and `expires` say.
    pub lifetime: Option<Lifetime>,

    /// How long browsers keep it, such as `12h`. Default: until the browser ends (a session cookie).
    pub max_age: Option<String>,

    /// The same as a date, for clients that don't know `Max-Age`: the cookie gets `Expires`, this far ahead. Default: no
    /// `Expires`.
    pub expires: Option<String>,

    /// Whether it is sent over TLS only. Default: `auto`.
    pub secure: Secure,

    /// Whether it is sent across sites. Default: `lax`. With `none`, `secure` has to be `always`.
    pub same_site: SameSite,

    /// Whether `SameSite=None` is left out for browsers that would read it as `Strict` or drop the cookie: Chrome 40 to
    /// 69, all of iOS 12, Safari on macOS 10.14. Default: false.
    pub conditional_same_site_none: bool,

    /// Whether scripts can't read it. Default: true.
    pub http_only: bool,

    /// Whether it is kept apart for each top-level site (CHIPS). `secure` has to be `always`. Default: false.
    pub partitioned: bool,

    /// Further attributes, sent as they stand.
    pub attributes: Vec<Attribute>,
}

/// How Envoy is told where a session belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The header names the endpoint to the filter `stateful_session` in header mode, which has to stand behind this one
    /// on all routes: any load-balancing policy, health and draining honoured, `strict` if asked.
    #[default]
    StatefulSession,
    /// The header names the endpoint to the load-balancing policy `override_host`. It ignores health: have routes retry.
    OverrideHost,
    /// The header has a random key, which a ring hash or maglev policy hashes: for control planes that offer nothing else.
    /// Sessions move where the ring does.
    Hash,
}

/// What each has a session of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The audience: there is one session.
    #[default]
    None,
    /// The route, by its name, as Envoy chose it before this filter.
    Route,
    /// The cluster, by its name, as Envoy chose it before this filter: what another filter has changed since is not seen.
    Cluster,
    /// What the canary filter before this one has recorded as `wasm.canary`.
    Canary,
}

/// What a request is like: all that is given.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestMatch {
    /// What the path starts with, such as `/static/`.
    #[serde(default)]
    pub path_prefix: Option<String>,
    /// What the path, without its query, ends with, such as `.css`.
    #[serde(default)]
    pub path_suffix: Option<String>,
    /// The methods, in their case. Default: any.
    #[serde(default)]
    pub methods: Vec<String>,
    /// A header that it has.
    #[serde(default)]
    pub header: Option<HeaderMatch>,
}

/// A header of a request.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderMatch {
    /// Its name.
    pub name: String,
    /// Its value; of repeated ones any. Default: whatever it is.
    #[serde(default)]
    pub value: Option<String>,
}

/// A key of the endpoints' metadata.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The namespace in `filter_metadata`. Default: `envoy.lb`.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// The key; its value is a string.
    pub key: String,
}

/// How the cookie comes about (HAProxy, `cookie`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The filter sets it.
    #[default]
    Insert,
    /// Where the upstream sets a cookie of this name, its value is replaced.
    Rewrite,
    /// Where the upstream sets a cookie of this name, the sealed token and a `~` go before its value. The upstream gets its
    /// own value back.
    Prefix,
}

/// How long the cookie lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Lifetime {
    /// It is read but never set: another gateway sets it.
    Passive,
    /// Until the browser ends: neither `Max-Age` nor `Expires`. Timeouts are enforced when it is read.
    Session,
    /// `Max-Age` is the `absolute_timeout`, which has to be set (GEP-1619).
    Permanent,
}

/// When the cookie gets the attribute `Secure`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Secure {
    /// When the request's scheme is `https`.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The cookie's `SameSite` attribute (RFC 6265bis 5.6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SameSite {
    /// Sent on all requests, also those that other sites make.
    None,
    /// Sent when a link leads here from another site, but not with what another site embeds.
    #[default]
    Lax,
    /// Sent from this site only.
    Strict,
    /// No attribute: up to the browser.
    Unset,
}

/// A further attribute of the cookie.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// Its name: a token.
    pub name: String,
    /// Its value; without one the name stands alone.
    #[serde(default)]
    pub value: Option<String>,
}

/// The most secrets that one configuration may have.
pub const MAX_KEYS: usize = 8;

/// The fewest characters that a secret may have: 32 of base64 are 192 random bits, of hexadecimal 128.
pub const MIN_SECRET_CHARACTERS: usize = 32;

impl Default for CookieConfig {
    fn default() -> Self {
        Self {
            name: "portcullis_affinity".to_owned(),
            path: "/".to_owned(),
            domain: None,
            rule: Rule::Insert,
            indirect: true,
            preserve: false,
            nocache: false,
            postonly: false,
            lifetime: None,
            max_age: None,
            expires: None,
            secure: Secure::Auto,
            same_site: SameSite::Lax,
            conditional_same_site_none: false,
            http_only: true,
            partitioned: false,
            attributes: Vec::new(),
        }
    }
}

fn default_header() -> String {
    "x-portcullis-endpoint".to_owned()
}

fn default_namespace() -> String {
    "envoy.lb".to_owned()
}
