use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A service that is asked whether a request may pass: what `provider.name` of a policy with the action `CUSTOM` names. One of `http`,
/// `opa` and `auth_request`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExternalCheck {
    /// Its name. Unique; letters, digits, `.`, `_`, `-` and `/`, at most 253 bytes.
    pub name: String,
    /// A service that speaks the HTTP protocol of Envoy's `ext_authz` (Istio: `envoyExtAuthzHttp`).
    #[serde(default)]
    pub http: Option<HttpCheck>,
    /// An Open Policy Agent, asked through its REST API.
    #[serde(default)]
    pub opa: Option<OpaCheck>,
    /// A service made for nginx's `auth_request`, such as oauth2-proxy: what ingress-nginx's `auth-url` names.
    #[serde(default)]
    pub auth_request: Option<AuthRequestCheck>,
}

/// A service that speaks the HTTP protocol of Envoy's `ext_authz`: it gets the request's method, its path behind `path_prefix`, `Host`,
/// `Authorization` and the headers in `allowed_headers`. 200 allows the request; 5xx is an error; anything else denies
/// it, and is the client's answer. Names of headers are exact, `prefix*`, `*suffix`, or `*` for any.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpCheck {
    /// The Envoy cluster of the service.
    pub cluster: String,
    /// What is put before the path. Default: nothing.
    #[serde(default)]
    pub path_prefix: String,
    /// How long the service may take: 1ms to 1m. Default: `200ms`.
    #[serde(default = "default_timeout")]
    pub timeout: String,
    /// What happens where the service answers 5xx, not in time, or not at all. Default: `deny`.
    #[serde(default)]
    pub on_error: OnCheckError,
    /// The status of the answer where that denies: 400 to 599. Default: 403.
    #[serde(default = "default_status_on_error")]
    pub status_on_error: u16,
    /// Further headers of the request that the service gets.
    #[serde(default)]
    pub allowed_headers: Vec<String>,
    /// Headers that the service gets beside them, with their values.
    #[serde(default)]
    pub headers_to_add: BTreeMap<String, String>,
    /// Whether the service gets the body. Default: no. Envoy must be told to wait for it: `allow_on_headers_stop_iteration`.
    #[serde(default)]
    pub with_request_body: Option<RequestBody>,
    /// Headers of a service's answer of 200 that replace those of the request. The client's own headers of these names are
    /// removed, whether or not the service answers with them.
    #[serde(default)]
    pub allowed_upstream_headers: Vec<String>,
    /// Headers of such an answer that are added to those of the request.
    #[serde(default)]
    pub allowed_upstream_headers_to_append: Vec<String>,
    /// Headers of a denying answer that the client gets, `WWW-Authenticate` and `Location` always among them. Default: all.
    #[serde(default)]
    pub allowed_client_headers: Option<Vec<String>>,
    /// Headers of an answer of 200 that are added to the response to the client.
    #[serde(default)]
    pub allowed_client_headers_on_success: Vec<String>,
}

/// An Open Policy Agent. It gets the request as the `input` that `opa-envoy-plugin` gives to policies (`attributes.request.http`,
/// `attributes.source`, `parsed_path`, `parsed_query`, `parsed_body`), with `identity.consumer` and `identity.claims`. The
/// result is a boolean, or an object with `allowed`, `headers`, `response_headers_to_add`, `request_headers_to_remove`,
/// `body` and `http_status`, also by the names of Kong's and APISIX's plugins: `allow`, `message` or `reason`, `status` or
/// `status_code`. Without a result the request is denied.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpaCheck {
    /// The Envoy cluster of the agent.
    pub cluster: String,
    /// The document to ask for: `/v1/data/` and the path of a rule.
    pub path: String,
    /// How long the agent may take: 1ms to 1m. Default: `200ms`.
    #[serde(default = "default_timeout")]
    pub timeout: String,
    /// What happens where the agent answers another status than 200, nothing that can be read, or not in time. Default:
    /// `deny`.
    #[serde(default)]
    pub on_error: OnCheckError,
    /// The status of the answer where that denies: 400 to 599. Default: 403.
    #[serde(default = "default_status_on_error")]
    pub status_on_error: u16,
    /// The value of `Authorization` for the agent, best as `${NAME}`, an environment variable of the filter. Default: none.
    #[serde(default)]
    pub authorization: Option<sdk_shim_config::Secret>,
    /// Whether the agent gets the body. Default: no. Envoy must be told to wait for it: `allow_on_headers_stop_iteration`.
    #[serde(default)]
    pub with_request_body: Option<RequestBody>,
}

/// A service made for nginx's `auth_request`: it is asked at one URL, whatever the request's path is, and gets all of the client's
/// headers, no body, and `X-Original-URL`, `X-Original-Method`, `X-Real-IP`, `X-Forwarded-For` and `X-Auth-Request-Redirect`, as
/// from ingress-nginx. Any 2xx allows the request, 401 and 403 deny it, everything else is an error. Texts may have `{scheme}`,
/// `{host}`, `{path}` (with the query), `{escaped_path}`, `{method}` and `{address}` of the request in them.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthRequestCheck {
    /// The Envoy cluster of the service. For `https` it has to do TLS, and to verify the certificate.
    pub cluster: String,
    /// Where it is asked: a URL, whose host it gets as `Host`.
    pub url: String,
    /// The method. Default: `GET`.
    #[serde(default = "default_method")]
    pub method: String,
    /// How long it may take: 1ms to 1m. Default: `200ms`.
    #[serde(default = "default_timeout")]
    pub timeout: String,
    /// What happens where it answers another status, not in time, or not at all. Default: `deny`.
    #[serde(default)]
    pub on_error: OnCheckError,
    /// The status of the answer where that denies: 400 to 599. Default: 500, as nginx.
    #[serde(default = "default_status_of_nginx")]
    pub status_on_error: u16,
    /// Headers that it gets in place of the client's, with their values.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Headers of an allowing answer that replace those of the request. The client's own headers of these names are removed,
    /// whether or not the service answers with them.
    #[serde(default)]
    pub allowed_upstream_headers: Vec<String>,
    /// Where 401 sends the client, with a 302: `https://login.example/start?rd={scheme}://{host}{escaped_path}`. Default: the 401
    /// itself, with the service's `WWW-Authenticate`.
    #[serde(default)]
    pub signin: Option<String>,
    /// Whether the service's `Set-Cookie` also goes along with 401 and 403. With an allowing answer it always does. Default: false.
    #[serde(default)]
    pub always_set_cookie: bool,
}

/// The body of a request, for a check.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestBody {
    /// The most bytes: 1 to 1,048,576.
    pub max_request_bytes: u32,
    /// Whether of a longer body the first bytes are checked. Default: false, and a request with one is answered 413.
    #[serde(default)]
    pub allow_partial_message: bool,
}

/// What happens where a check fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnCheckError {
    /// The request is denied.
    #[default]
    Deny,
    /// The check counts as passed.
    Allow,
}

/// What a policy with the action `CUSTOM` names.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// The name of one of `external_checks`.
    pub name: String,
}

fn default_timeout() -> String {
    "200ms".to_owned()
}

fn default_status_on_error() -> u16 {
    403
}

fn default_method() -> String {
    "GET".to_owned()
}

fn default_status_of_nginx() -> u16 {
    500
}
