//! go-ftw's tests: their format, how go-ftw makes a request of one, and what it says of what came of it.
//! <https://github.com/coreruleset/ftw-tests-schema>

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a broken expectation must stop the test where it broke"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::bytes::{Captures, Regex, RegexBuilder};
use serde::Deserialize;
use serde_norway::Value;

/// A file of tests.
#[derive(Debug, Deserialize)]
struct File {
    rule_id: u64,
    tests: Vec<RawTest>,
}

#[derive(Debug, Deserialize)]
struct RawTest {
    test_id: u64,
    stages: Vec<Stage>,
}

/// A test: its stages run one after the other, and all have to come out as expected.
#[derive(Debug)]
pub struct Test {
    /// `942100-7`: the rule and the number.
    pub name: String,
    /// In order.
    pub stages: Vec<Stage>,
}

/// A request, and what is expected of it.
#[derive(Debug, Deserialize)]
pub struct Stage {
    /// The request.
    pub input: Input,
    /// What is expected.
    #[serde(default)]
    pub output: Output,
}

/// A request as a test writes it.
#[derive(Debug, Deserialize)]
pub struct Input {
    method: Option<String>,
    uri: Option<String>,
    version: Option<String>,
    #[serde(default)]
    headers: serde_norway::Mapping,
    data: Option<String>,
    encoded_request: Option<String>,
    autocomplete_headers: Option<bool>,
}

/// What is expected of a request.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Output {
    status: Option<Statuses>,
    expect_error: bool,
    retry_once: bool,
    log: Log,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Statuses {
    One(u16),
    Any(Vec<u16>),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Log {
    expect_ids: Vec<u64>,
    no_expect_ids: Vec<u64>,
    match_regex: Option<String>,
    no_match_regex: Option<String>,
}

/// All tests below a directory, in the order of their names.
///
/// # Panics
/// If a file can't be read as what it should be.
pub fn load(directory: &Path) -> Vec<Test> {
    let mut tests = Vec::new();
    for path in files(directory) {
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file: File = serde_norway::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let rule = file.rule_id;
        tests.extend(
            file.tests
                .into_iter()
                .map(|test| Test { name: format!("{rule}-{}", test.test_id), stages: test.stages }),
        );
    }
    tests
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = |directory: &Path| {
        let listing = std::fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
        listing.map(|entry| entry.expect("a directory can be read").path()).collect::<Vec<_>>()
    };
    let mut files: Vec<_> =
        entries(directory).into_iter().filter(|path| path.is_dir()).flat_map(|path| entries(&path)).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    files.sort();
    files
}

/// What another web server's tests expect differently: `nginx-overrides.yaml`.
#[derive(Debug, Default, Deserialize)]
pub struct Overrides {
    test_overrides: Vec<Override>,
}

#[derive(Debug, Deserialize)]
struct Override {
    rule_id: u64,
    test_ids: Vec<u64>,
    #[serde(default)]
    output: Option<Output>,
}

impl Overrides {
    /// Reads them; none if there is no such file.
    ///
    /// # Panics
    /// If it can't be read as what it should be.
    pub fn load(path: &Path) -> Self {
        let Ok(text) = std::fs::read_to_string(path) else { return Self::default() };
        serde_norway::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    }

    /// What is expected of a test instead.
    pub fn get(&self, test: &str) -> Option<&Output> {
        let names = |each: &Override| each.test_ids.iter().any(|id| test == format!("{}-{id}", each.rule_id));
        self.test_overrides.iter().find(|each| names(each))?.output.as_ref()
    }
}

impl Output {
    /// Whether all that is expected is that the web server answers 400.
    pub fn expects_only_400(&self) -> bool {
        matches!(self.status, Some(Statuses::One(400))) && self.log.expect_ids.is_empty()
    }

    /// Whether the test may be run again where it did not come out as expected.
    pub fn may_retry(&self) -> bool {
        self.retry_once
    }

    /// What is not as expected; empty if all is. `status` is none if the connection ended, or nothing came in time; `ids` and `log`
    /// are those of the rules that were logged for the request.
    ///
    /// # Panics
    /// If a pattern of the test is none.
    pub fn problems(&self, status: Option<u16>, ids: &[u64], log: &str) -> Vec<String> {
        let mut problems = Vec::new();
        match (&self.status, status) {
            (None, _) => {}
            (Some(Statuses::One(wanted)), Some(status)) if *wanted == status => {}
            (Some(Statuses::Any(wanted)), Some(status)) if wanted.contains(&status) => {}
            (Some(wanted), status) => problems.push(format!("the status is {status:?}, not {wanted:?}")),
        }
        if self.status.is_none() && status.is_none() && !self.expect_error {
            problems.push("there is no response".to_owned());
        }
        for id in self.log.expect_ids.iter().filter(|id| !ids.contains(id)) {
            problems.push(format!("{id} is not logged; logged are {ids:?}"));
        }
        for id in self.log.no_expect_ids.iter().filter(|id| ids.contains(id)) {
            problems.push(format!("{id} is logged"));
        }
        let finds = |pattern: &String| {
            let compiled = RegexBuilder::new(pattern).unicode(false).build();
            compiled.unwrap_or_else(|e| panic!("{pattern}: {e}")).is_match(log.as_bytes())
        };
        if let Some(pattern) = self.log.match_regex.as_ref().filter(|pattern| !finds(pattern)) {
            problems.push(format!("the log does not match {pattern}: {log}"));
        }
        if let Some(pattern) = self.log.no_match_regex.as_ref().filter(|pattern| finds(pattern)) {
            problems.push(format!("the log matches {pattern}: {log}"));
        }
        problems
    }
}

impl Input {
    /// The bytes that go over the wire. go-ftw, `BuildRequest` and `generateBaseHeader` in `ftwhttp`.
    ///
    /// # Panics
    /// If `encoded_request` is no Base64.
    pub fn request(&self) -> Vec<u8> {
        if let Some(encoded) = &self.encoded_request {
            let encoded: String = encoded.split_whitespace().collect();
            return STANDARD.decode(encoded).expect("encoded_request is base64");
        }
        let method = self.method.as_deref().unwrap_or("GET");
        let mut headers: Vec<(String, String)> = self
            .headers
            .iter()
            .map(|(name, value)| (scalar(name), scalar(value).trim().to_owned()))
            .collect();
        let mut body = expand(self.data.as_deref().unwrap_or_default());
        let complete = self.autocomplete_headers.unwrap_or(true);
        if complete && !body.is_empty() {
            add_missing(&mut headers, "Content-Type", FORM);
        }
        let kind = find(&headers, "content-type").unwrap_or_default().to_owned();
        if complete && kind == FORM {
            body = encode_form(body);
        }
        if kind.contains("multipart/form-data;") {
            body = String::from_utf8_lossy(&body).replace('\n', "\r\n").into_bytes();
        }
        if complete {
            add_missing(&mut headers, "Connection", "close");
            if !body.is_empty() || ["POST", "PUT", "PATCH", "DELETE"].contains(&method) {
                add_missing(&mut headers, "Content-Length", &body.len().to_string());
            }
        }
        let uri = self.uri.as_deref().unwrap_or("/");
        let version = self.version.as_deref().unwrap_or("HTTP/1.1");
        let mut request = format!("{method} {uri} {version}\r\n").into_bytes();
        for (name, value) in headers {
            request.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(&body);
        request
    }
}

const FORM: &str = "application/x-www-form-urlencoded";

fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => String::new(),
    }
}

