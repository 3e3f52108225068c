//! Where the conformance data is.

use std::path::{Path, PathBuf};

/// A path in libinjection's part of the data, or a notice and `None` where it is absent.
pub(crate) fn data(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(3).unwrap();
    let data =
        std::env::var_os("PORTCULLIS_DATA").map_or_else(|| root.join("../shared/data"), |dir| root.join(dir));
    let path = data.join("libinjection").join(name);
    if path.exists() {
        Some(path)
    } else {
        println!("skipped: {} not present", path.display());
        None
    }
}
