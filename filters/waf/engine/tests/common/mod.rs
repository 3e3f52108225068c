//! What the suites share: where the foreign data is, and lists of known failures that can only shrink.

#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A folder of the foreign data: `PORTCULLIS_DATA`, or `../shared/data` beside the repository. `None`, with a
/// message, if it is not there.
pub fn data(folder: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let base = std::env::var_os("PORTCULLIS_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    let path = base.join(folder);
    if path.exists() {
        Some(path)
    } else {
        println!("skipped: {} not present", path.display());
        None
    }
}

/// The outcome of a suite.
#[derive(Default)]
pub struct Outcome {
    pub passed: BTreeSet<String>,
    pub failed: BTreeMap<String, String>,
    pub skipped: usize,
}

impl Outcome {
    pub fn add(&mut self, mut name: String, result: Result<(), String>) {
        while self.passed.contains(&name) || self.failed.contains_key(&name) {
            name.push_str(" again");
        }
        match result {
            Ok(()) => {
                self.passed.insert(name);
            }
            Err(reason) => {
                self.failed.insert(name, reason);
            }
        }
    }

    /// Prints the totals and compares the failures with the list in `file`: lines of a name, two spaces or more and a
    /// reason. A failure that is not listed is an error, and so is a listed test that passes. One that is not there is
    /// none: other data may have other tests.
    pub fn compare(&self, suite: &str, file: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let known: BTreeMap<&str, &str> = text
            .lines()
            .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
            .map(|line| line.split_once("  ").unwrap_or((line, "")))
            .collect();
        println!(
            "{suite}: {} passed, {} failed, {} skipped",
            self.passed.len(),
            self.failed.len(),
            self.skipped
        );
        let mut problems = Vec::new();
        for (name, reason) in &self.failed {
            if !known.contains_key(name.as_str()) {
                problems.push(format!("fails: {name}\n    {}", reason.replace('\n', "\n    ")));
            }
        }
        for (name, reason) in &known {
            if self.passed.contains(*name) {
                problems.push(format!("passes, so take it off {file}: {name}"));
            } else if reason.trim().is_empty() {
                problems.push(format!("listed in {file} without a reason: {name}"));
            }
        }
        assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
    }
}
