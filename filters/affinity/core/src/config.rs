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

    /// The request header that names the endpoint to Envoy's `stateful_session`. The filter removes it from what clients
    /// send.
    #[serde(default = "default_header")]
    pub header: String,

    /// How long a session stays with an endpoint, from its first answer on, such as `12h`: hours, minutes and seconds
    /// (GEP-2257), at least `1s`. It is enforced when the cookie is read, to the second. Default: `cookie.max_age`, else
    /// for ever. In Gateway API: `absoluteTimeout` (GEP-1619).
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

    /// How long browsers keep it, such as `12h`. Default: until the browser ends (a session cookie).
    pub max_age: Option<String>,

    /// Whether it is sent over TLS only. Default: `auto`.
    pub secure: Secure,

    /// Whether it is sent across sites. Default: `lax`. With `none`, `secure` has to be `always`.
    pub same_site: SameSite,

    /// Whether scripts can't read it. Default: true.
    pub http_only: bool,

    /// Whether it is kept apart for each top-level site (CHIPS). `secure` has to be `always`. Default: false.
    pub partitioned: bool,

    /// Further attributes, sent as they stand.
    pub attributes: Vec<Attribute>,
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
            max_age: None,
            secure: Secure::Auto,
            same_site: SameSite::Lax,
            http_only: true,
            partitioned: false,
            attributes: Vec::new(),
        }
    }
}

fn default_header() -> String {
    "x-portcullis-endpoint".to_owned()
}
