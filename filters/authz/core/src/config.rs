//! The configuration as it is written: Istio's `spec`s as they are, each with a name, and API keys.

mod credentials;
mod external_checks;
mod ignored;
mod paths;
mod remote_jwks;
mod request_authentication;
mod responses;

pub use credentials::{
    Basic, Consumer, CredentialKind, Hmac, HmacAlgorithm, HmacFormat, HmacKey, IpList, Requirement, Route,
};
pub(crate) use external_checks::Common;
pub use external_checks::{
    AuthRequestCheck, ExternalCheck, HttpCheck, OnCheckError, OpaCheck, Provider, RequestBody,
};
pub use ignored::Ignored;
pub(crate) use ignored::warn_of_targets;
pub use paths::{PathNormalization, PathParameters};
pub use remote_jwks::RemoteJwks;
pub use request_authentication::{
    ClaimToHeader, JwtHeader, JwtRule, RequestAuthentication, RequestAuthenticationSpec,
};

pub use responses::{DecisionLog, Redirect, Response, ResponseHeader, Responses};
use schemars::JsonSchema;
use sdk_shim_config::Secret;
use serde::Deserialize;

/// A list that may be absent, in no more memory than it needs: of rules there are thousands, and a vector of one has room for
/// four.
pub type List<T> = Option<Box<[T]>>;

/// The configuration of the authz filter.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The policies. None of them: every request is allowed, unless its API key is refused.
    #[serde(default)]
    pub policies: Vec<Policy>,
    /// Services that are asked whether requests may pass, where a policy with the action `CUSTOM` matches.
    #[serde(default)]
    pub external_checks: Vec<ExternalCheck>,
    /// API keys. Absent: no request needs one.
    #[serde(default)]
    pub api_keys: Option<ApiKeys>,
    /// Basic authentication. Absent: no request needs it.
    #[serde(default)]
    pub basic: Option<Basic>,
    /// Signed requests. Absent: no request needs to be.
    #[serde(default)]
    pub hmac: Option<Hmac>,
    /// The groups that consumers are in.
    #[serde(default)]
    pub consumers: Vec<Consumer>,
    /// The consumer of requests that show no credential. Wrong credentials are refused all the same. Default: none.
    #[serde(default)]
    pub anonymous_consumer: Option<String>,
    /// The header that tells the upstream the consumer. The client's own header of that name is always removed.
    /// Default: `x-consumer`, where there are credentials; null for none.
    #[serde(default = "default_consumer_header")]
    pub consumer_header: Option<String>,
    /// The header that tells the upstream the consumer's groups, with commas between them, likewise. Default: none.
    #[serde(default)]
    pub groups_header: Option<String>,
    /// Lists of addresses, by name.
    #[serde(default)]
    pub ip_lists: Vec<IpList>,
    /// What requests have to show. Absent: each credential that is `required`.
    #[serde(default)]
    pub require: Option<Requirement>,
    /// What other requests have to show, by where they go.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Whose tokens (JWT) are accepted. None: tokens are not looked at.
    #[serde(default)]
    pub request_authentication: Vec<RequestAuthentication>,
    /// The claims of a valid token that filters behind this one are told of, each as filter state
    /// `wasm.authz_claim.<name>`: `sub`, or `[realm][role]` for one within another. Texts as they are, numbers, `true` and
    /// `false` as JSON writes them, lists of these joined with commas. At most 32. Default: none.
    #[serde(default)]
    pub claims_to_filter_state: Vec<String>,
    /// How key sets are fetched for rules without `jwks`.
    #[serde(default)]
    pub remote_jwks: RemoteJwks,
    /// How many verified tokens each worker remembers, so that a signature is verified once: 0 to 100,000, tokens of up to
    /// 4 KiB. Their times are checked each time. Default: 1,000.
    #[serde(default = "default_jwt_cache_size")]
    pub jwt_cache_size: usize,
    /// Where `ipBlocks` and `source.ip` find the address of the direct peer.
    #[serde(default)]
    pub peer_address: PeerAddressSource,
    /// The trust domain of the mesh, and its aliases, as in Istio's mesh configuration: a principal or trust domain of a policy
    /// that is one of them, or a principal of `cluster.local`, stands for all of them. Default: none, each stands for itself.
    #[serde(default)]
    pub trust_domains: Vec<String>,
    /// Where the documentation of `AuthorizationPolicy` and what Istio makes of it differ, follow whichever allows less: `*` does
    /// not allow an empty header, host or method; `{**}/` denies paths without the slash at their end as well; namespaces and service accounts
    /// allow SPIFFE IDs of exactly the form `<trust domain>/ns/<namespace>/sa/<account>`. Default: false, as Istio does it.
    #[serde(default)]
    pub strict: bool,
    /// What denied requests are answered with.
    #[serde(default)]
    pub responses: Responses,
    /// What is logged of decisions. Default: `text`.
    #[serde(default)]
    pub decision_log: DecisionLog,
    /// How the filter itself normalises paths. Default: `NONE`, as the proxy does it.
    #[serde(default)]
    pub path_normalization: PathNormalization,
    /// What becomes of path parameters, as in `/a;b=c`. Default: `keep`.
    #[serde(default)]
    pub path_parameters: PathParameters,
}

