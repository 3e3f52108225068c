//! The OWASP CRS and its own regression tests (go-ftw YAML), in-process.
//!
//! Read as go-ftw reads them: a request is built from its fields or taken as bytes, every stage has to log the rules that
//! it should and none that it should not. The engine runs as CRS's test environment has it: DetectionOnly, blocking paranoia
//! level 4, bodies inspected, the body processors chosen by rules as in ModSecurity's recommended configuration.
//! Tests of what the HTTP server answers by itself can't be had here and count as skipped.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use base64::Engine as _;
use portcullis_engine::{Connection, Document, Options, Scratch, Waf};
use portcullis_seclang::loader::FileSystem;
use serde::Deserialize;
use suites::{Known, Outcome};

/// What CRS's documentation asks to be loaded before it, and what its test environment sets.
const BEFORE: &str = r#"
SecRuleEngine DetectionOnly
SecRequestBodyAccess On
SecRequestBodyLimit 13107200
SecRequestBodyLimitAction Reject
SecArgumentsLimit 1000
SecResponseBodyAccess On
SecResponseBodyMimeType text/plain text/html text/xml application/json
SecResponseBodyLimit 524288
SecResponseBodyLimitAction ProcessPartial
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\+|/)|text/)xml" \
    "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/json" \
    "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQUEST_HEADERS:Content-Type "^application/[a-z0-9.-]+[+]json" \
    "id:200006,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQBODY_ERROR "!@eq 0" \
    "id:200002,phase:2,t:none,log,deny,status:400,msg:'Failed to parse request body.',logdata:'%{reqbody_error_msg}',severity:2"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" \
    "id:200003,phase:2,t:none,log,deny,status:400,msg:'Multipart request body failed strict validation.'"
SecAction "id:900005,phase:1,nolog,pass,ctl:ruleEngine=DetectionOnly,\
    setvar:tx.blocking_paranoia_level=4,setvar:tx.crs_validate_utf8_encoding=1,setvar:tx.arg_name_length=100,\
    setvar:tx.arg_length=400,setvar:tx.total_arg_length=64000,setvar:tx.max_num_args=255,\
    setvar:tx.max_file_size=64100,setvar:tx.combined_file_sizes=65535"
"#;

#[test]
fn core_rule_set() {
    let (Some(crs), Some(tests)) = (suites::data("crs"), suites::data("crs-tests")) else { return };
    let fast = load(&crs, &Options::default());
    println!("{:?}", fast.statistics());
    let naive = load(&crs, &Options { prefilter: false, ..Options::default() });
    let mut outcome = Outcome::default();
    let (mut fast_memory, mut naive_memory) = (Some(Scratch::new()), Some(Scratch::new()));
    for file in files(&tests) {
        let text = std::fs::read_to_string(&file).unwrap();
        let suite: Suite =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for test in &suite.tests {
            let name = format!("{}-{}", suite.rule_id, test.test_id);
            let mut result = Ok(());
            for stage in &test.stages {
                let request = Request::new(&stage.input);
                let (logged, text) = run(&fast, &mut fast_memory, &request);
                let (wanted, _) = run(&naive, &mut naive_memory, &request);
                assert_eq!(logged, wanted, "{name}: the scan changes which rules match");
                result = result.and(stage.output.check(&logged, &text));
            }
            if test.stages.iter().any(|stage| stage.output.is_the_servers()) {
                outcome.skip(1);
            } else {
                outcome.add(name, result);
            }
        }
    }
    let known = Known::parse("crs-failures.txt", include_str!("crs-failures.txt"));
    outcome.finish("crs-engine", 1, &known);
}

