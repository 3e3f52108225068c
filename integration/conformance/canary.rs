//! Other projects' canary and routing tests through Envoy: `derived/ingress-nginx-canary-cases.json` and
//! `derived/gateway-api-httproute-cases.json` with the manifests that it names.

use std::path::Path;

use integration::prelude::*;
use integration::request::unique_id;
use serde::Deserialize;

/// What came of the rows.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) passed: usize,
    pub(crate) failures: Vec<String>,
}

impl Rows {
    fn note(&mut self, row: &str, result: Result<(), String>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(difference) => self.failures.push(format!("{row}: {difference}")),
        }
    }
}

/// Runs all rows of all suites. `derived` is the folder of the rows.
pub(crate) fn run(derived: &Path) -> Rows {
    let mut rows = Rows::default();
    ingress_nginx(&json_file(&derived.join("ingress-nginx-canary-cases.json")), &mut rows);
    let cases = json_file(&derived.join("gateway-api-httproute-cases.json"));
    let manifests = derived.join("../gateway-api/conformance/tests");
    gateway_api(&cases, &manifests, &mut rows);
    rows
}

fn json_file(path: &Path) -> Value {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn ingress_nginx(cases: &Value, rows: &mut Rows) {
    let policies: Vec<&Value> =
        ["unit", "e2e"].iter().flat_map(|part| cases[part].as_array().unwrap()).collect();
    let (mainline, canary) = (Upstream::start("mainline"), Upstream::start("canary"));
    let mut config = Config::new()
        .cluster(Cluster::new("mainline", [&mainline]))
        .cluster(Cluster::new("canary", [&canary]));
    for (index, case) in policies.iter().enumerate() {
        let decided = json!([{"key": "wasm.canary", "string_match": {"exact": "canary"}}]);
        config = config.listener(
            Listener::new(&format!("case {index}"))
                .filter(Wasm::module("canary").config(ingress_config(&case["policy"])))
                .route(
                    json!({"match": {"prefix": "/", "filter_state": decided}, "route": {"cluster": "canary"}}),
                )
                .route_to("mainline"),
        );
    }
    let envoy = config.start();
    for (index, case) in policies.iter().enumerate() {
        let client = envoy.client_of(&format!("case {index}"));
        let row = format!("ingress-nginx case {index}");
        if let Some(expected) = case["canary"].as_bool() {
            let expected = if expected { "canary" } else { "mainline" };
            rows.note(&row, reaches(&client, ingress_request(&case["request"]), expected, 1));
        } else if let Some(distribution) = case.get("distribution") {
            let requests = distribution["requests"].as_u64().unwrap();
            rows.note(&row, both(&client, requests, distribution["min_each"].as_u64().unwrap()));
        } else if case.get("scenario").is_some() {
            let is_legacy = case["policy"]["affinity-canary-behavior"] == "legacy";
            rows.note(&row, if is_legacy { legacy(&client) } else { sticky(&client) });
        } else {
            let repeat = case["repeat"].as_u64().unwrap_or(1) as usize;
            for (number, pair) in case["rows"].as_array().unwrap().iter().enumerate() {
                let request = ingress_request(&pair[0]);
                let result = reaches(&client, request, pair[1].as_str().unwrap(), repeat);
                rows.note(&format!("{row}, row {number}"), result);
            }
        }
    }
    envoy.assert_no_vm_failure();
}

/// The policy as the unit tests (in Lua) and the end-to-end tests (as annotations) write it, with ingress-nginx's traps
/// switched on.
fn ingress_config(policy: &Value) -> Value {
    let text = |names: [&str; 2]| {
        let value = names.iter().find_map(|name| policy.get(*name)?.as_str());
        value.filter(|value| !value.is_empty())
    };
    let weight = policy.get("weight").cloned().unwrap_or(json!(0));
    let mut release = json!({"name": "canary", "weight": weight, "key": ["random"]});
    if let Some(total) = policy.get("weight-total") {
        release["weight_total"] = total.clone();
    }
    if let Some(name) = text(["header", "by-header"]) {
        release["by_header"] = json!({"name": name});
        if let Some(value) = text(["headerValue", "by-header-value"]) {
            release["by_header"]["value"] = value.into();
        } else if let Some(pattern) = text(["headerPattern", "by-header-pattern"]) {
            release["by_header"]["pattern"] = pattern.into();
        }
    }
    if let Some(name) = text(["cookie", "by-cookie"]) {
        release["by_cookie"] = json!({"name": name});
    }
    if policy["affinity-canary-behavior"] == "legacy" {
        release["affinity"] = "legacy".into();
    }
    json!({
        "releases": [release],
        "affinity": {"cookie": {"name": AFFINITY}},
        "compatibility": {
            "never_only_without_value": true,
            "broken_pattern_keeps_out": true,
            "weight_total_at_least_100": true,
        },
    })
}

const AFFINITY: &str = "route";

fn ingress_request(row: &Value) -> Request {
    let mut request = Request::get("/").authority("foo.bar.com");
    for (name, value) in row["header"].as_object().into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap());
    }
    for (name, value) in row["cookie"].as_object().into_iter().flatten() {
        request = request.header("cookie", format!("{name}={}", value.as_str().unwrap()));
    }
    match row["affinity"].as_str() {
        Some("primary") => request.header("cookie", format!("{AFFINITY}=-canary:0")),
        Some(_) => request.header("cookie", format!("{AFFINITY}=canary:0")),
        None => request,
    }
}