/// Where the address of the direct peer is found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum PeerAddressSource {
    /// In Envoy's `source.address`, unless Envoy took that from `x-forwarded-for`: then the peer is unknown, DENY and
    /// AUDIT policies that test it match, ALLOW policies that test it don't. With `use_remote_address: true` and no
    /// trusted hops it is always known.
    #[default]
    Connection,
    /// In the filter state object of this name, as an address with or without a port. Have
    /// `envoy.filters.http.set_filter_state` write it from `%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%` in front of this
    /// filter where Envoy trusts hops in `x-forwarded-for`.
    FilterState(String),
}

/// A policy: an `AuthorizationPolicy` without its Kubernetes wrapping.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Names the policy in denials, logs and metrics. Unique; letters, digits, `.`, `_`, `-` and `/`, at most 253 bytes;
    /// not `none`.
    pub name: String,
    /// The namespace of service accounts that are written without one.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Whether the policy is only tried: what it would decide is logged and counted, and decides nothing, as with Istio's annotation
    /// `istio.io/dry-run`. ALLOW and DENY policies. Default: false.
    #[serde(default)]
    pub dry_run: bool,
    /// What requests are answered with that this policy denies. DENY policies; ALLOW policies don't deny, so for them it is
    /// `responses.forbidden`.
    #[serde(default)]
    pub deny_response: Option<Response>,
    /// The `spec` of an `AuthorizationPolicy` (security.istio.io/v1).
    #[serde(default)]
    pub spec: Spec,
}

/// The `spec` of Istio's `AuthorizationPolicy`. `selector`, `targetRef` and `targetRefs` are accepted, so that a `spec`
/// can be pasted as it is, and have no effect: the policy applies wherever this configuration does.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Spec {
    /// What a match means. Default: `ALLOW`.
    #[serde(default)]
    pub action: Action,
    /// The policy matches where one of its rules does. Absent or empty: it never matches.
    #[serde(default)]
    pub rules: List<Rule>,
    /// The check that decides where a policy with the action `CUSTOM` matches.
    #[serde(default)]
    pub provider: Option<Provider>,
    /// Has no effect here.
    #[serde(default)]
    pub selector: Option<Ignored>,
    /// Has no effect here.
    #[serde(default)]
    pub target_ref: Option<Ignored>,
    /// Has no effect here.
    #[serde(default)]
    pub target_refs: Option<Ignored>,
}

