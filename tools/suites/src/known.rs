use std::collections::BTreeMap;

/// A committed list of what is known not to hold in a suite, each with the reason. It is compared both ways, so it can
/// only shrink.
#[derive(Debug, Default)]
pub struct Known {
    file: String,
    entries: BTreeMap<String, String>,
}

impl Known {
    /// Reads a list of lines: a name, two spaces or more, the reason. `#` begins a comment.
    ///
    /// # Panics
    /// If a line has no reason.
    pub fn parse(file: &str, text: &str) -> Self {
        let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let entries = lines.map(|line| {
            let (name, reason) = line.split_once("  ").unwrap_or((line, ""));
            (name.to_owned(), reason.trim().to_owned())
        });
        Self::new(file, entries.collect())
    }

    /// Reads a suite's table in a TOML file, of names that may hold anything: `"name" = "reason"`. None is an empty one.
    ///
    /// # Panics
    /// If the file is no TOML of such tables, or an entry has no reason.
    pub fn section(file: &str, text: &str, suite: &str) -> Self {
        let mut suites: BTreeMap<String, BTreeMap<String, String>> =
            toml::from_str(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        Self::new(file, suites.remove(suite).unwrap_or_default())
    }

    fn new(file: &str, entries: BTreeMap<String, String>) -> Self {
        for (name, reason) in &entries {
            assert!(!reason.is_empty(), "{file}: {name} is listed without a reason");
        }
        Self { file: file.to_owned(), entries }
    }

    /// What stands behind the name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.entries.get(name).map(String::as_str)
    }

    /// What is wrong with the list, given what was found not to hold, by name: what is not listed, and what is listed,
    /// was run and does hold. One that was not run is no error: other data may have other cases.
    pub fn compare(&self, found: &BTreeMap<String, String>, ran: impl Fn(&str) -> bool) -> Vec<String> {
        let new = found.iter().filter(|(name, _)| !self.entries.contains_key(*name)).map(|(name, what)| {
            format!("{name}  {}\n    (not in {})", what.replace('\n', "\n    "), self.file)
        });
        let stale = self
            .entries
            .keys()
            .filter(|name| ran(name) && !found.contains_key(*name))
            .map(|name| format!("{name}: take it off {}, it holds now", self.file));
        new.chain(stale).collect()
    }
}
