//! Suites that need no Envoy are tests of the crate that they are about: `cargo test` runs them.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Runs tests of a package and prints what it says of its suites. False if it failed.
pub(crate) fn run(suite: &str, package: &str, tests: &[&str]) -> bool {
    println!("{suite}: cargo test --package {package} {}", tests.join(" "));
    let mut cargo = cargo_test(package);
    show(cargo.args(tests).args(["--", "--nocapture"]))
}

/// The same for tests that run Envoy themselves, with so many clients.
pub(crate) fn run_in_envoy(suite: &str, tests: &[&str], clients: u32) -> bool {
    println!("{suite}: {} with {clients} clients", tests.join(", "));
    let mut cargo = cargo_test("integration");
    cargo.env("PORTCULLIS_CLIENTS", clients.to_string()).args([
        "--test",
        "main",
        "--",
        "--nocapture",
        "--exact",
    ]);
    show(cargo.args(tests))
}

fn cargo_test(package: &str) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet", "--package", package]);
    cargo
}

fn show(cargo: &mut Command) -> bool {
    let mut cargo =
        cargo.current_dir(integration::paths::root()).stdout(Stdio::piped()).spawn().expect("cargo runs");
    let output = cargo.stdout.take().expect("it is piped");
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if line.contains(" passed, ") || line.starts_with("skipped: ") {
            // cargo's dots are on the same line.
            println!("{}", line.trim_start_matches('.'));
        }
    }
    cargo.wait().expect("cargo ends").success()
}
