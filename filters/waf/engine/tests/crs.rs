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

use std::path::Path;

use portcullis_engine::{Connection, Document, Options, Scratch, Waf};
use portcullis_seclang::loader::FileSystem;
use suites::ftw::{self, Output, Overrides};
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
    let overrides = Overrides::load(&tests.join("nginx-overrides.yaml"));
    for test in ftw::load(&tests) {
        let mut problems = Vec::new();
        for stage in &test.stages {
            let request = Request::parse(&stage.input.request());
            let (status, logged, text) = run(&fast, &mut fast_memory, &request);
            let (_, wanted, _) = run(&naive, &mut naive_memory, &request);
            assert_eq!(logged, wanted, "{}: the scan changes which rules match", test.name);
            // What follows from a request line is found out the second time, and recalled from then on.
            for time in ["second", "third"] {
                let (_, logged, _) = run(&fast, &mut fast_memory, &request);
                assert_eq!(logged, wanted, "{}: other rules match the {time} time", test.name);
            }
            let check = |output: &Output| output.problems(Some(status), &logged, &text);
            // As nginx, which does not join headers either, answers: one expectation for all stages.
            if overrides.get(&test.name).is_none_or(|output| !check(output).is_empty()) {
                problems.extend(check(&stage.output));
            }
        }
        if test.stages.iter().any(|stage| stage.output.expects_only_400()) {
            outcome.skip(1);
        } else {
            let result = if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) };
            outcome.add(test.name, result);
        }
    }
    let known = Known::parse("crs-failures.txt", include_str!("crs-failures.txt"));
    outcome.finish("crs-engine", &known);
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

/// A request as it arrives.
struct Request {
    method: Vec<u8>,
    uri: Vec<u8>,
    version: Vec<u8>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
}

impl Request {
    fn parse(raw: &[u8]) -> Self {
        let end = memchr::memmem::find(raw, b"\r\n\r\n").unwrap_or(raw.len());
        let mut lines =
            raw[..end].split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let line = lines.next().unwrap_or_default();
        let first = memchr::memchr(b' ', line).unwrap_or(line.len());
        let last = memchr::memrchr(b' ', line).filter(|last| *last > first).unwrap_or(line.len());
        let method = line[..first].to_vec();
        let uri = line.get(first + 1..last).unwrap_or_default().to_vec();
        // A request line without version is HTTP/0.9 to every server.
        let version = match line.get(last + 1..).unwrap_or_default() {
            b"" => b"HTTP/0.9".to_vec(),
            version => version.to_vec(),
        };
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

/// The status of the response, the ids of the rules that are logged, and the log.
fn run(waf: &Waf, memory: &mut Option<Scratch>, request: &Request) -> (u16, Vec<u64>, String) {
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
    let answer = ftw::answer(&request.method, &request.uri, &request.body);
    tx.response_status(answer.status, b"HTTP/1.1");
    for (name, value) in &answer.headers {
        tx.response_header(name.as_bytes(), value.as_bytes());
    }
    tx.process_response_headers();
    tx.process_response_body(&answer.body);
    tx.process_logging();
    let mut text = Vec::new();
    let logged = tx.matches().iter().filter(|matched| matched.log);
    let ids = logged
        .map(|matched| {
            matched.write_details(b"", &mut text);
            text.push(b'\n');
            matched.id
        })
        .collect();
    *memory = Some(tx.finish());
    (answer.status, ids, String::from_utf8_lossy(&text).into_owned())
}
