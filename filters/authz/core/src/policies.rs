use crate::facts::Facts;
use crate::matcher::Condition;
use crate::pattern::{Pattern, PatternIndex};
use std::collections::BTreeSet;

/// The compiled policies of one action. A request is not compared with every rule: an index over the paths, or else the
/// hosts, that rules name yields the few that can match.
#[derive(Debug)]
pub(crate) struct Policies {
    pub(crate) rules: Vec<Rule>,
    pub(crate) clauses: Vec<Clause>,
    by_path: PatternIndex,
    by_host: PatternIndex,
    /// Clauses that name neither.
    others: Vec<u32>,
    /// What a condition on an unknown attribute comes to.
    pub(crate) unknown: bool,
}

/// What all operations of a rule share.
#[derive(Debug)]
pub(crate) struct Rule {
    /// The index of the policy in the configuration.
    pub(crate) policy: usize,
    pub(crate) when: Vec<Condition>,
    /// One of these must hold. Empty: no source is asked for.
    pub(crate) from: Vec<Vec<Condition>>,
}

/// One operation of a rule.
#[derive(Debug)]
pub(crate) struct Clause {
    pub(crate) rule: usize,
    pub(crate) to: Vec<Condition>,
}

/// What the index finds a clause by.
#[derive(Debug)]
pub(crate) enum IndexKey {
    Paths(Vec<Pattern>),
    Hosts(Vec<Pattern>),
    None,
}

/// Collects the rules of one action.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    rules: Vec<Rule>,
    clauses: Vec<Clause>,
    keys: Vec<IndexKey>,
}

impl Builder {
    pub(crate) fn add(&mut self, mut rule: Rule, operations: Vec<(Vec<Condition>, IndexKey)>) {
        rule.when = cheapest_first(rule.when);
        rule.from = rule.from.into_iter().map(cheapest_first).collect();
        for (to, key) in operations {
            let to = cheapest_first(to);
            self.clauses.push(Clause { rule: self.rules.len(), to });
            self.keys.push(key);
        }
        self.rules.push(rule);
    }

    pub(crate) fn build(self, unknown: bool) -> Policies {
        let ids = || self.keys.iter().zip(0_u32..);
        let paths = ids().filter_map(|(key, id)| match key {
            IndexKey::Paths(patterns) => Some(patterns.iter().map(move |pattern| (pattern, id))),
            _ => None,
        });
        let hosts = ids().filter_map(|(key, id)| match key {
            IndexKey::Hosts(patterns) => Some(patterns.iter().map(move |pattern| (pattern, id))),
            _ => None,
        });
        let others = ids().filter(|(key, _)| matches!(key, IndexKey::None)).map(|(_, id)| id).collect();
        Policies {
            by_path: PatternIndex::new(paths.flatten()),
            by_host: PatternIndex::new(hosts.flatten()),
            others,
            rules: self.rules,
            clauses: self.clauses,
            unknown,
        }
    }
}

impl Policies {
    /// The first policy, in the order of the configuration, that matches the request.
    pub(crate) fn first_match(&self, facts: &mut Facts<'_>) -> Option<usize> {
        let mut first: Option<u32> = None;
        self.candidates(facts.path, facts.host).for_each(|id| {
            if first.is_none_or(|first| id < first) && self.matches(id, facts) {
                first = Some(id);
            }
        });
        self.policy(first?)
    }

    /// All policies that match the request, in the order of the configuration.
    pub(crate) fn all_matches(&self, facts: &mut Facts<'_>) -> BTreeSet<usize> {
        let mut all = BTreeSet::new();
        for id in self.candidates(facts.path, facts.host) {
            let policy = self.policy(id).filter(|policy| !all.contains(policy));
            all.extend(policy.filter(|_| self.matches(id, facts)));
        }
        all
    }

    /// The clauses that can match.
    pub(crate) fn candidates<'a>(
        &'a self,
        path: Option<&'a [u8]>,
        host: Option<&'a [u8]>,
    ) -> impl Iterator<Item = u32> + 'a {
        // A clause that names paths needs one; so with hosts.
        let by_path = path.into_iter().flat_map(|path| self.by_path.matches(path));
        let by_host = host.into_iter().flat_map(|host| self.by_host.matches(host));
        by_path.chain(by_host).chain(self.others.iter().copied())
    }

    fn policy(&self, clause: u32) -> Option<usize> {
        let clause = self.clauses.get(clause as usize)?;
        Some(self.rules.get(clause.rule)?.policy)
    }

    fn matches(&self, id: u32, facts: &mut Facts<'_>) -> bool {
        let Some(clause) = self.clauses.get(id as usize) else { return false };
        let Some(rule) = self.rules.get(clause.rule) else { return false };
        let mut all = |conditions: &[Condition]| {
            conditions.iter().all(|condition| condition.holds(facts, self.unknown))
        };
        all(&clause.to)
            && all(&rule.when)
            && (rule.from.is_empty() || rule.from.iter().any(|source| all(source)))
    }
}

fn cheapest_first(conditions: Vec<Condition>) -> Vec<Condition> {
    let mut sorted: Vec<Condition> = Vec::with_capacity(conditions.len());
    for condition in conditions {
        let at = sorted.partition_point(|other| other.cost() <= condition.cost());
        sorted.insert(at, condition);
    }
    sorted
}
