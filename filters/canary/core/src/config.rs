use schemars::JsonSchema;
use serde::Deserialize;

mod act;
mod condition;
mod cookie;
mod release;
mod trust;

pub use act::{
    Act, BaggageMember, HeaderConfig, HeaderEdits, PropagateConfig, RandomValueConfig, StableConfig,
};
pub use condition::{ClaimsConfig, ConditionConfig, CountryConfig, FieldConfig, PathConfig, RangeConfig};
pub use cookie::{AffinityConfig, AffinityOrder, CookieConfig, SameSite, Secure};
pub use release::{
    KeyConfig, NamespaceConfig, NamespaceShare, PauseConfig, ReleaseAffinity, ReleaseConfig, ScheduleConfig,
    StepConfig, WishConfig,
};
pub use trust::{InheritConfig, TokenConfig, TrustConfig};

/// The canary filter's configuration.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The kill switch: `false` sends everything to stable, whatever all other fields and the requests say, and removes
    /// the cookies that keep users on a release. Default: true.
    #[serde(default = "yes")]
    pub enabled: bool,

    /// The releases that run beside stable, in the order in which they are asked. An empty list sends everything to
    /// stable. At most 256.
    pub releases: Vec<ReleaseConfig>,

    /// Which release is asked first to take a request by `match` and `weight`. Default: `listed`.
    #[serde(default)]
    pub precedence: Precedence,

    /// Spaces of users of which releases take ranges, so that nobody takes part in two experiments at once. At most 64.
    #[serde(default)]
    pub namespaces: Vec<NamespaceConfig>,

    /// Keeps users on their version by a cookie of the filter's own, before all other rules. Default: off.
    #[serde(default)]
    pub affinity: Option<AffinityConfig>,

    /// A cookie that the filter issues to users who have none, for the key `id_cookie`. Its value is 128 random bits.
    /// Default: none.
    #[serde(default)]
    pub id_cookie: Option<CookieConfig>,

    /// What is done to requests and responses of the stable version.
    #[serde(default)]
    pub stable: StableConfig,

    /// How Envoy learns the decision. Default: the filter state `wasm.canary`.
    #[serde(default)]
    pub act: Act,

    /// A number for Envoy's `weighted_clusters.header_name`, so that Envoy's own weights draw the same user alike.
    /// Default: none.
    #[serde(default)]
    pub random_value: Option<RandomValueConfig>,

    /// How services behind this one learn the decision. Default: not at all.
    #[serde(default)]
    pub propagate: PropagateConfig,

    /// Whether responses say in `Vary` which request headers the decision hangs on, so that a cache does not hand one
    /// version to users of another. Only where a release concerns the request. The source IP cannot be said so. Default:
    /// true.
    #[serde(default = "yes")]
    pub vary: bool,

    /// Whose decisions, country header and questions for the debug header count. Default: nobody's.
    #[serde(default)]
    pub trust: TrustConfig,

    /// Takes over the decision that a trusted source made, so that a chain of services decides once. Default: off.
    #[serde(default)]
    pub inherit: Option<InheritConfig>,

    /// The request header in which a CDN or another filter names the client's country, for the condition `country`.
    /// Default: none.
    #[serde(default)]
    pub country: Option<CountryConfig>,

    /// Where verified claims come from, for the condition and the key `claim`. Default: none.
    #[serde(default)]
    pub claims: Option<ClaimsConfig>,

    /// The keys of signed tokens, for rules with `signed`. With them, the affinity cookie is signed, too: otherwise it would
    /// let in whom they keep out. Default: none.
    #[serde(default)]
    pub token: Option<TokenConfig>,

    /// A header in which the response shows release, reason and bucket, where a trusted source sends the same header with
    /// any value. Default: none.
    #[serde(default)]
    pub debug_header: Option<String>,

    /// Decides, counts (as `canary_dry_run_decisions_total`) and records the filter state `wasm.canary_dry_run`, but sends
    /// everything to stable and sets no cookies. Default: false.
    #[serde(default)]
    pub dry_run: bool,

    /// Behaviours of ingress-nginx that surprise, to be switched on one by one. Default: none.
    #[serde(default)]
    pub compatibility: Compatibility,
}

/// Which release is asked first to take a request by `match` and `weight`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Precedence {
    /// The first in the list.
    #[default]
    Listed,
    /// The one with the most specific `match`, as Gateway API's `HTTPRouteRule` orders rules: the most specific
    /// host, an exact path, the longest
    /// path prefix, a method, the most headers, the most query parameters, then the order of the list. Each member of an
    /// `any` that is the whole `match` stands for itself.
    GatewayApi,
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

pub(crate) fn yes() -> bool {
    true
}
