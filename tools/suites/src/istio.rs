//! Rows of Istio's end-to-end tests of authorization and tokens (tests/integration/security), with the policies that they are
//! for as configurations of the authz filter.
//!
//! The functions here panic where the data is not what they know: it was transcribed once, and does not change.

use crate::{data, json};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The client that most policies allow, without `spiffe://`.
pub const ALLOWED: &str = "cluster.local/ns/allowed-ns/sa/allowed";
/// The other client.
pub const DENIED: &str = "cluster.local/ns/denied-ns/sa/denied";
/// The external check of policies with the action `CUSTOM`, and its cluster.
pub const PROVIDER: &str = "provider";
/// The header that tells Istio's provider what to answer: `allow`, and whatever else denies.
pub const ASKS_PROVIDER: &str = "x-ext-authz";
/// The cluster of key sets that are not there.
pub const NO_JWKS: &str = "no-jwks";

const CLIENTS: [(&str, [u8; 4]); 2] = [(ALLOWED, [10, 1, 0, 1]), (DENIED, [10, 1, 0, 2])];

/// How a client speaks to one of the ports of the service.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Protocol {
    /// HTTP/1.1.
    Http,
    /// HTTP/2.
    Http2,
    /// gRPC.
    Grpc,
}

/// The service that is asked: where policies are told that it listens.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Its address.
    pub address: &'static str,
    /// The port for HTTP/1.1.
    pub http: u16,
    /// The port for HTTP/2.
    pub http2: u16,
    /// The port for gRPC.
    pub grpc: u16,
}

impl Service {
    /// The port for a protocol.
    #[must_use]
    pub fn port(&self, protocol: Protocol) -> u16 {
        match protocol {
            Protocol::Http => self.http,
            Protocol::Http2 => self.http2,
            Protocol::Grpc => self.grpc,
        }
    }
}

/// One of Istio's test functions.
#[derive(Debug)]
pub struct AuthzTest {
    /// Its name.
    pub name: String,
    /// The configuration of its policies.
    pub config: Value,
    /// Each row's name, and its requests: for each port and for each of the two clients.
    pub rows: Vec<(String, Vec<AuthzRequest>)>,
}

/// A request, and what comes of it.
#[derive(Clone, Debug)]
pub struct AuthzRequest {
    /// How it is sent.
    pub protocol: Protocol,
    /// Its method.
    pub method: String,
    /// Its path, with the query.
    pub path: String,
    /// Its host.
    pub host: String,
    /// Its further headers.
    pub headers: Vec<(String, String)>,
    /// The client's identity, without `spiffe://`.
    pub principal: &'static str,
    /// The direct peer.
    pub peer: IpAddr,
    /// The client as the proxy determined it.
    pub remote: IpAddr,
    /// Whether it is let through.
    pub allowed: bool,
}

/// The rows of `derived/istio-authz-cases.json`, for a service for each test. `None` without the data.
#[must_use]
pub fn authz_tests(service: &dyn Fn() -> Service) -> Option<Vec<(Service, AuthzTest)>> {
    let cases: Value = json(&data("derived/istio-authz-cases.json")?);
    let templates = data("istio/tests/integration/security/testdata/authz")?;
    let tokens = tokens();
    let tests = cases["tests"].as_object().unwrap().iter().map(|(name, test)| {
        let service = service();
        let mut policies = Vec::new();
        let mut seen = BTreeSet::new();
        for file in test["policies"].as_array().unwrap().iter().filter_map(Value::as_str) {
            if seen.insert(file) {
                let template = std::fs::read_to_string(templates.join(file)).unwrap();
                policies.extend(documents(&render(&template, &service)));
            }
        }
        let row = |case: &Value| {
            let path = case["path"].as_str().unwrap_or_default();
            let mut requests = requests(case, &tokens);
            if name == "TestAuthz_CustomServer" {
                requests.iter_mut().for_each(|request| ask_the_provider(request, case["path"].is_string()));
            }
            (format!("{name}: {path}"), requests)
        };
        let rows = test["cases"].as_array().unwrap().iter().map(row).collect();
        (service, AuthzTest { name: name.clone(), config: config(&policies), rows })
    });
    Some(tests.collect())
}

/// What the transcription has lost: rows without a path are for `/custom`, and all say what they want of the provider.
fn ask_the_provider(request: &mut AuthzRequest, has_path: bool) {
    if !has_path && request.protocol != Protocol::Grpc {
        request.path = "/custom".to_owned();
    }
    request.headers.push((ASKS_PROVIDER.to_owned(), "allow".to_owned()));
}