fn reaches(client: &Client, request: Request, expected: &str, times: usize) -> Result<(), String> {
    for answer in client.send_all(vec![request; times]) {
        let reached = answer.map_err(|error| error.to_string())?.upstream();
        if reached.as_deref() != Some(expected) {
            return Err(format!("reached {reached:?}, not {expected}"));
        }
    }
    Ok(())
}

/// Both get at least that many of the requests.
fn both(client: &Client, requests: u64, min_each: u64) -> Result<(), String> {
    let answers = client.send_all((0..requests).map(|_| Request::get("/")));
    let is_canary = |answer: &Result<Response, _>| {
        answer.as_ref().is_ok_and(|answer| answer.upstream().as_deref() == Some("canary"))
    };
    let canary = answers.iter().filter(|answer| is_canary(answer)).count() as u64;
    if canary >= min_each && requests - canary >= min_each {
        return Ok(());
    }
    Err(format!("{canary} of {requests} reached the canary, not {min_each} at least of each"))
}

fn forced(client: &Client) -> Result<Response, String> {
    let answer = client.send(Request::get("/").header("ForceCanary", "yes"));
    match answer.upstream().as_deref() {
        Some("canary") => Ok(answer),
        other => Err(format!("the forced request reached {other:?}")),
    }
}

fn sticky(client: &Client) -> Result<(), String> {
    let cookies = forced(client)?.header_values("set-cookie");
    let [cookie] = cookies.as_slice() else { return Err(format!("not one cookie: {cookies:?}")) };
    let pair = cookie.split(';').next().unwrap_or_default();
    reaches(client, Request::get("/").header("cookie", pair), "canary", 50)
}

fn legacy(client: &Client) -> Result<(), String> {
    let cookies = forced(client)?.header_values("set-cookie");
    if !cookies.is_empty() {
        return Err(format!("the canary's response sets {cookies:?}"));
    }
    both(client, 200, 80)
}

/// Listeners of one Envoy, one for each manifest, before the backends that manifests name.
fn gateway_api(cases: &Value, manifests: &Path, rows: &mut Rows) {
    let backends = ["infra-backend-v1", "infra-backend-v2", "infra-backend-v3"].map(Upstream::start);
    let mut config = Config::new();
    for backend in &backends {
        config = config.cluster(Cluster::new(backend.name(), [backend]));
    }
    let tests = cases["tests"].as_object().unwrap();
    let names = tests.keys().map(String::as_str).chain([WEIGHTS]);
    for name in names {
        let (filter, routes) = translate(&manifests.join(format!("{name}.yaml")));
        let mut listener = Listener::new(name).filter(Wasm::module("canary").config(filter));
        for (release, backend) in routes {
            let decided = json!([{"key": "wasm.canary", "string_match": {"exact": release}}]);
            listener = listener.route(
                json!({"match": {"prefix": "/", "filter_state": decided}, "route": {"cluster": backend}}),
            );
        }
        let not_found = json!({"match": {"prefix": "/"}, "direct_response": {"status": 404}});
        config = config.listener(listener.route(not_found));
    }
    let envoy = config.start();
    for (name, test) in tests {
        for (number, case) in test["cases"].as_array().unwrap().iter().enumerate() {
            let result = gateway_row(&envoy.client_of(name), case, &backends);
            rows.note(&format!("gateway-api {name}, row {number}"), result);
        }
    }
    // Ten tries, as upstream's own test has.
    let result = (0..10).map(|_| weights(&envoy.client_of(WEIGHTS))).find(Result::is_ok);
    rows.note(
        &format!("gateway-api {WEIGHTS}"),
        result.unwrap_or_else(|| weights(&envoy.client_of(WEIGHTS))),
    );
    envoy.assert_no_vm_failure();
}

const WEIGHTS: &str = "httproute-weight";

/// 500 requests at 70, 30 and 0, five points off at most.
fn weights(client: &Client) -> Result<(), String> {
    let answers = client.send_all((0..500).map(|_| Request::get("/")));
    let mut counts = [0_i64; 3];
    for answer in answers {
        let reached = answer.map_err(|error| error.to_string())?.upstream().unwrap_or_default();
        let backend = reached.strip_prefix("infra-backend-v").and_then(|number| number.parse::<usize>().ok());
        counts[backend.ok_or_else(|| format!("reached {reached:?}"))? - 1] += 1;
    }
    let is_near = |(count, percent): (&i64, i64)| (count - percent * 5).abs() <= 25;
    if counts.iter().zip([70, 30, 0]).all(is_near) && counts[2] == 0 {
        return Ok(());
    }
    Err(format!("{counts:?} of 500"))
}