/// What the match of a policy means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Action {
    /// The request is allowed, if no DENY policy matches. Where there are ALLOW policies, one of them must match.
    #[default]
    Allow,
    /// The request is denied.
    Deny,
    /// The match is logged and counted, and decides nothing.
    Audit,
    /// The request is denied unless the `provider`, an external check, allows it. Checked before the other policies.
    Custom,
}

/// A rule: one of `from`, one of `to`, and all of `when` must match. What is absent matches; `{}` always matches.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Who asks.
    #[serde(default)]
    pub from: List<From>,
    /// What is asked for.
    #[serde(default)]
    pub to: List<To>,
    /// Further conditions.
    #[serde(default)]
    pub when: List<Condition>,
}

/// Wraps a source, as Istio does.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct From {
    /// The source.
    pub source: Source,
}

/// Wraps an operation, as Istio does.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct To {
    /// The operation.
    pub operation: Operation,
}

/// Who asks. All fields that are there must match; of a list, one value must; of a `not` list, none may.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Source {
    /// Peer identities from mTLS, without `spiffe://`: `cluster.local/ns/default/sa/web`. Exact, `prefix*`, `*suffix`, or `*`
    /// for any identity.
    #[serde(default)]
    pub principals: List<String>,
    /// Negates `principals`.
    #[serde(default)]
    pub not_principals: List<String>,
    /// Identities from tokens, `issuer/subject`, split at the last `/`. `issuer/*`, `issuer/pre*`, `*/subject`, `*suffix/subject`,
    /// `prefix*` for any subject of such an issuer, `*suffix` for such a subject of any issuer, or `*` for any identity.
    #[serde(default)]
    pub request_principals: List<String>,
    /// Negates `requestPrincipals`.
    #[serde(default)]
    pub not_request_principals: List<String>,
    /// Namespaces of peer identities; `*` stands for any text.
    #[serde(default)]
    pub namespaces: List<String>,
    /// Negates `namespaces`.
    #[serde(default)]
    pub not_namespaces: List<String>,
    /// Service accounts of peer identities: `namespace/account`, or `account` in the policy's namespace. No wildcards. Not
    /// together with principals or namespaces.
    #[serde(default)]
    pub service_accounts: List<String>,
    /// Negates `serviceAccounts`.
    #[serde(default)]
    pub not_service_accounts: List<String>,
    /// Trust domains of peer identities. Exact, `prefix*`, `*suffix`, or `*` for any.
    #[serde(default)]
    pub trust_domains: List<String>,
    /// Negates `trustDomains`.
    #[serde(default)]
    pub not_trust_domains: List<String>,
    /// Addresses or CIDR blocks of the direct peer, or `@name` for one of `ip_lists`.
    #[serde(default)]
    pub ip_blocks: List<String>,
    /// Negates `ipBlocks`.
    #[serde(default)]
    pub not_ip_blocks: List<String>,
    /// Addresses or CIDR blocks, or `@name`, of the client as Envoy determined it, from `x-forwarded-for` where it is set up so.
    #[serde(default)]
    pub remote_ip_blocks: List<String>,
    /// Negates `remoteIpBlocks`.
    #[serde(default)]
    pub not_remote_ip_blocks: List<String>,
}

/// What is asked for. All fields that are there must match; of a list, one value must; of a `not` list, none may.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Operation {
    /// Hosts as in the Host or `:authority` header, including a port that stands there; case-insensitive. Exact, `prefix*`,
    /// `*suffix`, or `*` for any.
    #[serde(default)]
    pub hosts: List<String>,
    /// Negates `hosts`.
    #[serde(default)]
    pub not_hosts: List<String>,
    /// Local ports, 0 to 65535, as strings.
    #[serde(default)]
    pub ports: List<String>,
    /// Negates `ports`.
    #[serde(default)]
    pub not_ports: List<String>,
    /// Methods, case-sensitive. Exact, `prefix*`, `*suffix`, or `*` for any.
    #[serde(default)]
    pub methods: List<String>,
    /// Negates `methods`.
    #[serde(default)]
    pub not_methods: List<String>,
    /// Paths without query and fragment. Exact, `prefix*`, `*suffix`, `*` for any, or a template: `{*}` stands for one
    /// segment, `{**}`, once and behind all `{*}`, for any number of them.
    #[serde(default)]
    pub paths: List<String>,
    /// Negates `paths`.
    #[serde(default)]
    pub not_paths: List<String>,
}

