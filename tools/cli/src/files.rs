//! Reading files that anybody may have written.

use crate::error::Error;
use std::fs::File;
use std::io::{self, Read};

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

/// What a file is called in messages.
pub(crate) fn display(name: &str) -> &str {
    if name == "-" { "standard input" } else { name }
}

fn too_long(name: &str, limit: usize) -> Error {
    let limit =
        if limit.is_multiple_of(1 << 20) { format!("{} MiB", limit >> 20) } else { format!("{limit} bytes") };
    Error::unusable(display(name), format!("too long, at most {limit} are read"))
}
