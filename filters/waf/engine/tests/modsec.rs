//! ModSecurity v3's own engine tests (`test/test-cases/regression`), in-process.
//!
//! Read as `test/regression/regression.cc` reads them: every phase runs whatever the phases before it said, `http_code`
//! is the status of the last intervention or 200, `debug_log` and `error_log` are patterns for the text of those logs, `audit_log`
//! for an entry with the parts and messages that the transaction wants in it. A
//! `parser_error` is met when the rules are refused on the line that it names; its wording is ModSecurity's own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use portcullis_engine::{Connection, Document, Intervention, Options, Transaction, Waf};
use portcullis_seclang::Loader;
use portcullis_seclang::loader::LoadError;
use serde::Deserialize;
use suites::{Known, Outcome};

#[test]
fn modsecurity_regression() {
    let Some(folder) = suites::data("modsecurity-regression") else { return };
    let mut outcome = Outcome::default();
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "json")) {
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        for (index, case) in cases.iter().enumerate() {
            let title = &case.title;
            let name =
                format!("{stem}#{} {title}", index + 1).split_whitespace().collect::<Vec<_>>().join(" ");
            // As upstream does where the library is not compiled in.
            let is_missing = |resource: &str| {
                matches!(resource, "lua" | "ssdeep" | "curl")
                    || resource.contains("geoip")
                    || resource.contains("maxmind")
            };
            if case.enabled != 1 || case.resource.as_deref().is_some_and(is_missing) {
                outcome.skip(1);
                continue;
            }
            outcome.add(name, run(case, &format!("{stem}.json"), &folder));
        }
    }
    let known = Known::parse("modsec-failures.txt", include_str!("modsec-failures.txt"));
    outcome.finish("modsec", &known);
}

/// `test-cases/data/x` is `data/x` of the folder.
struct TestFiles(PathBuf);

impl TestFiles {
    fn path(&self, name: &str) -> PathBuf {
        match name.rsplit_once("test-cases/data/") {
            Some((_, rest)) => self.0.join("data").join(rest),
            None => Path::new(name).to_path_buf(),
        }
    }
}

impl Loader for TestFiles {
    fn resolve(&self, path: &str, from: &str) -> Result<Vec<String>, LoadError> {
        let relative = match from.rsplit_once('/') {
            Some((folder, _)) if !path.contains('/') => format!("{folder}/{path}"),
            _ => path.to_owned(),
        };
        let path = relative.as_str();
        if self.path(path).exists() {
            Ok(vec![path.to_owned()])
        } else if path.contains('*') {
            let (folder, pattern) = path.rsplit_once('/').unwrap();
            let (start, end) = pattern.split_once('*').unwrap();
            let mut names: Vec<String> = std::fs::read_dir(self.path(&format!("{folder}/")))
                .map_err(|error| LoadError::Unreadable(error.to_string()))?
                .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
                .filter(|name| name.starts_with(start) && name.ends_with(end))
                .map(|name| format!("{folder}/{name}"))
                .collect();
            names.sort();
            Ok(names)
        } else {
            Err(LoadError::NotFound(String::new()))
        }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        std::fs::read(self.path(name)).map_err(|error| LoadError::Unreadable(error.to_string()))
    }
}

/// One test. Objects whose order or repetition matters are lists of pairs.
#[derive(Deserialize)]
struct Case {
    enabled: u8,
    title: String,
    resource: Option<String>,
    #[serde(default)]
    client: Peer,
    #[serde(default)]
    server: Peer,
    #[serde(default)]
    request: Request,
    #[serde(default)]
    response: Response,
    #[serde(default)]
    expected: Expected,
    rules: Vec<String>,
}