/// The requests of a row, one for each port that speaks HTTP and for each of two clients.
fn requests(case: &Value, tokens: &BTreeMap<String, String>) -> Vec<AuthzRequest> {
    let default_ports = json!(["HTTP"]);
    let ports = case.get("ports").unwrap_or(&default_ports).as_array().unwrap();
    let mut requests = Vec::new();
    for port in ports.iter().filter_map(Value::as_str) {
        let protocol = match port {
            "HTTP" => Protocol::Http,
            "HTTP2" => Protocol::Http2,
            "GRPC" => Protocol::Grpc,
            "TCP" => continue,
            other => panic!("unknown port {other}"),
        };
        let (method, path) =
            if port == "GRPC" { ("POST", "/proto.EchoTestService/Echo") } else { ("GET", "/") };
        let mut headers: Vec<(String, String)> = case["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect();
        if let Some(name) = case["token"].as_str().filter(|name| !name.is_empty()) {
            headers.push(("authorization".to_owned(), format!("Bearer {}", tokens[name])));
        }
        for (principal, address) in CLIENTS {
            requests.push(AuthzRequest {
                protocol,
                method: case["method"].as_str().unwrap_or(method).to_owned(),
                path: case["path"].as_str().unwrap_or(path).to_owned(),
                host: case["host"].as_str().unwrap_or("svc").replace("%s", "svc"),
                headers: headers.clone(),
                principal,
                peer: address.into(),
                remote: case["ip"].as_str().map_or(address.into(), |ip| ip.parse().unwrap()),
                // A text says: whatever the client is meant to get.
                allowed: case["allow"].as_bool().unwrap_or(principal == ALLOWED),
            });
        }
    }
    requests
}

/// A row of `derived/istio-requestauthn-cases.json`.
#[derive(Debug)]
pub struct TokenCase {
    /// Its name.
    pub name: String,
    /// The configuration of its rules and policies.
    pub config: Value,
    /// The request's method.
    pub method: String,
    /// Its path, with the query.
    pub path: String,
    /// Its headers, with lower-case names.
    pub headers: Vec<(String, String)>,
    /// How it is answered.
    pub status: u16,
    /// What the upstream gets, by lower-case name; an empty text for no such header.
    pub upstream: Vec<(String, String)>,
}

/// The rows of `derived/istio-requestauthn-cases.json`. `None` without the data.
#[must_use]
pub fn token_cases(service: &Service) -> Option<Vec<TokenCase>> {
    let cases: Value = json(&data("derived/istio-requestauthn-cases.json")?);
    let templates = data("istio/tests/integration/security")?;
    let tokens = tokens();
    let payload = |token: &str| tokens[token].split('.').nth(1).unwrap().to_owned();
    // `"/text" + jwt.Token`, a Go expression.
    let evaluate = |expression: &str| -> String {
        let parts = expression.split(" + ").map(|part| match (part, part.strip_prefix("jwt.")) {
            (_, Some(token)) => tokens[token].clone(),
            ("payload1", _) => payload("TokenIssuer1"),
            ("payload2", _) => payload("TokenIssuer2"),
            ("payload3", _) => payload("TokenIssuer1WithNestedClaims2"),
            (text, _) => text.trim_matches('"').to_owned(),
        });
        parts.collect()
    };
    let texts = |value: &Value, of: &dyn Fn(&str) -> String| -> Vec<(String, String)> {
        let fields = value.as_object().into_iter().flatten();
        fields.map(|(name, text)| (name.to_lowercase(), of(text.as_str().unwrap()))).collect()
    };
    let with_tokens = |text: &str| {
        tokens
            .iter()
            .fold(text.to_owned(), |text, (name, token)| text.replace(&format!("{{{{{name}}}}}"), token))
    };
    let cases = cases["cases"].as_array().unwrap().iter().map(|case| {
        let policies = match case["policy"].as_str().filter(|file| !file.is_empty()) {
            Some(file) => {
                documents(&render(&std::fs::read_to_string(templates.join(file)).unwrap(), service))
            }
            None => Vec::new(),
        };
        let path = evaluate(case["path_expr"].as_str().unwrap());
        TokenCase {
            name: case["name"].as_str().unwrap().to_owned(),
            config: config(&policies),
            method: case["method"].as_str().unwrap_or("GET").to_owned(),
            path: if path.is_empty() { "/".to_owned() } else { path },
            headers: texts(&case["request_headers"], &with_tokens),
            status: case["status"].as_u64().and_then(|status| status.try_into().ok()).unwrap(),
            upstream: texts(&case["upstream_headers_expr"], &evaluate),
        }
    });
    Some(cases.collect())
}

/// A row of `derived/istio-path-normalization.json`.
#[derive(Debug)]
pub struct PathCase {
    /// Its group.
    pub group: String,
    /// The level, as the mesh option `pathNormalization` has it.
    pub level: String,
    /// The request's path.
    pub path: String,
    /// The path that policies and the upstream see, or `400`.
    pub normal: String,
}

/// The rows of `derived/istio-path-normalization.json`. `None` without the data.
#[must_use]
pub fn path_cases() -> Option<Vec<PathCase>> {
    let groups: Value = json(&data("derived/istio-path-normalization.json")?);
    let groups = groups["groups"].as_object().unwrap().iter();
    let cases = groups.flat_map(|(name, group)| {
        group["cases"].as_array().unwrap().iter().map(|case| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let level = text(&group["normalization"]);
            PathCase { group: name.clone(), level, path: text(&case["in"]), normal: text(&case["out"]) }
        })
    });
    Some(cases.collect())
}

