//! The filter beside Envoy's own RBAC, in one Envoy: Istio's golden policies and the RBAC that Istio makes of them, and a
//! policy for each kind of condition. Random requests, shaped by what the policies say and by near misses of it, from
//! clients with and without certificates, go to both: each has to be answered alike, and for the same policy.

use integration::prelude::*;
use integration::raw::Connection;
use integration::{paths, rbac};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use suites::Random;

/// How many requests the whole suite has.
const REQUESTS: usize = 100_000;

/// What came of the requests.
#[derive(Default)]
pub(crate) struct Outcome {
    pub(crate) compared: usize,
    /// By how the filter answered: status and policy.
    pub(crate) answers: BTreeMap<(u16, String), usize>,
    /// The first difference of each case, as a minimal request, and how many there are in all.
    pub(crate) differences: Vec<String>,
    pub(crate) different: usize,
    /// The cases whose first difference is shown.
    shown: BTreeSet<String>,
}

/// Sends one in `every` of the requests. `PORTCULLIS_SEED` in the environment makes other ones.
pub(crate) fn run(golden: &Path, every: usize) -> Outcome {
    let seed: u64 = std::env::var("PORTCULLIS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("rbac: seed {seed} (PORTCULLIS_SEED)");
    let authority = Authority::new();
    let server = authority.server(&["shop.example"]);
    let cases = cases(golden);
    let mut config = Config::new().without_access_log();
    for case in &cases {
        for (side, filters) in [("ours", &case.ours), ("native", &case.native)] {
            let listener = Listener::new(&format!("{} {side}", case.name))
                .tls(authority.downstream(&server, false))
                .with_manager("local_reply_config", told_details())
                .route(json!({"match": {"prefix": "/"}, "direct_response": {"status": 200}}));
            config = config.listener(filters.iter().cloned().fold(listener, Listener::filter));
        }
    }
    let envoy = config.start();
    let outcome = Mutex::new(Outcome::default());
    let repeats = paths::rbac_matches_headers_one_by_one();
    let total: usize = cases.iter().map(|case| case.weight).sum();
    for (index, case) in cases.iter().enumerate() {
        let mut random = Random(seed.wrapping_mul(1_000_003).wrapping_add(index as u64));
        let identities = identities(&case.values, &mut random);
        let count = REQUESTS * case.weight / total / every;
        std::thread::scope(|scope| {
            for (number, uris) in identities.iter().enumerate() {
                let (authority, envoy, outcome) = (&authority, &envoy, &outcome);
                let mut random = Random(random.next());
                let share = count / identities.len() + usize::from(number < count % identities.len());
                scope.spawn(move || {
                    let names = |uris: &Vec<String>| {
                        authority.client(&uris.iter().map(String::as_str).collect::<Vec<_>>())
                    };
                    let identity = uris.as_ref().map(names);
                    let tls = Tls::new(authority.certificate(), "shop.example", identity.as_ref());
                    let mut sides = ["ours", "native"].map(|side| {
                        let client = envoy.client_of(&format!("{} {side}", case.name)).tls(tls.clone());
                        Side { connection: client.raw(), client }
                    });
                    for _ in 0..share {
                        compare(
                            case,
                            uris.as_deref(),
                            &shape(case, repeats, &mut random),
                            &mut sides,
                            outcome,
                        );
                    }
                });
            }
        });
    }
    let outcome = outcome.into_inner().expect("nobody panicked");
    envoy.assert_no_vm_failure();
    outcome
}

/// Policies, as both have them.
struct Case {
    name: String,
    ours: Vec<Value>,
    native: Vec<Value>,
    /// The texts in the policies: what requests are made of.
    values: Vec<String>,
    /// The rules that a request may name, each with its texts.
    rules: Vec<(&'static str, Vec<String>)>,
    /// Its share of the requests.
    weight: usize,
}

fn cases(golden: &Path) -> Vec<Case> {
    let module = |config: Value| vec![Value::from(Wasm::module("authz").config(config))];
    let mut cases: Vec<Case> = rbac::GOLDEN
        .iter()
        .map(|name| {
            let policies = rbac::golden_policies(golden, name);
            let mut values = Vec::new();
            texts(&policies["policies"], &mut values);
            values.extend(in_other_domains(&values, rbac::trust_domains(name)));
            let native = rbac::golden_filters(golden, name);
            let name = (*name).to_owned();
            Case { name, ours: module(policies), native, values, rules: Vec::new(), weight: 1 }
        })
        .collect();
    let rules = rbac::rules();
    let (policies, native) = rbac::as_policies(&rules);
    let mut values = Vec::new();
    rules.iter().for_each(|rule| texts(&rule.rule, &mut values));
    cases.push(Case {
        name: "every condition".to_owned(),
        ours: module(policies),
        native: vec![native],
        values,
        rules: rules
            .iter()
            .map(|rule| {
                let mut values = Vec::new();
                texts(&rule.rule, &mut values);
                (rule.name, values)
            })
            .collect(),
        weight: 13,
    });
    cases
}

/// The principals among the texts, in each of these trust domains.
fn in_other_domains(values: &[String], domains: &[&str]) -> Vec<String> {
    let rests = values.iter().filter_map(|value| value.split_once('/'));
    rests.flat_map(|(_, rest)| domains.iter().map(move |domain| format!("{domain}/{rest}"))).collect()
}

/// All texts in lists: those are what policies compare with.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            found.extend(items.iter().filter_map(Value::as_str).map(str::to_owned));
            items.iter().for_each(|item| texts(item, found));
        }
        Value::Object(fields) => fields.values().for_each(|field| texts(field, found)),
        _ => {}
    }
}

