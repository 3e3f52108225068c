//! The Core Rule Set's own tests, through the waf module in a real Envoy.
//!
//! The rules run as the tests want them: DetectionOnly at paranoia level 4 (`@ftw-conf`). Where Apache, for which the tests
//! are written, and nginx with ModSecurity v3 answer differently, nginx's answer counts too (`nginx-overrides.yaml`).
//! What Envoy does before any filter sees a request counts as `envoy`: `crs-envoy.txt` lists it, and it is checked. See [`effects`].

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use integration::prelude::*;
use suites::Known;
use suites::ftw::{self, Overrides, Test};

use crate::exchange::exchange;
use crate::observed::Observed;
use crate::upstream;
use crate::{Choice, Summary, progress};

/// Connections at a time.
const CONNECTIONS: usize = 8;
const WORKERS: u32 = 2;

/// Runs the tests below `data`.
pub(crate) fn run(data: &Path, choice: &Choice) -> Summary {
    let mut tests: Vec<Test> = ftw::load(data);
    match choice {
        Choice::All => {}
        Choice::Every(step) => tests = tests.into_iter().step_by(*step).collect(),
        Choice::Only(name) => tests.retain(|test| test.name.starts_with(name)),
    }
    let overrides = Overrides::load(&data.join("nginx-overrides.yaml"));
    let upstream = Upstream::start("albedo");
    upstream.answer_with(upstream::answer);
    let envoy = configuration(&upstream).start();
    let mut seen = observe(&envoy, &upstream, &tests.iter().collect::<Vec<_>>());
    for (test, seen) in tests.iter().zip(&mut seen) {
        let may_retry = test.stages.iter().any(|stage| stage.output.may_retry());
        if may_retry && !differences(test, seen, &overrides).is_empty() {
            *seen = observe(&envoy, &upstream, &[test]).remove(0);
        }
    }
    if matches!(choice, Choice::Only(_)) {
        show(&tests, &seen);
    }
    envoy.assert_no_vm_failure();
    judge(&tests, &seen, &overrides)
}

/// Envoy as lenient as it can be, so that the rules see what clients send. `docs/waf.md` recommends it.
fn configuration(upstream: &Upstream) -> Config {
    let directives = json!([
        "Include @recommended-conf",
        "Include @crs-setup-conf",
        "Include @ftw-conf",
        "SecRequestBodyLimit 1000000",
        "Include @owasp_crs/*.conf",
    ]);
    let http1 = json!({
        "accept_http_10": true,
        "allow_chunked_length": true,
        "allow_custom_methods": true,
        "enable_trailers": true,
    });
    let listener = Listener::new("main")
        .buffer_limit(4 << 20)
        .with_manager("http_protocol_options", http1)
        .with_manager("common_http_protocol_options", json!({"headers_with_underscores_action": "ALLOW"}))
        .with_manager("normalize_path", false)
        .with_manager("merge_slashes", false)
        .with_manager("path_with_escaped_slashes_action", "KEEP_UNCHANGED")
        .with_manager("max_request_headers_kb", 512)
        .with_manager("upgrade_configs", json!([{"upgrade_type": "CONNECT"}]))
        // A body that does not come is not waited for.
        .with_manager("request_timeout", "3s")
        .with_manager("early_header_mutation_extensions", json!([keeping(&KEPT)]))
        .filter(Wasm::module("waf").config(json!({
            "directives_map": {"default": directives},
            "original_headers": KEPT.iter().copied().collect::<BTreeMap<_, _>>(),
        })))
        .route(json!({"match": {"connect_matcher": {}}, "direct_response": {"status": 200}}))
        .route_to("albedo");
    Config::new()
        .concurrency(WORKERS)
        .cluster(Cluster::new("albedo", [upstream]))
        .listener(listener)
        .log_field("port", "%DOWNSTREAM_REMOTE_PORT%")
        .log_field("request_id", "%REQ(X-REQUEST-ID)%")
}

/// What Envoy takes out of requests, and under which names the filter finds it.
const KEPT: [(&str, &str); 2] = [("connection", "x-original-connection"), ("referer", "x-original-referer")];

