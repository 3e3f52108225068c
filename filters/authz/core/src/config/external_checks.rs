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

/// Declares a kind of check: its own members, and those that all kinds have. A flattened struct would lose the paths of errors.
macro_rules! check {
    (
        status_on_error: $default:literal;

        $(#[$about:meta])*
        pub struct $name:ident { $($own:tt)* }
    ) => {
        $(#[$about])*
        #[derive(Clone, Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The Envoy cluster of the service. For `https` it has to do TLS, and to verify the certificate.
            pub cluster: String,
            /// How long the service may take: 1ms to 1m. Default: `200ms`.
            #[serde(default = "default_timeout")]
            pub timeout: String,
            /// What happens where the service fails: it does not answer, not in time, or not as it should. Default: `deny`.
            #[serde(default)]
            pub on_error: OnCheckError,
            /// The status of the answer where that denies: 400 to 599. Default: 403; of `auth_request` 500, as nginx.
            #[serde(default = $default)]
            pub status_on_error: u16,
            /// The headers that an allowing answer sets, in place of those of the request; no others. Exact, `prefix*` or
            /// `*suffix`. The client's own headers of these names are always removed, also where the service is not asked, does not
            /// answer or does not set them; but for `authorization` and `cookie` where it is not asked. Default: none.
            #[serde(default)]
            pub allowed_upstream_headers: Vec<String>,
            $($own)*
        }

        impl $name {
            /// What all kinds have.
            pub(crate) fn common(&self) -> Common<'_> {
                Common {
                    cluster: &self.cluster,
                    timeout: &self.timeout,
                    on_error: self.on_error,
                    status_on_error: self.status_on_error,
                    allowed_upstream_headers: &self.allowed_upstream_headers,
                }
            }
        }
    };
}

/// What all kinds of checks have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Common<'c> {
    pub(crate) cluster: &'c String,
    pub(crate) timeout: &'c str,
    pub(crate) on_error: OnCheckError,
    pub(crate) status_on_error: u16,
    pub(crate) allowed_upstream_headers: &'c [String],
}

check! {
    status_on_error: "default_status_on_error";

    /// A service that speaks the HTTP protocol of Envoy's `ext_authz`: it gets the request's method, its path behind `path_prefix`, `Host`,
    /// `Authorization` and the headers in `allowed_headers`. 200 allows the request; 5xx is an error; anything else denies
    /// it, and is the client's answer. Names of headers are exact, `prefix*`, `*suffix`, or `*` for any.
    pub struct HttpCheck {
        /// What is put before the path. Default: nothing.
        #[serde(default)]
        pub path_prefix: String,
        /// Further headers of the request that the service gets.
        #[serde(default)]
        pub allowed_headers: Vec<String>,
        /// Headers that the service gets beside them, with their values.
        #[serde(default)]
        pub headers_to_add: BTreeMap<String, String>,
        /// Whether the service gets the body. Default: no. Envoy must be told to wait for it: `allow_on_headers_stop_iteration`.
        #[serde(default)]
        pub with_request_body: Option<RequestBody>,
        /// Headers of such an answer that are added to those of the request: the client's own values stay in front of them, so
        /// nothing that is trusted belongs here.
        #[serde(default)]
        pub allowed_upstream_headers_to_append: Vec<String>,
        /// Headers of a denying answer that the client gets, `WWW-Authenticate` and `Location` always among them. Default: all.
        #[serde(default)]
        pub allowed_client_headers: Option<Vec<String>>,
        /// Headers of an answer of 200 that are added to the response to the client.
        #[serde(default)]
        pub allowed_client_headers_on_success: Vec<String>,
    }
}

check! {
    status_on_error: "default_status_on_error";

    /// An Open Policy Agent. It gets the request as the `input` that `opa-envoy-plugin` gives to policies (`attributes.request.http`,
    /// `attributes.source`, `parsed_path`, `parsed_query`, `parsed_body`), with `identity.consumer` and `identity.claims`. The
    /// result is a boolean, or an object with `allowed`, `headers`, `response_headers_to_add`, `request_headers_to_remove`,
    /// `body` and `http_status`, also by the names of Kong's and APISIX's plugins: `allow`, `message` or `reason`, `status` or
    /// `status_code`. Without a result the request is denied. Another status than 200, and what cannot be read, is an error.
    pub struct OpaCheck {
        /// The document to ask for: `/v1/data/` and the path of a rule.
        pub path: String,
        /// The value of `Authorization` for the agent, best as `${NAME}`, an environment variable of the filter. Default: none.
        #[serde(default)]
        pub authorization: Option<sdk_shim_config::Secret>,
        /// Whether the agent gets the body. Default: no. Envoy must be told to wait for it: `allow_on_headers_stop_iteration`.
        #[serde(default)]
        pub with_request_body: Option<RequestBody>,
    }
}

check! {
    status_on_error: "default_status_of_nginx";

    /// A service made for nginx's `auth_request`: it is asked at one URL, whatever the request's path is, and gets all of the client's
    /// headers, no body, and `X-Original-URL`, `X-Original-Method`, `X-Real-IP`, `X-Forwarded-For` and `X-Auth-Request-Redirect`, as
    /// from ingress-nginx. Any 2xx allows the request, 401 and 403 deny it, everything else is an error. Texts may have `{scheme}`,
    /// `{host}`, `{path}` (with the query), `{escaped_path}`, `{method}` and `{address}` of the request in them.
    pub struct AuthRequestCheck {
        /// Where it is asked: a URL, whose host it gets as `Host`.
        pub url: String,
        /// The method. Default: `GET`.
        #[serde(default = "default_method")]
        pub method: String,
        /// Headers that it gets in place of the client's, with their values.
        #[serde(default)]
        pub headers: BTreeMap<String, String>,
        /// Where 401 sends the client, with a 302: `https://login.example/start?rd={scheme}://{host}{escaped_path}`. Default: the 401
        /// itself, with the service's `WWW-Authenticate`.
        #[serde(default)]
        pub signin: Option<String>,
        /// Whether the service's `Set-Cookie` also goes along with 401 and 403. With an allowing answer it always does. Default: false.
        #[serde(default)]
        pub always_set_cookie: bool,
    }
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