#[derive(Deserialize, Default)]
struct Peer {
    #[serde(default)]
    ip: String,
    #[serde(default)]
    port: u16,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Request {
    method: String,
    uri: String,
    http_version: Option<serde_json::Number>,
    headers: Pairs,
    body: Body,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Response {
    protocol: Option<String>,
    headers: Pairs,
    body: Body,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Expected {
    http_code: Option<u16>,
    debug_log: String,
    error_log: String,
    audit_log: String,
    parser_error: Option<String>,
}

/// The lines of a body, each of which ends in a line feed (`RegressionTest::yajl_array_to_str`).
#[derive(Deserialize, Default)]
#[serde(untagged)]
enum Body {
    #[default]
    None,
    Text(String),
    Lines(Vec<String>),
}

impl Body {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Body::None => Vec::new(),
            Body::Text(text) => text.clone().into_bytes(),
            Body::Lines(lines) => lines.iter().flat_map(|line| [line.as_bytes(), b"\n"].concat()).collect(),
        }
    }
}

#[derive(Default)]
struct Pairs(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Pairs;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of strings, or an empty string")
            }
            fn visit_str<E: serde::de::Error>(self, _: &str) -> Result<Pairs, E> {
                Ok(Pairs::default())
            }
            fn visit_map<M: serde::de::MapAccess<'de>>(self, mut map: M) -> Result<Pairs, M::Error> {
                let mut pairs = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
                    pairs.push((name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

fn run(case: &Case, file: &str, folder: &Path) -> Result<(), String> {
    let expected = &case.expected;
    let rules = case.rules.join("\n") + "\n";
    let files = TestFiles(folder.to_path_buf());
    let document = Document { name: file, text: rules.as_bytes() };
    let waf = match Waf::compile(&[document], &files, &Options::default()) {
        Ok(waf) => waf,
        Err(errors) => {
            let found: Vec<String> = errors.iter().map(ToString::to_string).collect();
            return refused(
                expected.parser_error.as_deref(),
                &errors.iter().map(|error| error.place.line).collect::<Vec<_>>(),
            )
            .map_err(|problem| format!("{problem}\n{}", found.join("\n")));
        }
    };
    if let Some(error) = expected.parser_error.as_deref().filter(|error| !error.is_empty()) {
        return Err(format!("the rules should have been refused: {error}"));
    }

    let log = Arc::new(Mutex::new(String::new()));
    let mut transaction = waf.transaction();
    let sink = Arc::clone(&log);
    transaction.set_debug_sink(
        9,
        Box::new(move |level: u8, line: &str| {
            let mut log = sink.lock().unwrap();
            log.push_str(&format!("[{level}] {line}\n"));
        }),
    );
    let status = feed(case, &mut transaction);
    let mut errors = String::new();
    let mut audit = String::new();
    let audited = transaction.audit_log_wanted(status);
    for part in transaction.audit_log_parts().iter().filter(|_| audited) {
        audit.push_str(&format!("--{}--\n", char::from(*part)));
    }
    for matched in transaction.matches() {
        let mut line = Vec::new();
        let client = &case.client.ip;
        line.extend_from_slice(format!("[client {client}] ModSecurity: ").as_bytes());
        if matched.disruptive {
            let phase = matched.phase.number();
            line.extend_from_slice(format!("Access denied with code {status} (phase {phase}). ").as_bytes());
        } else {
            line.extend_from_slice(b"Warning. ");
        }
        line.extend_from_slice(&matched.details);
        matched.write_details(b"", &mut line);
        line.extend_from_slice(b" [ref \"");
        line.extend_from_slice(&matched.reference);
        line.extend_from_slice(b"\"]");
        line.push(b'\n');
        if audited && matched.audit_log {
            audit.push_str(&String::from_utf8_lossy(&line));
        }
        errors.push_str(&String::from_utf8_lossy(&line));
    }
    let log = log.lock().unwrap().clone();
    let context = || {
        let tail: String = if log.len() > 6000 {
            format!("...{}", String::from_utf8_lossy(&log.as_bytes()[log.len() - 6000..]))
        } else {
            log.clone()
        };
        if std::env::var_os("VERBOSE").is_some() {
            format!("\n{rules}\n--- debug log\n{tail}--- error log\n{errors}--- audit log\n{audit}")
        } else {
            String::new()
        }
    };
    let code = expected.http_code.unwrap_or(200);
    if !finds(&expected.debug_log, &log) {
        return Err(format!("debug_log: {}{}", expected.debug_log, context()));
    }
    if status != code {
        return Err(format!("http_code: expected {code}, found {status}{}", context()));
    }
    if !finds(&expected.error_log, &errors) {
        return Err(format!("error_log: {}{}", expected.error_log, context()));
    }
    if !finds(&expected.audit_log, &audit) {
        return Err(format!("audit_log: {}{}", expected.audit_log, context()));
    }
    Ok(())
}

/// Whether a refusal is what was expected, by its line where the expectation names one.
fn refused(expected: Option<&str>, lines: &[usize]) -> Result<(), String> {
    let Some(expected) = expected else { return Err("the rules were refused".to_owned()) };
    let named =
        expected.split_once("Line: ").and_then(|(_, rest)| rest.split_once('.')?.0.parse::<usize>().ok());
    match named {
        // ModSecurity counts from 0 or from 1, depending on the message.
        Some(line) if !lines.iter().any(|found| found.abs_diff(line) <= 1) => {
            Err(format!("refused on lines {lines:?}, expected {expected}"))
        }
        _ => Ok(()),
    }
}

fn feed(case: &Case, tx: &mut Transaction) -> u16 {
    let mut status = 200;
    let mut note = |intervention: Option<Intervention>| {
        if let Some(intervention) = intervention {
            status = intervention.status;
        }
        status
    };
    tx.connection(Connection {
        client_address: case.client.ip.as_bytes(),
        client_port: case.client.port,
        server_address: case.server.ip.as_bytes(),
        server_port: case.server.port,
    });
    let request = &case.request;
    let version = request.http_version.as_ref().map_or_else(String::new, ToString::to_string);
    let protocol = format!("HTTP/{version}");
    tx.request_line(request.method.as_bytes(), request.uri.as_bytes(), protocol.as_bytes());
    for (name, value) in &request.headers.0 {
        tx.request_header(name.as_bytes(), value.as_bytes());
    }
    note(tx.process_request_headers());
    let current = note(tx.process_request_body(&request.body.bytes()));
    let response = &case.response;
    tx.response_status(current, response.protocol.as_deref().unwrap_or("HTTP/1.1").as_bytes());
    for (name, value) in &response.headers.0 {
        tx.response_header(name.as_bytes(), value.as_bytes());
    }
    note(tx.process_response_headers());
    let status = note(tx.process_response_body(&response.body.bytes()));
    tx.process_logging();
    status
}

fn finds(pattern: &str, text: &str) -> bool {
    if pattern.is_empty() {
        return true;
    }
    let pattern = regex::bytes::RegexBuilder::new(pattern)
        .unicode(false)
        .dot_matches_new_line(true)
        .multi_line(true)
        .build()
        .unwrap_or_else(|error| panic!("{pattern}: {error}"));
    pattern.is_match(text.as_bytes())
}
