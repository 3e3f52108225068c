//! Committed lists of tests, each with the reason why it is in the list. A list is compared both ways, so it can only shrink.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Lines of a name, two spaces or more, and the rest. `#` begins a comment.
#[derive(Debug)]
pub(crate) struct List {
    file: String,
    entries: BTreeMap<String, String>,
}

impl List {
    /// Reads `integration/conformance/<file>`.
    ///
    /// # Panics
    /// If it is not there, or a line has no reason.
    pub(crate) fn read(file: &str) -> Self {
        let path: PathBuf = integration::paths::root().join("integration/conformance").join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let entries = lines.map(|line| {
            let (name, rest) =
                line.split_once("  ").unwrap_or_else(|| panic!("{file}: no reason in {line:?}"));
            (name.to_owned(), rest.trim().to_owned())
        });
        Self { file: file.to_owned(), entries: entries.collect() }
    }

    /// What stands behind the name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.entries.get(name).map(String::as_str)
    }

    /// What is wrong with the list, given what was found, in the part of the suite that ran.
    pub(crate) fn compare(
        &self,
        found: &BTreeMap<String, String>,
        ran: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        let missing = found
            .iter()
            .filter(|(name, _)| !self.entries.contains_key(*name))
            .map(|(name, what)| format!("{name}  {what}\n    (not in {})", self.file));
        let stale = self
            .entries
            .keys()
            .filter(|name| ran(name) && !found.contains_key(*name))
            .map(|name| format!("{name}: take it off {}, it is not so any more", self.file));
        missing.chain(stale).collect()
    }
}
