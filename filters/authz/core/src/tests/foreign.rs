//! Suites of others, read from `PORTCULLIS_DATA` (default `../shared/data` beside the repository), not part of it.

use super::*;
use crate::template::Template;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use suites::istio::{self, AuthzRequest, Service};
use suites::{Known, Outcome as Suite, data};

fn json(path: &Path) -> Value {
    suites::json(path)
}

fn finish(suite: &str, outcome: &Suite) {
    let list = include_str!("../../tests/expected-skips.toml");
    outcome.finish(suite, &Known::section("expected-skips.toml", list, suite));
}

const HOLDS: Result<(), String> = Ok(());

/// As Istio's echo server listens.
const SERVICE: Service = Service { address: "10.1.0.3", http: 18080, http2: 18085, grpc: 17070 };

fn load(config: &Value) -> Result<Authz, ConfigErrors> {
    let config = config.to_string();
    Authz::new(&sdk_shim_config::parse(config.as_bytes())?, &environment)
}

fn headers(method: &str, path: &str, host: &str, others: &[(String, String)]) -> Headers {
    let first = [(":method", method), (":path", path), (":authority", host)];
    first.into_iter().chain(others.iter().map(|(name, value)| (name.as_str(), value.as_str()))).collect()
}

#[test]
fn istio_authz_cases() {
    let Some(tests) = istio::authz_tests(&|| SERVICE) else { return };
    let mut suite = Suite::default();
    for (service, test) in tests {
        let authz = match load(&test.config) {
            Ok(authz) => authz,
            Err(errors) => {
                suite.add(test.name, Err(errors));
                continue;
            }
        };
        for (name, requests) in test.rows {
            let wrong =
                requests.into_iter().find(|request| allowed(&authz, &service, request) != request.allowed);
            suite.add(name, wrong.map_or(Ok(()), |request| Err(format!("{request:?}"))));
        }
    }
    finish("istio-authz-cases", &suite);
}

fn allowed(authz: &Authz, service: &Service, request: &AuthzRequest) -> bool {
    let local = (service.address.parse::<std::net::IpAddr>().unwrap(), service.port(request.protocol));
    let mut client = Client {
        peer: PeerAddress::Ip(request.peer),
        remote: Some(request.remote),
        local: Some(local.into()),
        ..Client::principal(&format!("spiffe://{}", request.principal))
    };
    let mut headers = headers(&request.method, &request.path, &request.host, &request.headers);
    // What the provider then says, the suite in Envoy has.
    authz.normalize(&mut headers).is_ok()
        && matches!(authz.check(&headers, &mut client).outcome, Outcome::Allow(_) | Outcome::AwaitChecks)
}

#[test]
fn istio_requestauthn_cases() {
    let Some(cases) = istio::token_cases(&SERVICE) else { return };
    let mut suite = Suite::default();
    for case in cases {
        let name = case.name;
        let authz = match load(&case.config) {
            Ok(authz) => authz,
            Err(errors) => {
                suite.add(name, Err(errors));
                continue;
            }
        };
        let headers = headers(&case.method, &case.path, "svc", &case.headers);
        let decision = authz.check(&headers, &mut Client::default());
        let status = match decision.outcome {
            Outcome::Allow(_) => 200,
            Outcome::DenyToken(denial) => denial.status(),
            _ => 403,
        };
        if status != case.status {
            suite.add(name, Err(format!("{:?}", decision.outcome)));
            continue;
        }
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
        for (header, expected) in case.upstream {
            let found = upstream.get(header.as_str()).cloned().unwrap_or_default();
            assert_eq!(found, expected, "{name}: {header}");
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
        let policies = istio::documents(&std::fs::read_to_string(&path).unwrap());
        suite.add(name, load(&istio::config(&policies)).map(drop));
    }
    finish("rbac-golden", &suite);
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
        match istio::template(template).map(|text| Template::new(&text)) {
            Some(Ok(_)) => suite.add(template, HOLDS),
            other => suite.add(template, Err(format!("{other:?}"))),
        }
    }
    for template in texts("invalid_templates") {
        match istio::template(template).map(|text| Template::new(&text)) {
            Some(Err(_)) => suite.add(template, HOLDS),
            other => suite.add(template, Err(format!("{other:?}"))),
        }
    }
    for istio::TemplateCase { template, path, matches } in istio::template_cases().unwrap_or_default() {
        match istio::template(&template).map(|text| Template::new(&text).unwrap()) {
            Some(compiled) => {
                let holds = compiled.matches(path.as_bytes()) == matches;
                let what = format!("expected {matches}");
                suite.add(format!("{template} on {path}"), if holds { Ok(()) } else { Err(what) });
            }
            // Listed with the templates.
            None => suite.skip(1),
        }
    }
    finish("envoy-uri-template", &suite);
}
