//! Suites of others, read from `PORTCULLIS_DATA` (default `../shared/data` beside the repository), not part of it.

use super::*;
use crate::template::Template;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use suites::{Known, Outcome as Suite, data};

fn json(path: &Path) -> Value {
    suites::json(path)
}

fn finish(suite: &str, outcome: &Suite) {
    let list = include_str!("../../tests/expected-skips.toml");
    outcome.finish(suite, 1, &Known::section("expected-skips.toml", list, suite));
}

const HOLDS: Result<(), String> = Ok(());

/// The `AuthorizationPolicy` and `RequestAuthentication` documents of a YAML file.
fn documents(yaml: &str) -> Vec<Value> {
    let documents = yaml
        .split("\n---")
        .map(|text| serde_norway::from_str::<Value>(text).unwrap_or_else(|e| panic!("{e}: {text}")));
    let kinds = ["AuthorizationPolicy", "RequestAuthentication"];
    documents.filter(|document| kinds.iter().any(|kind| document["kind"] == *kind)).collect()
}

/// A configuration of these documents: what a user would paste together.
fn load(documents: &[Value]) -> Result<Authz, ConfigErrors> {
    let of_kind = |kind: &'static str| documents.iter().filter(move |document| document["kind"] == kind);
    let policies: Vec<Value> = of_kind("AuthorizationPolicy")
        .map(|document| {
            let name = &document["metadata"]["name"];
            serde_json::json!({ "name": name, "namespace": document["metadata"]["namespace"], "spec": document["spec"] })
        })
        .collect();
    let mut config = serde_json::json!({ "policies": policies });
    let authentication = of_kind("RequestAuthentication").map(|document| {
        let mut spec = document["spec"].clone();
        // The key set that Istio's tests have a server for. What is not there fails there, and is refused here.
        for rule in spec["jwtRules"].as_array_mut().unwrap() {
            let rule = rule.as_object_mut().unwrap();
            let uri = rule.remove("jwksUri").unwrap();
            if uri.as_str().unwrap().starts_with("http://jwks") {
                rule.insert("jwks".to_owned(), jwks().into());
            } else {
                rule.insert("jwksUri".to_owned(), uri);
            }
        }
        serde_json::json!({ "name": document["metadata"]["name"], "spec": spec })
    });
    let authentication: Vec<Value> = authentication.collect();
    let asks = config.to_string().contains("equestPrincipals");
    config["request_authentication"] = match authentication.is_empty() && asks {
        // Istio takes policies on principals without rules for tokens.
        true => {
            serde_json::json!([{ "name": "any", "spec": { "jwtRules": [{ "issuer": "any", "jwks": jwks() }] } }])
        }
        false => authentication.into(),
    };
    let config = config.to_string();
    Authz::new(&sdk_shim_config::parse(config.as_bytes())?, &environment)
}

/// The keys of Istio's tests.
fn jwks() -> String {
    data("istio/tests/common/jwt/jwks.json")
        .map_or_else(String::new, |path| std::fs::read_to_string(path).unwrap())
}

/// Istio's tokens by name.
fn tokens() -> BTreeMap<String, String> {
    let Some(path) = data("derived/istio-jwt-tokens.json") else { return BTreeMap::new() };
    let tokens = json(&path);
    let tokens = tokens["tokens"].as_object().unwrap().iter();
    tokens.map(|(name, token)| (name.clone(), token["token"].as_str().unwrap().to_owned())).collect()
}

const ALLOWED: &str = "cluster.local/ns/allowed-ns/sa/allowed";
const DENIED: &str = "cluster.local/ns/denied-ns/sa/denied";

/// Fills in a template of Istio's tests, for a service `svc` that listens as Istio's echo server does.
fn render(template: &str) -> String {
    let mut text = String::new();
    let mut rest = template;
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
            ".To.PortForNamehttp.WorkloadPort" | ".To.PortForNamehttp.ServicePort" => "18080",
            ".To.PortForNamehttp2.WorkloadPort" => "18085",
            ".To.PortForNamegrpc.WorkloadPort" => "17070",
            ".To.PortForNametcp.WorkloadPort" => "19090",
            ".To.MustWorkloads.Addresses|toJson" => "[\"10.1.0.3\"]",
            ".Allowed.MustWorkloads.Addresses|toJson" => "[\"10.1.0.1\"]",
            ".Denied.MustWorkloads.Addresses|toJson" => "[\"10.1.0.2\"]",
            ".Allowed.SpiffeIdentity" => ALLOWED,
            ".Denied.SpiffeIdentity" => DENIED,
            ".Allowed.NamespaceName" => "allowed-ns",
            ".Denied.NamespaceName" => "denied-ns",
            ".Allowed.ServiceName" => "allowed",
            ".Allowed.NamespacedName" => "allowed-ns/allowed",
            ".Provider.Name" => "provider",
            ".JWTServer.JwksURI" => "http://jwks",
            other => other.split_once("|default").unwrap_or_else(|| panic!("unknown expression {other}")).1,
        };
        text.push_str(before);
        text.push_str(value);
        rest = behind;
    }
    text + rest
}

