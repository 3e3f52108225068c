//! Istio's end-to-end tests of authorization and tokens, row by row, in a real Envoy: clients with certificates, over HTTP/1.1,
//! HTTP/2 and gRPC, a provider for the action CUSTOM, and a key set that is not there.

use integration::config::native as envoy_filter;
use integration::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::Path;
use suites::istio::{self, AuthzRequest, AuthzTest, Protocol, Service, TemplateCase};

const PEER: &str = "portcullis.peer";

/// What came of the rows.
#[derive(Default)]
struct Outcome {
    passed: usize,
    failures: Vec<String>,
}

impl Outcome {
    fn add(&mut self, name: &str, result: Result<(), String>) {
        match result {
            Ok(()) => self.passed += 1,
            Err(error) => self.failures.push(format!("{name}: {error}")),
        }
    }
}

/// The suite as the runner has it.
pub(crate) fn suite(_: &Path, _: &super::Choice) -> super::Summary {
    let outcome = run();
    let failed = outcome.failures.len();
    let note = " (Istio's rows, in Envoy)".to_owned();
    super::Summary { passed: outcome.passed, failed, skipped: 0, note, problems: outcome.failures }
}

fn run() -> Outcome {
    let mut outcome = Outcome::default();
    // Policies name ports, so these are known before Envoy starts: they are held until then.
    let held = std::cell::RefCell::new(Vec::new());
    let free = || {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("its address").port();
        held.borrow_mut().push(listener);
        port
    };
    let service = || Service { address: "127.0.0.1", http: free(), http2: free(), grpc: free() };
    let (Some(tests), Some(cases), Some(paths)) =
        (istio::authz_tests(&service), istio::token_cases(&service()), istio::path_cases())
    else {
        return outcome;
    };
    let authority = Authority::new();
    let server = authority.server(&["shop.example"]);
    let app = Upstream::start("app");
    let answering =
        |name: &str, routes: &[Value]| routes.iter().cloned().fold(Listener::new(name), Listener::route);
    let status =
        |matched: Value, status: u16| json!({"match": matched, "direct_response": {"status": status}});
    let asks = json!({"prefix": "/", "headers": [{"name": istio::ASKS_PROVIDER, "string_match": {"exact": "allow"}}]});
    let (provider, nothing) = (free(), free());
    let mut config = Config::new()
        .without_access_log()
        // As Istio's proxies are told: a fragment is cut off, and not refused.
        .edit(|bootstrap| {
            let layer = json!({"envoy.reloadable_features.http_reject_path_with_fragment": false});
            bootstrap["layered_runtime"] = json!({"layers": [{"name": "istio", "static_layer": layer}]});
        })
        .cluster(Cluster::new("app", [&app]))
        .cluster(Cluster::new(istio::PROVIDER, [std::net::SocketAddr::from(([127, 0, 0, 1], provider))]))
        .cluster(Cluster::new(istio::NO_JWKS, [std::net::SocketAddr::from(([127, 0, 0, 1], nothing))]))
        .listener(
            answering("provider", &[status(asks, 200), status(json!({"prefix": "/"}), 403)]).port(provider),
        )
        .listener(answering("no key set", &[status(json!({"prefix": "/"}), 404)]).port(nothing));
    for (service, test) in &tests {
        for protocol in protocols(test) {
            let listener = Listener::new(&name(test, protocol))
                .port(service.port(protocol))
                .tls(authority.downstream(&server, true))
                // The header says who the client is: all of them come from one address.
                .with_manager("use_remote_address", false)
                .filter(peer_from_header())
                .filter(module({
                    let mut config = test.config.clone();
                    config["peer_address"] = json!({ "filter_state": PEER });
                    config
                }))
                .route_to("app");
            config = config.listener(listener);
        }
    }
    for case in &cases {
        config =
            config.listener(Listener::new(&case.name).filter(module(case.config.clone())).route_to("app"));
    }
    let templates: Vec<_> = istio::template_cases()
        .into_iter()
        .flatten()
        .filter_map(|case| Some((istio::template(&case.template)?, case)))
        .collect();
    let rows = |row: &dyn Fn(usize, &(String, TemplateCase)) -> Value| -> Vec<Value> {
        templates.iter().enumerate().map(|(index, case)| row(index, case)).collect()
    };
    let policies = rows(&|index, (template, _)| {
        let when = json!([{"key": "request.headers[x-row]", "values": [index.to_string()]}]);
        let rule = json!({"to": [{"operation": {"paths": [template]}}], "when": when});
        json!({"name": format!("row-{index}"), "spec": {"rules": [rule]}})
    });
    let mut routes = rows(&|index, (_, case)| {
        let policy = json!({
            "name": "envoy.path.match.uri_template.uri_template_matcher",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
                "path_template": case.template,
            },
        });
        let row = json!([{"name": "x-row", "string_match": {"exact": index.to_string()}}]);
        status(json!({"path_match_policy": policy, "headers": row}), 200)
    });
    routes.push(status(json!({"prefix": "/"}), 403));
    config = config
        .listener(
            answering("templates", &[status(json!({"prefix": "/"}), 200)])
                .filter(module(json!({ "policies": policies }))),
        )
        .listener(answering("Envoy's templates", &routes));
    let levels: BTreeSet<&str> = paths.iter().map(|case| case.level.as_str()).collect();
    for level in levels {
        let filter = module(json!({ "path_normalization": level }));
        config = config.listener(Listener::new(level).filter(filter).route_to("app"));
    }
    held.borrow_mut().clear();
    let envoy = config.start();
    let identities: BTreeMap<&str, Tls> = [istio::ALLOWED, istio::DENIED]
        .map(|principal| {
            let identity = authority.client(&[&format!("spiffe://{principal}")]);
            (principal, Tls::new(authority.certificate(), "shop.example", Some(&identity)))
        })
        .into();
    for (_, test) in &tests {
        let send = |request: &AuthzRequest| {
            let client =
                envoy.client_of(&name(test, request.protocol)).tls(identities[request.principal].clone());
            judge(request, if request.protocol == Protocol::Http { client } else { client.http2() })
        };
        for (row, requests) in &test.rows {
            for request in requests {
                outcome.add(row, send(request));
            }
            // The row that the transcription has lost: the same, and the provider denies.
            for request in requests.iter().filter(|request| is_custom(request)) {
                let mut request = AuthzRequest { allowed: false, ..request.clone() };
                request.headers.iter_mut().for_each(|(_, value)| "deny".clone_into(value));
                outcome.add(&format!("{row}, denied"), send(&request));
            }
        }
    }
    for case in &cases {
        let request = Request::new(&case.method, &case.path).authority("svc");
        let request = case.headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let answer = envoy.client_of(&case.name).send(request);
        let seen = app.seen(&answer.id).into_iter().next();
        let told =
            |header: &str| seen.as_ref().map(|seen| seen.header_values(header).join(",")).unwrap_or_default();
        let wrong: Vec<String> = case
            .upstream
            .iter()
            .filter(|(header, expected)| told(header) != *expected)
            .map(|(header, expected)| format!("{header}: {:?}, expected {expected:?}", told(header)))
            .collect();
        outcome.add(
            &case.name,
            match (answer.status == case.status && seen.is_some() == (case.status == 200), wrong.as_slice()) {
                (true, []) => Ok(()),
                _ => Err(format!("answered {} for {}; {}", answer.status, case.status, wrong.join("; "))),
            },
        );
    }
    for case in &paths {
        let answer = envoy.client_of(&case.level).send(Request::get(&case.path).authority("svc"));
        let seen = app.seen(&answer.id).into_iter().next();
        let found = seen.map_or_else(|| answer.status.to_string(), |seen| seen.path);
        let right = if found == case.normal { Ok(()) } else { Err(format!("{found:?}, for {case:?}")) };
        outcome.add(&case.group, right);
    }
    for (index, (_, case)) in templates.iter().enumerate() {
        let request = || Request::get(&case.path).authority("svc").header("x-row", index.to_string());
        let ours = envoy.client_of("templates").send(request()).status;
        let native = envoy.client_of("Envoy's templates").send(request()).status;
        // Where Envoy itself no longer answers as the row says, it is of another version.
        let right =
            if ours == native { Ok(()) } else { Err(format!("{ours}, and {native} by Envoy, for {case:?}")) };
        outcome.add(&format!("{} on {}", case.template, case.path), right);
        if (native == 200) != case.matches {
            println!("authz: Envoy answers {native} for {case:?}");
        }
    }
    envoy.assert_no_vm_failure();
    outcome
}