/// Copies headers before Envoy looks at them.
fn keeping(headers: &[(&str, &str)]) -> Value {
    let copy = |(header, name): &(&str, &str)| {
        json!({"append": {
            "header": {"key": name, "value": format!("%REQ({header})%")},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }})
    };
    json!({
        "name": "envoy.http.early_header_mutation.header_mutation",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation",
            "mutations": headers.iter().map(copy).collect::<Vec<_>>(),
        },
    })
}

/// The local port and the status of a stage.
type Answer = (u16, Option<u16>);

/// Those of each stage of each test.
type Answers = Vec<Vec<Answer>>;

fn observe(envoy: &Envoy, upstream: &Upstream, tests: &[&Test]) -> Vec<Vec<Observed>> {
    let server = envoy.address("main");
    let next = AtomicUsize::new(0);
    let work = || -> Vec<(usize, Vec<Answer>)> {
        let mut answers = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(test) = tests.get(index) else { return answers };
            progress("crs", index, tests.len());
            let send = |stage: &ftw::Stage| exchange(server, &stage.input.request());
            answers.push((index, test.stages.iter().map(send).collect()));
        }
    };
    let mut answers: Answers = vec![Vec::new(); tests.len()];
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(work)).collect();
        for thread in running {
            for (index, answer) in thread.join().expect("its panic was printed") {
                answers[index] = answer;
            }
        }
    });
    let logs = Logs::read(envoy, upstream, &answers);
    answers
        .into_iter()
        .map(|stages| stages.into_iter().map(|(port, status)| logs.observed(port, status)).collect())
        .collect()
}

/// What Envoy's logs say of each request.
struct Logs {
    by_port: HashMap<String, Line>,
    by_request: HashMap<String, Vec<String>>,
    upstream: HashMap<String, Seen>,
}

impl Logs {
    /// Reads them once they have all that was answered.
    fn read(envoy: &Envoy, upstream: &Upstream, answers: &Answers) -> Self {
        let answered: Vec<String> = answers
            .iter()
            .flatten()
            .filter(|(_, status)| status.is_some())
            .map(|(port, _)| port.to_string())
            .collect();
        let complete = || {
            let lines = envoy.access_log_lines();
            // Of several on a connection the first: what follows the request is no request.
            let by_port: HashMap<String, Line> =
                lines.into_iter().rev().filter_map(|line| Some((line.field("port")?, line))).collect();
            answered.iter().all(|port| by_port.contains_key(port)).then_some(by_port)
        };
        let by_port = integration::runtime::poll(Duration::from_secs(10), complete);
        let by_port = by_port.expect("the access log has every request that was answered");
        let mut by_request: HashMap<String, Vec<String>> = HashMap::new();
        for line in envoy.log().lines() {
            if let Some(id) = field(line, "unique_id") {
                by_request.entry(id.to_owned()).or_default().push(line.to_owned());
            }
        }
        let seen = upstream.all_seen().into_iter();
        let upstream = seen.filter_map(|seen| Some((seen.header("x-request-id")?, seen))).collect();
        Self { by_port, by_request, upstream }
    }

    fn observed(&self, port: u16, status: Option<u16>) -> Observed {
        let access = self.by_port.get(&port.to_string());
        let request = access.and_then(|line| line.field("request_id"));
        let upstream = request.as_ref().and_then(|id| self.upstream.get(id)).cloned();
        let lines = request.and_then(|id| self.by_request.get(&id)).map_or(&[][..], Vec::as_slice);
        Observed {
            status,
            ids: lines.iter().filter_map(|line| field(line, "id")?.parse().ok()).collect(),
            log: lines.join("\n"),
            details: access.map(Line::details).unwrap_or_default(),
            protocol: access.and_then(|line| line.field("protocol")).unwrap_or_default(),
            upstream,
            filtered: access.is_some_and(|line| line.filter_state("waf").is_some()),
        }
    }
}

/// The value of `[name "value"]` in a log line. Quotes in values are escaped there.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("[{name} \""))?;
    rest.split('"').next()
}

