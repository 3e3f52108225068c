//! What a transaction costs the engine alone, with the Core Rule Set at paranoia level 1 that `make crs` has brought:
//! `make bench-engine`.
//!
//! Without arguments it takes the time. `--instructions` counts instructions under `valgrind --tool=callgrind`, which no other
//! work on the machine disturbs, and fails if one transaction takes more than `instructions.txt` beside this file allows;
//! `--write` writes that file anew. `--repeat <transaction> <times>` is for profilers.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "instructions.rs"]
mod instructions;
#[path = "../../../../integration/src/bin/bench/requests.rs"]
#[allow(dead_code, reason = "the benchmark in Envoy needs more of it")]
mod requests;

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use portcullis_engine::{Connection, Document, Options, Scratch, Waf};
use portcullis_seclang::loader::FileSystem;

const ROUNDS: usize = 15;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some(source) = source() else {
        println!("skipped: there is no Core Rule Set in .tools/crs: `make crs`");
        return ExitCode::SUCCESS;
    };
    match arguments.as_slice() {
        [] => times(&source),
        ["--instructions"] => return instructions::check(&source),
        ["--instructions", "--write"] => return instructions::write(&source),
        ["--twice", name] => {
            let (waf, all) = (waf(true), transactions(None));
            let (_, warm) = inspect(&waf, named(&all, name), Scratch::new());
            measured_transaction(&waf, named(&all, name), warm);
        }
        ["--repeat", name, times] => {
            let (waf, all) = (waf(true), transactions(suites::data("bench-requests").as_deref()));
            let times = times.parse::<u32>().expect("a number");
            (0..times)
                .fold(Scratch::new(), |memory, _| measured_transaction(&waf, named(&all, name), memory));
        }
        _ => panic!("usage: transactions [--instructions [--write] | --repeat <transaction> <times>]"),
    }
    ExitCode::SUCCESS
}

/// The fastest and the median of rounds: other work on the machine only ever adds.
fn times(source: &str) {
    let start = Instant::now();
    let fast = waf(true);
    let loaded = start.elapsed();
    let naive = waf(false);
    println!("Core Rule Set {source}: {:?}, loaded in {loaded:.0?}", fast.statistics());
    println!(
        "{:20} {:>10} {:>10} {:>16} {:>14}",
        "", "fastest us", "median us", "without scan us", "rules matched"
    );
    for transaction in transactions(suites::data("bench-requests").as_deref()) {
        let (fastest, median) = time(&fast, &transaction, 40);
        let (without, _) = time(&naive, &transaction, 2);
        let (matched, _) = inspect(&fast, &transaction, Scratch::new());
        println!("{:20} {fastest:>10.1} {median:>10.1} {without:>16.0} {matched:>14}", transaction.name);
    }
}

/// Microseconds.
fn time(waf: &Waf, transaction: &Request, times: u32) -> (f64, f64) {
    let mut memory = Scratch::new();
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..times {
            memory = inspect(waf, black_box(transaction), memory).1;
        }
        rounds.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(times));
    }
    rounds.sort_by(f64::total_cmp);
    (rounds[0], rounds[ROUNDS / 2])
}

/// What callgrind counts.
#[inline(never)]
fn measured_transaction(waf: &Waf, transaction: &Request, memory: Scratch) -> Scratch {
    inspect(waf, black_box(transaction), memory).1
}

/// As the filter does it: all phases of the request, and of an answer to it if it is let through. Returns how many rules matched.
#[inline(never)]
fn inspect(waf: &Waf, request: &Request, memory: Scratch) -> (usize, Scratch) {
    let mut transaction = waf.transaction_in(memory);
    transaction.connection(Connection {
        client_address: b"192.0.2.7",
        client_port: 50_123,
        server_address: b"192.0.2.80",
        server_port: 443,
    });
    transaction.unique_id(b"5c4a3e0e-6e0f-4f5e-9d26-3b0f6f1f0b11");
    transaction.request_line(&request.method, &request.target, b"HTTP/1.1");
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
    (transaction.matches().len(), transaction.finish())
}

struct Request {
    name: &'static str,
    method: Vec<u8>,
    target: Vec<u8>,
    headers: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
    denied: bool,
}

fn transactions(bodies: Option<&Path>) -> Vec<Request> {
    let benign = requests::benign(bodies).map(|(name, bytes)| parsed(name, &bytes, false));
    let hostile = requests::hostile().map(|(name, bytes)| parsed(name, &bytes, true));
    benign.into_iter().chain(hostile).collect()
}

fn named<'a>(transactions: &'a [Request], name: &str) -> &'a Request {
    transactions.iter().find(|each| each.name == name).expect("a transaction of that name")
}

fn parsed(name: &'static str, bytes: &[u8], denied: bool) -> Request {
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
        method,
        target,
        headers: lines.map(header).collect(),
        body: bytes[end + 4..].to_vec(),
        denied,
    }
}

fn waf(prefilter: bool) -> Waf {
    let rules = suites::root().join(".tools/crs");
    let read = |path: PathBuf| fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let recommended = read(suites::root().join("filters/waf/wasm/rules/recommended.conf"));
    let setup = read(rules.join("crs-setup.conf.example"));
    let documents = [
        Document { name: "recommended.conf", text: &recommended },
        Document { name: "on.conf", text: b"SecRuleEngine On" },
        Document { name: "crs-setup.conf", text: &setup },
        Document { name: "crs.conf", text: b"Include rules/*.conf" },
    ];
    let options = Options { prefilter, ..Options::default() };
    Waf::compile(&documents, &FileSystem::new(&rules), &options)
        .unwrap_or_else(|errors| panic!("the Core Rule Set does not compile: {}", errors[0]))
}

/// Which Core Rule Set there is.
fn source() -> Option<String> {
    let source = fs::read_to_string(suites::root().join(".tools/crs/SOURCE")).ok()?;
    let version = source.split(',').next()?.trim();
    (version != "none").then(|| version.to_owned())
}
