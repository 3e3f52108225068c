//! Suites of others in tests: where they are, how they came out, and the lists of what is known not to hold, which can
//! only shrink.
#![allow(clippy::panic, reason = "a broken expectation must stop the test where it broke")]

pub mod ftw;
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "of the data, whose form is known")]
pub mod istio;
mod known;
mod random;

pub use known::Known;
pub use random::Random;

use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// The repository's root.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// A file or folder of the data of others: below `PORTCULLIS_DATA`, by default `../shared/data`, seen from the
/// repository. `None`, after printing `skipped: <path> not present`, where it is absent.
pub fn data(path: &str) -> Option<PathBuf> {
    let data = std::env::var_os("PORTCULLIS_DATA").unwrap_or_else(|| "../shared/data".into());
    let path = root().join(data).join(path);
    if !path.exists() {
        println!("skipped: {} not present", path.display());
        return None;
    }
    Some(path)
}

/// What a JSON file holds.
///
/// # Panics
/// If it cannot be read as that.
pub fn json<T: DeserializeOwned>(path: &Path) -> T {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// How a suite came out.
#[derive(Debug, Default)]
pub struct Outcome {
    passed: BTreeSet<String>,
    failed: BTreeMap<String, String>,
    skipped: usize,
}

impl Outcome {
    /// A case has passed, or failed for this reason. A name that comes again is told from the first by an ` again`.
    pub fn add(&mut self, name: impl Into<String>, result: Result<(), impl Display>) {
        let mut name = name.into();
        while self.passed.contains(&name) || self.failed.contains_key(&name) {
            name.push_str(" again");
        }
        match result {
            Ok(()) => drop(self.passed.insert(name)),
            Err(reason) => drop(self.failed.insert(name, reason.to_string())),
        }
    }

    /// That many cases were not run, for a reason that stands in the test.
    pub fn skip(&mut self, cases: usize) {
        self.skipped += cases;
    }

    /// Prints the totals.
    ///
    /// # Panics
    /// If no case has passed, or [`Known::compare`] finds anything.
    pub fn finish(&self, suite: &str, known: &Known) {
        let (passed, failed) = (self.passed.len(), self.failed.len());
        println!("{suite}: {passed} passed, {failed} failed, {} skipped", self.skipped);
        let ran = |name: &str| self.passed.contains(name) || self.failed.contains_key(name);
        let problems = known.compare(&self.failed, ran);
        assert!(problems.is_empty(), "{suite}: {} problems\n{}", problems.len(), problems.join("\n"));
        assert!(passed > 0, "{suite}: no case has passed: is its data what it should be?");
    }
}

#[cfg(test)]
mod tests;
