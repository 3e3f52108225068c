//! `make sizes`, `make sizes-baseline`, `make sizes-of-waf`: how large the modules are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a chore, which may stop where it broke"
)]

use integration::paths;
use integration::sizes::{Baseline, Sizes, compiler, crate_of, functions};
use std::collections::BTreeMap;
use std::process::ExitCode;

const MODULES: [&str; 5] = ["waf", "canary", "affinity", "authz", "examples/template"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] => table(),
        ["--write"] => write(),
        ["--of", file] => contributors(file),
        _ => {
            eprintln!("usage: sizes [--write | --of <module with names>]");
            ExitCode::FAILURE
        }
    }
}

fn table() -> ExitCode {
    let baseline = Baseline::read(&std::fs::read_to_string(file()).unwrap()).unwrap();
    println!("{:<20}{:>12}{:>12}{:>12}{:>12}{:>14}", "", "code", "data", "module", "gzip -9", "written down");
    let mut grown = Vec::new();
    for name in MODULES {
        let Sizes { code, data, module, compressed } = measure(name);
        let known = baseline.code.get(name).map(ToString::to_string).unwrap_or_default();
        println!("{name:<20}{code:>12}{data:>12}{module:>12}{compressed:>12}{known:>14}");
        grown.extend(baseline.too_much(name, code));
    }
    if baseline.compiler != compiler() {
        println!("What was written down is of {}, and not compared.", baseline.compiler);
        return ExitCode::SUCCESS;
    }
    grown.iter().for_each(|grown| eprintln!("{grown}"));
    if grown.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn write() -> ExitCode {
    let code = MODULES.iter().map(|name| ((*name).to_owned(), measure(name).code)).collect();
    std::fs::write(file(), Baseline { compiler: compiler(), code }.write()).unwrap();
    table()
}

fn contributors(file: &str) -> ExitCode {
    let module = std::fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
    let functions = functions(&module).unwrap();
    let mut crates: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (name, bytes) in &functions {
        let (count, sum) = crates.entry(crate_of(name)).or_default();
        *count += 1;
        *sum += bytes;
    }
    let mut crates: Vec<_> = crates.into_iter().collect();
    crates.sort_by_key(|(_, (_, bytes))| std::cmp::Reverse(*bytes));
    println!("   bytes  functions  crate");
    crates.iter().take(25).for_each(|(name, (count, bytes))| println!("{bytes:>8}  {count:>9}  {name}"));
    println!("\n   bytes  function");
    functions.iter().take(50).for_each(|(name, bytes)| println!("{bytes:>8}  {name}"));
    ExitCode::SUCCESS
}

fn measure(name: &str) -> Sizes {
    let path = paths::module(name);
    let module = std::fs::read(&path).unwrap();
    Sizes::of(&module).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn file() -> std::path::PathBuf {
    paths::root().join("integration/sizes.txt")
}