fn judge(tests: &[Test], seen: &[Vec<Observed>], overrides: &Overrides) -> Summary {
    let known = Known::parse("crs-failures.txt", include_str!("crs-failures.txt"));
    let envoys = Known::parse("crs-envoy.txt", include_str!("crs-envoy.txt"));
    let (mut failed, mut by_envoy) = (BTreeMap::new(), BTreeMap::new());
    let (mut passed, mut answered, mut problems) = (0, 0, Vec::new());
    for (test, observed) in tests.iter().zip(seen) {
        let differences = differences(test, observed, overrides);
        let own = observed.iter().any(Observed::is_envoys_own);
        if differences.is_empty() && !own {
            passed += 1;
            continue;
        }
        let effects: Vec<String> =
            test.stages.iter().zip(observed).flat_map(|(stage, seen)| effects(stage, seen)).collect();
        let what = format!("{} (Envoy: {})", differences.join("; "), effects.join(", "));
        match envoys.get(&test.name) {
            Some(listed) if effects.iter().any(|effect| listed.starts_with(effect)) => {
                answered += usize::from(own);
                by_envoy.insert(test.name.clone(), what);
            }
            Some(listed) => {
                problems.push(format!("{}: not as crs-envoy.txt says: {listed}: {what}", test.name))
            }
            None if own => problems.push(format!("{}  {what}\n    (not in crs-envoy.txt)", test.name)),
            None => {
                failed.insert(test.name.clone(), what);
            }
        }
    }
    let ran = |name: &str| tests.iter().any(|test| test.name == name);
    problems.extend(known.compare(&failed, ran));
    problems.extend(envoys.compare(&by_envoy, ran));
    let changed = by_envoy.len() - answered;
    let note = format!(", {answered} answered and {changed} changed by Envoy before any filter");
    Summary { passed, failed: failed.len(), skipped: 0, note, problems }
}

fn differences(test: &Test, observed: &[Observed], overrides: &Overrides) -> Vec<String> {
    if let (Some(output), [observed]) = (overrides.get(&test.name), observed)
        && observed.problems(output).is_empty()
    {
        return Vec::new();
    }
    test.stages.iter().zip(observed).flat_map(|(stage, observed)| observed.problems(&stage.output)).collect()
}

/// What Envoy did to a request before any filter saw it.
fn effects(stage: &ftw::Stage, seen: &Observed) -> Vec<String> {
    let mut effects = Vec::new();
    if seen.is_envoys_own() {
        effects.push(format!("answers {} {}", seen.status.unwrap_or_default(), seen.details));
    }
    let request = stage.input.request();
    let request = String::from_utf8_lossy(&request).to_ascii_lowercase();
    if let Some(upstream) = &seen.upstream {
        // Not always the client's: Envoy has one of its own for the upstream.
        for name in ["referer", "connection"] {
            if request.contains(&format!("\r\n{name}: ")) && upstream.header(name).is_none() {
                effects.push(format!("removes {name}"));
            }
        }
        if stage.output.expects_only_400() && seen.status == Some(200) {
            effects.push("passes on".to_owned());
        }
    }
    let version = request.split("\r\n").next().and_then(|line| line.rsplit(' ').next()).unwrap_or_default();
    if !seen.protocol.is_empty() && !seen.protocol.eq_ignore_ascii_case(version) {
        effects.push(format!("reads {} as {}", version.to_ascii_uppercase(), seen.protocol));
    }
    effects
}

fn show(tests: &[Test], seen: &[Vec<Observed>]) {
    for (test, observed) in tests.iter().zip(seen) {
        for (stage, observed) in test.stages.iter().zip(observed) {
            println!("--- {}", test.name);
            println!("{}", String::from_utf8_lossy(&stage.input.request()).replace('\r', "\\r"));
            println!("expected: {:?}", stage.output);
            println!("status {:?}, {}, rules {:?}", observed.status, observed.details, observed.ids);
            println!("{}", observed.log);
            println!("upstream: {:?}", observed.upstream.as_ref().map(|seen| seen.describe("albedo")));
        }
    }
}