/// Envoy's reason for an answer of its own, in a header.
fn told_details() -> Value {
    let all_errors = json!({"status_code_filter": {"comparison":
        {"op": "GE", "value": {"default_value": 400, "runtime_key": "errors"}}}});
    let header = json!({"header": {"key": "x-details", "value": "%RESPONSE_CODE_DETAILS%"}});
    json!({"mappers": [{"filter": all_errors, "headers_to_add": [header]}]})
}

/// A request in what distinguishes it: so that one that is judged differently can be made smaller.
#[derive(Clone)]
struct Shape {
    method: String,
    path: String,
    host: String,
    headers: Vec<(&'static str, String)>,
}

impl Shape {
    fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", self.method, self.path, self.host);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        text.into_bytes()
    }

    /// The requests that are one step simpler.
    fn simpler(&self) -> Vec<Self> {
        let mut simpler = vec![
            Self { method: "GET".to_owned(), ..self.clone() },
            Self { host: "x".to_owned(), ..self.clone() },
            Self { path: "/".to_owned(), ..self.clone() },
        ];
        if let Some((path, _)) = self.path.split_once('?') {
            simpler.push(Self { path: path.to_owned(), ..self.clone() });
        }
        for index in 0..self.headers.len() {
            let mut headers = self.headers.clone();
            headers.remove(index);
            simpler.push(Self { headers, ..self.clone() });
        }
        simpler.retain(|simpler| simpler.bytes().len() < self.bytes().len());
        simpler
    }
}

