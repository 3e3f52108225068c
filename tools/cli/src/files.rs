//! Reading files that anybody may have written.

use crate::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Reads a file of at most `limit` bytes; `-` is standard input.
pub(crate) fn read(name: &str, limit: usize) -> Result<Vec<u8>, Error> {
    let unreadable = |source| Error::Unreadable { name: display(name).to_owned(), source };
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    if name == "-" {
        io::stdin().lock().take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    } else {
        let file = File::open(name).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        if length >= most {
            return Err(too_long(name, limit));
        }
        file.take(most).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    if bytes.len() > limit {
        return Err(too_long(name, limit));
    }
    Ok(bytes)
}

/// The files in directories that end so, and the other names as they are.
pub(crate) fn in_directories(names: &[String], extensions: &[&str]) -> Result<Vec<String>, Error> {
    let mut all = Vec::new();
    for name in names {
        if name != "-" && Path::new(name).is_dir() {
            walk(Path::new(name), extensions, &mut all)?;
        } else {
            all.push(name.clone());
        }
    }
    Ok(all)
}

fn walk(directory: &Path, extensions: &[&str], all: &mut Vec<String>) -> Result<(), Error> {
    let name = || directory.display().to_string();
    let unreadable = |source| Error::Unreadable { name: name(), source };
    let entries = std::fs::read_dir(directory).map_err(unreadable)?;
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>().map_err(unreadable)?;
    paths.sort();
    for path in paths {
        let is_hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        // Templates of a chart are no YAML before they are rendered.
        let is_templates = path.ends_with("templates") && directory.join("Chart.yaml").is_file();
        // A link may lead back here.
        if is_hidden || is_templates || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            walk(&path, extensions, all)?;
        } else if path.extension().is_some_and(|it| extensions.iter().any(|known| it == *known)) {
            all.push(path.display().to_string());
        }
    }
    Ok(())
}

/// What a file is called in messages.
pub(crate) fn display(name: &str) -> &str {
    if name == "-" { "standard input" } else { name }
}

fn too_long(name: &str, limit: usize) -> Error {
    let limit =
        if limit.is_multiple_of(1 << 20) { format!("{} MiB", limit >> 20) } else { format!("{limit} bytes") };
    Error::unusable(display(name), format!("too long, at most {limit} are read"))
}
