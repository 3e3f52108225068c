//! What the measured transactions take, against `work.txt`: a change that makes the engine do more fails here, on any machine and without
//! any tool. `make bench-engine` counts instructions besides.
//!
//! A change that buys something with more work writes the list anew: `PORTCULLIS_WRITE=1 cargo test -p portcullis-engine --test work`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../benches/common.rs"]
#[allow(dead_code, reason = "the benchmark needs more of it")]
mod common;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use portcullis_engine::{Scratch, Work};

/// How far above the list a number may be, in percent.
const TOLERANCE: u64 = 2;

#[test]
fn takes_no_more_than_it_did() {
    let Some(source) = common::source() else {
        println!("skipped: there is no Core Rule Set in .tools/crs: `make crs`");
        return;
    };
    let waf = common::waf(true, 1);
    let mut now = BTreeMap::new();
    let mut memory = Scratch::new();
    let all = common::transactions(None);
    for request in all.iter().filter(|request| request.paranoia == 1) {
        let mut first = None;
        if request.others.is_empty() {
            let (_, work, used) = common::inspect(&waf, request, memory);
            (first, memory) = (Some(work), used);
        }
        // What has come before is known.
        memory = common::warm(&waf, request, memory);
        let (_, last, used) = common::inspect(&waf, request, memory);
        memory = used;
        assert!(
            first.as_ref().is_none_or(|first| last.rules <= first.rules
                && last.scans <= first.scans
                && last.operators <= first.operators),
            "{}: {last:?} after {first:?}",
            request.name
        );
        now.extend(numbers(request.name, &last));
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/work.txt");
    if std::env::var_os("PORTCULLIS_WRITE").is_some() {
        let mut text = format!(
            "# What transactions take, by tests/work.rs; more than {TOLERANCE}% above fails.\nCore Rule Set: {source}\n"
        );
        now.iter().for_each(|(name, number)| writeln!(text, "{name}: {number}").unwrap());
        fs::write(&file, text).unwrap();
        return;
    }
    let text = fs::read_to_string(&file).unwrap();
    let known: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once(": ")).collect();
    if known["Core Rule Set"] != source {
        println!("not compared: work.txt is for Core Rule Set {}, this is {source}", known["Core Rule Set"]);
        return;
    }
    let more: Vec<String> = now
        .iter()
        .filter_map(|(name, number)| {
            let before: u64 = known.get(name.as_str()).and_then(|text| text.parse().ok()).unwrap_or(0);
            (*number * 100 > before * (100 + TOLERANCE))
                .then(|| format!("{name}: {before} before, {number} now"))
        })
        .collect();
    assert!(more.is_empty(), "the engine does more than it did:\n{}", more.join("\n"));
}

fn numbers(name: &str, work: &Work) -> impl Iterator<Item = (String, u64)> + use<> {
    let Work { rules, operators, operator_bytes, scans, scan_bytes, transformed_bytes, kept_bytes } = *work;
    let name = name.to_owned();
    [
        ("rules", rules),
        ("operators", operators),
        ("operator bytes", operator_bytes),
        ("scans", scans),
        ("scan bytes", scan_bytes),
        ("transformed bytes", transformed_bytes),
        ("kept bytes", kept_bytes),
    ]
    .into_iter()
    .map(move |(what, number)| (format!("{name}, {what}"), number))
}
