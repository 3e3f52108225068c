use schemars::JsonSchema;
use serde::Deserialize;

/// What denied requests are answered with, where their policy does not say it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Responses {
    /// To requests without credentials, or with wrong ones. Default: 401, with `www-authenticate` and a word on what is wrong.
    #[serde(default)]
    pub unauthenticated: Option<Response>,
    /// To all others. Default: 403 `RBAC: access denied`, as Istio.
    #[serde(default)]
    pub forbidden: Option<Response>,
}

/// An answer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// The status, 400 to 599. Default: as without this answer.
    #[serde(default)]
    pub status: Option<u16>,
    /// Further headers; at most 32.
    #[serde(default)]
    pub headers: Vec<ResponseHeader>,
    /// The body as text, at most 64 KiB. Its type is `text/plain` unless a header says otherwise.
    #[serde(default)]
    pub body: Option<String>,
    /// The body as JSON, instead.
    #[serde(default)]
    pub json: Option<serde_json::Value>,
    /// Sends browsers to a login page. What is no `GET` or `HEAD` that accepts `text/html` gets the answer above.
    #[serde(default)]
    pub redirect: Option<Redirect>,
}

/// A header of an answer.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResponseHeader {
    /// The header's name.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A login page.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// Where it is: an `https://` or `http://` URL, or a path of this host, without a fragment.
    pub location: String,
    /// The query parameter that tells the login page where to return to: path and query of the request, percent-encoded, without
    /// parameters that carry credentials. Never a host, so that nobody is sent elsewhere. Default: none.
    #[serde(default)]
    pub return_parameter: Option<String>,
    /// 302, 303 or 307. Default: 302.
    #[serde(default = "default_status")]
    pub status: u16,
}

/// What is logged of decisions, beside warnings: at level `info`, never a query, a header's value or a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionLog {
    /// Denials, as text: `denied_policy[name]: GET /path`.
    #[default]
    Text,
    /// Denials, a JSON object each: decision, reason, method, host, path, client, consumer, principal, audit, dry_run.
    Denied,
    /// All decisions, likewise.
    All,
    /// Nothing.
    Off,
}

fn default_status() -> u16 {
    302
}
