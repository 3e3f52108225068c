//! The small filters, each or all, beside a filter that does nothing.

use super::chart::{self, Bar};
use super::measure::{self, Measured, Plan, Probe};
use super::report::{self, Table, megabytes, microseconds, seconds};
use super::statistics::Spread;
use super::subject::Subject;
use super::{origin, requests};
use integration::config::native;
use integration::jwks::{EXAMPLE_KEYS, EXAMPLE_TOKEN};
use integration::paths;
use integration::prelude::*;
use std::path::Path;

const NONE: &str = "no filter";
const EMPTY: &str = "empty filter";
const CANARY: &str = "canary, 20 releases of 5 matches";
const CANARY_RULES: &str = "canary, 20 releases of 5 rules";
const AUTHZ: &str = "authz, 50 policies of 20 rules";
const LARGE_AUTHZ: &str = "authz, 1,000 policies of 20 rules";
const TOKENS: &str = "authz, RS256";
const CACHED_TOKENS: &str = "authz, RS256, remembered";
const JWT_AUTHN: &str = "jwt_authn, RS256";
const CACHED_JWT_AUTHN: &str = "jwt_authn, RS256, cached";
const AFFINITY: &str = "affinity";
const SESSIONS: &str = "empty filter, stateful_session";

const PLAIN: &str = "browser's GET";
const BEARER: &str = "with a token";
const PINNED: &str = "with its cookie";
const GUEST: &str = "without a cookie";

/// A filter with what it stands on, the request, and the goal for what it adds, in microseconds.
#[derive(Clone, Copy)]
struct Comparison {
    /// The module, which is also the name of a benchmark of its own; empty for what belongs to each of them.
    module: &'static str,
    subject: &'static str,
    base: &'static str,
    probe: &'static str,
    goal: Option<f64>,
}

#[rustfmt::skip]
const COMPARISONS: [Comparison; 9] = [
    Comparison { module: "", subject: EMPTY, base: NONE, probe: PLAIN, goal: None },
    Comparison { module: "canary", subject: CANARY, base: EMPTY, probe: PLAIN, goal: Some(10.0) },
    Comparison { module: "canary", subject: CANARY_RULES, base: EMPTY, probe: PLAIN, goal: Some(10.0) },
    Comparison { module: "authz", subject: AUTHZ, base: EMPTY, probe: PLAIN, goal: Some(10.0) },
    Comparison { module: "authz", subject: LARGE_AUTHZ, base: EMPTY, probe: PLAIN, goal: Some(12.0) },
    Comparison { module: "authz", subject: TOKENS, base: JWT_AUTHN, probe: BEARER, goal: Some(0.0) },
    Comparison { module: "authz", subject: CACHED_TOKENS, base: CACHED_JWT_AUTHN, probe: BEARER, goal: Some(5.0) },
    Comparison { module: "affinity", subject: AFFINITY, base: SESSIONS, probe: PINNED, goal: Some(12.0) },
    Comparison { module: "affinity", subject: AFFINITY, base: SESSIONS, probe: GUEST, goal: Some(15.0) },
];

#[rustfmt::skip]
const SUBJECTS: [&str; 12] = [
    NONE, EMPTY, CANARY, CANARY_RULES, AUTHZ, LARGE_AUTHZ, JWT_AUTHN, TOKENS, CACHED_JWT_AUTHN, CACHED_TOKENS,
    SESSIONS, AFFINITY,
];

/// All of them.
pub(crate) const ALL: &str = "filters";

/// Whether there is something to measure of that name.
pub(crate) fn is_known(what: &str) -> bool {
    what == ALL || COMPARISONS.iter().any(|comparison| !what.is_empty() && comparison.module == what)
}

/// Measures one module, or [`ALL`].
pub(crate) fn run(what: &str, plan: &Plan, out: &Path) {
    let compared: Vec<_> = COMPARISONS
        .into_iter()
        .filter(|comparison| [what, ""].contains(&comparison.module) || what == ALL)
        .collect();
    let takes_part = |subject: &str| compared.iter().any(|it| [it.subject, it.base].contains(&subject));
    let origin = origin::start();
    let names = SUBJECTS.into_iter().filter(|name| takes_part(name));
    let subjects: Vec<_> = names.map(|name| Subject::start(name, filters(name), origin, plan)).collect();
    let target = "/service-49/items/17?page=2";
    let guest = requests::get(target, "");
    let probe = |name: &'static str, bytes| Probe {
        name: name.to_owned(),
        bytes,
        number: None,
        statuses: subjects
            .iter()
            .map(|subject| subject.name)
            .filter(|subject| {
                compared.iter().any(|it| it.probe == name && [it.subject, it.base].contains(subject))
            })
            .map(|subject| (subject, 200))
            .collect(),
    };
    let mut bearer = requests::get(target, "");
    bearer.truncate(bearer.len() - 2);
    bearer.extend_from_slice(format!("Authorization: Bearer {EXAMPLE_TOKEN}\r\n\r\n").as_bytes());
    let mut probes = vec![probe(PLAIN, guest.clone()), probe(BEARER, bearer)];
    probes.retain(|probe| !probe.statuses.is_empty());
    if let Some(affinity) = subjects.iter().find(|subject| subject.name == AFFINITY) {
        let (_, cookie) = affinity.client.once(&guest);
        assert!(!cookie.is_empty(), "affinity sets a cookie");
        probes.extend([probe(GUEST, guest), probe(PINNED, requests::get(target, &cookie))]);
    }
    let measured = measure::run(&subjects, &probes, plan);
    let text = page(what, &compared, &subjects, &measured, plan);
    println!("\n{text}");
    report::write(out, &format!("{what}.md"), &text);
    report::write(out, &format!("{what}.svg"), &picture(&compared, &measured));
}

