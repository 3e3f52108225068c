use schemars::JsonSchema;
use serde::Deserialize;

/// How the filter normalises the path of a request, before it is compared and before it goes upstream: the levels of
/// Istio's mesh option `pathNormalization`. For proxies whose connection manager cannot be told to: where it can, set
/// `normalize_path`, `merge_slashes` and `path_with_escaped_slashes_action` there, so that routes are chosen by the same
/// path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PathNormalization {
    /// Not at all: paths are compared, and go upstream, as the proxy passes them on.
    #[default]
    None,
    /// As RFC 3986 has it: `.` and `..` are resolved, also encoded; unreserved characters are decoded, what no path may have is
    /// encoded; a backslash becomes a slash. A path with `%00` is answered 400. Envoy: `normalize_path`.
    Base,
    /// `BASE`, and slashes that follow each other become one. Envoy: `merge_slashes`.
    MergeSlashes,
    /// `%2F` and `%5C` become a slash first, then `MERGE_SLASHES`. Envoy: `path_with_escaped_slashes_action:
    /// UNESCAPE_AND_FORWARD`.
    DecodeAndMergeSlashes,
}

/// What becomes of path parameters: what stands in a segment behind a `;` (RFC 3986 3.3). Servers such as Tomcat drop them,
/// so that `/admin;x=y` and `/a/..;/admin` are `/admin` to them, and something else to policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PathParameters {
    /// They are part of the path, as in Istio and Envoy.
    #[default]
    Keep,
    /// They are removed before the path is normalised, compared, and goes upstream.
    Remove,
    /// A path with a `;`, also encoded, is answered 400.
    Reject,
}
