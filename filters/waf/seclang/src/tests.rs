//! Tests on the conformance data: the CRS and ModSecurity's regression suite. Those of a single piece of syntax are in
//! `syntax`.

mod crs;
mod regression;
mod syntax;

use std::path::PathBuf;

use super::*;

/// A file or folder of the conformance data, or none, after saying so.
fn data(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("PORTCULLIS_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/data")),
        PathBuf::from,
    );
    let path = root.join(path);
    if !path.exists() {
        println!("skipped: {} not present", path.display());
        return None;
    }
    Some(path)
}

/// Prints all errors with their lines, then fails.
fn fail(errors: &ParseErrors) -> ! {
    for error in &errors.0 {
        println!("{}", error.with_source());
    }
    panic!("{} errors", errors.0.len());
}
