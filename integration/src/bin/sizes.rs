//! `make sizes`, `make sizes-baseline`, `make sizes-of-waf`: how large the modules are.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a chore, which may stop where it broke"
)]

use integration::paths;
use integration::sizes::{Baseline, Known, Sizes, compiler, crate_of, functions};
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
    println!(
        "{:<20}{:>12}{:>14}{:>18}{:>14}{:>12}{:>12}{:>12}",
        "", "code", "written down", "largest function", "written down", "data", "module", "gzip -9"
    );
    let mut grown = Vec::new();
    for name in MODULES {
        let sizes = measure(name);
        let Sizes { code, largest, data, module, compressed } = sizes;
        let known = baseline.modules.get(name);
        let text = |bytes: Option<usize>| bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
        let (known_code, known_largest) =
            (text(known.map(|known| known.code)), text(known.map(|known| known.largest)));
        println!(
            "{name:<20}{code:>12}{known_code:>14}{largest:>18}{known_largest:>14}{data:>12}{module:>12}{compressed:>12}"
        );
        grown.extend(baseline.too_much(name, &sizes));
    }
    if baseline.compiler != compiler() {
        println!("What was written down is of {}, and not compared.", baseline.compiler);
        return ExitCode::SUCCESS;
    }
    grown.iter().for_each(|grown| eprintln!("{grown}"));
    if grown.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn write() -> ExitCode {
    let known = |name| {
        let Sizes { code, largest, .. } = measure(name);
        Known { code, largest }
    };
    let modules = MODULES.into_iter().map(|name| (name.to_owned(), known(name))).collect();
    std::fs::write(file(), Baseline { compiler: compiler(), modules }.write()).unwrap();
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