fn load(folder: &Path, options: &Options) -> Waf {
    let setup = std::fs::read(folder.join("crs-setup.conf.example")).unwrap();
    let rules = "Include rules/*.conf\n";
    let documents = [
        Document { name: "before.conf", text: BEFORE.as_bytes() },
        Document { name: "crs-setup.conf", text: &setup },
        Document { name: "crs.conf", text: rules.as_bytes() },
    ];
    Waf::compile(&documents, &FileSystem::new(folder), options).unwrap_or_else(|errors| {
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        panic!("the CRS does not compile:\n{}", errors.join("\n"))
    })
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

#[derive(Deserialize)]
struct Suite {
    rule_id: u64,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    test_id: u64,
    stages: Vec<Stage>,
}

#[derive(Deserialize)]
struct Stage {
    input: Input,
    #[serde(default)]
    output: Output,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Input {
    method: Option<String>,
    uri: Option<String>,
    version: Option<String>,
    headers: BTreeMap<String, String>,
    data: Option<String>,
    encoded_request: Option<String>,
    autocomplete_headers: Option<bool>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Output {
    status: Option<u16>,
    log: Log,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Log {
    expect_ids: Vec<u64>,
    no_expect_ids: Vec<u64>,
    match_regex: Option<String>,
    no_match_regex: Option<String>,
}

impl Output {
    /// Whether the HTTP server is to answer 400 before any rule runs. The upstream answers 200, and nothing is blocked
    /// in DetectionOnly.
    fn is_the_servers(&self) -> bool {
        self.status == Some(400) && self.log.expect_ids.is_empty()
    }

    fn check(&self, logged: &BTreeSet<u64>, text: &str) -> Result<(), String> {
        for id in &self.log.expect_ids {
            if !logged.contains(id) {
                return Err(format!("{id} is not logged; logged are {logged:?}"));
            }
        }
        for id in &self.log.no_expect_ids {
            if logged.contains(id) {
                return Err(format!("{id} is logged; it should not"));
            }
        }
        let finds = |pattern: &str| regex::Regex::new(pattern).unwrap().is_match(text);
        if self.log.match_regex.as_ref().is_some_and(|pattern| !finds(pattern)) {
            return Err(format!("the log does not match {:?}: {text}", self.log.match_regex));
        }
        if self.log.no_match_regex.as_ref().is_some_and(|pattern| finds(pattern)) {
            return Err(format!("the log matches {:?}: {text}", self.log.no_match_regex));
        }
        Ok(())
    }
}

/// A request as it arrives.
struct Request {
    method: Vec<u8>,
    uri: Vec<u8>,
    version: Vec<u8>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    /// go-ftw, `ftwhttp.BuildRequest`.
    fn new(input: &Input) -> Self {
        if let Some(encoded) = &input.encoded_request {
            let encoded: String = encoded.split_whitespace().collect();
            return Request::parse(&base64::engine::general_purpose::STANDARD.decode(encoded).unwrap());
        }
        let mut headers: Vec<(Vec<u8>, Vec<u8>)> = input
            .headers
            .iter()
            .map(|(name, value)| (name.clone().into_bytes(), value.trim().as_bytes().to_vec()))
            .collect();
        let method = input.method.clone().unwrap_or_else(|| "GET".to_owned());
        let mut body = template(input.data.as_deref().unwrap_or_default()).into_bytes();
        let complete = input.autocomplete_headers.unwrap_or(true);
        let find = |headers: &[(Vec<u8>, Vec<u8>)], wanted: &str| {
            headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()))
                .map(|(_, value)| value.clone())
        };
        let mut add = |name: &str, value: &str| {
            if find(&headers, name).is_none() {
                headers.push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
            }
        };
        const FORM: &str = "application/x-www-form-urlencoded";
        if complete && !body.is_empty() {
            add("Content-Type", FORM);
        }
        let kind = find(&headers, "content-type").unwrap_or_default();
        if complete && kind == FORM.as_bytes() {
            body = encode_form(body);
        }
        if String::from_utf8_lossy(&kind).contains("multipart/form-data;") {
            body = String::from_utf8_lossy(&body).replace('\n', "\r\n").into_bytes();
        }
        if complete {
            let mut add = |name: &str, value: &str| {
                if find(&headers, name).is_none() {
                    headers.push((name.as_bytes().to_vec(), value.as_bytes().to_vec()));
                }
            };
            add("Connection", "close");
            if !body.is_empty() || ["POST", "PUT", "PATCH", "DELETE"].contains(&method.as_str()) {
                add("Content-Length", &body.len().to_string());
            }
        }
        Request {
            method: method.into_bytes(),
            uri: input.uri.clone().unwrap_or_else(|| "/".to_owned()).into_bytes(),
            // A request line without version is HTTP/0.9 to every server.
            version: match input.version.as_deref() {
                None => b"HTTP/1.1".to_vec(),
                Some("") => b"HTTP/0.9".to_vec(),
                Some(version) => version.as_bytes().to_vec(),
            },
            headers,
            body,
        }
    }

    fn parse(raw: &[u8]) -> Self {
        let end = memchr::memmem::find(raw, b"\r\n\r\n").unwrap_or(raw.len());
        let mut lines =
            raw[..end].split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let mut first = lines.next().unwrap_or_default().split(|byte| *byte == b' ');
        let mut part = || first.next().unwrap_or_default().to_vec();
        let (method, uri, version) = (part(), part(), part());
        let headers: Vec<(Vec<u8>, Vec<u8>)> = lines
            .filter_map(|line| {
                let colon = memchr::memchr(b':', line)?;
                Some((line[..colon].to_vec(), line[colon + 1..].trim_ascii().to_vec()))
            })
            .collect();
        let mut body = raw.get(end + 4..).unwrap_or_default().to_vec();
        if headers
            .iter()
            .any(|(name, value)| name.eq_ignore_ascii_case(b"transfer-encoding") && value == b"chunked")
        {
            body = unchunk(&body);
        }
        Request { method, uri, version, headers, body }
    }

    /// The answer of the suite's upstream: `POST /reflect` answers as its body says, all else is 200 without a body.
    fn answer(&self) -> (u16, Vec<(String, String)>, Vec<u8>) {
        #[derive(Deserialize, Default)]
        #[serde(default, rename_all = "camelCase")]
        struct Reflect {
            status: Option<u16>,
            headers: BTreeMap<String, String>,
            body: String,
            encoded_body: Option<String>,
        }
        if self.method != b"POST" || !self.uri.starts_with(b"/reflect") {
            return (200, Vec::new(), Vec::new());
        }
        let Ok(reflect) = serde_json::from_slice::<Reflect>(&self.body) else {
            return (400, Vec::new(), Vec::new());
        };
        let body = match reflect.encoded_body {
            Some(encoded) => base64::engine::general_purpose::STANDARD.decode(encoded).unwrap(),
            None => reflect.body.into_bytes(),
        };
        let mut headers: Vec<(String, String)> = reflect.headers.into_iter().collect();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            headers.push(("Content-Type".to_owned(), "text/plain; charset=utf-8".to_owned()));
        }
        (reflect.status.unwrap_or(200), headers, body)
    }
}

/// The one template of Go's sprig library that the tests use: `{{ "1" | repeat 64200 }}`.
fn template(text: &str) -> String {
    let Some((before, rest)) = text.split_once("{{ \"") else { return text.to_owned() };
    let Some((expression, after)) = rest.split_once(" }}") else { return text.to_owned() };
    let Some((repeated, count)) = expression.split_once("\" | repeat ") else { return text.to_owned() };
    format!("{before}{}{after}", repeated.repeat(count.parse().unwrap()))
}

/// go-ftw, `encodeDataParameters`: a form in which nothing is encoded is encoded.
fn encode_form(body: Vec<u8>) -> Vec<u8> {
    let has_escapes = body.contains(&b'+') || valid_escape(&body);
    let bad_escape = memchr::memchr_iter(b'%', &body).any(|at| !is_escape(&body[at..]));
    // QueryUnescape of text with a bad escape gives the empty string and an error, which differs from the text.
    if has_escapes || bad_escape {
        return body;
    }
    let pairs = body.split(|byte| *byte == b'&').map(|pair| match memchr::memchr(b'=', pair) {
        Some(at) => [query_escape(&pair[..at]), b"=".to_vec(), query_escape(&pair[at + 1..])].concat(),
        None => query_escape(pair),
    });
    let mut pairs: Vec<Vec<u8>> = pairs.collect();
    if body.ends_with(b"&") {
        pairs.pop();
    }
    pairs.join(&b'&')
}

fn valid_escape(body: &[u8]) -> bool {
    memchr::memchr_iter(b'%', body).any(|at| is_escape(&body[at..]))
}

fn is_escape(text: &[u8]) -> bool {
    matches!(text, [b'%', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

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

fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(end) = memchr::memmem::find(rest, b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).unwrap().trim(), 16).unwrap_or(0);
        let data = &rest[end + 2..];
        if size == 0 || size > data.len() {
            break;
        }
        out.extend_from_slice(&data[..size]);
        rest = data.get(size + 2..).unwrap_or_default();
    }
    out
}

/// The ids of the rules that are logged, and the log.
fn run(waf: &Waf, memory: &mut Option<Scratch>, request: &Request) -> (BTreeSet<u64>, String) {
    let mut tx = waf.transaction_in(memory.take().unwrap_or_default());
    tx.connection(Connection {
        client_address: b"127.0.0.1",
        client_port: 40000,
        server_address: b"127.0.0.1",
        server_port: 80,
    });
    tx.request_line(&request.method, &request.uri, &request.version);
    for (name, value) in &request.headers {
        tx.request_header(name, value);
    }
    tx.process_request_headers();
    tx.process_request_body(&request.body);
    let (status, headers, body) = request.answer();
    tx.response_status(status, b"HTTP/1.1");
    for (name, value) in &headers {
        tx.response_header(name.as_bytes(), value.as_bytes());
    }
    tx.process_response_headers();
    tx.process_response_body(&body);
    tx.process_logging();
    let mut text = Vec::new();
    let logged = tx.matches().iter().filter(|matched| matched.log);
    let ids = logged
        .map(|matched| {
            matched.write_details(&mut text);
            text.push(b'\n');
            matched.id
        })
        .collect();
    *memory = Some(tx.finish());
    (ids, String::from_utf8_lossy(&text).into_owned())
}
