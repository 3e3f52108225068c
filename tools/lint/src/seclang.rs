//! Rules in files of their own.

use portcullis_engine::{CompileError, Document, Options, Waf};
use portcullis_seclang::Loader;
use portcullis_seclang::loader::LoadError;
use portcullis_waf::{BuiltIn, KNOWN_PATTERNS};

/// Compiles a file of rules as the waf compiles rules of its configuration. Besides the files that the caller's loader has,
/// rules may include those in the module: `@recommended-conf`, `@owasp_crs/*.conf` and so on.
///
/// # Errors
/// All that is wrong, each with its file, line and column.
pub fn compile(name: &str, text: &[u8], files: &dyn Loader) -> Result<Waf, Vec<CompileError>> {
    let documents = [Document { name, text }];
    let options = Options { known_patterns: KNOWN_PATTERNS, ..Options::default() };
    Waf::compile(&documents, &Files::new(text, files), &options)
}

/// The caller's files, and those in the module.
pub(crate) struct Files<'a> {
    own: &'a dyn Loader,
    built_in: BuiltIn,
}

impl<'a> Files<'a> {
    pub(crate) fn new(text: &[u8], own: &'a dyn Loader) -> Self {
        Self { own, built_in: BuiltIn::new(&String::from_utf8_lossy(text), &[]) }
    }
}

impl Loader for Files<'_> {
    fn resolve(&self, path: &str, from: &str) -> Result<Vec<String>, LoadError> {
        let is_built_in = path.starts_with('@') || from.starts_with('@');
        if is_built_in { self.built_in.resolve(path, from) } else { self.own.resolve(path, from) }
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        if name.starts_with('@') { self.built_in.read(name) } else { self.own.read(name) }
    }
}