#[test]
fn istio_authz_cases() {
    let Some(cases) = data("derived/istio-authz-cases.json") else { return };
    let Some(templates) = data("istio/tests/integration/security/testdata/authz") else { return };
    let tokens = tokens();
    let mut suite = Suite::default();
    for (name, test) in json(&cases)["tests"].as_object().unwrap() {
        let mut policies = Vec::new();
        let mut seen = BTreeSet::new();
        for file in test["policies"].as_array().unwrap().iter().filter_map(Value::as_str) {
            if seen.insert(file) {
                let template = std::fs::read_to_string(templates.join(file)).unwrap();
                policies.extend(documents(&render(&template)));
            }
        }
        let authz = match load(&policies) {
            Ok(authz) => authz,
            Err(errors) => {
                suite.add(name, Err(errors));
                continue;
            }
        };
        for case in test["cases"].as_array().unwrap() {
            let wrong = rows(case, &tokens).into_iter().find_map(|(text, mut client, expected)| {
                let what = format!("{text:?} from {client:?}: expected {expected}");
                (allows(&authz, &text, &mut client) != expected).then_some(what)
            });
            let path = case["path"].as_str().unwrap_or_default();
            suite.add(format!("{name}: {path}"), wrong.map_or(Ok(()), Err));
        }
    }
    finish("istio-authz-cases", &suite);
}

/// The requests of a case, one for each port that speaks HTTP and for each of two clients.
fn rows(case: &Value, tokens: &BTreeMap<String, String>) -> Vec<(String, Client, bool)> {
    let default_ports = serde_json::json!(["HTTP"]);
    let ports = case.get("ports").unwrap_or(&default_ports).as_array().unwrap();
    let mut rows = Vec::new();
    for port in ports.iter().filter_map(Value::as_str).filter(|port| *port != "TCP") {
        let grpc = port == "GRPC";
        let path = case["path"].as_str().unwrap_or(if grpc { "/proto.EchoTestService/Echo" } else { "/" });
        let method = case["method"].as_str().unwrap_or(if grpc { "POST" } else { "GET" });
        let host = case["host"].as_str().unwrap_or("svc").replace("%s", "svc");
        let mut text = format!("{method} {path} {host}");
        for (name, value) in case["headers"].as_object().into_iter().flatten() {
            text += &format!("\n{name}: {}", value.as_str().unwrap());
        }
        if let Some(name) = case["token"].as_str().filter(|name| !name.is_empty()) {
            text += &format!("\nauthorization: Bearer {}", tokens[name]);
        }
        let number = match port {
            "HTTP" => 18080,
            "HTTP2" => 18085,
            "GRPC" => 17070,
            other => panic!("unknown port {other}"),
        };
        for (principal, address, allowed) in [(ALLOWED, [10, 1, 0, 1], true), (DENIED, [10, 1, 0, 2], false)]
        {
            let remote = case["ip"].as_str().map_or(address.into(), |ip| ip.parse().unwrap());
            let client = Client {
                peer: PeerAddress::Ip(address.into()),
                remote: Some(remote),
                local: Some(([10, 1, 0, 3], number).into()),
                ..Client::principal(&format!("spiffe://{principal}"))
            };
            let expected = case["allow"].as_bool().unwrap_or(allowed);
            rows.push((text.clone(), client, expected));
        }
    }
    rows
}