/// A row of Envoy's tests of path templates (test/extensions/path/uri_template_lib).
#[derive(Clone, Debug)]
pub struct TemplateCase {
    /// The template, in Envoy's syntax.
    pub template: String,
    /// The path of a request.
    pub path: String,
    /// Whether the path matches.
    pub matches: bool,
}

/// The rows of Envoy's path templates. `None` where the data is not there.
pub fn template_cases() -> Option<Vec<TemplateCase>> {
    let rows: Value = json(&data("derived/envoy-uri-template.json")?);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let cases = [("match", true), ("no_match", false)].into_iter().flat_map(|(list, matches)| {
        let case = move |row: &Value| TemplateCase {
            template: text(&row["template"]),
            path: text(&row["path"]),
            matches,
        };
        rows[list].as_array().unwrap().iter().map(case)
    });
    Some(cases.collect())
}

/// Envoy's template in Istio's syntax, where that can say it: `*` and `{name}` as `{*}`, `**` and `{name=**}` as `{**}`.
pub fn template(template: &str) -> Option<String> {
    let mut is_template = false;
    let segments: Option<Vec<&str>> = template
        .split('/')
        .map(|segment| {
            let inner = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            let operator = match inner.map(|inner| inner.split_once('=').unwrap_or((inner, "*"))) {
                Some((_, operator)) => operator,
                None => segment,
            };
            is_template |= operator.contains('*');
            match operator {
                "*" => Some("{*}"),
                "**" => Some("{**}"),
                text if text.contains(['*', '{', '}']) || inner.is_some() => None,
                text => Some(text),
            }
        })
        .collect();
    Some(segments?.join("/")).filter(|_| is_template || !template.contains('/'))
}

/// The `AuthorizationPolicy` and `RequestAuthentication` documents of a YAML file.
#[must_use]
pub fn documents(yaml: &str) -> Vec<Value> {
    let documents = yaml
        .split("\n---")
        .map(|text| serde_norway::from_str::<Value>(text).unwrap_or_else(|e| panic!("{e}: {text}")));
    let kinds = ["AuthorizationPolicy", "RequestAuthentication"];
    documents.filter(|document| kinds.iter().any(|kind| document["kind"] == *kind)).collect()
}

