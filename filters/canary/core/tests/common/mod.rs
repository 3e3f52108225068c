//! What the foreign suites share: where they are, and the list of what they hold that does not apply.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The foreign data: `PORTCULLIS_DATA`, by default `../shared/data` beside the repository. `None`, with a line that says
/// so, where it is absent.
pub(crate) fn data(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..");
    let data = std::env::var_os("PORTCULLIS_DATA").unwrap_or_else(|| "../shared/data".into());
    let path = root.join(data).join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: {} not present", path.display());
    None
}

pub(crate) fn json(path: &Path) -> serde_json::Value {
    let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a suite asks for that this filter does not have, by file: each line of the list is `file: what: why`.
pub(crate) struct Skips {
    listed: BTreeMap<String, BTreeSet<String>>,
    met: BTreeMap<String, BTreeSet<String>>,
}

impl Skips {
    pub(crate) fn read(list: &str) -> Self {
        let mut listed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for line in list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let [file, what, _why] = line.splitn(3, ": ").collect::<Vec<_>>()[..] else {
                panic!("not `file: what: why`: {line}");
            };
            listed.entry(file.to_owned()).or_default().insert(what.to_owned());
        }
        Self { listed, met: BTreeMap::new() }
    }

    /// Notes that `what` was met in `file`.
    pub(crate) fn meet(&mut self, file: &str, what: &str) {
        self.met.entry(file.to_owned()).or_default().insert(what.to_owned());
    }

    /// Fails where something was met that is not listed, or something is listed that a file, which was read, no
    /// longer asks for.
    pub(crate) fn check(&self, files: &[String]) {
        let differing: Vec<String> = files
            .iter()
            .filter(|file| self.met.get(*file) != self.listed.get(*file))
            .map(|file| format!("{file}: met {:?}, listed {:?}", self.met.get(file), self.listed.get(file)))
            .collect();
        assert!(differing.is_empty(), "{}", differing.join("\n"));
    }
}
