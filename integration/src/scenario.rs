//! Runs the scenario files of `sdk-shim-testing` against the compiled module in a real Envoy: the same files that the test host
//! runs natively.
//!
//! All scenarios of a file share one Envoy; each different configuration gets a listener of its own. Each scenario runs in every
//! [`Form`], and several at a time.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sdk_shim_testing::Message;
use sdk_shim_testing::scenario::{self, File, Grpc, Scenario};
use serde_json::json;

use crate::config::{Cluster, Config, Listener, Wasm, http2_options};
use crate::envoy::Envoy;
use crate::raw::Failure;
use crate::request::{Body, Request, Response, unique_id};
use crate::upstream::{Reply, Upstream};

/// How a scenario's messages go over the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// HTTP/1.1, bodies with `content-length`: the end of the stream comes in a call of its own.
    Sized,
    /// HTTP/1.1, the request's body in chunks of three bytes.
    Chunked,
    /// HTTP/2: the end of the stream comes with the last data. Not run where a path or header can't be sent by an HTTP/2 library.
    Http2,
}

impl Form {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sized, Self::Chunked, Self::Http2];
}

/// Runs a file against a module that stands alone before one upstream.
///
/// # Panics
/// If the file can't be read, or anything comes out otherwise than expected; the message has all of it.
pub fn run(module: &str, file: &Path) {
    run_with(module, file, |listener, wasm| listener.filter(wasm).route_to("app"));
}

/// Runs a file against a module that `build` builds into a listener, with its companions and routes. The cluster is `app`.
///
/// # Panics
/// As [`run`].
pub fn run_with(module: &str, file: &Path, build: impl Fn(Listener, Wasm) -> Listener) {
    let text = std::fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let scenarios = File::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let site = Site::start(module, &scenarios, build);
    let failures = site.check(&scenarios);
    assert!(failures.is_empty(), "{}: {} failures\n{}", file.display(), failures.len(), failures.join("\n"));
    site.envoy.assert_no_vm_failure();
}

struct Site {
    app: Upstream,
    /// What callouts go to. They answer as long as they are here.
    _services: BTreeMap<String, Upstream>,
    envoy: Envoy,
    /// The listener of each configuration.
    listeners: BTreeMap<String, String>,
}

impl Site {
    fn start(module: &str, file: &File, build: impl Fn(Listener, Wasm) -> Listener) -> Self {
        let app = Upstream::start("app");
        let trailers = json!({"enable_trailers": true});
        let both = json!({"http_protocol_options": trailers, "http2_protocol_options": http2_options()});
        let cluster = Cluster::new("app", [&app]).protocol("use_downstream_protocol_config", &both);
        let mut config = Config::new().cluster(cluster);
        let services = services(file);
        for (name, service) in &services {
            let speaks_grpc =
                file.callouts.iter().any(|callout| callout.cluster == *name && callout.grpc.is_some());
            let cluster = Cluster::new(name, [service]);
            config = config.cluster(if speaks_grpc { cluster.http2() } else { cluster.http1() });
        }
        let mut listeners = BTreeMap::new();
        for scenario in &file.scenarios {
            for key in scenario.expect.filter_state.keys() {
                config = config.log_filter_state(key);
            }
            let text = scenario.config.as_ref().unwrap_or(&file.config);
            if listeners.contains_key(text) {
                continue;
            }
            let name = format!("config-{}", listeners.len());
            listeners.insert(text.clone(), name.clone());
            let wasm =
                file.env.iter().fold(Wasm::module(module), |wasm, (name, value)| wasm.env(name, value));
            // Scenarios name the client's address, which Envoy takes from `x-forwarded-for` only so.
            let listener = Listener::new(&name)
                .with_manager("use_remote_address", false)
                .with_manager("http_protocol_options", trailers.clone());
            config = config.listener(build(listener, wasm.config_text(text)));
        }
        Self { app, _services: services, envoy: config.start(), listeners }
    }

