use std::path::PathBuf;

use super::*;
use crate::loader::{FileSystem, NoFiles};

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

#[test]
fn crs() {
    let Some(dir) = data("crs") else { return };
    let loader = FileSystem::new(&dir);
    let text = b"Include crs-setup.conf.example\nInclude rules/*.conf\n";
    let set = parse("x", text, &loader, ParseOptions { keep_trivia: true, ..Default::default() });
    let set = match set {
        Ok(set) => set,
        Err(errors) => {
            for error in &errors.0 {
                println!("{}", error.with_source());
            }
            panic!()
        }
    };
    println!("{} rules", set.rules().count());
    let _ = NoFiles;
}
