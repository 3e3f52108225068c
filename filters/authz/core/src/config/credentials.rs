use super::{List, To, default_realm, default_true};
use schemars::JsonSchema;
use sdk_shim_config::Secret;
use serde::Deserialize;

/// A consumer: who shows credentials.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Consumer {
    /// The name that credentials give: of an API key, of an HMAC key, or of a user of `basic`.
    pub name: String,
    /// The groups that the consumer is in, for `portcullis.groups` in policies and `groups` in `require`. Letters, digits, `.`,
    /// `_`, `-`, `@` and `/`, at most 128 bytes each.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// Basic authentication (RFC 7617).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Basic {
    /// The users, as `htpasswd` writes them, a line each; best as `${NAME}`, an environment variable of the filter. Hashes:
    /// bcrypt (`htpasswd -B`, cost 4 to 12), `{SHA}` (what Envoy's own filter takes), `{SSHA}`, `$apr1$`, `$1$`, `$5$` and `$6$`
    /// (up to 100,000 rounds). A user's name is the consumer; at most 10,000.
    pub users: Secret,
    /// Whether a request without credentials is refused, where neither `require` nor a route says what is. Default: true.
    /// Wrong credentials are always refused.
    #[serde(default = "default_true")]
    pub required: bool,
    /// Whether the `authorization` header is removed before the request goes upstream. Default: true.
    #[serde(default = "default_true")]
    pub hide_credentials: bool,
    /// The realm in `WWW-Authenticate`. Default: `portcullis`.
    #[serde(default = "default_realm")]
    pub realm: String,
    /// How many answers each worker remembers, right and wrong ones, so that a password is hashed once: 0 to 100,000.
    /// Default: 1,000. Remembered is a SHA-256 of name, password and stored hash.
    #[serde(default = "default_cache_size")]
    pub cache_size: usize,
    /// How much hashing each worker does in a second, in rounds of bcrypt: a check costs 2^cost of them, so 1024 at cost 10 (some
    /// 92 ms) and 32 at cost 5; 100 for `$5$` and `$6$` with 5,000 rounds, 10 for `$apr1$`, nothing for `{SHA}`. What is over it is
    /// answered 401 with `retry-after`, so that guessing passwords does not hold up a worker. At least one check is always
    /// possible. Default: 2048, a fifth of a worker.
    #[serde(default = "default_work")]
    pub work_per_second: u32,
}

/// Requests signed with a shared secret, as the `hmac-auth` plugins of Kong and APISIX take them:
/// `Authorization: hmac username="id", algorithm="hmac-sha256", headers="@request-target date", signature="base64"`, or
/// `Signature keyId="id",…`. A signature has to cover `@request-target` or `request-line`, and `date` or `x-date`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hmac {
    /// The keys; at most 10,000.
    pub keys: Vec<HmacKey>,
    /// Whether a request without a signature is refused, where neither `require` nor a route says what is. Default: true. A
    /// wrong signature is always refused.
    #[serde(default = "default_true")]
    pub required: bool,
    /// Whether the `authorization` header is removed before the request goes upstream. Default: true.
    #[serde(default = "default_true")]
    pub hide_credentials: bool,
    /// How far a request's date may be from now, in seconds, 1 to 3,600: within this time it can be replayed. Default: 300.
    #[serde(default = "default_clock_skew")]
    pub clock_skew: u64,
    /// The algorithms that are taken. Default: all but `hmac-sha1`.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<HmacAlgorithm>,
    /// Headers that a signature has to cover as well.
    #[serde(default)]
    pub signed_headers: Vec<String>,
    /// Whether a signature has to cover a `digest` header (`SHA-256=base64`). Where it does, the body is always compared with it.
    /// Default: false.
    #[serde(default)]
    pub require_digest: bool,
    /// The longest body that is compared with its digest, in bytes: it is held until it is whole, and a longer one is answered 413.
    /// Envoy's own limit, `per_connection_buffer_limit_bytes`, has to be higher, and the filter needs
    /// `allow_on_headers_stop_iteration: true`. Default: 1 MiB, at most 64 MiB.
    #[serde(default = "default_max_body_bytes")]
    pub max_body_bytes: usize,
    /// How the signed text is written. Default: `kong`.
    #[serde(default)]
    pub format: HmacFormat,
}

/// A key that requests are signed with.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HmacKey {
    /// The id that requests name: `username` or `keyId`.
    pub id: String,
    /// Whose key this is. Default: the id.
    #[serde(default)]
    pub consumer: Option<String>,
    /// The secret, at least 16 bytes, best as `${NAME}`, an environment variable of the filter.
    pub secret: Secret,
}

/// An algorithm of signatures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "they say what they are")]
pub enum HmacAlgorithm {
    #[serde(rename = "hmac-sha1")]
    HmacSha1,
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    #[serde(rename = "hmac-sha384")]
    HmacSha384,
    #[serde(rename = "hmac-sha512")]
    HmacSha512,
}

/// How the text that is signed is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HmacFormat {
    /// As draft-cavage-http-signatures 2.3 and Kong do: `@request-target: get /path?query`, `name: value`, a line each, without
    /// a line feed at the end.
    #[default]
    Kong,
    /// As APISIX and Higress do: the key's id, `GET /path?query`, `name: value`, each with a line feed.
    Apisix,
}

/// Addresses under a name: `@name` stands for them wherever a policy or `require` lists addresses.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IpList {
    /// The name. Letters, digits, `.`, `_`, `-` and `/`.
    pub name: String,
    /// Addresses and CIDR blocks: searched, not scanned, so tens of thousands cost no more than a few.
    pub blocks: Vec<String>,
}

/// What a request has to show.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Requirement {
    /// Nothing.
    Nothing,
    /// An API key.
    ApiKey,
    /// A name and password.
    Basic,
    /// A signature.
    Hmac,
    /// A token.
    Jwt,
    /// Credentials of one of these consumers.
    Consumers(Vec<String>),
    /// Credentials of a consumer in one of these groups.
    Groups(Vec<String>),
    /// That the client's address, as `remoteIpBlocks` has it, is one of these: addresses, CIDR blocks, or `@name` for a list.
    RemoteIp(Vec<String>),
    /// That it is none of these.
    NotRemoteIp(Vec<String>),
    /// One of these.
    Any(Vec<Requirement>),
    /// Each of these.
    All(Vec<Requirement>),
}

/// A credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// An API key.
    ApiKey,
    /// A name and password.
    Basic,
    /// A signature.
    Hmac,
    /// A token.
    Jwt,
}

/// What other requests have to show, by where they go.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Names the route in denials. Unique; letters, digits, `.`, `_`, `-` and `/`; not `none`.
    pub name: String,
    /// The requests that it is for: those of one of these operations. Absent: all. The first route that matches decides.
    #[serde(default)]
    pub to: List<To>,
    /// What they have to show.
    pub require: Requirement,
    /// Credentials that are not looked at here, and go on to the upstream as they are: of an application that has its own.
    #[serde(default)]
    pub ignore: Vec<CredentialKind>,
}

fn default_cache_size() -> usize {
    1000
}

fn default_work() -> u32 {
    2048
}

fn default_clock_skew() -> u64 {
    300
}

fn default_max_body_bytes() -> usize {
    1024 * 1024
}

fn default_algorithms() -> Vec<HmacAlgorithm> {
    vec![HmacAlgorithm::HmacSha256, HmacAlgorithm::HmacSha384, HmacAlgorithm::HmacSha512]
}
