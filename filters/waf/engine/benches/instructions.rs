//! Counts the instructions of each transaction under callgrind, and compares them with the committed ones.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use super::transactions;

/// How far a count may be from the committed one, in percent. Hash seeds and addresses make less than one.
const TOLERANCE: f64 = 2.0;

/// Compares. Fails if a transaction takes more instructions than is written down for the same rule set.
pub(super) fn check(source: &str) -> ExitCode {
    let Some(counts) = count() else { return ExitCode::SUCCESS };
    let known = Known::read();
    let comparable = known.source == source;
    if !comparable {
        println!(
            "not compared: {} is for Core Rule Set {}, this is {source}",
            file().display(),
            known.source
        );
    }
    let mut regressed = false;
    println!(
        "{:24} {:>12} {:>12} {:>8} {:>6} {:>10} {:>6}",
        "", "before", "now", "change", "rules", "operators", "scans"
    );
    for count in &counts {
        let Count { name, instructions, rules, operators, scans } = count;
        let before = known.counts.get(*name).copied().unwrap_or_default();
        let change = 100.0 * (*instructions as f64 / before as f64 - 1.0);
        println!(
            "{name:24} {before:>12} {instructions:>12} {change:>+7.1}% {rules:>6} {operators:>10} {scans:>6}"
        );
        regressed |= change > TOLERANCE;
        if change < -TOLERANCE {
            println!("    hold this with `make bench-engine-baseline`");
        }
    }
    if comparable && regressed {
        println!(
            "More instructions than before. If they buy something, `make bench-engine-baseline` writes them down."
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Writes the counts down.
pub(super) fn write(source: &str) -> ExitCode {
    let Some(counts) = count() else { return ExitCode::FAILURE };
    let mut text = format!(
        "# Instructions of a transaction, written by `make bench-engine-baseline`; more than {TOLERANCE}% above fails.\n\
         Core Rule Set: {source}\n"
    );
    for Count { name, instructions, rules, operators, scans } in counts {
        let _ = writeln!(text, "{name}: {instructions}");
        println!(
            "{name:24} {instructions:>12} instructions, {rules} rules, {operators} operators, {scans} scans"
        );
    }
    fs::write(file(), text).expect("the file can be written");
    println!("Wrote {}", file().display());
    ExitCode::SUCCESS
}

struct Known {
    source: String,
    counts: BTreeMap<String, u64>,
}

impl Known {
    fn read() -> Self {
        let text = fs::read_to_string(file()).unwrap_or_default();
        let mut known = Self { source: String::new(), counts: BTreeMap::new() };
        for (name, value) in text.lines().filter_map(|line| line.split_once(": ")) {
            match value.parse() {
                Ok(count) => drop(known.counts.insert(name.to_owned(), count)),
                Err(_) => value.clone_into(&mut known.source),
            }
        }
        known
    }
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.txt")
}

/// What callgrind has seen of a transaction, and the transaction itself.
struct Count {
    name: &'static str,
    instructions: u64,
    /// Rules that were visited.
    rules: u64,
    /// Operators that were asked about a value.
    operators: u64,
    /// Values that the scan went over.
    scans: u64,
}

/// Runs each transaction in a process of its own, and counts what it takes when it has come before. `None`, after saying so, without
/// valgrind.
fn count() -> Option<Vec<Count>> {
    if Command::new("valgrind").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("skipped: instructions are not counted, since valgrind is not installed");
        return None;
    }
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("callgrind");
    fs::create_dir_all(&folder).expect("the target directory is writable");
    let names: Vec<_> = transactions(None).into_iter().map(|transaction| transaction.name).collect();
    let runs: Vec<_> = names.into_iter().map(|name| (name, run(name, &folder.join(name)))).collect();
    Some(runs.into_iter().map(|(name, valgrind)| Count::take(name, valgrind, &folder.join(name))).collect())
}

/// Starts one, which is to write to that file. `callgrind_annotate` reads it.
fn run(name: &str, file: &Path) -> Child {
    Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--quiet",
            "--collect-atstart=no",
            "--toggle-collect=*measured_transaction*",
        ])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(std::env::current_exe().expect("this program has a path"))
        .args(["--once", name])
        .stdout(Stdio::piped())
        .spawn()
        .expect("valgrind starts")
}

impl Count {
    fn take(name: &'static str, valgrind: Child, file: &Path) -> Self {
        let output = valgrind.wait_with_output().expect("valgrind runs");
        assert!(output.status.success(), "valgrind runs");
        let work = String::from_utf8_lossy(&output.stdout);
        let mut work = work.split_ascii_whitespace().map(|number| number.parse().expect("a number"));
        let mut next = || work.next().expect("three numbers");
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
        Self {
            name,
            instructions: total.filter(|total| *total > 0).expect("callgrind has seen the transaction"),
            rules: next(),
            operators: next(),
            scans: next(),
        }
    }
}
