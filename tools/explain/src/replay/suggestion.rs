//! Exclusions for what looks like false positives, each as narrow as what was seen allows: one rule, one variable, one path.

use portcullis_engine::transformations::Transformation;
use portcullis_waf::{Exclusion, RuleSelection};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// An exclusion for what looks like a false positive.
#[derive(Clone, Debug, Serialize)]
pub struct Suggestion {
    /// The rule.
    pub rule: u64,
    /// Where it matches.
    pub target: String,
    /// The path, decoded and normalised; with `*` at its end all that begin so.
    pub path: String,
    /// In how many requests.
    pub requests: usize,
    /// Why it looks like a false positive.
    pub why: String,
    /// As an element of `crs.exclusions`.
    pub exclusion: Value,
    /// As a rule, for `directives_map`; its id has to be one that is free.
    pub directive: String,
}

/// From how many clients a match has to come to look like the application's own traffic.
const MANY_CLIENTS: usize = 3;

/// In how many requests.
const MANY_REQUESTS: usize = 5;

/// On how many paths of a directory, to look like one of all of them.
const MANY_PATHS: usize = 3;

/// How many detecting rules a request with a low score matches: an attack is mostly seen by several.
pub(super) const FEW_RULES: usize = 2;

/// The most paths at a place, and clients of a path, that are counted.
const MAX_PATHS: usize = 1_000;
const MAX_CLIENTS: usize = 100;

/// The longest path that an exclusion names, in bytes.
const MAX_PATH: usize = 256;

/// Where a rule matched, by path.
#[derive(Default)]
pub(super) struct Place {
    pub(super) requests: usize,
    paths: BTreeMap<String, Evidence>,
}

#[derive(Clone, Default)]
struct Evidence {
    requests: usize,
    /// Those in which hardly anything else matched.
    low: usize,
    clients: BTreeSet<IpAddr>,
}

impl Place {
    /// Counts a request. `path` is `None` where no exclusion can name it.
    pub(super) fn count(&mut self, path: Option<&str>, client: IpAddr, is_low: bool) {
        self.requests += 1;
        let Some(path) = path else { return };
        if self.paths.len() >= MAX_PATHS && !self.paths.contains_key(path) {
            return;
        }
        self.paths.entry(path.to_owned()).or_default().count(client, is_low);
    }

    /// Paths that many clients come to, and directories of them.
    pub(super) fn suggestions(&self, rule: u64, target: &str) -> Vec<Suggestion> {
        // Only what names a place can be left out of a rule.
        if !target.contains(':') {
            return Vec::new();
        }
        let (own, rest): (Vec<_>, Vec<_>) = self.paths.iter().partition(|(_, seen)| seen.is_usual());
        let mut directories: BTreeMap<&str, (usize, Evidence)> = BTreeMap::new();
        for (path, seen) in rest {
            let end = path.rfind('/').map_or(0, |slash| slash + 1);
            let (paths, all) = directories.entry(path.get(..end).unwrap_or_default()).or_default();
            *paths += 1;
            all.add(seen);
        }
        let own = own.into_iter().map(|(path, seen)| (path.clone(), seen.clone(), "on one path".to_owned()));
        let is_usual = |(directory, (paths, seen)): &(&str, (usize, Evidence))| {
            *directory != "/" && *paths >= MANY_PATHS && seen.is_usual()
        };
        let wide = directories.into_iter().filter(is_usual).map(|(directory, (paths, seen))| {
            (format!("{directory}*"), seen, format!("on {paths} paths there"))
        });
        own.chain(wide)
            .filter_map(|(path, seen, place)| suggestion(rule, target, path, &seen, &place))
            .collect()
    }
}

impl Evidence {
    fn count(&mut self, client: IpAddr, is_low: bool) {
        self.requests += 1;
        self.low += usize::from(is_low);
        if self.clients.len() < MAX_CLIENTS {
            self.clients.insert(client);
        }
    }

    fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.low += other.low;
        let room = MAX_CLIENTS.saturating_sub(self.clients.len());
        self.clients.extend(other.clients.iter().take(room));
    }

    fn is_usual(&self) -> bool {
        // What is mostly seen beside other rules is an attack, however often it comes.
        let is_alone = self.low * 10 >= self.requests * 9;
        self.clients.len() >= MANY_CLIENTS && self.requests >= MANY_REQUESTS && is_alone
    }
}

impl Suggestion {
    /// With the rule written out under this id.
    pub(super) fn with_id(mut self, id: usize) -> Self {
        self.directive = exclusion(self.rule, &self.target, &self.path).directives(id).unwrap_or_default();
        self
    }
}

/// `None` where the waf would refuse it, as for names with quotes in them.
fn suggestion(rule: u64, target: &str, path: String, seen: &Evidence, place: &str) -> Option<Suggestion> {
    exclusion(rule, target, &path).directives(0).ok()?;
    let more = if seen.clients.len() < MAX_CLIENTS { "" } else { " and more" };
    let why = format!(
        "{} requests of {}{more} clients {place}, with hardly another rule in them",
        seen.requests,
        seen.clients.len(),
    );
    let exclusion = json!({"rules": [rule], "targets": [target], "path": path});
    let (target, requests) = (target.to_owned(), seen.requests);
    Some(Suggestion { rule, target, path, requests, why, exclusion, directive: String::new() })
}

fn exclusion(rule: u64, target: &str, path: &str) -> Exclusion {
    Exclusion {
        rules: vec![RuleSelection::Id(rule)],
        tags: Vec::new(),
        targets: vec![target.to_owned()],
        path: Some(path.to_owned()),
    }
}

/// The path of a request target as exclusions compare it. `None` where they can name no such path.
pub(super) fn normalized(target: &[u8]) -> Option<String> {
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let mut path = path.to_vec();
    for name in ["urlDecodeUni", "normalisePath"] {
        let mut changed = Vec::new();
        if Transformation::by_name(name.as_bytes())?.apply(&path, &mut changed) {
            path = changed;
        }
    }
    // A star at the end would stand for all that begins so.
    let text = String::from_utf8(path).ok()?;
    (text.len() <= MAX_PATH && !text.ends_with('*')).then_some(text)
}
