use crate::facts::Facts;
use crate::matcher::Condition;
use crate::pattern::{Pattern, PatternIndex};
use crate::sorted;

/// The compiled policies of one action. A request is not compared with every rule: an index over the paths, or else the
/// hosts, that rules name yields the few that can match.
#[derive(Debug)]
pub(crate) struct Policies {
    pub(crate) rules: Box<[Rule]>,
    pub(crate) clauses: Box<[Clause]>,
    by_path: PatternIndex,
    by_host: PatternIndex,
    /// Clauses that name neither.
    others: Box<[u32]>,
    /// What a condition on an unknown attribute comes to.
    pub(crate) unknown: bool,
}

/// What all operations of a rule share. There may be tens of thousands: nothing in it has room to grow.
#[derive(Debug)]
pub(crate) struct Rule {
    /// The index of the policy in the configuration.
    pub(crate) policy: usize,
    pub(crate) when: Box<[Condition]>,
    /// One of these must hold. Empty: no source is asked for.
    pub(crate) from: Box<[Box<[Condition]>]>,
}

/// One operation of a rule.
#[derive(Debug)]
pub(crate) struct Clause {
    pub(crate) rule: usize,
    pub(crate) to: Box<[Condition]>,
}

/// What the index finds a clause by.
#[derive(Debug)]
pub(crate) enum IndexKey {
    Paths(Vec<Pattern>),
    Hosts(Vec<Pattern>),
    None,
}

/// The operations of a rule, each with what the index finds it by.
pub(crate) type Operations = Vec<(Box<[Condition]>, IndexKey)>;

/// Collects the rules of one action.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    rules: Vec<Rule>,
    clauses: Vec<Clause>,
    keys: Vec<IndexKey>,
}

impl Builder {
    pub(crate) fn add(&mut self, rule: Rule, operations: Operations) {
        for (to, key) in operations {
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
            rules: self.rules.into(),
            clauses: self.clauses.into(),
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
    pub(crate) fn all_matches(&self, facts: &mut Facts<'_>) -> Vec<usize> {
        let mut all = Vec::new();
        for id in self.candidates(facts.path, facts.host) {
            let policy = self.policy(id).filter(|policy| !all.contains(policy));
            if let Some(policy) = policy.filter(|_| self.matches(id, facts)) {
                sorted::insert(&mut all, policy);
            }
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

/// Conditions in the order in which they are to be asked.
pub(crate) fn cheapest_first(conditions: Vec<Condition>) -> Box<[Condition]> {
    let mut sorted: Vec<Condition> = Vec::with_capacity(conditions.len());
    for condition in conditions {
        let at = sorted.partition_point(|other| other.cost() <= condition.cost());
        sorted.insert(at, condition);
    }
    sorted.into()
}