#[test]
fn istio_requestauthn_cases() {
    let Some(cases) = data("derived/istio-requestauthn-cases.json") else { return };
    let Some(templates) = data("istio/tests/integration/security") else { return };
    let tokens = tokens();
    let payload = |token: &str| tokens[token].split('.').nth(1).unwrap().to_owned();
    let mut suite = Suite::default();
    for case in json(&cases)["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let policies = match case["policy"].as_str().filter(|file| !file.is_empty()) {
            Some(file) => documents(&render(&std::fs::read_to_string(templates.join(file)).unwrap())),
            None => Vec::new(),
        };
        let authz = match load(&policies) {
            Ok(authz) => authz,
            Err(errors) => {
                suite.add(name, Err(errors));
                continue;
            }
        };
        // `"/text" + jwt.Token`, a Go expression.
        let evaluate = |expression: &str| -> String {
            let parts = expression.split(" + ").map(|part| match part.strip_prefix("jwt.") {
                Some(token) => tokens[token].clone(),
                None => match part {
                    "payload1" => payload("TokenIssuer1"),
                    "payload2" => payload("TokenIssuer2"),
                    "payload3" => payload("TokenIssuer1WithNestedClaims2"),
                    text => text.trim_matches('"').to_owned(),
                },
            });
            parts.collect()
        };
        let path = evaluate(case["path_expr"].as_str().unwrap());
        let path = if path.is_empty() { "/" } else { &path };
        let mut text = format!("{} {path} svc", case["method"].as_str().unwrap_or("GET"));
        for (header, value) in case["request_headers"].as_object().into_iter().flatten() {
            let mut value = value.as_str().unwrap().to_owned();
            for (token, bytes) in &tokens {
                value = value.replace(&format!("{{{{{token}}}}}"), bytes);
            }
            text += &format!("\n{}: {value}", header.to_lowercase());
        }
        let headers = request(&text);
        let decision = authz.check(&headers, &mut Client::default());
        let status = match decision.outcome {
            Outcome::Allow(_) => 200,
            Outcome::DenyToken(denial) => denial.status(),
            _ => 403,
        };
        assert_eq!(u64::from(status), case["status"], "{name}: {:?}", decision.outcome);
        let mut upstream: BTreeMap<&str, String> = headers
            .iter()
            .map(|(name, value)| {
                (std::str::from_utf8(name).unwrap(), String::from_utf8_lossy(value).into_owned())
            })
            .collect();
        let edits = authz.edits(&headers, &decision);
        for edit in &edits {
            match edit {
                Edit::Remove(name) => drop(upstream.remove(name)),
                Edit::Set(name, value) => {
                    drop(upstream.insert(name, String::from_utf8_lossy(value).into_owned()))
                }
            }
        }
        for (header, expected) in case["upstream_headers_expr"].as_object().into_iter().flatten() {
            let found = upstream.get(header.to_lowercase().as_str()).cloned().unwrap_or_default();
            assert_eq!(found, evaluate(expected.as_str().unwrap()), "{name}: {header}");
        }
        suite.add(name, HOLDS);
    }
    finish("istio-requestauthn-cases", &suite);
}

#[test]
fn rbac_golden_policies_load() {
    let Some(folder) = data("istio/rbac-golden") else { return };
    let mut suite = Suite::default();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with("-in.yaml") {
            continue;
        }
        let documents = documents(&std::fs::read_to_string(&path).unwrap());
        let dry_run = documents
            .iter()
            .any(|document| document["metadata"]["annotations"]["istio.io/dry-run"] == "true");
        let loaded = load(&documents).map_err(|errors| errors.to_string());
        suite.add(name, loaded.and_then(|_| if dry_run { Err("dry run".to_owned()) } else { Ok(()) }));
    }
    finish("rbac-golden", &suite);
}

/// Envoy's template in Istio's syntax, where that can say it: `*` and `{name}` as `{*}`, `**` and `{name=**}` as `{**}`.
fn istio_template(template: &str) -> Option<String> {
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

#[test]
fn envoy_uri_template() {
    let Some(path) = data("derived/envoy-uri-template.json") else { return };
    let data = json(&path);
    let mut suite = Suite::default();
    let texts = |name: &str| {
        data[name].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect::<Vec<_>>()
    };
    for template in texts("valid_templates") {
        match istio_template(template).map(|text| Template::new(&text)) {
            Some(Ok(_)) => suite.add(template, HOLDS),
            other => suite.add(template, Err(format!("{other:?}"))),
        }
    }
    for template in texts("invalid_templates") {
        match istio_template(template).map(|text| Template::new(&text)) {
            Some(Err(_)) => suite.add(template, HOLDS),
            other => suite.add(template, Err(format!("{other:?}"))),
        }
    }
    for (rows, expected) in [("match", true), ("no_match", false)] {
        for row in data[rows].as_array().unwrap() {
            let (template, path) = (row["template"].as_str().unwrap(), row["path"].as_str().unwrap());
            match istio_template(template).map(|text| Template::new(&text).unwrap()) {
                Some(compiled) => {
                    let holds = compiled.matches(path.as_bytes()) == expected;
                    let what = format!("expected {expected}");
                    suite.add(format!("{template} on {path}"), if holds { Ok(()) } else { Err(what) });
                }
                // Listed with the templates.
                None => suite.skip(1),
            }
        }
    }
    finish("envoy-uri-template", &suite);
}
