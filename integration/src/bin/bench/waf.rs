//! The waf with the Core Rule Set, beside an Envoy without a filter and one with a filter that does nothing.

use super::chart::{self, Bar};
use super::measure::{self, Measured, Plan, Probe};
use super::report::{self, Table, megabytes, microseconds, seconds};
use super::statistics::Spread;
use super::subject::Subject;
use super::{origin, requests};
use integration::paths;
use integration::prelude::*;
use std::path::Path;

const NONE: &str = "no filter";
const EMPTY: &str = "empty filter";
const WAF: &str = "waf";

/// A GET of an address that has not come before, which the waf does not recall.
const ELSEWHERE: &str = "get elsewhere";

/// The goals: added CPU time over no filter in microseconds, and requests per second relative to it.
const GOALS: [(&str, f64, f64); 3] = [("get", 50.0, 0.5), ("form", 80.0, 0.4), ("json", 400.0, 0.12)];

/// At higher paranoia levels the added time may be so many times the goal; there is no goal for requests per second.
const HIGHER_LEVELS: f64 = 3.0;

fn added_goal(probe: &str, plan: &Plan) -> Option<f64> {
    let (_, goal, _) = GOALS.iter().find(|(name, ..)| *name == probe)?;
    Some(if plan.paranoia == 1 { *goal } else { goal * HIGHER_LEVELS })
}

pub(crate) fn run(plan: &Plan, out: &Path) {
    let origin = origin::start();
    let start = |name, filters| Subject::start(name, filters, origin, plan);
    let subjects = [
        start(NONE, vec![]),
        start(EMPTY, vec![Wasm::module("examples/empty").config(json!({})).into()]),
        start(WAF, vec![waf(plan.paranoia).into()]),
    ];
    let probe = |name: &str, bytes, number, judged| Probe {
        name: name.to_owned(),
        bytes,
        number,
        statuses: vec![(NONE, 200), (EMPTY, 200), (WAF, judged)],
    };
    let probes = |requests: [(&'static str, Vec<u8>); 3], judged| {
        requests.map(|(name, bytes)| probe(name, bytes, None, judged))
    };
    let (elsewhere, number) = requests::elsewhere();
    let probes: Vec<_> = probes(requests::benign(paths::data("bench-requests").as_deref()), 200)
        .into_iter()
        .chain([probe(ELSEWHERE, elsewhere, Some(number), 200)])
        .chain(probes(requests::hostile(), if plan.paranoia == 1 { 403 } else { 200 }))
        .collect();
    let measured = measure::run(&subjects, &probes, plan);
    let soaked = if plan.soak == 0 { Vec::new() } else { measure::soak(&subjects[2], &probes, plan) };
    let name = name(plan);
    let text = page(&subjects, &probes, &measured, plan, &name) + &soak_table(&soaked);
    println!("\n{text}");
    report::write(out, &format!("{name}.md"), &text);
    report::write(out, &format!("{name}.svg"), &picture(&measured, plan));
}

/// The pages of other runs than the plain one have names of their own.
fn name(plan: &Plan) -> String {
    let mut name = "waf".to_owned();
    if plan.paranoia != 1 {
        name += &format!("-paranoia-{}", plan.paranoia);
    }
    if plan.workers != 1 {
        name += &format!("-{}-workers", plan.workers);
    }
    name
}

fn soak_table(points: &[(u64, u64)]) -> String {
    if points.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["requests", "memory of the waf's Envoy, MB"]);
    for (sent, memory) in points {
        table.row([sent.to_string(), megabytes(*memory)]);
    }
    format!(
        "\n{table}\nOver the second half memory grows by {:.3} bytes for each request.\n",
        measure::slope(points)
    )
}

/// The Core Rule Set as it comes: all rules, bodies inspected, but blocking. Above paranoia level 1 ordinary requests match rules,
/// so there no score is high enough to be denied.
fn waf(paranoia: u32) -> Wasm {
    let level = format!(
        "SecAction \"id:900000,phase:1,pass,t:none,nolog,setvar:tx.blocking_paranoia_level={paranoia}{}\"",
        if paranoia == 1 { "" } else { ",setvar:tx.inbound_anomaly_score_threshold=100000" }
    );
    let directives = [
        "Include @recommended-conf",
        "SecRuleEngine On",
        "Include @crs-setup-conf",
        &level,
        "Include @owasp_crs/*.conf",
    ];
    Wasm::module("waf").config(json!({"directives_map": {"default": directives}}))
}

