//! What a transaction costs the engine alone, with the Core Rule Set that `make crs` has brought, at paranoia level 1 unless its name
//! says another: `make bench-engine`.
//!
//! Without arguments it takes the time. `--instructions` counts instructions under `valgrind --tool=callgrind`, which no other
//! work on the machine disturbs, and fails if one transaction takes more than `instructions.txt` beside this file allows;
//! `--write` writes that file anew. `--repeat <transaction> <times>` is for profilers.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "common.rs"]
mod common;
#[path = "instructions.rs"]
mod instructions;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use common::{Request, inspect, source, transactions, waf, warm};
use portcullis_engine::{Scratch, Waf, Work};

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
        ["--once", name] => {
            let all = transactions(None);
            let transaction = named(&all, name);
            let waf = waf(true, transaction.paranoia);
            let memory = warm(&waf, transaction, Scratch::new());
            let Work { rules, operators, scans, .. } = measured_transaction(&waf, transaction, memory).0;
            println!("{rules} {operators} {scans}");
        }
        ["--repeat", name, times] => {
            let all = transactions(suites::data("bench-requests").as_deref());
            let transaction = named(&all, name);
            let waf = waf(true, transaction.paranoia);
            let times = times.parse::<u32>().expect("a number");
            (0..times).fold(Scratch::new(), |memory, _| measured_transaction(&waf, transaction, memory).1);
        }
        _ => panic!("usage: transactions [--instructions [--write] | --repeat <transaction> <times>]"),
    }
    ExitCode::SUCCESS
}

/// The fastest and the median of rounds: other work on the machine only ever adds.
fn times(source: &str) {
    let all = transactions(suites::data("bench-requests").as_deref());
    for paranoia in [1, 4] {
        times_at(paranoia, source, &all);
    }
}

fn times_at(paranoia: u8, source: &str, all: &[Request]) {
    let start = Instant::now();
    let fast = waf(true, paranoia);
    let loaded = start.elapsed();
    let naive = waf(false, paranoia);
    println!("Core Rule Set {source}, level {paranoia}: {:?}, loaded in {loaded:.0?}", fast.statistics());
    println!(
        "{:20} {:>10} {:>10} {:>16} {:>14}",
        "", "fastest us", "median us", "without scan us", "rules matched"
    );
    for transaction in all.iter().filter(|transaction| transaction.paranoia == paranoia) {
        let (fastest, median) = time(&fast, transaction, 40);
        let (without, _) = time(&naive, transaction, 2);
        let (matched, ..) = inspect(&fast, transaction, Scratch::new());
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
            memory = inspect(waf, black_box(transaction), memory).2;
        }
        rounds.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(times));
    }
    rounds.sort_by(f64::total_cmp);
    (rounds[0], rounds[ROUNDS / 2])
}

/// What callgrind counts.
#[inline(never)]
fn measured_transaction(waf: &Waf, transaction: &Request, memory: Scratch) -> (Work, Scratch) {
    let (_, work, memory) = inspect(waf, black_box(transaction), memory);
    (work, memory)
}

fn named<'a>(transactions: &'a [Request], name: &str) -> &'a Request {
    transactions.iter().find(|each| each.name == name).expect("a transaction of that name")
}
