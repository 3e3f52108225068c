//! Exchanges with what is expected of them, in TOML: one file a filter. The same file runs here on the test host and,
//! by the integration harness, through the compiled module in a real Envoy.
//!
//! ```toml
//! # The filter's configuration, as the module gets it.
//! config = '{ "header": "x-deny" }'
//!
//! [[scenario]]
//! name = "a request with the header is denied"
//! request = { path = "/admin", headers = ['x-deny: \xff'] }
//! expect = { status = 403, upstream = false, details = "deny_header" }
//! ```
//!
//! Headers are `name: value`. Values and bodies take the escapes of [`Bytes`]: write them in single quotes.

use crate::{Bytes, CalloutScript, Chunking, Message, Outcome, Settings, TestHost, run};
use sdk_shim::{Filter, GrpcStatus, load};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// A file of scenarios.
///
/// ```
/// use sdk_shim_testing::scenario::File;
///
/// let file = File::parse(
///     r#"
///     config = '{ "header": "x-deny" }'
///
///     [[scenario]]
///     name = "a request without the header passes"
///     expect = { status = 200, upstream = true }
///     "#,
/// )
/// .unwrap();
/// assert_eq!(file.scenarios.len(), 1);
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// The filter's configuration, for the scenarios that have none of their own.
    pub config: String,
    /// Environment variables that the configuration refers to.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// What the filter's callouts are answered with. A call to any other cluster is refused, one to a path that is not
    /// here is answered 404 (gRPC: 12, unimplemented).
    #[serde(rename = "callout", default)]
    pub callouts: Vec<Callout>,
    /// The scenarios.
    #[serde(rename = "scenario")]
    pub scenarios: Vec<Scenario>,
}

/// What callouts of one path are answered with, in all scenarios of the file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callout {
    /// The cluster. All callouts of a cluster are one upstream.
    pub cluster: String,
    /// The path, without query; for gRPC `/service/method`.
    pub path: String,
    /// The answer.
    #[serde(default)]
    pub response: Response,
    /// The answer to a gRPC call or on a gRPC stream, in place of `response`.
    pub grpc: Option<Grpc>,
    /// Nobody listens there, at any path of the cluster: hosts answer 503, and gRPC calls with the code 14.
    #[serde(default)]
    pub down: bool,
    /// When it comes, in milliseconds. On a gRPC stream, how long after each message.
    #[serde(default)]
    pub after_ms: u64,
}

/// What a gRPC service answers.
///
/// ```
/// use sdk_shim_testing::scenario::File;
///
/// let file = File::parse(
///     r#"
///     config = '{}'
///     scenario = []
///
///     [[callout]]
///     cluster = "limits"
///     path = "/limits.v1.Limits/Check"
///     grpc = { messages = ['\x08\x01'] }
///     "#,
/// )
/// .unwrap();
/// assert_eq!(file.callouts[0].grpc.as_ref().unwrap().messages[0].0, b"\x08\x01");
/// ```
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Grpc {
    /// The messages that each message of the filter is answered with, in their serialised form: one for a unary call.
    pub messages: Vec<Bytes>,
    /// The status in the end: on a stream, when the filter has finished. 0 is success.
    pub status: u32,
}

/// One exchange.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows.
    pub name: String,
    /// A configuration instead of the file's.
    pub config: Option<String>,
    /// What the client sends.
    #[serde(default)]
    pub request: Request,
    /// What the upstream answers.
    #[serde(default)]
    pub response: Response,
    /// What must come of it.
    pub expect: Expect,
    /// Why it cannot run in an Envoy, where it cannot.
    pub test_host_only: Option<String>,
}

/// What the client sends.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Request {
    /// `:method`.
    pub method: String,
    /// `:path`, with the query.
    pub path: Bytes,
    /// `:authority`.
    pub authority: String,
    /// The other headers.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Bytes,
    /// The trailers.
    pub trailers: Vec<Header>,
    /// The client's address, without port. In Envoy it comes by `x-forwarded-for`.
    pub source: Option<String>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            method: "GET".into(),
            path: Bytes(b"/".into()),
            authority: "example.test".into(),
            headers: Vec::new(),
            body: Bytes::default(),
            trailers: Vec::new(),
            source: None,
        }
    }
}