fn find<'a>(headers: &'a [(String, String)], wanted: &str) -> Option<&'a str> {
    headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
}

fn add_missing(headers: &mut Vec<(String, String)>, name: &str, value: &str) {
    if find(headers, name).is_none() {
        headers.push((name.to_owned(), value.to_owned()));
    }
}

/// The one template of Go's sprig library that the tests use: `{{ "1" | repeat 64200 }}`.
fn expand(text: &str) -> Vec<u8> {
    let template = Regex::new(r#"\{\{ *"([^"]*)" *\| *repeat +([0-9]+) *\}\}"#).expect("a valid pattern");
    let repeated = |found: &Captures<'_>| {
        let times = std::str::from_utf8(&found[2]).ok().and_then(|digits| digits.parse().ok());
        found[1].repeat(times.expect("a number"))
    };
    template.replace_all(text.as_bytes(), repeated).into_owned()
}

/// go-ftw, `encodeDataParameters`: a form in which nothing is encoded is encoded.
fn encode_form(body: Vec<u8>) -> Vec<u8> {
    // Text that unescaping would change is encoded already; so go-ftw takes text with a broken escape, whose unescaping fails.
    if body.contains(&b'+') || body.contains(&b'%') {
        return body;
    }
    let mut pairs: Vec<Vec<u8>> = body
        .split(|byte| *byte == b'&')
        .map(|pair| pair.splitn(2, |byte| *byte == b'=').map(query_escape).collect::<Vec<_>>().join(&b'='))
        .collect();
    if body.ends_with(b"&") {
        pairs.pop();
    }
    pairs.join(&b'&')
}

/// Go, `url.QueryEscape`.
fn query_escape(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(*byte),
            b' ' => out.push(b'+'),
            _ => out.extend(format!("%{byte:02X}").bytes()),
        }
    }
    out
}

/// An answer of the web server that the tests are written for, `albedo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What that server answers: `POST /reflect` as the request's body says, all else with 200 and no body.
///
/// # Panics
/// If `encodedBody` in the request's body is no Base64.
pub fn answer(method: &[u8], target: &[u8], body: &[u8]) -> Answer {
    #[derive(Deserialize, Default)]
    #[serde(default, rename_all = "camelCase")]
    struct Reflect {
        status: Option<u16>,
        headers: BTreeMap<String, String>,
        body: String,
        encoded_body: Option<String>,
    }
    let plain = |status| Answer { status, headers: Vec::new(), body: Vec::new() };
    if method != b"POST" || !target.starts_with(b"/reflect") {
        return plain(200);
    }
    let Ok(reflect) = serde_json::from_slice::<Reflect>(body) else { return plain(400) };
    let body = match reflect.encoded_body {
        Some(encoded) => STANDARD.decode(encoded).expect("encodedBody is base64"),
        None => reflect.body.into_bytes(),
    };
    let mut headers: Vec<(String, String)> = reflect.headers.into_iter().collect();
    if find(&headers, "content-type").is_none() {
        headers.push(("Content-Type".to_owned(), "text/plain; charset=utf-8".to_owned()));
    }
    Answer { status: reflect.status.unwrap_or(200), headers, body }
}
