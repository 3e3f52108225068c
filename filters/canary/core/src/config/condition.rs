use schemars::JsonSchema;
use serde::Deserialize;

/// What a request must be like. Values are compared as bytes; a rule about what a request does not have does not match,
/// except `present: false` and `not`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConditionConfig {
    /// All of these. Not empty; 8 levels deep at most, 1024 conditions in all releases together.
    All(Vec<ConditionConfig>),
    /// At least one of these. Not empty.
    Any(Vec<ConditionConfig>),
    /// The opposite of this.
    Not(Box<ConditionConfig>),
    /// A request header; repeated ones are joined with commas.
    Header(FieldConfig),
    /// A cookie, of repeated ones the first. The name counts in its case.
    Cookie(FieldConfig),
    /// A query parameter, of repeated ones the first, not decoded. The name counts in its case.
    Query(FieldConfig),
    /// The path, without the query, not decoded.
    Path(PathConfig),
    /// One of these methods, in their case.
    Method(Vec<String>),
    /// The client's address (Envoy's `source.address`) is one of these, or in one of these blocks: `10.0.0.0/8`.
    SourceIp(Vec<String>),
    /// The client's country is one of these, two letters in any case: `NL`. Needs the top level's `country`.
    Country(Vec<String>),
    /// A verified claim; `name` as in Istio: `sub`, or `[realm][role]` for one within another. Needs the top level's `claims`.
    Claim(FieldConfig),
}

/// A test of a named value: exactly one of `exact`, `prefix`, `suffix`, `contains`, `in`, `regex`, `range` and `present`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FieldConfig {
    /// The name of the header, cookie, query parameter or claim.
    pub name: String,
    /// The value is this.
    #[serde(default)]
    pub exact: Option<String>,
    /// The value starts with this. Not empty.
    #[serde(default)]
    pub prefix: Option<String>,
    /// The value ends with this. Not empty.
    #[serde(default)]
    pub suffix: Option<String>,
    /// The value has this in it. Not empty.
    #[serde(default)]
    pub contains: Option<String>,
    /// The value is one of these. At most 1024.
    #[serde(default, rename = "in")]
    pub one_of: Option<Vec<String>>,
    /// The whole value matches this regular expression, as in Envoy. The syntax is that of the Rust crate `regex` on
    /// bytes, without Unicode classes. At most 4096 bytes.
    #[serde(default)]
    pub regex: Option<String>,
    /// The value is a decimal whole number in this range.
    #[serde(default)]
    pub range: Option<RangeConfig>,
    /// `true`: the request has it, were it empty; `false`: it has it not.
    #[serde(default)]
    pub present: Option<bool>,
    /// Whether `exact`, `prefix`, `suffix`, `contains` and `in` take ASCII letters of either case as the same. Default:
    /// false.
    #[serde(default)]
    pub ignore_case: bool,
}

/// A range of whole numbers, as Envoy's `Int64Range`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RangeConfig {
    /// The smallest number in it.
    pub start: i64,
    /// The smallest number above it.
    pub end: i64,
}

/// A test of the path: exactly one of its fields.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PathConfig {
    /// The path is this.
    #[serde(default)]
    pub exact: Option<String>,
    /// The path starts with these segments: `/api` stands for `/api` and `/api/x`, not for `/apix`.
    #[serde(default)]
    pub prefix: Option<String>,
    /// The path ends with this, such as `.css`. Not empty.
    #[serde(default)]
    pub suffix: Option<String>,
    /// The whole path matches this regular expression.
    #[serde(default)]
    pub regex: Option<String>,
}

/// Which filter before this one has verified a token, and where it leaves the claims. No client can write there.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ClaimsConfig {
    /// The authz filter, whose `claims_to_filter_state` has to list the claims that are asked for. Texts are compared as
    /// they are, numbers, `true` and `false` as JSON writes them, lists of these joined with commas.
    Authz {},
    /// Envoy's `jwt_authn`, which writes dynamic metadata. Only texts can be compared.
    JwtAuthn {
        /// The `payload_in_metadata` of its provider. Istio's `RequestAuthentication` has `payload`.
        payload_in_metadata: String,
    },
}

/// Where the client's country comes from.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CountryConfig {
    /// The request header that has it, such as `cf-ipcountry`. Where `trust` names anybody, it counts only from them.
    pub header: String,
}
