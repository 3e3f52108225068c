use super::suggestion::{FEW_RULES, Place, Suggestion, normalized};
use crate::{Chain, Exchange, Explanation, FilterKind, RuleStep, Step};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Requests that go through filters one after the other, and what is counted.
pub struct Replay {
    chain: Chain,
    report: Report,
    rules: BTreeMap<u64, Seen>,
    paths: BTreeMap<(FilterKind, String, String), usize>,
}

/// What came of all requests.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// Requests that were replayed.
    pub requests: usize,
    /// Those that would be denied.
    pub blocked: usize,
    /// Lines that are no request, or could not be read.
    pub unreadable: usize,
    /// Denials by what denies: `waf 949110`, `authz denied_policy[x]`.
    pub causes: BTreeMap<String, usize>,
    /// Rules that matched and are logged, the most frequent first.
    pub rules: Vec<RuleReport>,
    /// Paths of requests that would be denied, the most frequent first.
    pub paths: Vec<BlockedPath>,
    /// Exclusions that would let through what looks like false positives.
    pub suggestions: Vec<Suggestion>,
    /// Rules, targets and paths beyond the limits, which are not counted one by one.
    pub uncounted: usize,
}

/// How often a rule matched.
#[derive(Clone, Debug, Serialize)]
pub struct RuleReport {
    /// Its id.
    pub id: u64,
    /// Its message, as it was first logged.
    pub message: String,
    /// Requests that it matched.
    pub requests: usize,
    /// Those of them that would be denied.
    pub blocked: usize,
    /// From how many different clients.
    pub clients: usize,
    /// On how many different paths.
    pub paths: usize,
    /// Where it matched, with the number of requests, the most frequent first.
    pub targets: Vec<(String, usize)>,
    /// A value that it matched.
    pub example: String,
}

/// A path with requests that would be denied.
#[derive(Clone, Debug, Serialize)]
pub struct BlockedPath {
    /// The filter that denies.
    pub filter: FilterKind,
    /// What in it does.
    pub cause: String,
    /// The path, without its query.
    pub path: String,
    /// How many requests.
    pub requests: usize,
}

#[derive(Default)]
struct Seen {
    message: String,
    example: String,
    requests: usize,
    blocked: usize,
    clients: BTreeSet<IpAddr>,
    paths: BTreeSet<String>,
    targets: BTreeMap<String, Place>,
}

/// The most rules, and paths, that are counted; the most clients, paths and targets of each.
const MAX_COUNTED: usize = 10_000;
const MAX_EACH: usize = 1_000;

impl Replay {
    /// Requests through these filters.
    pub fn new(chain: Chain) -> Self {
        Self { chain, report: Report::default(), rules: BTreeMap::new(), paths: BTreeMap::new() }
    }

    /// A line that is no request.
    pub fn unreadable(&mut self) {
        self.report.unreadable += 1;
    }

    /// One request.
    pub fn replay(&mut self, exchange: &Exchange) {
        let explanation = self.chain.explain(exchange);
        let path = path(exchange);
        self.report.requests += 1;
        self.report.blocked += usize::from(!explanation.passes);
        for filter in &explanation.filters {
            if !filter.decision.passes {
                let cause = cause(filter);
                *self.report.causes.entry(format!("{} {cause}", filter.filter)).or_default() += 1;
                let key = (filter.filter, cause, path.clone());
                if self.paths.len() < MAX_COUNTED || self.paths.contains_key(&key) {
                    *self.paths.entry(key).or_default() += 1;
                } else {
                    self.report.uncounted += 1;
                }
            }
            self.count_rules(filter, exchange, &path);
        }
    }