fn gateway_row(client: &Client, case: &Value, backends: &[Upstream]) -> Result<(), String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let id = unique_id();
    let sent = &case["request"];
    let mut request = Request::new(sent["method"].as_str().unwrap_or("GET"), text(&sent["path"])).id(&id);
    if let Some(host) = sent["host"].as_str() {
        request = request.authority(host);
    }
    for (name, value) in sent["headers"].as_object().into_iter().flatten() {
        request = request.header(name, text(value));
    }
    if let Some(headers) = case["backendSetResponseHeaders"].as_object() {
        for backend in backends {
            let reply =
                headers.iter().fold(Reply::new(200), |reply, (name, value)| reply.header(name, text(value)));
            backend.answer_id(&id, reply);
        }
    }
    let answer = client.try_send(request).map_err(|error| error.to_string())?;
    let status = case["response"]["status"].as_u64().unwrap_or(200);
    if u64::from(answer.status) != status {
        return Err(format!("status {}, not {status}", answer.status));
    }
    if let Some(expected) = case["backend"].as_str() {
        let reached = answer.upstream().unwrap_or_default();
        if reached != expected {
            return Err(format!("reached {reached}, not {expected}"));
        }
        let backend = backends.iter().find(|backend| backend.name() == expected).unwrap();
        let seen = backend.only(&id);
        compare(&case["expectedUpstreamRequest"], |name| seen.header_values(name))?;
    }
    compare(&case["response"], |name| answer.header_values(name))
}

/// Repeated headers count as one, joined with commas.
fn compare(expected: &Value, found: impl Fn(&str) -> Vec<String>) -> Result<(), String> {
    for (name, value) in expected["headers"].as_object().into_iter().flatten() {
        let joined = found(name).join(",");
        if Some(joined.as_str()) != value.as_str() {
            return Err(format!("{name} is {joined:?}, not {value}"));
        }
    }
    for name in expected["absentHeaders"].as_array().into_iter().flatten() {
        let values = found(name.as_str().unwrap());
        if !values.is_empty() {
            return Err(format!("{name} is there: {values:?}"));
        }
    }
    Ok(())
}

/// HTTPRoutes as a configuration, and the backend of each release.
fn translate(manifest: &Path) -> (Value, Vec<(String, String)>) {
    let text = std::fs::read_to_string(manifest).unwrap_or_else(|e| panic!("{}: {e}", manifest.display()));
    let (mut releases, mut namespaces, mut routes) = (Vec::new(), Vec::new(), Vec::new());
    for document in serde_norway::Deserializer::from_str(&text) {
        let route = Value::deserialize(document).unwrap();
        for rule in route["spec"]["rules"].as_array().unwrap() {
            let rule_name = format!("rule-{}", namespaces.len());
            namespaces.push(json!({"name": rule_name, "key": ["random"]}));
            let backends = rule["backendRefs"].as_array().unwrap();
            let weight = |backend: &Value| backend["weight"].as_f64().unwrap_or(1.0);
            let total: f64 = backends.iter().map(weight).sum();
            let mut from = 0.0;
            for (number, backend) in backends.iter().enumerate() {
                let to = from + weight(backend) * 100.0 / total;
                if to > from {
                    let name = format!("{rule_name}-{number}");
                    let mut release =
                        json!({"name": name, "namespace": {"name": rule_name, "from": from, "to": to}});
                    if let Some(hosts) = route["spec"].get("hostnames") {
                        release["hosts"] = hosts.clone();
                    }
                    if let Some(matches) = rule["matches"].as_array() {
                        release["match"] = json!({"any": matches.iter().map(condition).collect::<Vec<_>>()});
                    }
                    for filter in rule["filters"].as_array().into_iter().flatten() {
                        for (field, kind) in [
                            ("request_headers", "requestHeaderModifier"),
                            ("response_headers", "responseHeaderModifier"),
                        ] {
                            if let Some(edits) = filter.get(kind) {
                                release[field] = edits.clone();
                            }
                        }
                    }
                    releases.push(release);
                    routes.push((name, backend["name"].as_str().unwrap().to_owned()));
                }
                from = to;
            }
        }
    }
    let config = json!({
        "releases": releases, "namespaces": namespaces, "precedence": "gateway_api", "vary": false,
    });
    (config, routes)
}

fn condition(from: &Value) -> Value {
    let mut all = Vec::new();
    if let Some(path) = from.get("path") {
        let test = match path["type"].as_str() {
            Some("Exact") => "exact",
            Some("RegularExpression") => "regex",
            _ => "prefix",
        };
        all.push(json!({"path": {test: path["value"]}}));
    }
    if let Some(method) = from.get("method") {
        all.push(json!({"method": [method]}));
    }
    for (list, kind) in [("headers", "header"), ("queryParams", "query")] {
        for field in from[list].as_array().into_iter().flatten() {
            let test = if field["type"] == "RegularExpression" { "regex" } else { "exact" };
            all.push(json!({kind: {"name": field["name"], test: field["value"]}}));
        }
    }
    json!({"all": all})
}
