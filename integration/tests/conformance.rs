//! A sample of the conformance suites. `make conformance` runs them whole.

use integration::paths;
use std::process::Command;

#[test]
fn a_sample_of_the_core_rule_sets_tests_comes_out_as_listed() {
    if paths::data("crs-tests").is_none() || paths::data("crs").is_none() {
        return;
    }
    sample("crs", "10");
}

#[test]
fn a_sample_of_random_requests_is_judged_as_by_rbac() {
    if paths::data("istio/rbac-golden").is_some() {
        sample("rbac", "20");
    }
}

/// Runs one in `every` tests of a suite.
fn sample(suite: &str, every: &str) {
    let sample = Command::new(env!("CARGO_BIN_EXE_conformance")).args([suite, "--every", every]).output();
    let sample = sample.expect("the runner runs");
    let text = String::from_utf8_lossy(&sample.stdout);
    println!("{text}");
    assert!(sample.status.success(), "{}", String::from_utf8_lossy(&sample.stderr));
}