fn module(config: Value) -> Wasm {
    Wasm::module("authz").config(config)
}

fn peer_from_header() -> Value {
    let format = json!({"text_format_source": {"inline_string": "%REQ(x-peer)%"}});
    let state = json!({"object_key": PEER, "factory_key": "envoy.string", "format_string": format});
    envoy_filter("set_filter_state", "set_filter_state.v3.Config", json!({"on_request_headers": [state]}))
}

fn protocols(test: &AuthzTest) -> Vec<Protocol> {
    let requests = test.rows.iter().flat_map(|(_, requests)| requests);
    let protocols: BTreeSet<Protocol> = requests.map(|request| request.protocol).collect();
    protocols.into_iter().collect()
}

fn name(test: &AuthzTest, protocol: Protocol) -> String {
    format!("{} {protocol:?}", test.name)
}

fn is_custom(request: &AuthzRequest) -> bool {
    let asks = request.headers.iter().any(|(name, _)| name == istio::ASKS_PROVIDER);
    asks && request.path != "/health"
}

fn judge(request: &AuthzRequest, client: Client) -> Result<(), String> {
    let sent = Request::new(&request.method, &request.path)
        .authority(&request.host)
        .header("x-peer", request.peer.to_string())
        .header("x-forwarded-for", request.remote.to_string());
    let sent = request.headers.iter().fold(sent, |sent, (name, value)| sent.header(name, value));
    let grpc = request.protocol == Protocol::Grpc;
    let sent = if grpc { sent.header("content-type", "application/grpc") } else { sent };
    let answer = client.send(sent);
    // To gRPC clients Envoy says it in a header: 7 is PERMISSION_DENIED.
    let denied = answer.header("grpc-status").map_or(answer.status == 403, |status| status == "7");
    match (request.allowed, denied, answer.status) {
        (true, false, 200) | (false, true, _) => Ok(()),
        _ => Err(format!("answered {} {:?}: {request:?}", answer.status, answer.text())),
    }
}