/// What the upstream answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Response {
    /// `:status`.
    pub status: u16,
    /// The other headers.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Bytes,
    /// The trailers.
    pub trailers: Vec<Header>,
}

impl Default for Response {
    fn default() -> Self {
        Self { status: 200, headers: Vec::new(), body: Bytes::default(), trailers: Vec::new() }
    }
}

/// What must come of an exchange. What is not named may be anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// The status that the client gets.
    pub status: Option<u16>,
    /// Whether anything reaches the upstream.
    pub upstream: Option<bool>,
    /// Headers that the upstream gets, with these values.
    pub upstream_headers: Vec<Header>,
    /// Headers that the upstream must not get.
    pub upstream_headers_absent: Vec<String>,
    /// The body that the upstream gets.
    pub upstream_body: Option<Bytes>,
    /// Headers that the client gets, with these values.
    pub response_headers: Vec<Header>,
    /// Headers that the client must not get.
    pub response_headers_absent: Vec<String>,
    /// The body that the client gets.
    pub response_body: Option<Bytes>,
    /// The details of the filter's reply: `%RESPONSE_CODE_DETAILS%` in Envoy.
    pub details: Option<String>,
    /// Filter state by its key: `wasm.<key>` in Envoy.
    pub filter_state: BTreeMap<String, String>,
    /// The least time that the client waits, in milliseconds. Without it a scenario may take any time.
    pub takes_ms: u64,
}

/// A header as `name: value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name, in lower case.
    pub name: String,
    /// The value.
    pub value: Vec<u8>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let line = String::deserialize(deserializer)?;
        let (name, value) = line
            .split_once(": ")
            .ok_or_else(|| D::Error::custom(format!("a header is written `name: value`, not {line:?}")))?;
        let value = Bytes::unescape(value).map_err(D::Error::custom)?.0;
        Ok(Self { name: name.to_owned(), value })
    }
}

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// TOML that does not parse, or a field that is not one of those above, with line and column.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }

    /// Runs every scenario on the test host, each with every [`Chunking`]. Returns what failed, a line each.
    pub fn check<F: Filter>(&self) -> Vec<String> {
        let mut failures = Vec::new();
        // Where there are no callouts, there is nothing that could be late.
        let late: &[bool] = if self.callouts.is_empty() { &[false] } else { &[false, true] };
        for scenario in &self.scenarios {
            for chunking in Chunking::ALL {
                for late_answers in late.iter().copied() {
                    let settings = Settings { chunking, late_answers };
                    let found = self.failures::<F>(scenario, settings);
                    let place = if late_answers { ", answered late" } else { "" };
                    failures.extend(
                        found.iter().map(|text| format!("{} ({chunking:?}{place}): {text}", scenario.name)),
                    );
                }
            }
        }
        failures
    }

    fn failures<F: Filter>(&self, scenario: &Scenario, settings: Settings) -> Vec<String> {
        let config = scenario.config.as_ref().unwrap_or(&self.config);
        let loaded = match load::<F>(config.as_bytes(), &|name| self.env.get(name).cloned()) {
            Ok(loaded) => loaded,
            Err(errors) => return vec![format!("configuration refused: {errors}")],
        };
        let mut host = TestHost::new();
        host.script = self.script();
        if let Some(source) = &scenario.request.source {
            let colons = source.contains(':');
            let address = if colons { format!("[{source}]:40000") } else { format!("{source}:40000") };
            host.properties.insert("source.address".into(), address.into());
        }
        let (request, response) = (scenario.request.message(), scenario.response.message());
        let outcome = run(&loaded, host, request, response, settings);
        let mut differences = scenario.expect.differences(&outcome);
        differences.extend(scenario.expect.too_fast(outcome.waited));
        differences
    }

    fn script(&self) -> Vec<CalloutScript> {
        let known = self.callouts.iter().map(|callout| {
            let script = match callout.grpc.clone() {
                _ if callout.down => CalloutScript::down(&callout.cluster),
                Some(Grpc { messages, status }) => {
                    let status = GrpcStatus { code: status, message: Vec::new() };
                    let answers = move |_: &[u8]| messages.iter().map(|message| message.0.clone()).collect();
                    CalloutScript::grpc_stream(&callout.cluster, answers, status)
                }
                None => CalloutScript::new(&callout.cluster, callout.response.message()),
            };
            script.path(&callout.path).after(Duration::from_millis(callout.after_ms))
        });
        let other = self.callouts.iter().map(|callout| {
            if callout.down {
                CalloutScript::down(&callout.cluster)
            } else {
                CalloutScript::new(&callout.cluster, Message::response(404))
            }
        });
        known.chain(other).collect()
    }
}