/// `repeats`: whether header names may come twice.
fn shape(case: &Case, repeats: bool, random: &mut Random) -> Shape {
    let methods = ["GET", "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
    let rule = (!case.rules.is_empty()).then(|| random.pick(&case.rules));
    // Mostly what the rule that the request names compares with.
    let own = rule.map(|(_, values)| values).filter(|values| !values.is_empty() && random.below(4) > 0);
    let values = own.unwrap_or(&case.values);
    let is_path = |text: &String| text.starts_with('/') || text.starts_with('*');
    let value = near_miss(values, is_path, random);
    let path: String = value.chars().filter(|c| c.is_ascii_graphic() && *c != '#').collect();
    let path = if path.starts_with('/') { path } else { format!("/{path}") };
    let query = random.pick(&["", "", "", "?", "?q", "?q=/a", "?/a.s"]);
    let host = near_miss(values, |text| !text.starts_with('/'), random);
    let host: String = host.chars().filter(|c| c.is_ascii_alphanumeric() || ".-:".contains(*c)).collect();
    let host = host.trim_matches(':');
    let mut headers = Vec::new();
    headers.extend(rule.map(|(name, _)| (rbac::RULE_HEADER, (*name).to_owned())));
    for _ in 0..random.below(4) {
        let value = near_miss(values, |_| true, random);
        headers.push((*random.pick(&["x-foo", "x-foo", "X-Bar"]), value.trim().to_owned()));
    }
    if !repeats {
        let mut names = BTreeSet::new();
        headers.retain(|(name, _)| names.insert(*name));
    }
    Shape {
        method: (*random.pick(&methods)).to_owned(),
        path: format!("{path}{query}"),
        host: if host.is_empty() { "other".to_owned() } else { host.to_owned() },
        headers,
    }
}

/// A text that a policy names, or one that is nearly it.
fn near_miss(values: &[String], fits: impl Fn(&String) -> bool, random: &mut Random) -> String {
    let fitting: Vec<&String> = values.iter().filter(|value| fits(value)).collect();
    let Some(value) = fitting.get(random.below(fitting.len().max(1))) else { return "x".to_owned() };
    let filling = ["", "a", "b.c", "x*", "x/y", "A-1"];
    let mut text = (*value).clone();
    for wildcard in ["{**}", "{*}", "*"] {
        while text.contains(wildcard) {
            // One that stays stands for itself.
            let with = random.pick(&filling).replace('*', "~");
            text = text.replacen(wildcard, &with, 1);
        }
    }
    let text = text.replace('~', "*");
    let end = text.char_indices().last().map_or(0, |(at, _)| at);
    match random.below(9) {
        0 => format!("{text}x"),
        1 => format!("x{text}"),
        2 => text[..end].to_owned(),
        3 => text.to_ascii_uppercase(),
        4 => format!("{text}/"),
        5 => format!("{text},{}", random.pick(&filling)),
        _ => text,
    }
}

/// Whose certificates the clients have: none, one without names, and names that the policies say or nearly
/// say.
fn identities(values: &[String], random: &mut Random) -> Vec<Option<Vec<String>>> {
    let mut identities = vec![None, Some(Vec::new())];
    for _ in 0..10 {
        let mut name = near_miss(values, |_| true, random);
        name.retain(|c| c.is_ascii_graphic() && !"\"<>\\^`{|}".contains(c));
        let uri = match random.below(4) {
            0 => format!("spiffe://{name}/ns/foo/sa/bar"),
            1 => format!("spiffe://td/ns/{name}/sa/bar"),
            _ => format!("spiffe://{}", name.trim_start_matches('/')),
        };
        identities.push(Some(vec![uri]));
    }
    // Few near misses are right in all five segments.
    let principals = values.iter().filter(|value| value.split('/').count() == 5);
    let exact: BTreeSet<String> =
        principals.map(|value| format!("spiffe://{}", value.replace('*', "old"))).collect();
    identities.extend(exact.into_iter().take(12).map(|uri| Some(vec![uri])));
    identities
}

/// A listener, and a connection to it.
struct Side {
    client: Client,
    connection: Connection,
}

/// What a request was answered: the status, and the policy that denied it.
type Answer = (u16, String);

impl Side {
    /// Sends a request over the connection, or a new one: behind one that it finds malformed Envoy closes it.
    fn answer(&mut self, request: &Shape) -> Answer {
        let ask = |connection: &mut Connection| {
            connection.send(request.bytes());
            connection.response()
        };
        let response = ask(&mut self.connection).or_else(|_| {
            self.connection = self.client.raw();
            ask(&mut self.connection)
        });
        let response = response.unwrap_or_else(|error| panic!("{error}: {:?}", request.bytes()));
        (response.status, policy(&response.header("x-details").unwrap_or_default()))
    }
}

/// The policy in `authz_denied_policy[name]`, or in `rbac_access_denied_matched_policy[ns[foo]-policy[name]-rule[0]]`.
fn policy(details: &str) -> String {
    let inner = details.split_once("denied_policy[").or(details.split_once("matched_policy["));
    let Some(inner) = inner.and_then(|(_, rest)| rest.strip_suffix(']')) else { return details.to_owned() };
    let named = inner.split_once("-policy[").and_then(|(_, rest)| rest.split_once("]-rule["));
    named.map_or(inner, |(name, _)| name).to_owned()
}

fn compare(
    case: &Case,
    identity: Option<&[String]>,
    shape: &Shape,
    sides: &mut [Side; 2],
    outcome: &Mutex<Outcome>,
) {
    let [ours, native] = sides.each_mut().map(|side| side.answer(shape));
    let is_new = {
        let mut outcome = outcome.lock().expect("nobody panicked");
        outcome.compared += 1;
        *outcome.answers.entry(ours.clone()).or_default() += 1;
        if ours == native {
            return;
        }
        outcome.different += 1;
        outcome.shown.insert(case.name.clone())
    };
    if is_new {
        let minimal = minimal(shape.clone(), sides);
        let [ours, native] = sides.each_mut().map(|side| side.answer(&minimal));
        let text = String::from_utf8_lossy(&minimal.bytes()).into_owned();
        let who = identity.map_or("no certificate".to_owned(), |uris| format!("certificate {uris:?}"));
        let difference = format!(
            "{}: {who}\n{text}ours: {} {}\nRBAC: {} {}",
            case.name, ours.0, ours.1, native.0, native.1
        );
        outcome.lock().expect("nobody panicked").differences.push(difference);
    }
}

/// The simplest request that is still answered differently.
fn minimal(mut shape: Shape, sides: &mut [Side; 2]) -> Shape {
    loop {
        let differs = |candidate: &Shape| {
            let [ours, native] = sides.each_mut().map(|side| side.answer(candidate));
            ours != native
        };
        match shape.simpler().into_iter().find(differs) {
            Some(simpler) => shape = simpler,
            None => return shape,
        }
    }
}

/// The suite as the runner has it: the folder is that of Istio's golden files.
pub(crate) fn suite(golden: &Path, choice: &super::Choice) -> super::Summary {
    let every = if let super::Choice::Every(step) = choice { *step } else { 1 };
    let outcome = run(golden, every);
    let kinds: Vec<String> = outcome
        .answers
        .iter()
        .map(|((status, policy), count)| format!("{status} {policy}: {count}"))
        .collect();
    println!("rbac: the filter's answers: {}", kinds.join(", "));
    let mut problems = outcome.differences;
    // Requests that all pass, or are all denied, would compare nothing.
    let count = |status| -> usize {
        outcome.answers.iter().filter(|((other, _), _)| *other == status).map(|(_, count)| count).sum()
    };
    if count(200) * 10 < outcome.compared || count(403) * 10 < outcome.compared {
        problems.push(format!("the requests are one-sided: {}", kinds.join(", ")));
    }
    let note = " (requests, each to both)".to_owned();
    let (passed, failed) = (outcome.compared - outcome.different, outcome.different);
    super::Summary { passed, failed, skipped: 0, note, problems }
}
