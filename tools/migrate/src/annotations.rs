//! Every annotation of ingress-nginx (docs/user-guide/nginx-configuration/annotations-risk.md of its last release, and those
//! that releases before had), with what becomes of it. The documentation's table and the report are both made from this.

/// What becomes of an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// It is carried over.
    Carried,
    /// Some of its values are.
    Partly,
    /// It is not: somebody has to do something.
    No,
    /// It is not, and nobody has to do anything.
    NotNeeded,
}

impl Handling {
    /// For tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Carried => "carried",
            Self::Partly => "partly",
            Self::No => "not carried",
            Self::NotNeeded => "not needed",
        }
    }
}

/// An annotation.
#[derive(Clone, Copy, Debug)]
pub struct Annotation {
    /// What it is about.
    pub group: &'static str,
    /// Its name, without the prefix.
    pub name: &'static str,
    /// What becomes of it.
    pub handling: Handling,
    /// What there is instead, in Markdown.
    pub instead: &'static str,
}

/// The annotation of this name.
pub fn find(name: &str) -> Option<&'static Annotation> {
    ANNOTATIONS.iter().find(|annotation| annotation.name == name)
}

/// The table in Markdown.
pub fn markdown() -> String {
    let mut text = String::new();
    let mut group = "";
    for annotation in &ANNOTATIONS {
        if annotation.group != group {
            group = annotation.group;
            text.push_str(&format!("\n### {group}\n\n| annotation | | instead |\n|---|---|---|\n"));
        }
        let Annotation { name, instead, .. } = annotation;
        text.push_str(&format!("| `{name}` | {} | {instead} |\n", annotation.handling.as_str()));
    }
    text
}

const fn row(
    group: &'static str,
    name: &'static str,
    handling: Handling,
    instead: &'static str,
) -> Annotation {
    Annotation { group, name, handling, instead }
}

use Handling::{Carried, No, NotNeeded, Partly};

