//! Ours: the Core Rule Set blocking, as `crs` configures it. The score and the status of ordinary and of hostile requests at each
//! paranoia level, which tests that only detect can't see.

use integration::prelude::*;
use serde::Deserialize;
use std::path::Path;

use crate::{Choice, Summary, progress};

const CASES: &str = include_str!("blocking.yaml");

/// At which score the default thresholds block a request.
const THRESHOLD: u32 = 5;

#[derive(Deserialize)]
struct File {
    /// The version that the scores are for.
    core_rule_set: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default = "get")]
    method: String,
    path: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<String>,
    /// The body of the answer, which is HTML.
    response: Option<String>,
    /// At the paranoia levels 1 to 4.
    score: [u32; 4],
    /// Where the score of the request does not say it.
    status: Option<[u16; 4]>,
}

fn get() -> String {
    "GET".to_owned()
}

pub(crate) fn run(_: &Path, choice: &Choice) -> Summary {
    let file: File = serde_norway::from_str(CASES).unwrap_or_else(|e| panic!("blocking.yaml: {e}"));
    let source = std::fs::read_to_string(integration::paths::root().join(".tools/crs/SOURCE"));
    let source = source.unwrap_or_default();
    let mut summary = Summary { passed: 0, failed: 0, skipped: 0, note: String::new(), problems: Vec::new() };
    if !source.starts_with(&file.core_rule_set) {
        summary.skipped = file.cases.len() * 4;
        summary.note = format!(": its scores are those of the Core Rule Set {}", file.core_rule_set);
        return summary;
    }
    let app = Upstream::start("app");
    let envoy = configuration(&app).start();
    for (index, case) in file.cases.iter().enumerate() {
        progress("blocking", index, file.cases.len());
        for (level, score) in (1..).zip(case.score) {
            let name = format!("{} at level {level}", case.name);
            if matches!(choice, Choice::Only(wanted) if !name.starts_with(wanted)) {
                continue;
            }
            match case.check(level, score, &envoy, &app) {
                Ok(()) => summary.passed += 1,
                Err(problem) => {
                    summary.failed += 1;
                    summary.problems.push(format!("{name}: {problem}"));
                }
            }
        }
    }
    envoy.assert_no_vm_failure();
    summary
}

fn configuration(app: &Upstream) -> Config {
    let config = Config::new().cluster(Cluster::new("app", [app])).log_filter_state("waf_score");
    (1..=4).fold(config, |config, level| {
        let wasm = Wasm::module("waf").config(json!({"crs": {"paranoia_level": level}}));
        config.listener(Listener::new(&format!("level-{level}")).filter(wasm).route_to("app"))
    })
}

impl Case {
    fn check(&self, level: usize, score: u32, envoy: &Envoy, app: &Upstream) -> Result<(), String> {
        let mut request = Request::new(&self.method, &self.path).authority("shop.example.com");
        for (name, value) in BROWSER.iter().filter(|(name, _)| !self.sets(name)) {
            request = request.header(name, value);
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = &self.body {
            request = request.body(Body::from(body.clone().into_bytes()));
        }
        let id = integration::request::unique_id();
        if let Some(text) = &self.response {
            app.answer_id(&id, Reply::new(200).header("content-type", "text/html").body(text.clone()));
        }
        let answer = envoy.client_of(&format!("level-{level}")).send(request.id(&id));
        let line = envoy.access_log(&id);
        let expected = match self.status {
            Some(statuses) => statuses[level - 1],
            None if score >= THRESHOLD => 403,
            None => 200,
        };
        let found: u32 =
            line.filter_state("waf_score").and_then(|score| score.parse().ok()).unwrap_or_default();
        let reached = !app.seen(&id).is_empty();
        let may_reach = score < THRESHOLD;
        if (answer.status, found, reached) == (expected, score, may_reach) {
            return Ok(());
        }
        let decision = line.filter_state("waf").unwrap_or_default();
        Err(format!(
            "status {}, score {found}, upstream reached: {reached}; expected {expected}, {score}, {may_reach} ({decision})",
            answer.status
        ))
    }

    fn sets(&self, name: &str) -> bool {
        self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
    }
}

/// What a browser sends.
const BROWSER: [(&str, &str); 5] = [
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-US,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br"),
    ("referer", "https://shop.example.com/"),
];