fn page(subjects: &[Subject], probes: &[Probe], measured: &Measured, plan: &Plan, name: &str) -> String {
    let mut cost = Table::new(&[
        "request",
        "filter",
        "CPU per request, us",
        "added over no filter, us",
        "goal, us",
        "requests/s",
        "of no filter",
        "goal",
        "p50, us",
        "p99, us",
    ]);
    for probe in probes {
        let rate_goal = GOALS.iter().find(|(name, ..)| *name == probe.name && plan.paranoia == 1);
        for (subject, _) in &probe.statuses {
            let series = measured.series(subject, &probe.name);
            let rate = Spread::of(series.rate.iter().copied()).median;
            let base = Spread::of(measured.series(NONE, &probe.name).rate.iter().copied()).median;
            let is_waf = *subject == WAF;
            let when = |shown: bool, text: String| if shown { text } else { String::new() };
            cost.row([
                probe.name.clone(),
                (*subject).to_owned(),
                microseconds(Spread::of(series.cpu.iter().copied())),
                when(*subject != NONE, microseconds(measured.added(subject, NONE, &probe.name))),
                added_goal(&probe.name, plan)
                    .filter(|_| is_waf)
                    .map(|goal| format!("{goal:.0}"))
                    .unwrap_or_default(),
                format!("{rate:.0}"),
                when(*subject != NONE, format!("{:.0}%", 100.0 * rate / base)),
                rate_goal
                    .filter(|_| is_waf)
                    .map(|goal| format!("{:.0}%", 100.0 * goal.2))
                    .unwrap_or_default(),
                format!("{:.0}", series.latency(0.5)),
                format!("{:.0}", series.latency(0.99)),
            ]);
        }
    }
    let mut state = Table::new(&[
        "filter",
        "ready after, s",
        "CPU until then, s",
        "memory when ready, MB",
        "after the first round, MB",
        "after the load, MB",
        "after the rest, MB",
        "requests",
    ]);
    for (subject, memory) in subjects.iter().zip(&measured.memory) {
        let series = measured.series.iter().filter(|series| series.subject == subject.name);
        let last = memory.by_round.last().copied().unwrap_or_default();
        state.row([
            subject.name.to_owned(),
            seconds(subject.started_in),
            seconds(subject.start_cpu),
            megabytes(memory.at_start),
            megabytes(memory.by_round.first().copied().unwrap_or_default()),
            megabytes(last),
            megabytes(memory.after_rest),
            series.map(measure::Series::requests).sum::<usize>().to_string(),
        ]);
    }
    format!(
        "# What the waf costs\n\n{}\nThe waf runs the Core Rule Set at paranoia level {}: all rules, request and response bodies inspected, blocking on. Each request comes again and again, as addresses and clients of a site do, but for `{ELSEWHERE}`: a GET like the first, of another address each time. {}\n\n![Added CPU time]({name}.svg)\n\n{cost}\n\
         The goals for starting and for memory: ready 0.8 s after Envoy without the filter, and 25 MB over the empty \
         filter after load.\n\n{state}",
        report::method(plan, measured, "make bench-waf"),
        plan.paranoia,
        if plan.paranoia == 1 {
            "It denies the last three requests, which the others pass on: what it adds there is less what the upstream would have cost."
        } else {
            "The threshold is so high that nothing is denied."
        },
    )
}

fn picture(measured: &Measured, plan: &Plan) -> String {
    let bars = GOALS.iter().flat_map(|(probe, ..)| {
        let bar =
            |label: String, subject| Bar { label, value: measured.added(subject, NONE, probe), goal: None };
        [
            bar(format!("{probe}, empty filter"), EMPTY),
            Bar { goal: added_goal(probe, plan), ..bar(format!("{probe}, waf"), WAF) },
        ]
    });
    chart::bars("Added CPU time per request, microseconds", &bars.collect::<Vec<_>>())
}