    fn count_rules(&mut self, filter: &Explanation, exchange: &Exchange, path: &str) {
        let rules = || {
            filter.steps.iter().filter_map(|step| match step {
                Step::Rule(rule) if rule.logged && !rule.incomplete => Some(rule),
                _ => None,
            })
        };
        let detecting: BTreeSet<u64> = rules().filter(|rule| detects(rule)).map(|rule| rule.id).collect();
        let is_low = detecting.len() <= FEW_RULES;
        let normal = normalized(exchange.request.header(":path").unwrap_or_default());
        let mut counted = BTreeSet::new();
        for rule in rules().filter(|rule| counted.insert(rule.id)) {
            if self.rules.len() >= MAX_COUNTED && !self.rules.contains_key(&rule.id) {
                self.report.uncounted += 1;
                continue;
            }
            let seen = self.rules.entry(rule.id).or_default();
            seen.requests += 1;
            seen.blocked += usize::from(!filter.decision.passes);
            insert(&mut seen.clients, exchange.client);
            insert(&mut seen.paths, path.to_owned());
            if seen.message.is_empty() {
                seen.message.clone_from(&rule.message);
                seen.example = rule.matches.last().map(|found| found.value.clone()).unwrap_or_default();
            }
            if !detects(rule) {
                continue;
            }
            let targets: BTreeSet<&str> = rule.matches.iter().map(|found| found.variable.as_str()).collect();
            for target in targets {
                if seen.targets.len() >= MAX_EACH && !seen.targets.contains_key(target) {
                    self.report.uncounted += 1;
                    continue;
                }
                let place = seen.targets.entry(target.to_owned()).or_default();
                place.count(normal.as_deref(), exchange.client, is_low);
            }
        }
    }

    /// What was counted so far.
    pub fn report(&self) -> Report {
        let mut report = self.report.clone();
        report.rules = self.rules.iter().map(|(id, seen)| seen.report(*id)).collect();
        report.rules.sort_by_key(|rule| std::cmp::Reverse(rule.requests));
        report.paths = self
            .paths
            .iter()
            .map(|((filter, cause, path), requests)| BlockedPath {
                filter: *filter,
                cause: cause.clone(),
                path: path.clone(),
                requests: *requests,
            })
            .collect();
        report.paths.sort_by_key(|path| std::cmp::Reverse(path.requests));
        let suggestions = self.rules.iter().flat_map(|(id, seen)| {
            seen.targets.iter().flat_map(|(target, place)| place.suggestions(*id, target))
        });
        let mut suggestions: Vec<Suggestion> = suggestions.collect();
        suggestions.sort_by_key(|suggestion| std::cmp::Reverse(suggestion.requests));
        let ids = FIRST_FREE_ID..;
        report.suggestions = suggestions.into_iter().zip(ids).map(|(it, id)| it.with_id(id)).collect();
        report
    }
}

/// Ids of one's own: up to 99,999 (ModSecurity reference, "id").
const FIRST_FREE_ID: usize = 99_000;

impl Seen {
    fn report(&self, id: u64) -> RuleReport {
        let mut targets: Vec<(String, usize)> =
            self.targets.iter().map(|(target, counts)| (target.clone(), counts.requests)).collect();
        targets.sort_by_key(|(_, requests)| std::cmp::Reverse(*requests));
        targets.truncate(10);
        RuleReport {
            id,
            message: self.message.clone(),
            requests: self.requests,
            blocked: self.blocked,
            clients: self.clients.len(),
            paths: self.paths.len(),
            targets,
            example: self.example.chars().take(200).collect(),
        }
    }
}

/// Rules that look at the request, not at the score of others.
fn detects(rule: &RuleStep) -> bool {
    rule.matches.iter().any(|found| {
        let is_score = found.variable.starts_with("TX:") && found.variable.to_lowercase().contains("score");
        !is_score
    })
}

fn cause(explanation: &Explanation) -> String {
    let details = explanation.decision.details.as_deref().unwrap_or("waits");
    let prefix = format!("{}_", explanation.filter);
    details.strip_prefix(&prefix).unwrap_or(details).to_owned()
}

/// Without its query, and of a bounded length.
fn path(exchange: &Exchange) -> String {
    let target = exchange.request.header(":path").unwrap_or_default();
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    crate::explanation::text(path.get(..256).unwrap_or(path))
}

fn insert<T: Ord>(set: &mut BTreeSet<T>, value: T) {
    if set.len() < MAX_EACH {
        set.insert(value);
    }
}