/// A configuration of these documents: what a user would paste together.
#[must_use]
pub fn config(documents: &[Value]) -> Value {
    let of_kind = |kind: &'static str| documents.iter().filter(move |document| document["kind"] == kind);
    let policies: Vec<Value> = of_kind("AuthorizationPolicy")
        .map(|document| {
            let metadata = &document["metadata"];
            let dry_run = metadata["annotations"]["istio.io/dry-run"] == "true";
            json!({ "name": metadata["name"], "namespace": metadata["namespace"], "dry_run": dry_run, "spec": document["spec"] })
        })
        .collect();
    let providers: BTreeSet<&str> =
        policies.iter().filter_map(|policy| policy["spec"]["provider"]["name"].as_str()).collect();
    // As Istio's own: it lets in who asks it to.
    let checks: Vec<Value> = providers
        .iter()
        .map(|name| json!({ "name": name, "http": { "cluster": PROVIDER, "allowed_headers": [ASKS_PROVIDER] } }))
        .collect();
    // Istio's default.
    let mut config = json!({ "policies": policies, "external_checks": checks, "path_normalization": "BASE" });
    let mut remote = false;
    let authentication: Vec<Value> = of_kind("RequestAuthentication")
        .map(|document| {
            let mut spec = document["spec"].clone();
            // The key set that Istio's tests have a server for; the other one is not there.
            for rule in spec["jwtRules"].as_array_mut().unwrap() {
                let rule = rule.as_object_mut().unwrap();
                if rule["jwksUri"].as_str().unwrap().starts_with("http://jwks") {
                    rule.remove("jwksUri");
                    rule.insert("jwks".to_owned(), jwks().into());
                } else {
                    remote = true;
                }
            }
            json!({ "name": document["metadata"]["name"], "spec": spec })
        })
        .collect();
    if remote {
        config["remote_jwks"] = json!({ "clusters": { "raw.githubusercontent.com": NO_JWKS } });
    }
    let asks = config.to_string().contains("equestPrincipals");
    config["request_authentication"] = match authentication.is_empty() && asks {
        // Istio takes policies on principals without rules for tokens.
        true => json!([{ "name": "any", "spec": { "jwtRules": [{ "issuer": "any", "jwks": jwks() }] } }]),
        false => authentication.into(),
    };
    config
}

/// The keys of Istio's tests.
fn jwks() -> String {
    data("istio/tests/common/jwt/jwks.json")
        .map_or_else(String::new, |path| std::fs::read_to_string(path).unwrap())
}

/// Istio's tokens by name.
fn tokens() -> BTreeMap<String, String> {
    let Some(path) = data("derived/istio-jwt-tokens.json") else { return BTreeMap::new() };
    let tokens: Value = json(&path);
    let tokens = tokens["tokens"].as_object().unwrap().iter();
    tokens.map(|(name, token)| (name.clone(), token["token"].as_str().unwrap().to_owned())).collect()
}

/// Fills in a template of Istio's tests, for a service `svc`.
fn render(template: &str, service: &Service) -> String {
    let [http, http2, grpc] = [service.http, service.http2, service.grpc].map(|port| port.to_string());
    let own_address = format!("[\"{}\"]", service.address);
    // One template has the echo server's ports in it.
    let template =
        template.replace("\"18080\"", &format!("\"{http}\"")).replace("\"18085\"", &format!("\"{http2}\""));
    let mut text = String::new();
    let mut rest = template.as_str();
    while let Some((before, after)) = rest.split_once("{{") {
        let (expression, behind) = after.split_once("}}").unwrap();
        let key: String =
            expression.chars().filter(|c| !c.is_whitespace() && !"()`\"".contains(*c)).collect();
        let value = match key.as_str() {
            ".To.ServiceName" => "svc",
            ".To.NamespaceName"
            | ".From.NamespaceName"
            | ".To.Config.Namespace.Prefix"
            | ".Namespace.Prefix" => "ns",
            ".SystemNamespace.Name" => "istio-system",
            ".To.ClusterLocalFQDN" => "svc.ns.svc.cluster.local",
            ".To.PortForNamehttp.WorkloadPort" | ".To.PortForNamehttp.ServicePort" => &http,
            ".To.PortForNamehttp2.WorkloadPort" => &http2,
            ".To.PortForNamegrpc.WorkloadPort" => &grpc,
            ".To.PortForNametcp.WorkloadPort" => "19090",
            ".To.MustWorkloads.Addresses|toJson" => &own_address,
            ".Allowed.MustWorkloads.Addresses|toJson" => "[\"10.1.0.1\"]",
            ".Denied.MustWorkloads.Addresses|toJson" => "[\"10.1.0.2\"]",
            ".Allowed.SpiffeIdentity" => ALLOWED,
            ".Denied.SpiffeIdentity" => DENIED,
            ".Allowed.NamespaceName" => "allowed-ns",
            ".Denied.NamespaceName" => "denied-ns",
            ".Allowed.ServiceName" => "allowed",
            ".Allowed.NamespacedName" => "allowed-ns/allowed",
            ".Provider.Name" => PROVIDER,
            ".JWTServer.JwksURI" => "http://jwks",
            other => other.split_once("|default").unwrap_or_else(|| panic!("unknown expression {other}")).1,
        };
        text.push_str(before);
        text.push_str(value);
        rest = behind;
    }
    text + rest
}
