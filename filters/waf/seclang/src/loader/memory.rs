//! Files in memory, such as a rule set inside the module.

use std::borrow::Cow;

use super::{LoadError, Loader, glob, relative_to};

/// Files under virtual names such as `@owasp_crs/REQUEST-901-INITIALIZATION.conf` or `@crs-setup-conf`.
///
/// Files that match a glob come in the order of their names, as Apache and Coraza give them.
#[derive(Debug, Default)]
pub struct MemoryFiles<'a> {
    /// In the order of their names.
    files: Vec<(String, Cow<'a, [u8]>)>,
}

impl<'a> MemoryFiles<'a> {
    /// Adds a file, replacing one of the same name.
    pub fn insert(&mut self, name: impl Into<String>, text: impl Into<Cow<'a, [u8]>>) {
        self.put(name.into(), text.into());
    }

    fn put(&mut self, name: String, text: Cow<'a, [u8]>) {
        let place = self.place(&name).inspect(|old| drop(self.files.remove(*old)));
        self.files.insert(place.unwrap_or_else(|place| place), (name, text));
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.files.binary_search_by(|(known, _)| known.as_str().cmp(name))
    }
}

impl Loader for MemoryFiles<'_> {
    fn resolve(&self, path: &str, from: &str) -> Result<Vec<String>, LoadError> {
        let path = relative_to(path, from);
        if glob::is_glob(&path) {
            let mut names: Vec<String> = self.files.iter().map(|(name, _)| name.clone()).collect();
            names.retain(|name| glob::matches(path.as_bytes(), name.as_bytes()));
            return Ok(names);
        }
        match self.place(&path).is_ok() {
            true => Ok(vec![path]),
            false => Err(LoadError::NotFound(String::new())),
        }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        let found = self.place(name).ok().and_then(|at| self.files.get(at));
        let (_, text) = found.ok_or(LoadError::NotFound(String::new()))?;
        Ok(text.to_vec())
    }
}
