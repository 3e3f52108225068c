//! What is counted. The labels' values are fixed here: none comes from a request.

use crate::by_name::ByName;
use portcullis_engine::{InterventionKind, MatchedRule};
use sdk_shim::{Counter, Host, Setup};

pub(crate) struct Metrics {
    transactions: Counter,
    passed: Counter,
    detected: Counter,
    denied: Counter,
    /// By phase and action, in the order of [`PHASES`] and [`ACTIONS`].
    interventions: Vec<Counter>,
    /// By family, in the order of [`FAMILIES`], and by whether the rule stopped the transaction.
    matches: Vec<[Counter; 2]>,
}

/// The phases that can stop anything.
pub(crate) const PHASES: [&str; 4] = ["1", "2", "3", "4"];

const ACTIONS: [&str; 3] = ["deny", "drop", "redirect"];

/// The families of the Core Rule Set, which are its files: the first three digits of a rule's id. Rules of the site and of plugins
/// are `other`.
const FAMILIES: [&str; 26] = [
    "911", "913", "920", "921", "922", "930", "931", "932", "933", "934", "941", "942", "943", "944", "949",
    "950", "951", "952", "953", "954", "955", "956", "959", "980", "200", "other",
];

impl Metrics {
    pub(crate) fn new(labels: &ByName<String>, setup: &mut Setup<'_>) -> Self {
        let mut counter = |name: &str, own: &[(&str, &str)]| {
            let configured = labels.iter().map(|(name, value)| (name, value.as_str()));
            let all: Vec<(&str, &str)> = own.iter().copied().chain(configured).collect();
            setup.counter(name, &all)
        };
        Self {
            transactions: counter("waf_transactions_total", &[]),
            passed: counter("waf_decisions_total", &[("decision", "pass")]),
            detected: counter("waf_decisions_total", &[("decision", "detected")]),
            denied: counter("waf_decisions_total", &[("decision", "deny")]),
            interventions: PHASES
                .iter()
                .flat_map(|phase| ACTIONS.iter().map(move |action| (phase, action)))
                .map(|(phase, action)| {
                    counter("waf_interventions_total", &[("phase", phase), ("action", action)])
                })
                .collect(),
            matches: FAMILIES
                .iter()
                .map(|family| {
                    ["pass", "block"]
                        .map(|action| counter("waf_matches_total", &[("family", family), ("action", action)]))
                })
                .collect(),
        }
    }

    /// The request goes upstream, with or without a rule that matched.
    pub(crate) fn passed(&self, detected: bool, host: &mut dyn Host) {
        host.increment(if detected { self.detected } else { self.passed }, 1);
    }

    /// The transaction is stopped in this phase.
    pub(crate) fn stopped(&self, phase: &str, kind: &InterventionKind, host: &mut dyn Host) {
        host.increment(self.denied, 1);
        let action = match kind {
            InterventionKind::Deny => 0,
            InterventionKind::Drop => 1,
            InterventionKind::Redirect(_) => 2,
        };
        let row = PHASES.iter().position(|known| *known == phase).unwrap_or_default();
        if let Some(counter) = self.interventions.get(row * ACTIONS.len() + action) {
            host.increment(*counter, 1);
        }
    }

    /// The transaction has ended.
    pub(crate) fn ended(&self, matches: &[MatchedRule], blocks: bool, host: &mut dyn Host) {
        host.increment(self.transactions, 1);
        for rule in matches {
            let [pass, block] = match self.matches.get(family(rule)) {
                Some(counters) => counters,
                None => continue,
            };
            host.increment(if rule.disruptive && blocks { *block } else { *pass }, 1);
        }
    }
}

fn family(rule: &MatchedRule) -> usize {
    let id = rule.id.to_string();
    let family = if id.len() == 6 { id.get(..3).unwrap_or_default() } else { "" };
    FAMILIES.iter().position(|known| *known == family).unwrap_or(FAMILIES.len() - 1)
}
