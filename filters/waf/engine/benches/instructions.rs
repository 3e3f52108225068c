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
        "{:18} {:>12} {:>12} {:>8} {:>6} {:>10} {:>9}",
        "", "before", "now", "change", "scans", "operators", "patterns"
    );
    for count in &counts {
        let Count { name, instructions, scans, operators, patterns } = count;
        let before = known.counts.get(*name).copied().unwrap_or_default();
        let change = 100.0 * (*instructions as f64 / before as f64 - 1.0);
        println!(
            "{name:18} {before:>12} {instructions:>12} {change:>+7.1}% {scans:>6} {operators:>10} {patterns:>9}"
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
    for Count { name, instructions, scans, operators, patterns } in counts {
        let _ = writeln!(text, "{name}: {instructions}");
        println!(
            "{name:18} {instructions:>12} instructions, {scans} scans, {operators} operators, {patterns} patterns"
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

/// What callgrind has seen of a transaction.
struct Count {
    name: &'static str,
    instructions: u64,
    /// Values that the scan went over.
    scans: u64,
    /// Operators that were asked about a value.
    operators: u64,
    /// Regular expressions among them.
    patterns: u64,
}

/// Runs each transaction twice in a process of its own, and counts the second time. `None`, after saying so, without valgrind.
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
        .args(["--twice", name])
        .spawn()
        .expect("valgrind starts")
}

impl Count {
    fn take(name: &'static str, mut valgrind: Child, file: &Path) -> Self {
        assert!(valgrind.wait().is_ok_and(|status| status.success()), "valgrind runs");
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
        // Calls are counted the first time, too, instructions are not.
        let calls = calls(&text);
        let of = |function: &str| {
            let named = calls.iter().filter(|(name, _)| name.ends_with(function));
            named.map(|(_, calls)| calls).sum::<u64>() / 2
        };
        Self {
            name,
            instructions: total.filter(|total| *total > 0).expect("callgrind has seen the transaction"),
            scans: of("Prefilter::scan"),
            operators: of("Operator::try_evaluate"),
            patterns: of("Rx::matches"),
        }
    }
}

/// How often each function was called. Callgrind format: a name stands only where its number comes first.
fn calls(text: &str) -> BTreeMap<&str, u64> {
    let (mut names, mut calls) = (BTreeMap::new(), BTreeMap::new());
    let mut callee = "";
    for line in text.lines() {
        if let Some(function) = line.strip_prefix("fn=").or_else(|| line.strip_prefix("cfn=")) {
            let (number, name) = function.split_once(' ').unwrap_or((function, ""));
            callee = names.entry(number).or_insert(name);
        } else if let Some(count) = line.strip_prefix("calls=") {
            let count = count.split(' ').next().and_then(|count| count.parse::<u64>().ok());
            *calls.entry(callee).or_default() += count.unwrap_or_default();
        }
    }
    calls
}