    fn check(&self, file: &File) -> Vec<String> {
        let possible = file.scenarios.iter().filter(|scenario| scenario.test_host_only.is_none());
        let all: Vec<_> = possible.flat_map(|scenario| Form::ALL.map(|form| (scenario, form))).collect();
        std::thread::scope(|scope| {
            let check = |part: &[(&Scenario, Form)]| -> Vec<String> {
                part.iter().flat_map(|(scenario, form)| self.differences(file, scenario, *form)).collect()
            };
            let size = all.len().div_ceil(8).max(1);
            let running: Vec<_> = all.chunks(size).map(|part| scope.spawn(move || check(part))).collect();
            running.into_iter().flat_map(|thread| thread.join().expect("its panic was printed")).collect()
        })
    }

    fn differences(&self, file: &File, scenario: &Scenario, form: Form) -> Vec<String> {
        let id = unique_id();
        self.app.answer_id(&id, reply(&scenario.response));
        let config = scenario.config.as_ref().unwrap_or(&file.config);
        let client = self.envoy.client_of(&self.listeners[config]).patience(Duration::from_secs(10));
        let client = if form == Form::Http2 { client.http2() } else { client };
        let begun = Instant::now();
        let answer = match client.try_send(request(&scenario.request, form).id(&id)) {
            Err(Failure::Request(_)) if form == Form::Http2 => return Vec::new(),
            Err(failure) => Err(failure.to_string()),
            Ok(answer) => Ok(answer),
        };
        let waited = begun.elapsed();
        let seen = self.app.seen(&id);
        let line = self.envoy.access_log(&id);
        let upstream = seen.last().map(|seen| {
            let message = Message::request(&seen.method, &seen.path).with_body(&seen.body);
            let mut message = extended(message, &seen.headers, &seen.trailers);
            message.headers.retain(|(name, _)| name != ":authority");
            message.with_header(":authority", &seen.authority)
        });
        let response = answer.as_ref().ok().map(|Response { status, headers, body, trailers, .. }| {
            extended(Message::response(*status).with_body(body), headers, trailers)
        });
        let state = |key: &str| line.filter_state(key).map(String::into_bytes);
        let mut differences =
            scenario.expect.compare(upstream.as_ref(), response.as_ref(), Some(&line.details()), state);
        differences.extend(answer.err());
        differences.extend(scenario.expect.too_fast(waited));
        differences.iter().map(|text| format!("{} ({form:?}): {text}", scenario.name)).collect()
    }
}

/// An upstream for each cluster that callouts go to.
fn services(file: &File) -> BTreeMap<String, Upstream> {
    let mut services = BTreeMap::new();
    for callout in &file.callouts {
        let service: &mut Upstream = services.entry(callout.cluster.clone()).or_insert_with(|| {
            let service = Upstream::start(&callout.cluster);
            service.answer(Reply::new(404));
            service
        });
        let delay = Duration::from_millis(callout.after_ms);
        let answer = match &callout.grpc {
            Some(Grpc { messages, status }) => {
                let messages: Vec<_> = messages.iter().map(|message| message.0.clone()).collect();
                Reply::grpc(&messages, *status)
            }
            None => reply(&callout.response),
        };
        service.answer_path(&callout.path, answer.delay(delay));
        if callout.down {
            service.stop();
        }
    }
    services
}

fn request(from: &scenario::Request, form: Form) -> Request {
    let mut request = Request::new(&from.method, &from.path.0).authority(&from.authority);
    request.headers = pairs(&from.headers);
    if let Some(source) = &from.source {
        request = request.header("x-forwarded-for", source);
    }
    let (body, trailers) = (&from.body.0, pairs(&from.trailers));
    request.body(match form {
        _ if body.is_empty() && trailers.is_empty() => Body::None,
        Form::Chunked => Body::chunks(body, 3).trailers(trailers),
        _ if trailers.is_empty() => Body::Sized(Bytes::copy_from_slice(body)),
        _ => Body::chunks(body, body.len().max(1)).trailers(trailers),
    })
}

fn reply(from: &scenario::Response) -> Reply {
    let mut reply = Reply::new(from.status).body(from.body.0.clone());
    for header in &from.headers {
        reply = reply.header(&header.name, &header.value);
    }
    for trailer in &from.trailers {
        reply = reply.trailer(&trailer.name, &trailer.value);
    }
    reply
}

fn extended(mut message: Message, headers: &[(String, Vec<u8>)], trailers: &[(String, Vec<u8>)]) -> Message {
    message.headers.extend_from_slice(headers);
    message.trailers.extend_from_slice(trailers);
    message
}

fn pairs(headers: &[scenario::Header]) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect()
}