/// A condition: on an attribute, of which one of `values` must match, if there are any, and none of `notValues` may; or an expression
/// in CEL.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Condition {
    /// The attribute: `request.headers[name]`, `source.ip`, `remote.ip`, `source.namespace`, `source.principal`,
    /// `source.serviceAccount`, `source.trustDomain`, `destination.ip`, `destination.port`, `connection.sni`,
    /// `request.auth.principal`, `request.auth.audiences`, `request.auth.presenter`, `request.auth.claims[name]` (a text or a
    /// list of texts; `[a][b]` for a claim within another), `portcullis.consumer`, the consumer of the
    /// request's credentials, `portcullis.groups`, its groups, or
    /// `experimental.envoy.filters.name[key]`, the dynamic metadata of a filter (a value `[v]` is an item of a list).
    #[serde(default)]
    pub key: Option<String>,
    /// The values, one of which must match.
    #[serde(default)]
    pub values: List<String>,
    /// The values, none of which may match.
    #[serde(default)]
    pub not_values: List<String>,
    /// Instead of the others: an expression in CEL that has to be true, of up to 4,096 bytes. Where it has no value, as for a claim
    /// that is not there, DENY and AUDIT policies match, and ALLOW policies don't. See the page for what it may say.
    #[serde(default)]
    pub cel: Option<String>,
}

/// API keys, and where requests carry them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiKeys {
    /// Where a key may stand. Default: the header `x-api-key`.
    #[serde(default = "default_locations")]
    pub locations: Vec<Location>,
    /// The keys. Several may name the same consumer, so that a key can be replaced without a gap.
    pub keys: Vec<Key>,
    /// Whether a request without a key is refused, where neither `require` nor a route says what is. Default: true. A wrong key is
    /// always refused.
    #[serde(default = "default_true")]
    pub required: bool,
    /// Whether the key is removed before the request goes upstream. Default: true.
    #[serde(default = "default_true")]
    pub hide_credentials: bool,
    /// The realm in `WWW-Authenticate`. Default: `portcullis`.
    #[serde(default = "default_realm")]
    pub realm: String,
}

/// A place in a request where a key may stand.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Location {
    /// The header of this name.
    Header(String),
    /// The query parameter of this name, percent-decoded.
    Query(String),
    /// The cookie of this name.
    Cookie(String),
}

/// A key: its salted hash, or the key itself from the environment.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Whose key this is. Letters, digits, `.`, `_`, `-`, `@` and `/`, at most 128 bytes.
    pub consumer: String,
    /// `salt:digest`: the salt in 8 to 64 letters, digits, `.`, `_` and `-`, and the SHA-256 of salt and key together in 64
    /// hexadecimal digits. To make one:
    /// `salt=$(openssl rand -hex 8); echo "$salt:$(printf %s "$salt$KEY" | sha256sum | cut -c-64)"`.
    /// Give all keys the same salt, or few: each different one costs a hash for each request; at most 16.
    #[serde(default)]
    pub hash: Option<String>,
    /// The key itself, best as `${NAME}`, an environment variable of the filter.
    #[serde(default)]
    pub secret: Option<Secret>,
}

fn default_jwt_cache_size() -> usize {
    1000
}

fn default_locations() -> Vec<Location> {
    vec![Location::Header("x-api-key".to_owned())]
}

fn default_true() -> bool {
    true
}

#[allow(clippy::unnecessary_wraps)]
pub(crate) fn default_consumer_header() -> Option<String> {
    Some("x-consumer".to_owned())
}

fn default_realm() -> String {
    "portcullis".to_owned()
}
