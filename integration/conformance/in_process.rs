//! Suites that need no Envoy are tests of the crate that they are about: `cargo test` runs them.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Runs tests of a package and prints what it says of its suites. False if it failed.
pub(crate) fn run(suite: &str, package: &str, tests: &[&str]) -> bool {
    println!("{suite}: cargo test --package {package} {}", tests.join(" "));
    let mut cargo = Command::new("cargo")
        .args(["test", "--quiet", "--package", package])
        .args(tests)
        .args(["--", "--nocapture"])
        .current_dir(integration::paths::root())
        .stdout(Stdio::piped())
        .spawn()
        .expect("cargo runs");
    let output = cargo.stdout.take().expect("it is piped");
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if line.contains(" passed, ") || line.starts_with("skipped: ") {
            // cargo's dots are on the same line.
            println!("{}", line.trim_start_matches('.'));
        }
    }
    cargo.wait().expect("cargo ends").success()
}
