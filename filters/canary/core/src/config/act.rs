use super::cookie::CookieConfig;
use super::release::KeyConfig;
use schemars::JsonSchema;
use serde::Deserialize;

/// How Envoy learns the decision, which is the name of a release, or `stable`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// As filter state, which a client cannot forge; a route matches it with `filter_state`.
    FilterState {
        /// The key below `wasm.`: letters, digits, `-`, `_` and `.`, at most 63. Default: `canary`, which routes
        /// and access logs call `wasm.canary`.
        #[serde(default = "default_key")]
        key: String,
        /// Whether routes match `stable`, too, so that Envoy chooses the route again for it. Default: false. A request for
        /// stable then keeps the route that Envoy chose before this filter, as if the filter were not there, and only a
        /// request for a release costs a second choice.
        #[serde(default)]
        match_stable: bool,
    },
    /// As a request header, for routes that match only headers. The client's own is removed first.
    Header {
        /// The name of the header.
        name: String,
    },
    /// As a request header that names the cluster, for a route with `cluster_header`. The client's own is removed first.
    ClusterHeader {
        /// The name of the header.
        name: String,
        /// The cluster that stable is. Each release names its own as `cluster`.
        stable: String,
    },
}

impl Default for Act {
    fn default() -> Self {
        Self::FilterState { key: default_key(), match_stable: false }
    }
}

/// A number for Envoy's `weighted_clusters.header_name`: `murmur3(seed:key)` in decimal. Envoy takes it modulo the total
/// weight. The client's own is replaced, or removed where the request has no key.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomValueConfig {
    /// The request header that it is written to.
    pub header: String,
    /// What tells users apart, as `key` of a release.
    #[serde(default)]
    pub key: Vec<KeyConfig>,
    /// What makes the numbers independent of others. From 1 to 256 bytes.
    pub seed: String,
}

/// How services behind this one learn the decision.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PropagateConfig {
    /// A request header with the name of the release, or `stable`. The client's own is replaced.
    #[serde(default)]
    pub header: Option<String>,
    /// A member of the W3C `baggage` header. Others stay as they are; the client's own of that name is replaced.
    #[serde(default)]
    pub baggage: Option<BaggageMember>,
    /// A cookie with the name of the release, or `stable`, set where the request has another value: for scripts and
    /// assets. The filter itself does not read it.
    #[serde(default)]
    pub cookie: Option<CookieConfig>,
}

/// A member of the W3C `baggage` header.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BaggageMember {
    /// Its key: a token.
    pub key: String,
}

/// What is done to requests and responses of the stable version.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StableConfig {
    /// Changes of the headers of requests that go to stable.
    #[serde(default)]
    pub request_headers: HeaderEdits,
    /// Changes of the headers of responses of stable.
    #[serde(default)]
    pub response_headers: HeaderEdits,
}

/// Changes of headers, as Gateway API's `HTTPHeaderFilter`: first `set`, then `add`, then `remove`. At most 64 in all.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderEdits {
    /// Headers that replace those of the same name.
    #[serde(default)]
    pub set: Vec<HeaderConfig>,
    /// Headers that are added to those of the same name.
    #[serde(default)]
    pub add: Vec<HeaderConfig>,
    /// Headers that are removed.
    #[serde(default)]
    pub remove: Vec<String>,
}

/// A header.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderConfig {
    /// Its name.
    pub name: String,
    /// Its value: no control characters, at most 4096 bytes.
    pub value: String,
}

fn default_key() -> String {
    "canary".to_owned()
}
