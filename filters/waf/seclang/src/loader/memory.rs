//! Files in memory, such as a rule set inside the module.

use std::{borrow::Cow, collections::BTreeMap};

use super::{LoadError, Loader, glob, relative_to};

/// Files under virtual names such as `@owasp_crs/REQUEST-901-INITIALIZATION.conf` or `@crs-setup-conf`.
///
/// Files that match a glob come in the order of their names, as Apache and Coraza give them.
#[derive(Debug, Default)]
pub struct MemoryFiles<'a> {
    files: BTreeMap<String, Cow<'a, [u8]>>,
}

impl<'a> MemoryFiles<'a> {
    /// Adds a file, replacing one of the same name.
    pub fn insert(&mut self, name: impl Into<String>, text: impl Into<Cow<'a, [u8]>>) {
        self.files.insert(name.into(), text.into());
    }
}

impl Loader for MemoryFiles<'_> {
    fn resolve(&self, path: &str, from: &str) -> Result<Vec<String>, LoadError> {
        let path = relative_to(path, from);
        if glob::is_glob(&path) {
            let names = self.files.keys().filter(|name| glob::matches(path.as_bytes(), name.as_bytes()));
            return Ok(names.cloned().collect());
        }
        match self.files.contains_key(&path) {
            true => Ok(vec![path]),
            false => Err(LoadError::NotFound(String::new())),
        }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        let text = self.files.get(name).ok_or(LoadError::NotFound(String::new()))?;
        Ok(text.to_vec())
    }
}
