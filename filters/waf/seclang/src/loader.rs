//! Where included files and data files come from.

mod files;
mod glob;
mod memory;

pub use files::FileSystem;
pub use memory::MemoryFiles;

use std::fmt;

/// Gives the parser the files of `Include`, and the engine those of `@pmFromFile`, `@ipMatchFromFile` and
/// `SecUnicodeMapFile`.
pub trait Loader {
    /// The names of the files that a path or glob means, in the order to read them. A glob that finds nothing gives
    /// none; a path without wildcards gives one name or fails.
    ///
    /// `from` is the name of the file in which the path stands: relative paths start at its directory.
    fn resolve(&self, path: &str, from: &str) -> Result<Vec<String>, LoadError>;

    /// The content of a file that [`Loader::resolve`] named.
    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError>;
}

impl<L: Loader + ?Sized> Loader for &L {
    fn resolve(&self, path: &str, from: &str) -> Result<Vec<String>, LoadError> {
        (**self).resolve(path, from)
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        (**self).read(name)
    }
}

/// Why a file can't be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// There is no such file. The text says where it was looked for, or what there is.
    NotFound(String),
    /// There are no files at all here.
    Unsupported,
    /// It exists but could not be read.
    Unreadable(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::NotFound(hint) if hint.is_empty() => f.write_str("there is no such file"),
            LoadError::NotFound(hint) => write!(f, "there is no such file ({hint})"),
            LoadError::Unsupported => f.write_str("files can not be read here"),
            LoadError::Unreadable(reason) => write!(f, "it can not be read: {reason}"),
        }
    }
}

impl std::error::Error for LoadError {}

/// A loader that has no files: every `Include` is an error.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl Loader for NoFiles {
    fn resolve(&self, _path: &str, _from: &str) -> Result<Vec<String>, LoadError> {
        Err(LoadError::Unsupported)
    }

    fn read(&self, _name: &str) -> Result<Vec<u8>, LoadError> {
        Err(LoadError::Unsupported)
    }
}

/// The path as seen from the file `from`: absolute paths and virtual names (`@...`) stay.
fn relative_to(path: &str, from: &str) -> String {
    match from.rsplit_once('/') {
        Some((directory, _)) if !path.starts_with(['/', '@']) => format!("{directory}/{path}"),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests;
