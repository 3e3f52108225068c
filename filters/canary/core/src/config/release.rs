use super::act::HeaderEdits;
use super::condition::ConditionConfig;
use super::yes;
use schemars::JsonSchema;
use serde::Deserialize;

/// A version of the service that takes a part of the requests. It needs at least one of `by_header`, `by_cookie`, `match`
/// and `weight`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseConfig {
    /// What the release is called in routes, metrics and logs: letters, digits, `-`, `_` and `.`, at most 63, each
    /// name once. `stable` is taken.
    pub name: String,

    /// `false` ends the release: it takes nobody, and its users' affinity ends with their next request. Default: true.
    #[serde(default = "yes")]
    pub enabled: bool,

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

    /// Which requests the weight draws from. Without `weight` all that match are taken.
    /// `by_header` and `by_cookie` take a request in whether it matches or not. Default: all requests.
    #[serde(default, rename = "match")]
    pub matches: Option<ConditionConfig>,

    /// The share of requests that the release takes, in parts of `weight_total`: by default a percentage from 0 to
    /// 100, with at most three decimals. A share is kept in steps of 0.001 %. Default: all where `match` or `namespace`
    /// is given, else 0.
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

    /// The part of a namespace that the weight draws from. Default: everybody.
    #[serde(default)]
    pub namespace: Option<NamespaceShare>,

    /// How the share grows to `weight` with time. Default: it is `weight` at once and for good.
    #[serde(default)]
    pub schedule: Option<ScheduleConfig>,

    /// Whether the filter's affinity cookie keeps users on this release, as ingress-nginx's
    /// `affinity-canary-behavior`. Default: `sticky`.
    #[serde(default)]
    pub affinity: ReleaseAffinity,

    /// Another number makes the affinity cookie forget who was in this release and who was not. Default: 0.
    #[serde(default)]
    pub bucket_version: u32,

    /// The cluster that the release is, for `act: {cluster_header: …}` and required there.
    #[serde(default)]
    pub cluster: Option<String>,

    /// Changes of the headers of requests that go to this release.
    #[serde(default)]
    pub request_headers: HeaderEdits,

    /// Changes of the headers of responses of this release.
    #[serde(default)]
    pub response_headers: HeaderEdits,
}

/// A header or cookie by which a request asks for a release. Without `value`, `pattern` and `signed`, `always` takes the
/// request into the release and `never` keeps it out; another value decides nothing.
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

    /// The value that takes the request into the release is a token for this release that a key of `token` signed and
    /// that has not expired. `never` needs no signature. Not together with `value` or `pattern`. Default: false.
    #[serde(default)]
    pub signed: bool,
}

/// Where the value comes from that tells users apart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyConfig {
    /// The value of this request header, unless it is empty.
    Header(String),
    /// The value of this cookie, unless it is empty.
    Cookie(String),
    /// The cookie that `id_cookie` describes: a user without one gets it, and is drawn by it from the first request on.
    IdCookie,
    /// The address of the client, as Envoy's `source.address` has it.
    SourceIp,
    /// A verified claim that is not empty, such as `sub`. Needs the top level's `claims`.
    Claim(String),
    /// A number drawn for the request: users are not kept on their version. Only at the end of the list.
    Random,
    /// Nothing: a request without any of the keys before it stays on stable. Only at the end of the list.
    None,
}

/// Whether the affinity cookie keeps users on a release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReleaseAffinity {
    /// Users stay on the release, whatever becomes of its weight.
    #[default]
    Sticky,
    /// The cookie is not set where the release served. Users who were served by stable stay there all the same.
    Legacy,
}

/// A space of users, divided among releases.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamespaceConfig {
    /// What releases call it: letters, digits, `-`, `_` and `.`, at most 63, each name once.
    pub name: String,

    /// What tells users apart, as `key` of a release.
    #[serde(default)]
    pub key: Vec<KeyConfig>,

    /// What makes the division independent of others. From 1 to 256 bytes. Default: the name.
    #[serde(default)]
    pub seed: Option<String>,
}

/// A range of a namespace. Ranges of one namespace must not overlap.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NamespaceShare {
    /// The namespace.
    pub name: String,
    /// The start of the range, in percent, included. With at most three decimals.
    pub from: f64,
    /// The end of the range, in percent, excluded. Above `from`, at most 100.
    pub to: f64,
}

/// How a release's share grows with time, by the host's clock: the same on every replica.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleConfig {
    /// When it starts, in RFC 3339 and UTC: `2026-03-01T09:00:00Z`. Before it the weight draws nobody; `by_header` and
    /// `by_cookie` work. Default: since ever, which leaves `duration` and `steps` out.
    #[serde(default)]
    pub start: Option<String>,

    /// How long the share grows in a line from 0 to `weight`, in steps of 0.001 %: `2days 6h`, `90m`. Not together with
    /// `steps`. Default: no growth.
    #[serde(default)]
    pub duration: Option<String>,

    /// The share from given times on, none smaller than the one before, none above `weight`. Before the first step it is
    /// 0, from the last one on it is that step's. Not together with `duration`. At most 64. Default: none.
    #[serde(default)]
    pub steps: Vec<StepConfig>,

    /// Windows in which the share stands still: the time in them does not count. In order, not overlapping. At most 64.
    #[serde(default)]
    pub pauses: Vec<PauseConfig>,

    /// When the release ends, in RFC 3339 and UTC: from then on it is as with `enabled: false`. Default: never.
    #[serde(default)]
    pub end: Option<String>,
}

/// A share from some time on.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepConfig {
    /// How long after `start`, without the time in pauses: `0s`, `2h`, `1day`. Rising from step to step.
    pub after: String,
    /// The share from then on, in the same parts as the release's `weight`.
    pub weight: f64,
}

/// A window in which a schedule stands still.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PauseConfig {
    /// When it begins, in RFC 3339 and UTC.
    pub from: String,
    /// When it is over, in RFC 3339 and UTC.
    pub to: String,
}
