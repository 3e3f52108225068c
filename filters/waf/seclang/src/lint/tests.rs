use super::*;
use crate::{ParseOptions, loader::NoFiles, parse};

#[test]
fn x() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../../shared/data/crs");
    let l = crate::loader::FileSystem::new(root);
    let s = parse("m", b"Include crs-setup.conf.example\nInclude rules/*.conf", &l, ParseOptions::default())
        .unwrap();
    for l in check(&s) {
        println!("{}", l.with_source());
    }
    let _ = NoFiles;
}
