//! The transactions that are measured, and the rule set that they are measured with: the Core Rule Set that `make crs` has brought.
//! `benches/transactions.rs` and `tests/work.rs` share this.

#[path = "../../../../integration/src/bin/bench/requests.rs"]
#[allow(dead_code, reason = "the benchmark in Envoy needs more of it")]
mod requests;

use std::fs;
use std::path::{Path, PathBuf};

use portcullis_engine::{Connection, Document, Options, Scratch, Waf, Work};
use portcullis_seclang::loader::FileSystem;

/// As the filter does it: all phases of the request, and of an answer to it if it is let through. Returns how many rules matched,
/// and what it took.
#[inline(never)]
pub(crate) fn inspect(waf: &Waf, request: &Request, memory: Scratch) -> (usize, Work, Scratch) {
    inspect_target(waf, request, &request.target, memory)
}

fn inspect_target(waf: &Waf, request: &Request, target: &[u8], memory: Scratch) -> (usize, Work, Scratch) {
    let mut transaction = waf.transaction_in(memory);
    transaction.connection(Connection {
        client_address: b"192.0.2.7",
        client_port: 50_123,
        server_address: b"192.0.2.80",
        server_port: 443,
    });
    transaction.unique_id(b"5c4a3e0e-6e0f-4f5e-9d26-3b0f6f1f0b11");
    transaction.request_line(&request.method, target, b"HTTP/1.1");
    for (name, value) in &request.headers {
        transaction.request_header(name, value);
    }
    let stopped =
        transaction.process_request_headers().or_else(|| transaction.process_request_body(&request.body));
    if stopped.is_none() {
        transaction.response_status(200, b"HTTP/1.1");
        transaction.response_header(b"content-type", b"text/html; charset=utf-8");
        transaction.response_header(b"content-length", b"62");
        let stopped = transaction.process_response_headers();
        assert!(stopped.is_none());
        transaction
            .process_response_body(b"<!doctype html><title>Orders</title><p>Thank you, all is well.\n");
    }
    assert_eq!(stopped.is_some(), request.denied, "{}", request.name);
    transaction.process_logging();
    (transaction.matches().len(), transaction.work(), transaction.finish())
}

/// How often a transaction has come before it is measured: names and headers are known from the second time on, and what follows from
/// the request line from the third.
pub(crate) const TIMES_BEFORE: usize = 3;

/// Runs what has come before a transaction: the same, or those that are like it.
pub(crate) fn warm(waf: &Waf, request: &Request, memory: Scratch) -> Scratch {
    let own = [request.target.as_slice()];
    let targets = if request.others.is_empty() { &own } else { request.others };
    let targets = targets.iter().cycle().take(TIMES_BEFORE);
    targets.fold(memory, |memory, target| inspect_target(waf, request, target, memory).2)
}

pub(crate) struct Request {
    pub(crate) name: &'static str,
    /// Other targets that have come before, where this one has not.
    pub(crate) others: &'static [&'static [u8]],
    /// The paranoia level that it is judged at.
    pub(crate) paranoia: u8,
    pub(crate) method: Vec<u8>,
    pub(crate) target: Vec<u8>,
    pub(crate) headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) denied: bool,
}

/// All at paranoia level 1, and those that are no attack at level 4, too. And a GET whose address has not come before, in all else like the other.
pub(crate) fn transactions(bodies: Option<&Path>) -> Vec<Request> {
    let benign = requests::benign(bodies);
    let strict = ["get at level 4", "form at level 4", "json at level 4"].into_iter().zip(&benign);
    let strict: Vec<_> = strict.map(|(name, (_, bytes))| parsed(name, 4, bytes, false)).collect();
    let elsewhere = [("get elsewhere", 1), ("get elsewhere at level 4", 4)].map(|(name, paranoia)| Request {
        target: b"/products/search?category=lamps&page=7&sort=name_desc".to_vec(),
        others: &[b"/products/finder?category=chair&page=3&sort=size_desc"],
        ..parsed(name, paranoia, &benign[0].1, false)
    });
    let benign = benign.iter().map(|(name, bytes)| parsed(name, 1, bytes, false));
    let hostile = requests::hostile().map(|(name, bytes)| parsed(name, 1, &bytes, true));
    benign.chain(hostile).chain(strict).chain(elsewhere).collect()
}

fn parsed(name: &'static str, paranoia: u8, bytes: &[u8], denied: bool) -> Request {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = std::str::from_utf8(&bytes[..end]).expect("ours are ASCII");
    let mut lines = head.split("\r\n");
    let mut first = lines.next().expect("a request line").split(' ');
    let mut word = || first.next().expect("three words").as_bytes().to_vec();
    let (method, target) = (word(), word());
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").expect("a header");
        (name.to_ascii_lowercase().into_bytes(), value.as_bytes().to_vec())
    };
    Request {
        name,
        others: &[],
        paranoia,
        method,
        target,
        headers: lines.map(header).collect(),
        body: bytes[end + 4..].to_vec(),
        denied,
    }
}

pub(crate) fn waf(prefilter: bool, paranoia: u8) -> Waf {
    let rules = suites::root().join(".tools/crs");
    let read = |path: PathBuf| fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let recommended = read(suites::root().join("filters/waf/wasm/rules/recommended.conf"));
    let setup = read(rules.join("crs-setup.conf.example"));
    // Ordinary requests match rules above level 1; to have the whole request judged, none is denied there.
    let on = format!(
        "SecRuleEngine On\nSecAction \"id:900000,phase:1,pass,nolog,\
         setvar:tx.blocking_paranoia_level={paranoia},setvar:tx.inbound_anomaly_score_threshold=100000\"\n"
    );
    let on = if paranoia == 1 { "SecRuleEngine On" } else { &on };
    let documents = [
        Document { name: "recommended.conf", text: &recommended },
        Document { name: "on.conf", text: on.as_bytes() },
        Document { name: "crs-setup.conf", text: &setup },
        Document { name: "crs.conf", text: b"Include rules/*.conf" },
    ];
    let options = Options { prefilter, ..Options::default() };
    Waf::compile(&documents, &FileSystem::new(&rules), &options)
        .unwrap_or_else(|errors| panic!("the Core Rule Set does not compile: {}", errors[0]))
}

/// Which Core Rule Set there is.
pub(crate) fn source() -> Option<String> {
    let source = fs::read_to_string(suites::root().join(".tools/crs/SOURCE")).ok()?;
    let version = source.split(',').next()?.trim();
    (version != "none").then(|| version.to_owned())
}
