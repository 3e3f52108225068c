//! What the tool prints, as files in `tests/` and the documentation have it. `TRYCMD=overwrite` writes it anew.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::process::Command;

/// The Core Rule Set whose scores and lines docs/explain.md shows.
const CORE_RULE_SET: &str = "OWASP_CRS/4.29.0-dev";

#[test]
fn output() {
    let cases = trycmd::TestCases::new();
    cases.case("tests/*.trycmd").case("../../docs/cli.md");
    let info = Command::new(env!("CARGO_BIN_EXE_portcullis")).args(["crs", "info"]).output().unwrap();
    if String::from_utf8_lossy(&info.stdout).contains(CORE_RULE_SET) {
        cases.case("../../docs/explain.md");
    } else {
        println!("skipped: docs/explain.md, because the tool was built without {CORE_RULE_SET}");
    }
}
