//! What the SDK costs a filter: a filter that does nothing beside one that is written with the proxy-wasm crate, the calls between
//! host and module, the hello example's size, and how long native tests take.

use super::load::Client;
use super::measure::{self, Measured, Plan, Probe};
use super::report::{self, Table, microseconds};
use super::statistics::Spread;
use super::subject::Subject;
use super::{origin, requests};
use integration::paths;
use integration::prelude::*;
use sdk_shim::Filter;
use sdk_shim_testing::Chunking;
use sdk_shim_testing::scenario::File;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

/// So many of a filter stand in a row: what one costs is far below what two requests differ by.
const IN_A_ROW: usize = 20;

const NONE: &str = "no filter";
const RAW: &str = "proxy-wasm crate";
const SDK: &str = "sdk-shim";

const PROBE: &str = "browser's GET";

/// Measures, and writes `sdk.md`.
pub(crate) fn run(plan: &Plan, out: &Path) {
    let origin = origin::start();
    let subjects = [NONE, RAW, SDK].map(|name| Subject::start(name, filters(name), origin, plan));
    let request = requests::get("/service-49/items/17?page=2", "");
    let statuses = subjects.iter().map(|subject| (subject.name, 200)).collect();
    let probes = [Probe { name: PROBE.to_owned(), bytes: request.clone(), number: None, statuses }];
    let measured = measure::run(&subjects, &probes, plan);
    let calls = [RAW, SDK].map(|name| Calls::of(name, &request, origin));
    let text = page(&measured, &calls, plan);
    println!("\n{text}");
    report::write(out, "sdk.md", &text);
}

fn filters(subject: &str) -> Vec<Value> {
    match subject {
        RAW => vec![Wasm::module("examples/proxy_wasm").into(); IN_A_ROW],
        SDK => vec![Wasm::module("examples/empty").config(json!({})).into(); IN_A_ROW],
        _ => Vec::new(),
    }
}

/// The calls between host and module for one request, in either direction, by name.
struct Calls {
    subject: &'static str,
    into_module: Vec<String>,
    into_host: Vec<String>,
}

impl Calls {
    /// As Envoy logs them.
    fn of(subject: &'static str, request: &[u8], origin: SocketAddr) -> Self {
        let listener = Listener::new("main").filter(filters(subject).remove(0)).route_to("origin");
        let config = Config::new().without_access_log().log_level("wasm:trace");
        let envoy = config.cluster(Cluster::new("origin", [origin]).http1()).listener(listener).start();
        let before = envoy.log().len();
        assert_eq!(Client::connect(envoy.address("main"), 1).once(request).0, 200);
        envoy.wait_for_log("[host->vm] proxy_on_delete(");
        let log = envoy.log();
        let names = |mark: &str| -> Vec<String> {
            let calls =
                log.get(before..).unwrap_or_default().lines().filter_map(|line| line.split_once(mark));
            calls.map(|(_, call)| call.split('(').next().unwrap_or_default().to_owned()).collect()
        };
        Self { subject, into_module: names("[host->vm] "), into_host: names("[vm->host] ") }
    }
}

/// How long the scenario file of an example takes natively.
struct NativeTest {
    example: &'static str,
    exchanges: usize,
    took: Spread,
}