/// All of them, by what they are about.
#[rustfmt::skip]
pub const ANNOTATIONS: [Annotation; 150] = [
    row("Canary", "canary", Carried, "a release of the canary filter, and routes that follow its decision"),
    row("Canary", "canary-by-header", Carried, "`by_header`"),
    row("Canary", "canary-by-header-value", Carried, "`by_header.value`"),
    row("Canary", "canary-by-header-pattern", Carried, "`by_header.pattern`; a pattern with look-around or backreferences cannot be carried"),
    row("Canary", "canary-by-cookie", Carried, "`by_cookie`"),
    row("Canary", "canary-weight", Carried, "`weight`, drawn for each request as in ingress-nginx; with a `key` each user keeps its version"),
    row("Canary", "canary-weight-total", Carried, "`weight_total`"),
    row("Canary", "canary-by-cookie-value", No, "no release of ingress-nginx has it: `by_cookie.value` of the canary filter"),
    row("Session affinity", "affinity", Carried, "the affinity filter"),
    row("Session affinity", "affinity-mode", Carried, "`balanced`: `mode: hash` with a ring hash; `persistent`: `stateful_session`"),
    row("Session affinity", "affinity-canary-behavior", Carried, "`sticky`: `cluster_header` and the canary among `clusters`; `legacy`: the stable cluster alone"),
    row("Session affinity", "session-cookie-name", Carried, "`cookie.name`"),
    row("Session affinity", "session-cookie-path", Carried, "`cookie.path`"),
    row("Session affinity", "session-cookie-domain", Carried, "`cookie.domain`"),
    row("Session affinity", "session-cookie-expires", Carried, "`cookie.expires`"),
    row("Session affinity", "session-cookie-max-age", Carried, "`cookie.max_age`"),
    row("Session affinity", "session-cookie-samesite", Carried, "`cookie.same_site`"),
    row("Session affinity", "session-cookie-conditional-samesite-none", Carried, "`cookie.conditional_same_site_none`"),
    row("Session affinity", "session-cookie-secure", Carried, "`cookie.secure`"),
    row("Session affinity", "session-cookie-partitioned", Carried, "`cookie.partitioned`"),
    row("Session affinity", "session-cookie-change-on-failure", Carried, "`change_on_failure`"),
    row("WAF", "enable-modsecurity", Carried, "the waf filter, on the recommended configuration, which only detects until a snippet says `SecRuleEngine On`"),
    row("WAF", "enable-owasp-core-rules", Carried, "the Core Rule Set that is in the module"),
    row("WAF", "modsecurity-snippet", Carried, "the directives as they are; includes of ingress-nginx's own files become those of the module"),
    row("WAF", "modsecurity-transaction-id", Partly, "`$request_id` and `$req_id`: the request's id is the rules' `UNIQUE_ID`. Others: have Envoy write the id into `x-request-id`"),
    row("Access", "auth-type", Partly, "`basic`: the authz filter's `basic`. `digest`: use `basic` over TLS, or tokens"),
    row("Access", "auth-secret", Carried, "the lines of `htpasswd`, by an environment variable of the filter"),
    row("Access", "auth-secret-type", Carried, "`auth-file` and `auth-map`"),
    row("Access", "auth-realm", Carried, "`basic.realm`"),
    row("Access", "auth-url", Carried, "an `auth_request` check of the authz filter"),
    row("Access", "auth-method", Carried, "`auth_request.method`"),
    row("Access", "auth-signin", Carried, "`auth_request.signin`"),
    row("Access", "auth-signin-redirect-param", Carried, "the parameter in `auth_request.signin`"),
    row("Access", "auth-response-headers", Carried, "`auth_request.allowed_upstream_headers`"),
    row("Access", "auth-proxy-set-headers", Carried, "`auth_request.headers`, from the ConfigMap"),
    row("Access", "auth-request-redirect", Carried, "`auth_request.headers`, `x-auth-request-redirect`"),
    row("Access", "auth-always-set-cookie", Carried, "`auth_request.always_set_cookie`"),
    row("Access", "auth-cache-key", No, "answers are not remembered: have the service answer fast, or issue tokens that the authz filter verifies itself"),
    row("Access", "auth-cache-duration", No, "as `auth-cache-key`"),
    row("Access", "auth-keepalive", NotNeeded, "Envoy keeps connections of its own accord"),
    row("Access", "auth-keepalive-requests", NotNeeded, "`max_requests_per_connection` of the check's cluster"),
    row("Access", "auth-keepalive-timeout", NotNeeded, "`idle_timeout` of the check's cluster"),
    row("Access", "auth-keepalive-share-vars", NotNeeded, "nginx's own"),
    row("Access", "auth-snippet", No, "`auth_request.headers` for headers; nothing takes nginx's configuration"),
    row("Access", "enable-global-auth", Carried, "whether the ConfigMap's `global-auth-url` applies"),
    row("Access", "satisfy", Carried, "`require: {any: […]}` and the check only for whom no address lets in"),
    row("Access", "whitelist-source-range", Carried, "`require: {remote_ip: […]}`"),
    row("Access", "allowlist-source-range", Carried, "`require: {remote_ip: […]}`"),
    row("Access", "denylist-source-range", Carried, "`require: {not_remote_ip: […]}`"),
    row("Access", "auth-tls-secret", No, "`require_client_certificate` and `validation_context` of Envoy's listener (Istio: `tls.mode: MUTUAL`; Envoy Gateway: ClientTrafficPolicy). Until then these requests are denied"),
    row("Access", "auth-tls-verify-client", No, "`require_client_certificate` of Envoy's listener"),
    row("Access", "auth-tls-verify-depth", No, "`max_verify_depth` of Envoy's `validation_context`"),
    row("Access", "auth-tls-error-page", No, "`responses.forbidden` of the authz filter"),
    row("Access", "auth-tls-match-cn", No, "`match_typed_subject_alt_names` of Envoy's `validation_context`"),
    row("Access", "auth-tls-pass-certificate-to-upstream", No, "`forward_client_cert_details` of Envoy's connection manager (`x-forwarded-client-cert`)"),
    row("Routes", "server-alias", Carried, "further domains of the host"),
    row("Routes", "use-regex", Carried, "regular expressions in routes, without regard to case, and on all paths of the host, as in ingress-nginx"),
    row("Routes", "rewrite-target", Carried, "a rewrite of the path in the route; groups `$1` to `$9`"),
    row("Routes", "upstream-hash-by", Partly, "a consistent hash; `$request_uri`, `$uri`, `$remote_addr`, `$host`, `$http_…`, `$cookie_…` and `$arg_…`"),
    row("Routes", "upstream-hash-by-subset", No, "the subset load balancer of Envoy"),
    row("Routes", "upstream-hash-by-subset-size", No, "as `upstream-hash-by-subset`"),
    row("Routes", "load-balance", Partly, "`round_robin`; `ewma`: Envoy's LEAST_REQUEST"),
    row("Routes", "upstream-vhost", No, "`host_rewrite_literal` of the route (Istio: `rewrite.authority`; Gateway API: `URLRewrite.hostname`)"),
    row("Routes", "backend-protocol", No, "TLS or HTTP/2 on the cluster (Istio: DestinationRule and the port's name; Gateway API: `appProtocol`, BackendTLSPolicy)"),
    row("Routes", "service-upstream", NotNeeded, "the address of the Service is what control planes without endpoints use; affinity needs endpoints"),
    row("Routes", "default-backend", No, "a route behind the others; for errors `local_reply_config`"),
    row("Routes", "custom-http-errors", No, "`local_reply_config`, or Envoy's `custom_response` filter"),
    row("Routes", "disable-proxy-intercept-errors", NotNeeded, "Envoy intercepts no errors of its own accord"),
    row("Routes", "x-forwarded-prefix", No, "`request_headers_to_add` of the route"),
    row("Routes", "custom-headers", No, "`response_headers_to_add` of the route (Gateway API: `ResponseHeaderModifier`)"),
    row("Routes", "connection-proxy-header", NotNeeded, "Envoy manages `connection` itself"),
    row("Routes", "mirror-target", No, "`request_mirror_policies` of the route (Istio: `mirrors`; Gateway API: `RequestMirror`)"),
    row("Routes", "mirror-host", No, "as `mirror-target`"),
    row("Routes", "mirror-request-body", No, "as `mirror-target`"),
    row("Redirects", "app-root", No, "a route for `/` with a redirect"),
    row("Redirects", "permanent-redirect", No, "`redirect` of the route (Gateway API: `RequestRedirect`)"),
    row("Redirects", "permanent-redirect-code", No, "as `permanent-redirect`"),
    row("Redirects", "temporal-redirect", No, "`redirect` of the route, `response_code: FOUND`"),
    row("Redirects", "temporal-redirect-code", No, "as `temporal-redirect`"),
    row("Redirects", "ssl-redirect", No, "`redirect: {https_redirect: true}` on the plain listener (Istio: `tls.httpsRedirect`; Gateway API: `RequestRedirect`)"),
    row("Redirects", "force-ssl-redirect", No, "as `ssl-redirect`"),
    row("Redirects", "preserve-trailing-slash", NotNeeded, "Envoy's redirects keep the path"),
    row("Redirects", "from-to-www-redirect", No, "a virtual host for the other name, with a redirect"),
    row("Redirects", "use-port-in-redirects", NotNeeded, "Envoy's redirects keep the port"),
    row("Limits", "limit-rps", No, "Envoy's local or global rate limit (Envoy Gateway: BackendTrafficPolicy)"),
    row("Limits", "limit-rpm", No, "as `limit-rps`"),
    row("Limits", "limit-burst-multiplier", No, "as `limit-rps`: `max_tokens`"),
    row("Limits", "limit-connections", No, "`max_connections` of circuit breakers; for each client Envoy has no such limit"),
    row("Limits", "limit-rate", No, "Envoy's `bandwidth_limit` filter"),
    row("Limits", "limit-rate-after", No, "as `limit-rate`"),
    row("Limits", "limit-allowlist", No, "descriptors of the rate limit"),
    row("Limits", "limit-whitelist", No, "descriptors of the rate limit"),
    row("Limits", "global-rate-limit", No, "Envoy's global rate limit service"),
    row("Limits", "global-rate-limit-window", No, "as `global-rate-limit`"),
    row("Limits", "global-rate-limit-key", No, "as `global-rate-limit`"),
    row("Limits", "global-rate-limit-ignored-cidrs", No, "as `global-rate-limit`"),
    row("Limits", "proxy-body-size", Partly, "the waf's `SecRequestBodyLimit`, where there is one; else Envoy's `buffer` filter, `max_request_bytes`"),
    row("Limits", "client-body-buffer-size", NotNeeded, "`per_connection_buffer_limit_bytes`"),
    row("CORS", "enable-cors", No, "Envoy's `cors` filter (Istio: `corsPolicy`; Gateway API: the filter `CORS`)"),
    row("CORS", "cors-allow-origin", No, "as `enable-cors`"),
    row("CORS", "cors-allow-methods", No, "as `enable-cors`"),
    row("CORS", "cors-allow-headers", No, "as `enable-cors`"),
    row("CORS", "cors-expose-headers", No, "as `enable-cors`"),
    row("CORS", "cors-allow-credentials", No, "as `enable-cors`"),
    row("CORS", "cors-max-age", No, "as `enable-cors`"),
    row("Upstream", "proxy-connect-timeout", No, "`connect_timeout` of the cluster"),
    row("Upstream", "proxy-read-timeout", No, "`timeout` and `idle_timeout` of the route"),
    row("Upstream", "proxy-send-timeout", No, "`idle_timeout` of the route"),
    row("Upstream", "proxy-next-upstream", No, "`retry_policy.retry_on` of the route"),
    row("Upstream", "proxy-next-upstream-timeout", No, "`retry_policy.per_try_timeout` and `timeout` of the route"),
    row("Upstream", "proxy-next-upstream-tries", No, "`retry_policy.num_retries` of the route"),
    row("Upstream", "proxy-request-buffering", NotNeeded, "Envoy streams, unless a filter holds the request"),
    row("Upstream", "proxy-buffering", NotNeeded, "Envoy streams, with back pressure"),
    row("Upstream", "proxy-buffers-number", NotNeeded, "`per_connection_buffer_limit_bytes` of the cluster"),
    row("Upstream", "proxy-buffer-size", NotNeeded, "`per_connection_buffer_limit_bytes` of the cluster"),
    row("Upstream", "proxy-busy-buffers-size", NotNeeded, "`per_connection_buffer_limit_bytes` of the cluster"),
    row("Upstream", "proxy-max-temp-file-size", NotNeeded, "Envoy writes no temporary files"),
    row("Upstream", "proxy-http-version", No, "`http_protocol_options` of the cluster"),
    row("Upstream", "proxy-cookie-domain", No, "`response_headers_to_add` cannot: Envoy's `lua` filter"),
    row("Upstream", "proxy-cookie-path", No, "as `proxy-cookie-domain`"),
    row("Upstream", "proxy-redirect-from", No, "Envoy's `lua` filter"),
    row("Upstream", "proxy-redirect-to", No, "Envoy's `lua` filter"),
    row("Upstream", "proxy-ssl-secret", No, "`transport_socket` of the cluster (Istio: DestinationRule `tls`; Gateway API: BackendTLSPolicy)"),
    row("Upstream", "proxy-ssl-ciphers", No, "as `proxy-ssl-secret`"),
    row("Upstream", "proxy-ssl-name", No, "as `proxy-ssl-secret`: `sni`"),
    row("Upstream", "proxy-ssl-protocols", No, "as `proxy-ssl-secret`"),
    row("Upstream", "proxy-ssl-server-name", No, "as `proxy-ssl-secret`: `sni`"),
    row("Upstream", "proxy-ssl-verify", No, "as `proxy-ssl-secret`"),
    row("Upstream", "proxy-ssl-verify-depth", No, "as `proxy-ssl-secret`"),
    row("Upstream", "fastcgi-index", No, "Envoy speaks no FastCGI: put nginx in front of the application"),
    row("Upstream", "fastcgi-params-configmap", No, "as `fastcgi-index`"),
    row("TLS", "ssl-passthrough", No, "a `tcp_proxy` by `server_names` (Istio: `tls.mode: PASSTHROUGH`; Gateway API: TLSRoute)"),
    row("TLS", "ssl-ciphers", No, "`tls_params.cipher_suites` of the listener"),
    row("TLS", "ssl-prefer-server-ciphers", NotNeeded, "Envoy prefers the server's"),
    row("Snippets", "configuration-snippet", No, "nothing takes nginx's configuration: say what it did by routes, or by a filter of your own (docs/sdk/tutorial.md)"),
    row("Snippets", "server-snippet", No, "as `configuration-snippet`"),
    row("Snippets", "stream-snippet", No, "as `configuration-snippet`"),
    row("Observability", "enable-access-log", No, "`access_log` with a filter"),
    row("Observability", "enable-rewrite-log", NotNeeded, "Envoy's log level `router:debug`"),
    row("Observability", "enable-opentelemetry", No, "`tracing` of the connection manager"),
    row("Observability", "opentelemetry-operation-name", No, "`decorator.operation` of the route"),
    row("Observability", "opentelemetry-trust-incoming-span", No, "`tracing` of the connection manager"),
    row("Observability", "enable-opentracing", No, "as `enable-opentelemetry`"),
    row("Observability", "opentracing-trust-incoming-span", No, "as `enable-opentelemetry`"),
    row("Observability", "enable-influxdb", No, "Envoy's stats sinks"),
    row("Observability", "influxdb-measurement", No, "as `enable-influxdb`"),
    row("Observability", "influxdb-port", No, "as `enable-influxdb`"),
    row("Observability", "influxdb-host", No, "as `enable-influxdb`"),
    row("Observability", "influxdb-server-name", No, "as `enable-influxdb`"),
    row("Observability", "http2-push-preload", NotNeeded, "browsers have given up server push"),
];
