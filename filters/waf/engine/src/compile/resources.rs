//! Data files and datasets for operators.

use std::borrow::Cow;

use portcullis_seclang::Loader;

use crate::operators::KnownPatterns;

/// What the operators of one rule may read.
pub(super) struct Resources<'c, L: ?Sized> {
    pub(super) loader: &'c L,
    /// The file of the rule: relative names start at its directory.
    pub(super) from: &'c str,
    pub(super) known_patterns: KnownPatterns,
    /// `SecDataset`, wherever they stand.
    pub(super) datasets: &'c [(Vec<u8>, Vec<Vec<u8>>)],
}

impl<L: Loader + ?Sized> crate::operators::Resources for Resources<'_, L> {
    fn read(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let names = self.loader.resolve(name, self.from).ok()?;
        self.loader.read(names.first()?).ok().map(Cow::Owned)
    }

    fn known_patterns(&self) -> KnownPatterns {
        self.known_patterns
    }

    fn dataset(&self, name: &[u8]) -> Option<&[Vec<u8>]> {
        let found = self.datasets.iter().rfind(|(known, _)| known == name);
        found.map(|(_, items)| items.as_slice())
    }
}
