use super::yes;
use schemars::JsonSchema;
use serde::Deserialize;

/// A cookie that the filter sets.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CookieConfig {
    /// Its name: a token, at most 256 bytes. One with `__Secure-` or `__Host-` before it needs `secure: always`.
    pub name: String,

    /// How long browsers keep it: `30days`, `12h`. From 1 s to 400 days. Default: until they close.
    #[serde(default)]
    pub max_age: Option<String>,

    /// The path that it is sent for. Default: `/`.
    #[serde(default = "root")]
    pub path: String,

    /// The domain that it is sent for. Default: only the host that set it.
    #[serde(default)]
    pub domain: Option<String>,

    /// When browsers send it across sites. `none` needs `secure: always`. Default: `lax`.
    #[serde(default)]
    pub same_site: SameSite,

    /// Whether browsers send it over TLS only. Default: `auto`.
    #[serde(default)]
    pub secure: Secure,

    /// Whether scripts cannot read it. Default: true.
    #[serde(default = "yes")]
    pub http_only: bool,
}

/// The values of `SameSite` (RFC 6265bis 5.6.7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SameSite {
    /// On all requests.
    None,
    /// On top-level navigation and same-site requests.
    #[default]
    Lax,
    /// On same-site requests.
    Strict,
}

/// Whether a cookie is `Secure`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Secure {
    /// Where the request came by https.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The cookie that keeps users on their version.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AffinityConfig {
    /// The cookie. It holds names of releases, and a client can forge it: who may not choose must not be let in by it.
    pub cookie: CookieConfig,

    /// What it beats. Default: `first`, as in ingress-nginx.
    #[serde(default)]
    pub order: AffinityOrder,

    /// Whether users who were sent to stable stay there. `false`: only releases keep their users. Default: true, as in
    /// ingress-nginx.
    #[serde(default = "yes")]
    pub stable: bool,
}

/// What affinity beats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AffinityOrder {
    /// Everything, headers and cookies that ask for a release too: a trap for testers whom it has pinned.
    #[default]
    First,
    /// The weight only.
    BeforeWeight,
}

fn root() -> String {
    "/".to_owned()
}
