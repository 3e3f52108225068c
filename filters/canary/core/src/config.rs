use schemars::JsonSchema;
use serde::Deserialize;

/// The canary filter's configuration.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The releases that run beside stable, in the order in which they are asked. An empty list sends everything to
    /// stable. At most 256.
    pub releases: Vec<ReleaseConfig>,

    /// How Envoy learns the decision. Default: the filter state `wasm.canary`.
    #[serde(default)]
    pub act: Act,

    /// Behaviours of ingress-nginx that surprise, to be switched on one by one. Default: none.
    #[serde(default)]
    pub compatibility: Compatibility,
}

/// A version of the service that takes a part of the requests. It needs at least one of `by_header`, `by_cookie` and
/// `weight`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseConfig {
    /// What the release is called in routes, metrics and logs: letters, digits, `-`, `_` and `.`, at most 63, each
    /// name once. `stable` is taken.
    pub name: String,

    /// The hosts whose requests the release concerns, without port and in any case: `shop.example.com`, or
    /// `*.example.com` for all hosts below it. At most 64. Default: all hosts.
    #[serde(default)]
    pub hosts: Vec<String>,

    /// The path prefixes whose requests the release concerns, by whole segments: `/api` covers `/api` and `/api/x`,
    /// not `/apix`. Compared with the path as the filter sees it, without the query. At most 64. Default: all paths.
    #[serde(default)]
    pub paths: Vec<String>,

    /// A request header that takes a request into the release or keeps it out. Beats cookies and weights.
    #[serde(default)]
    pub by_header: Option<WishConfig>,

    /// A cookie that takes a request into the release or keeps it out. Beats weights. Of several cookies of that name
    /// the first counts.
    #[serde(default)]
    pub by_cookie: Option<WishConfig>,

    /// The share of requests that the release takes, in parts of `weight_total`: by default a percentage from 0 to
    /// 100, with at most three decimals. A share is kept in steps of 0.001 %. Default: 0.
    #[serde(default)]
    pub weight: Option<f64>,

    /// What `weight` is a part of, from 1. Default: 100.
    #[serde(default)]
    pub weight_total: Option<u32>,

    /// What tells users apart, so that each keeps its version: the first of these that the request has. The source
    /// IP and then a random number stand behind the list, unless it ends in `random` or `none`. At most 8. Default:
    /// empty, that is the source IP.
    #[serde(default)]
    pub key: Vec<KeyConfig>,

    /// What makes the draw of this release independent of others: releases with the same seed draw the same users
    /// first. From 1 to 256 bytes. Default: the release's name.
    #[serde(default)]
    pub seed: Option<String>,
}

/// A header or cookie by which a request asks for a release. Without `value` and `pattern`, `always` takes the request
/// into the release and `never` keeps it out; another value decides nothing.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WishConfig {
    /// The name of the header (in any case) or cookie (in this case).
    pub name: String,

    /// The value that takes the request into the release, in place of `always`. `never` still keeps it out. Not
    /// together with `pattern`.
    #[serde(default)]
    pub value: Option<String>,

    /// A regular expression, of which a match anywhere in the value takes the request into the release, in place of
    /// `always`. `never` still keeps it out. The syntax is that of the Rust crate `regex` on bytes, without Unicode
    /// classes. At most 4096 bytes.
    #[serde(default)]
    pub pattern: Option<String>,
}

/// Where the value comes from that tells users apart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyConfig {
    /// The value of this request header, unless it is empty.
    Header(String),
    /// The value of this cookie, unless it is empty.
    Cookie(String),
    /// The address of the client, as Envoy's `source.address` has it.
    SourceIp,
    /// A number drawn for the request: users are not kept on their version. Only at the end of the list.
    Random,
    /// Nothing: a request without any of the keys before it stays on stable. Only at the end of the list.
    None,
}

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
    },
    /// As a request header, for routes that match only headers. The client's own is removed first.
    Header {
        /// The name of the header.
        name: String,
    },
}

impl Default for Act {
    fn default() -> Self {
        Self::FilterState { key: default_key() }
    }
}

/// Behaviours of ingress-nginx (`rootfs/etc/nginx/lua/balancer.lua`) that surprise, each off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compatibility {
    /// `never` keeps a request out only where neither `value` nor `pattern` is set; otherwise it decides nothing, and
    /// the cookie and the weight are asked. Default: false, `never` always keeps out.
    #[serde(default)]
    pub never_only_without_value: bool,

    /// A `pattern` that does not compile is accepted with a warning, and keeps every request out that has the header,
    /// without asking the cookie or the weight. Default: false, it is refused at load.
    #[serde(default)]
    pub broken_pattern_keeps_out: bool,

    /// A `weight_total` below 100 counts as 100. Default: false, it counts as it is.
    #[serde(default)]
    pub weight_total_at_least_100: bool,
}

fn default_key() -> String {
    "canary".to_owned()
}
