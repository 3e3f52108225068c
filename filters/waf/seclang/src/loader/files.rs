//! Files on disk, for the command line and for tests.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::{LoadError, Loader, glob, relative_to};

/// The file system. Relative paths start at the directory of the including file, or, where nothing is found there,
/// at the base directory.
#[derive(Debug, Clone)]
pub struct FileSystem {
    base: PathBuf,
}

impl FileSystem {
    /// Looks relative paths up in this directory too.
    pub fn new(base: impl Into<PathBuf>) -> Self {
        FileSystem { base: base.into() }
    }
}

impl Loader for FileSystem {
    fn resolve(&self, path: &str, from: &str) -> Result<Vec<String>, LoadError> {
        let candidates = [relative_to(path, from), self.base.join(path).to_string_lossy().into_owned()];
        for candidate in &candidates {
            if glob::is_glob(candidate) {
                let found = expand(candidate);
                if !found.is_empty() {
                    return Ok(found);
                }
            } else if Path::new(candidate).is_file() {
                return Ok(vec![candidate.clone()]);
            }
        }
        if glob::is_glob(path) {
            return Ok(Vec::new());
        }
        Err(LoadError::NotFound(format!("looked for {}", candidates.join(" and "))))
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, LoadError> {
        fs::read(name).map_err(|error| match error.kind() {
            ErrorKind::NotFound => LoadError::NotFound(String::new()),
            _ => LoadError::Unreadable(error.to_string()),
        })
    }
}

/// The files that a glob finds, in the order of their names. Each segment of the path is matched on its own.
fn expand(pattern: &str) -> Vec<String> {
    let root = if pattern.starts_with('/') { "/" } else { "" };
    let mut found = vec![root.to_owned()];
    for segment in pattern.split('/').filter(|segment| !segment.is_empty()) {
        found = found.iter().flat_map(|directory| matching(directory, segment)).collect();
    }
    found.retain(|path| Path::new(path).is_file());
    found
}

fn matching(directory: &str, segment: &str) -> Vec<String> {
    let join = |name: &str| match directory {
        "" | "/" => format!("{directory}{name}"),
        _ => format!("{directory}/{name}"),
    };
    if !glob::is_glob(segment) {
        return vec![join(segment)];
    }
    let entries = fs::read_dir(if directory.is_empty() { "." } else { directory });
    let names =
        entries.into_iter().flatten().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    // As in a shell, a wildcard does not find hidden files.
    let visible = names.filter(|name| segment.starts_with('.') || !name.starts_with('.'));
    let mut found: Vec<String> = visible
        .filter(|name| glob::matches(segment.as_bytes(), name.as_bytes()))
        .map(|name| join(&name))
        .collect();
    found.sort();
    found
}
