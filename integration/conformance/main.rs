//! The conformance suites: `make conformance [SUITE=name] [DATA=dir]`.
//!
//! Each suite prints its progress and ends with a line `name: N passed, M failed, K skipped`. Failures that are known stand with
//! their reason in a committed list; the exit status says whether the lists are right.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a broken expectation must stop the run where it broke"
)]

mod authz;
mod blocking;
mod canary;
mod crs;
mod exchange;
mod in_process;
mod observed;
mod rbac;
mod signatures;
mod upstream;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Which tests of a suite to run.
enum Choice {
    All,
    /// Every nth, as a sample.
    Every(usize),
    /// Those whose name begins so; each is shown in full.
    Only(String),
}

/// What came of a suite.
struct Summary {
    passed: usize,
    failed: usize,
    skipped: usize,
    /// What else there is to say.
    note: String,
    /// What differs from the committed lists.
    problems: Vec<String>,
}

const USAGE: &str = "usage: conformance [SUITE [--every N | --only NAME]]";

struct Suite {
    name: &'static str,
    /// The folder of the data that it needs; empty for none.
    data: &'static str,
    run: Run,
}

enum Run {
    /// A package, and its test that runs the suite.
    InProcess(&'static str, &'static str),
    /// A package, and its unit tests whose names begin so.
    InUnitTests(&'static str, &'static str),
    Envoy(fn(&Path, &Choice) -> Summary),
    /// Scenarios of others rebuilt as tests in Envoy, whose names begin so, with the number of clients.
    InEnvoyTests(&'static [&'static str], u32),
}

const SUITES: &[Suite] = &[
    Suite {
        name: "libinjection",
        data: "libinjection",
        run: Run::InProcess("portcullis-libinjection", "conformance"),
    },
    Suite {
        name: "secrules",
        data: "secrules-language-tests",
        run: Run::InProcess("portcullis-engine", "secrules"),
    },
    Suite {
        name: "modsec",
        data: "modsecurity-regression",
        run: Run::InProcess("portcullis-engine", "modsec"),
    },
    Suite { name: "crs-engine", data: "crs-tests", run: Run::InProcess("portcullis-engine", "crs") },
    Suite { name: "crs", data: "crs-tests", run: Run::Envoy(crs::run) },
    Suite { name: "blocking", data: "crs", run: Run::Envoy(blocking::run) },
    // What needs no Envoy, and what does.
    Suite { name: "canary", data: "unleash", run: Run::InProcess("portcullis-canary-core", "unleash") },
    Suite { name: "canary", data: "derived", run: Run::Envoy(canary) },
    Suite {
        name: "affinity",
        data: "derived",
        run: Run::InProcess("portcullis-affinity-core", "conformance"),
    },
    Suite {
        name: "affinity",
        data: "",
        run: Run::InEnvoyTests(
            &["affinity::endpoints::sessions_follow_the_endpoints", "affinity::gateway::gep_1619"],
            1000,
        ),
    },
    Suite { name: "rbac", data: "istio/rbac-golden", run: Run::Envoy(rbac::suite) },
    Suite {
        name: "authz",
        data: "derived",
        run: Run::InUnitTests("portcullis-authz-core", "tests::foreign"),
    },
    Suite {
        name: "authz",
        data: "derived",
        run: Run::InUnitTests("portcullis-authz-core", "tests::normalization"),
    },
    Suite { name: "authz", data: "derived", run: Run::Envoy(authz::suite) },
    Suite { name: "jwt", data: "wycheproof", run: Run::InUnitTests("portcullis-jwt", "tests::foreign") },
    Suite { name: "jwt", data: "wycheproof", run: Run::Envoy(signatures::suite) },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (wanted, choice) = match arguments.as_slice() {
        [] | [""] => ("", Choice::All),
        [suite] => (*suite, Choice::All),
        [suite, "--every", step] => (*suite, Choice::Every(step.parse().expect(USAGE))),
        [suite, "--only", name] => (*suite, Choice::Only((*name).to_owned())),
        _ => panic!("{USAGE}"),
    };
    let suites: Vec<_> = SUITES.iter().filter(|suite| wanted.is_empty() || suite.name == wanted).collect();
    let names: Vec<_> = SUITES.iter().map(|suite| suite.name).collect();
    let names = names.join(", ");
    assert!(!suites.is_empty(), "no suite is named {wanted}: there are {names}");
    let good = suites.iter().filter(|suite| {
        let data =
            if suite.data.is_empty() { Some(PathBuf::new()) } else { integration::paths::data(suite.data) };
        let Some(data) = data else {
            println!("{}: skipped", suite.name);
            return true;
        };
        match suite.run {
            Run::InEnvoyTests(tests, clients) => in_process::run_in_envoy(suite.name, tests, clients),
            Run::InProcess(package, test) => in_process::run(suite.name, package, &["--test", test]),
            Run::InUnitTests(package, tests) => in_process::run(suite.name, package, &["--lib", tests]),
            Run::Envoy(run) => report(suite.name, &run(&data, &choice)),
        }
    });
    if good.count() == suites.len() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn canary(derived: &Path, _: &Choice) -> Summary {
    let rows = canary::run(derived);
    let failed = rows.failures.len();
    let note = " (ingress-nginx, Gateway API)".to_owned();
    Summary { passed: rows.passed, failed, skipped: 0, note, problems: rows.failures }
}

fn report(suite: &str, summary: &Summary) -> bool {
    let Summary { passed, failed, skipped, note, problems } = summary;
    problems.iter().for_each(|problem| println!("{problem}"));
    println!("{suite}: {passed} passed, {failed} failed, {skipped} skipped{note}");
    if !problems.is_empty() {
        println!("{suite}: {} differences from the committed lists", problems.len());
    }
    problems.is_empty()
}

/// Shows on a terminal how far a suite is.
fn progress(suite: &str, done: usize, all: usize) {
    if done.is_multiple_of(50) && std::io::stdout().is_terminal() {
        print!("\r{suite}: {done} of {all}\r");
        let _ = std::io::stdout().flush();
    }
}