impl Request {
    /// The request as the filter gets it.
    pub fn message(&self) -> Message {
        let mut message = Message::default()
            .with_header(":method", &self.method)
            .with_header(":scheme", "http")
            .with_header(":authority", &self.authority)
            .with_header(":path", &self.path.0);
        message.headers.extend(pairs(&self.headers));
        message.body.clone_from(&self.body.0);
        message.trailers.extend(pairs(&self.trailers));
        message
    }
}

impl Response {
    /// The response as the filter gets it.
    pub fn message(&self) -> Message {
        let mut message = Message::response(self.status);
        message.headers.extend(pairs(&self.headers));
        message.body.clone_from(&self.body.0);
        message.trailers.extend(pairs(&self.trailers));
        message
    }
}

fn pairs(headers: &[Header]) -> impl Iterator<Item = (String, Vec<u8>)> {
    headers.iter().map(|header| (header.name.clone(), header.value.clone()))
}

impl Expect {
    /// What of an outcome is not as expected.
    pub fn differences(&self, outcome: &Outcome) -> Vec<String> {
        let state = |key: &str| outcome.host.filter_state.get(key).cloned();
        let (upstream, response) = (outcome.upstream.as_ref(), outcome.response.as_ref());
        let mut differences = self.compare(upstream, response, outcome.details.as_deref(), state);
        if outcome.hangs() {
            differences.push("the request hangs: nothing will ever let it go".into());
        }
        differences
    }

    /// What is wrong with the time that the client waited, if anything is.
    pub fn too_fast(&self, waited: Duration) -> Option<String> {
        let least = Duration::from_millis(self.takes_ms);
        (waited < least).then(|| format!("time: expected at least {least:?}, found {waited:?}"))
    }

    /// What is not as expected, of what reached the upstream, what the client got, the details and the filter state.
    /// Details are compared only where some are expected.
    pub fn compare(
        &self,
        upstream: Option<&Message>,
        response: Option<&Message>,
        details: Option<&str>,
        filter_state: impl Fn(&str) -> Option<Vec<u8>>,
    ) -> Vec<String> {
        let mut differences = Vec::new();
        let mut differ = |what: &str, expected: &dyn std::fmt::Debug, found: &dyn std::fmt::Debug| {
            differences.push(format!("{what}: expected {expected:?}, found {found:?}"));
        };
        let status = response.map(Message::status);
        if self.status.is_some() && self.status != status {
            differ("status", &self.status, &status);
        }
        if self.upstream.is_some_and(|expected| expected != upstream.is_some()) {
            differ("reached the upstream", &self.upstream, &upstream.is_some());
        }
        let sides = [
            (
                "upstream",
                upstream,
                &self.upstream_headers,
                &self.upstream_headers_absent,
                &self.upstream_body,
            ),
            (
                "response",
                response,
                &self.response_headers,
                &self.response_headers_absent,
                &self.response_body,
            ),
        ];
        for (side, message, present, absent, body) in sides {
            for header in present {
                let found =
                    message.and_then(|message| message.header(&header.name)).map(<[u8]>::to_vec).map(Bytes);
                if found.as_ref().map(|found| &found.0) != Some(&header.value) {
                    differ(&format!("{side} header {}", header.name), &Bytes(header.value.clone()), &found);
                }
            }
            for name in absent {
                if let Some(found) = message.and_then(|message| message.header(name)) {
                    differ(&format!("{side} header {name}"), &"none", &Bytes(found.to_vec()));
                }
            }
            let found = message.map(|message| Bytes(message.body.clone()));
            if body.is_some() && *body != found {
                differ(&format!("{side} body"), body, &found);
            }
        }
        if self.details.is_some() && self.details.as_deref() != details {
            differ("details", &self.details, &details);
        }
        for (key, expected) in &self.filter_state {
            let found = filter_state(key).map(Bytes);
            if found.as_ref().map(|found| found.0.as_slice()) != Some(expected.as_bytes()) {
                differ(&format!("filter state {key}"), expected, &found);
            }
        }
        differences
    }
}
