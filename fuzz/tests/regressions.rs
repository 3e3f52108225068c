//! What fuzzers have found, and what they start from, through the same checks.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

use portcullis_fuzz::{TARGETS, Target};

/// Every file in `regressions/<target>/` once broke the target.
#[test]
fn what_was_found_stays_mended() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut broken = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let target = TARGETS.iter().find(|target| target.name == name);
        let target = target.unwrap_or_else(|| panic!("regressions/{name} is of no target"));
        for file in fs::read_dir(entry.path()).unwrap() {
            let path = file.unwrap().path();
            count += 1;
            if !holds(target, &fs::read(&path).unwrap()) {
                broken.push(path.display().to_string());
            }
        }
    }
    assert!(broken.is_empty(), "{} of {count} are broken again:\n{}", broken.len(), broken.join("\n"));
}

/// Some of the inputs that each target starts from.
#[test]
fn seeds_hold() {
    let mut broken = Vec::new();
    for target in TARGETS {
        let seeds = (target.seeds)();
        let step = (seeds.len() / 50).max(1);
        for (index, seed) in seeds.iter().enumerate().step_by(step) {
            if !holds(target, seed) {
                broken.push(format!("{} {index}: {}", target.name, seed.escape_ascii()));
            }
        }
        // Bytes of every kind, none, and many.
        for input in [vec![], (0..=255).collect(), vec![b'a'; target.max_len], vec![0xff; 64]] {
            assert!(holds(target, &input), "{}: {}", target.name, input.escape_ascii());
        }
    }
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n"));
}

fn holds(target: &Target, input: &[u8]) -> bool {
    catch_unwind(|| (target.check)(input)).is_ok()
}