impl NativeTest {
    fn of<F: Filter>(example: &'static str, scenarios: &str) -> Self {
        let file = File::parse(scenarios).expect("the example's own tests read it");
        let late = if file.callouts.is_empty() { 1 } else { 2 };
        let times = (0..20).map(|_| {
            let begun = Instant::now();
            let failures = file.check::<F>();
            let took = begun.elapsed();
            assert!(failures.is_empty(), "{example}: {failures:#?}");
            milliseconds(took)
        });
        Self {
            example,
            exchanges: file.scenarios.len() * Chunking::ALL.len() * late,
            took: Spread::of(times),
        }
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

macro_rules! native_tests {
    ($($example:ident: $filter:ident, $source:literal, $scenarios:literal;)*) => {
        $(
            #[allow(unreachable_pub, reason = "an example is a crate of its own")]
            #[path = $source]
            mod $example;
        )*

        fn native_tests() -> Vec<NativeTest> {
            vec![$(NativeTest::of::<$example::$filter>(stringify!($example), include_str!($scenarios))),*]
        }
    };
}

native_tests! {
    deny: Deny, "../../../../sdk-shim/examples/deny.rs", "../../../../sdk-shim/examples/deny.toml";
    fault: Fault, "../../../../sdk-shim/examples/fault.rs", "../../../../sdk-shim/examples/fault.toml";
    rewrite: Rewrite, "../../../../sdk-shim/examples/rewrite.rs", "../../../../sdk-shim/examples/rewrite.toml";
    two_callouts: Plan, "../../../../sdk-shim/examples/two_callouts.rs", "../../../../sdk-shim/examples/two_callouts.toml";
    groups: Groups, "../../../../sdk-shim/examples/groups.rs", "../../../../sdk-shim/examples/groups.toml";
}

fn page(measured: &Measured, calls: &[Calls], plan: &Plan) -> String {
    let mut cost = Table::new(&[
        "filter that does nothing",
        "CPU per request, us",
        "one filter, us",
        "more than with the crate, us",
        "least disturbed, us",
        "goal, us",
    ]);
    let each = |spread: Spread| {
        let share = IN_A_ROW as f64;
        Spread { low: spread.low / share, median: spread.median / share, high: spread.high / share }
    };
    let added = |subject, base| fine(each(measured.added(subject, base, PROBE)));
    for subject in [NONE, RAW, SDK] {
        let whole = microseconds(Spread::of(measured.series(subject, PROBE).cpu.iter().copied()));
        let least = || measured.added_undisturbed(SDK, RAW, PROBE) / IN_A_ROW as f64;
        let is_sdk = subject == SDK;
        cost.row([
            if subject == NONE { subject.to_owned() } else { format!("{IN_A_ROW} of them, {subject}") },
            whole,
            if subject == NONE { String::new() } else { added(subject, NONE) },
            if is_sdk { added(SDK, RAW) } else { String::new() },
            if is_sdk { format!("{:.2}", least()) } else { String::new() },
            if is_sdk { "1".to_owned() } else { String::new() },
        ]);
    }
    let mut called = Table::new(&["one of them", "host to module", "module to host", "which"]);
    for Calls { subject, into_module, into_host } in calls {
        let mut names = into_module.clone();
        names.extend_from_slice(into_host);
        called.row([
            (*subject).to_owned(),
            into_module.len().to_string(),
            into_host.len().to_string(),
            names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        ]);
    }
    let mut size = Table::new(&["module", "size, KB", "goal, KB"]);
    for (what, module, goal) in [
        ("a filter that does nothing, proxy-wasm crate", "examples/proxy_wasm", ""),
        ("a filter that does nothing, sdk-shim", "examples/empty", ""),
        ("the hello example: a header, with its configuration", "examples/deny", "150"),
    ] {
        let bytes = std::fs::metadata(paths::module(module)).expect("it was loaded").len();
        size.row([what.to_owned(), format!("{:.1}", bytes as f64 / 1e3), goal.to_owned()]);
    }
    let mut native = Table::new(&["example", "exchanges", "all of them, ms", "one, ms", "goal, ms"]);
    for NativeTest { example, exchanges, took } in native_tests() {
        native.row([
            example.to_owned(),
            exchanges.to_string(),
            fine(took),
            format!("{:.3}", took.median / exchanges as f64),
            "10".to_owned(),
        ]);
    }
    let mut text = format!("# What the SDK costs\n\n{}\n", report::method(plan, measured, "make bench-sdk"));
    let _ = write!(
        text,
        "The filters do nothing: one is [written with the proxy-wasm crate](../../integration/proxy-wasm/src/lib.rs), one [with \
         the SDK](../../sdk-shim/examples/empty.rs). {IN_A_ROW} of one stand in a row, because what one costs is below what \
         requests differ by.\n\n{cost}\n## Calls between host and module for a request\n\nAs Envoy logs them at `wasm:trace`. The \
         SDK's filter reads its configuration once, when it loads.\n\n{called}\n## Modules\n\n{size}\n## Native tests\n\nThe \
         scenario file of an example on the test host, unoptimised as in `cargo test`: every scenario with every way to cut \
         bodies, and with answers of services that come late. Medians of 20 runs, quartiles in brackets.\n\n{native}"
    );
    text
}

/// A median with its quartiles, to the hundredth.
fn fine(spread: Spread) -> String {
    format!("**{:.2}** ({:.2} to {:.2})", spread.median, spread.low, spread.high)
}
