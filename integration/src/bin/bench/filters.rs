//! The small filters, beside a filter that does nothing.

use super::chart::{self, Bar};
use super::measure::{self, Measured, Plan, Probe};
use super::report::{self, Table, megabytes, microseconds, seconds};
use super::statistics::Spread;
use super::subject::Subject;
use super::{origin, requests};
use integration::config::native;
use integration::paths;
use integration::prelude::*;
use std::path::Path;

const NONE: &str = "no filter";
const EMPTY: &str = "empty filter";
const CANARY: &str = "canary, 20 releases of 5 matches";
const AUTHZ: &str = "authz, 50 policies of 20 rules";
const LARGE_AUTHZ: &str = "authz, 1,000 policies of 20 rules";
const AFFINITY: &str = "affinity";
const SESSIONS: &str = "empty filter, stateful_session";

const PLAIN: &str = "browser's GET";
const PINNED: &str = "with its cookie";
const GUEST: &str = "without a cookie";

/// What is compared: a subject with what it stands on, the request, and the goal for what it adds, in microseconds.
const COMPARED: [(&str, &str, &str, Option<f64>); 6] = [
    (EMPTY, NONE, PLAIN, None),
    (CANARY, EMPTY, PLAIN, Some(10.0)),
    (AUTHZ, EMPTY, PLAIN, Some(10.0)),
    (LARGE_AUTHZ, EMPTY, PLAIN, Some(12.0)),
    (AFFINITY, SESSIONS, PINNED, Some(12.0)),
    (AFFINITY, SESSIONS, GUEST, Some(15.0)),
];

pub(crate) fn run(plan: &Plan, out: &Path) {
    let origin = origin::start();
    let start = |name, filters| Subject::start(name, filters, origin, plan.connections);
    let empty = || Value::from(Wasm::module("examples/empty").config(json!({})));
    let module = |name, config: Value| Value::from(Wasm::module(name).config(config));
    let subjects = [
        start(NONE, vec![]),
        start(EMPTY, vec![empty()]),
        start(CANARY, vec![module("canary", releases())]),
        start(AUTHZ, vec![module("authz", policies(50))]),
        start(LARGE_AUTHZ, vec![module("authz", policies(1000))]),
        start(SESSIONS, vec![empty(), stateful_session()]),
        start(AFFINITY, vec![module("affinity", session()), stateful_session()]),
    ];
    let target = "/service-49/items/17?page=2";
    let guest = requests::get(target, "");
    let (_, cookie) = subjects.last().map(|affinity| affinity.client.once(&guest)).unwrap_or_default();
    assert!(!cookie.is_empty(), "affinity sets a cookie");
    let probe = |name: &str, bytes, subjects: &[&'static str]| Probe {
        name: name.to_owned(),
        bytes,
        statuses: subjects.iter().map(|subject| (*subject, 200)).collect(),
    };
    let probes = [
        probe(PLAIN, guest.clone(), &[NONE, EMPTY, CANARY, AUTHZ, LARGE_AUTHZ]),
        probe(GUEST, guest, &[SESSIONS, AFFINITY]),
        probe(PINNED, requests::get(target, &cookie), &[SESSIONS, AFFINITY]),
    ];
    let measured = measure::run(&subjects, &probes, plan);
    let text = page(&subjects, &measured, plan);
    println!("\n{text}");
    report::write(out, "filters.md", &text);
    report::write(out, "filters.svg", &picture(&measured));
}

/// Services that each allow their own paths to one network, and keep their internal ones to themselves.
fn policies(count: usize) -> Value {
    let rule = |policy: usize, rule: usize| {
        let prefix = if rule == 0 { "items".to_owned() } else { format!("r{rule}") };
        json!({
            "from": [{"source": {"notIpBlocks": ["192.0.2.0/24"]}}],
            "to": [{"operation": {"methods": ["GET", "POST"], "paths": [format!("/service-{policy}/{prefix}/*")]}}],
        })
    };
    let policies: Vec<_> = (0..count)
        .map(|policy| {
            if policy % 10 == 9 && policy != 49 {
                let paths = (0..20).map(|rule| json!({"to": [{"operation": {"paths": [format!("/service-{policy}/internal-{rule}*")]}}]}));
                return json!({"name": format!("deny-{policy}"), "spec": {"action": "DENY", "rules": paths.collect::<Vec<_>>()}});
            }
            let rules: Vec<_> = (0..20).map(|index| rule(policy, index)).collect();
            json!({"name": format!("allow-{policy}"), "spec": {"rules": rules}})
        })
        .collect();
    json!({ "policies": policies })
}

/// Releases that each ask a header, a cookie, a share, a host and a path.
fn releases() -> Value {
    let releases: Vec<_> = (0..20)
        .map(|index| {
            json!({
                "name": format!("v{index}"),
                "by_header": {"name": format!("x-canary-{index}")},
                "by_cookie": {"name": format!("canary{index}")},
                "weight": 0.001,
                "key": [{"header": "x-user"}, {"cookie": "sid"}],
                "hosts": ["www.example.com"],
                "paths": [format!("/service-{}", 30 + index)],
            })
        })
        .collect();
    json!({ "releases": releases })
}

fn session() -> Value {
    json!({"keys": ["0123456789abcdef0123456789abcdef"], "audience": "shop"})
}

fn stateful_session() -> Value {
    let state = json!({
        "name": "envoy.http.stateful_session.header",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState",
            "name": "x-portcullis-endpoint",
        },
    });
    native(
        "envoy.filters.http.stateful_session",
        "stateful_session.v3.StatefulSession",
        json!({"session_state": state}),
    )
}

fn page(subjects: &[Subject], measured: &Measured, plan: &Plan) -> String {
    let mut cost =
        Table::new(&["filter", "request", "added CPU, us", "over", "goal, us", "CPU per request, us"]);
    for (subject, base, probe, goal) in COMPARED {
        let series = measured.series(subject, probe);
        cost.row([
            subject.to_owned(),
            probe.to_owned(),
            microseconds(measured.added(subject, base, probe)),
            base.to_owned(),
            goal.map(|goal| format!("{goal:.0}")).unwrap_or_default(),
            microseconds(Spread::of(series.cpu.iter().copied())),
        ]);
    }
    let mut state = Table::new(&[
        "filter",
        "ready after, s",
        "CPU until then, s",
        "memory when ready, MB",
        "after the load, MB",
    ]);
    for (subject, memory) in subjects.iter().zip(&measured.memory) {
        state.row([
            subject.name.to_owned(),
            seconds(subject.started_in),
            seconds(subject.start_cpu),
            megabytes(memory.at_start),
            megabytes(memory.after_rest),
        ]);
    }
    let mut size = Table::new(&["module", "size, KB"]);
    for name in ["canary", "affinity", "authz", "examples/deny", "examples/empty"] {
        let bytes = std::fs::metadata(paths::module(name)).map(|file| file.len()).unwrap_or_default();
        size.row([name.to_owned(), (bytes / 1000).to_string()]);
    }
    format!(
        "# What the small filters cost\n\n{}\n![Added CPU time](filters.svg)\n\n{cost}\n{state}\n{size}",
        report::method(plan, measured, "make bench-filters"),
    )
}

fn picture(measured: &Measured) -> String {
    let bar = |(subject, base, probe, goal): (&str, &str, &str, Option<f64>)| {
        let label = if subject == AFFINITY { format!("{subject}, {probe}") } else { subject.to_owned() };
        Bar { label, value: measured.added(subject, base, probe), goal }
    };
    chart::bars("Added CPU time per request, microseconds", &COMPARED.map(bar))
}
