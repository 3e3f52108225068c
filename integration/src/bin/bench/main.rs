//! `make bench-waf`, `make bench-filters`, one for each small filter and `make bench-sdk`: what a filter costs a real Envoy, between a real client and
//! a real upstream.
//!
//! All subjects run at once, one of them loaded at a time, in rounds that visit each for a fraction of a second. What
//! counts is the CPU time of the Envoy process for each request, and of that the difference to another subject within the same
//! round: whatever else the machine does meets both alike. Medians over rounds, with the quartiles.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "A broken expectation must stop the benchmark where it broke."
)]

mod chart;
mod filters;
mod load;
mod measure;
mod origin;
mod report;
mod requests;
mod sdk;
mod statistics;
mod subject;
mod waf;

use measure::Plan;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "usage: bench waf|filters|canary|affinity|authz|sdk [options]
  --rounds <n>       rounds; each visits every subject with every request (default 15)
  --slice <ms>       how long a visit lasts (default 300)
  --connections <n>  connections, each with one request at a time (default 8)
  --paranoia <level> the waf only: the paranoia level, 1 to 4; above 1 nothing is denied (default 1)
  --workers <n>      workers of each Envoy (default 1)
  --soak <n>         the waf only: so many requests more, over which memory is watched (default 0)
  --rest <s>         how long memory is given to fall after the load (default 60)
  --out <dir>        where the report goes (default docs/benchmarks)";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let what = arguments.next().unwrap_or_default();
    let Some((plan, out)) = options(arguments) else {
        eprintln!("{USAGE}");
        return ExitCode::FAILURE;
    };
    match what.as_str() {
        "waf" => waf::run(&plan, &out),
        "sdk" => sdk::run(&plan, &out),
        what if filters::is_known(what) => filters::run(what, &plan, &out),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn options(mut arguments: impl Iterator<Item = String>) -> Option<(Plan, PathBuf)> {
    let mut plan = Plan::default();
    let mut out = integration::paths::root().join("docs/benchmarks");
    while let Some(option) = arguments.next() {
        let value = arguments.next()?;
        let number = || value.parse::<u32>().ok().filter(|number| *number > 0);
        match option.as_str() {
            "--rounds" => plan.rounds = number()?,
            "--slice" => plan.slice = Duration::from_millis(number()?.into()),
            "--connections" => plan.connections = number()?,
            "--paranoia" => plan.paranoia = number().filter(|level| *level <= 4)?,
            "--workers" => plan.workers = number()?,
            "--soak" => plan.soak = value.parse().ok()?,
            "--rest" => plan.rest = Duration::from_secs(number()?.into()),
            "--out" => out = value.into(),
            _ => return None,
        }
    }
    Some((plan, out))
}