fn filters(subject: &str) -> Vec<Value> {
    let module = |name, config: Value| Value::from(Wasm::module(name).config(config));
    let empty = || module("examples/empty", json!({}));
    match subject {
        EMPTY => vec![empty()],
        CANARY => vec![module("canary", matches())],
        CANARY_RULES => vec![module("canary", rules())],
        AUTHZ => vec![module("authz", policies(50))],
        LARGE_AUTHZ => vec![module("authz", policies(1000))],
        TOKENS => vec![module("authz", tokens(0))],
        CACHED_TOKENS => vec![module("authz", tokens(100))],
        JWT_AUTHN => vec![jwt_authn(json!({}))],
        CACHED_JWT_AUTHN => vec![jwt_authn(json!({"jwt_cache_config": {"jwt_cache_size": 100}}))],
        SESSIONS => vec![empty(), stateful_session()],
        AFFINITY => vec![module("affinity", session()), stateful_session()],
        _ => vec![],
    }
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

/// Tokens of one issuer, of which the filter remembers this many.
fn tokens(cache_size: usize) -> Value {
    let rule = json!({"issuer": "https://issuer.example", "jwks": EXAMPLE_KEYS});
    json!({
        "jwt_cache_size": cache_size,
        "request_authentication": [{"name": "issuer", "spec": {"jwtRules": [rule]}}],
    })
}

/// The same by Envoy's own filter, set up with these members of its provider.
fn jwt_authn(members: Value) -> Value {
    let mut provider =
        json!({"issuer": "https://issuer.example", "local_jwks": {"inline_string": EXAMPLE_KEYS}});
    provider.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let requires =
        json!({"requires_any": {"requirements": [{"provider_name": "issuer"}, {"allow_missing": {}}]}});
    native(
        "jwt_authn",
        "jwt_authn.v3.JwtAuthentication",
        json!({"providers": {"issuer": provider}, "rules": [{"match": {"prefix": "/"}, "requires": requires}]}),
    )
}

/// Releases that each take what one of five tests finds; the request passes none of them, so all are asked.
fn matches() -> Value {
    let releases: Vec<_> = (0..20)
        .map(|index| {
            json!({
                "name": format!("v{index}"),
                "match": {"any": [
                    {"header": {"name": format!("x-tier-{index}"), "exact": "gold"}},
                    {"cookie": {"name": format!("beta{index}"), "present": true}},
                    {"query": {"name": format!("preview{index}"), "exact": "1"}},
                    {"path": {"prefix": format!("/preview-{index}")}},
                    {"header": {"name": "user-agent", "contains": format!("Tester/{index}.")}},
                ]},
            })
        })
        .collect();
    json!({ "releases": releases })
}

/// Releases that each ask a header, a cookie, a share, a host and a path.
fn rules() -> Value {
    let releases: Vec<_> = (0..20)
        .map(|index| {
            json!({
                "name": format!("v{index}"),
                "by_header": {"name": format!("x-canary-{index}")},
                "by_cookie": {"name": format!("canary{index}")},
                "weight": 0.001,
                "key": [{"header": "x-user"}, {"cookie": "sid"}],
                "hosts": ["www.example.com"],
                "paths": ["/service-49"],
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

fn page(
    what: &str,
    compared: &[Comparison],
    subjects: &[Subject],
    measured: &Measured,
    plan: &Plan,
) -> String {
    let mut cost = Table::new(&[
        "filter",
        "request",
        "added CPU, us",
        "least disturbed, us",
        "over",
        "goal, us",
        "CPU per request, us",
    ]);
    for &Comparison { subject, base, probe, goal, .. } in compared {
        let series = measured.series(subject, probe);
        cost.row([
            subject.to_owned(),
            probe.to_owned(),
            microseconds(measured.added(subject, base, probe)),
            format!("{:.1}", measured.added_undisturbed(subject, base, probe)),
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
    let modules = ["canary", "affinity", "authz", "examples/deny", "examples/empty"];
    for name in modules.into_iter().filter(|name| what == ALL || [what, "examples/empty"].contains(name)) {
        let bytes = std::fs::metadata(paths::module(name)).map(|file| file.len()).unwrap_or_default();
        size.row([name.to_owned(), (bytes / 1000).to_string()]);
    }
    format!(
        "# What {} cost{}\n\n{}\n![Added CPU time]({what}.svg)\n\n{cost}\n{state}\n{size}",
        if what == ALL { "the small filters" } else { what },
        if what == ALL { "" } else { "s" },
        report::method(plan, measured, &format!("make bench-{what}")),
    )
}

fn picture(compared: &[Comparison], measured: &Measured) -> String {
    let bar = |&Comparison { subject, base, probe, goal, .. }: &Comparison| {
        let label = if subject == AFFINITY { format!("{subject}, {probe}") } else { subject.to_owned() };
        Bar { label, value: measured.added(subject, base, probe), goal }
    };
    let bars: Vec<_> = compared.iter().map(bar).collect();
    chart::bars("Added CPU time per request, microseconds", &bars)
}
