//! Markdown.

use super::measure::{Measured, Plan};
use super::statistics::Spread;
use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// A table.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(titles: &[&str]) -> Self {
        Self { rows: vec![titles.iter().map(|title| (*title).to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: impl Into<Vec<String>>) {
        self.rows.push(cells.into());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, row) in self.rows.iter().enumerate() {
            writeln!(f, "| {} |", row.join(" | "))?;
            if index == 0 {
                writeln!(f, "|{}", "---|".repeat(row.len()))?;
            }
        }
        Ok(())
    }
}

/// A median with its quartiles.
pub(crate) fn microseconds(spread: Spread) -> String {
    format!("**{:.1}** ({:.1} to {:.1})", spread.median, spread.low, spread.high)
}

pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64())
}

pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / f64::from(1 << 20))
}

/// How, on what, and how disturbed it was measured.
pub(crate) fn method(plan: &Plan, measured: &Measured, command: &str) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "Written by `{command}`, not by hand. {}, {cores} cores; one Envoy with {} for each row, all running, one \
         loaded at a time over {} connections; {} rounds, {} ms for each row in each. CPU time is that of the Envoy process. \
         Medians over the rounds, quartiles in brackets; what is added is the difference within a round. Least disturbed: \
         between the tenths of the rounds in which each took least. Client and upstream \
         share the machine, so requests per second and latencies hold only relative to each other. Load average during the \
         run: {:.1} ({:.1} to {:.1}); the benchmark itself makes about 2. More means that others used the machine, and that CPU \
         times are too high through shared caches.\n",
        processor(),
        if plan.workers == 1 { "one worker".to_owned() } else { format!("{} workers", plan.workers) },
        plan.connections,
        plan.rounds,
        plan.slice.as_millis(),
        measured.load.median,
        measured.load.low,
        measured.load.high,
    )
}

pub(crate) fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(&path, text));
    written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    println!("Wrote {}", path.display());
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    line.map_or_else(|| "Unknown processor".to_owned(), |(_, name)| name.trim().to_owned())
}
