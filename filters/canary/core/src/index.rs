use crate::condition::{Condition, Test};
use crate::fields::{FieldNames, Fields};
use crate::inputs::{Asked, Inputs};
use crate::patterns::{PatternId, Subject};
use smallvec::SmallVec;

/// Which rules a request can meet: found by what the request has, so that rules about headers, cookies, parameters and paths
/// that it has not cost nothing. Rules are numbers from 0, in the order in which they are asked.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Of which nothing is known before they are asked.
    always: Rules,
    headers: Users,
    cookies: Users,
    queries: Users,
    exact_paths: Fields,
    of_exact_paths: Users,
    path_prefixes: Fields,
    of_path_prefixes: Users,
    longest_prefix: usize,
    /// By set of patterns: the bit of a pattern, and a rule that needs it.
    patterns: Vec<Vec<(u64, usize)>>,
}

/// An index in the making.
#[derive(Debug, Default)]
pub(crate) struct IndexBuilder {
    index: Index,
    exact_paths: FieldNames,
    path_prefixes: FieldNames,
    count: usize,
}

/// A set of rules.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules(SmallVec<[u64; 4]>);

/// The rules that need something, by its number.
#[derive(Debug, Default)]
struct Users(Vec<Vec<usize>>);

/// What a request has to have, at least one of several, for a rule to be worth asking.
#[derive(Clone, Debug)]
enum Need {
    Field(Subject),
    ExactPath(Box<[u8]>),
    PathPrefix(Box<[u8]>),
    Pattern(PatternId),
}

impl IndexBuilder {
    /// Adds a rule that says nothing unless the request has one of these headers, cookies or parameters.
    pub(crate) fn add_fields(&mut self, subjects: impl Iterator<Item = Subject>) {
        self.add(Some(subjects.map(Need::Field).collect()));
    }

    /// Adds a rule with this condition, or without one.
    pub(crate) fn add_condition(&mut self, condition: Option<&Condition>, asked: &Asked) {
        self.add(condition.and_then(|condition| needs(condition, asked)));
    }

    fn add(&mut self, needs: Option<Vec<Need>>) {
        let rule = self.count;
        self.count += 1;
        let index = &mut self.index;
        let Some(needs) = needs else { return index.always.insert(rule) };
        for need in needs {
            match need {
                Need::Field(Subject::Header(id)) => index.headers.add(id.0, rule),
                Need::Field(Subject::Cookie(id)) => index.cookies.add(id.0, rule),
                Need::Field(Subject::Query(id)) => index.queries.add(id.0, rule),
                Need::Field(_) => index.always.insert(rule),
                Need::ExactPath(path) => index.of_exact_paths.add(self.exact_paths.id_of(&path).0, rule),
                Need::PathPrefix(path) => {
                    index.longest_prefix = index.longest_prefix.max(path.len());
                    index.of_path_prefixes.add(self.path_prefixes.id_of(&path).0, rule);
                }
                Need::Pattern(id) => {
                    if index.patterns.len() <= id.set {
                        index.patterns.resize(id.set + 1, Vec::new());
                    }
                    index.patterns.get_mut(id.set).into_iter().for_each(|users| users.push((id.bit, rule)));
                }
            }
        }
    }

    pub(crate) fn build(self) -> Index {
        let Self { index, exact_paths, path_prefixes, .. } = self;
        Index { exact_paths: exact_paths.build(), path_prefixes: path_prefixes.build(), ..index }
    }
}

impl Index {
    /// The rules that this request may meet; all others it does not.
    pub(crate) fn rules(&self, inputs: &mut Inputs<'_>) -> Rules {
        let mut rules = self.always.clone();
        inputs.headers_there().for_each(|id| rules.extend(self.headers.of(id.0)));
        if !self.cookies.0.is_empty() {
            inputs.cookies_there().for_each(|id| rules.extend(self.cookies.of(id.0)));
        }
        if !self.queries.0.is_empty() {
            inputs.queries_there().for_each(|id| rules.extend(self.queries.of(id.0)));
        }
        let path = inputs.path();
        if let Some(id) = self.exact_paths.find(path) {
            rules.extend(self.of_exact_paths.of(id.0));
        }
        if self.path_prefixes.len() > 0 {
            for end in segment_ends(path, self.longest_prefix) {
                let id = path.get(..end).and_then(|prefix| self.path_prefixes.find(prefix));
                id.into_iter().for_each(|id| rules.extend(self.of_path_prefixes.of(id.0)));
            }
        }
        for (set, users) in self.patterns.iter().enumerate().filter(|(_, users)| !users.is_empty()) {
            let matched = inputs.matched(set);
            if matched != 0 {
                let met = users.iter().filter(|(bit, _)| matched & bit != 0);
                met.for_each(|(_, rule)| rules.insert(*rule));
            }
        }
        rules
    }
}

impl Rules {
    /// All rules below this number.
    #[cfg(feature = "trace")]
    pub(crate) fn below(count: usize) -> Self {
        let mut rules = Self::default();
        (0..count).for_each(|rule| rules.insert(rule));
        rules
    }

    fn insert(&mut self, rule: usize) {
        if self.0.len() <= rule / 64 {
            self.0.resize(rule / 64 + 1, 0);
        }
        if let Some(word) = self.0.get_mut(rule / 64) {
            *word |= 1 << (rule % 64);
        }
    }

    fn extend(&mut self, rules: &[usize]) {
        rules.iter().for_each(|rule| self.insert(*rule));
    }

    /// In order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        self.0.iter().enumerate().flat_map(|(place, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros();
                rest &= rest.wrapping_sub(1);
                (bit < 64).then_some(place * 64 + bit as usize)
            })
        })
    }
}

impl Users {
    fn add(&mut self, id: usize, rule: usize) {
        if self.0.len() <= id {
            self.0.resize(id + 1, Vec::new());
        }
        if let Some(rules) = self.0.get_mut(id).filter(|rules| rules.last() != Some(&rule)) {
            rules.push(rule);
        }
    }

    fn of(&self, id: usize) -> &[usize] {
        self.0.get(id).map_or(&[], Vec::as_slice)
    }
}

/// What a request must have one of to meet this condition; `None` where that cannot be said, or not without the host.
fn needs(condition: &Condition, asked: &Asked) -> Option<Vec<Need>> {
    let one = |need| Some(vec![need]);
    match condition {
        Condition::Value(_, Test::Present(false)) => None,
        Condition::Value(Subject::Path, Test::Exact(path)) => one(Need::ExactPath(path.bytes().into())),
        Condition::Value(Subject::Path | Subject::Claim(_), _) => None,
        Condition::Value(subject, _) => one(Need::Field(*subject)),
        Condition::Country(header, _) => one(Need::Field(Subject::Header(*header))),
        Condition::PathPrefix(prefix) => one(Need::PathPrefix(prefix.as_bytes().into())),
        Condition::Pattern(id) => {
            let subject = asked.patterns.get(id.set)?.subject;
            (!matches!(subject, Subject::Claim(_))).then(|| vec![Need::Pattern(*id)])
        }
        Condition::Any(conditions) => {
            let needs: Option<Vec<_>> = conditions.iter().map(|condition| needs(condition, asked)).collect();
            needs.map(|needs| needs.concat())
        }
        // Any of these is enough to know, so that which is the least work.
        Condition::All(conditions) => {
            let work = |needs: &Vec<Need>| needs.iter().map(Need::work).max();
            conditions.iter().filter_map(|condition| needs(condition, asked)).min_by_key(work)
        }
        Condition::Never => Some(Vec::new()),
        Condition::Not(_) | Condition::Method(_) | Condition::SourceIp(_) => None,
    }
}

impl Need {
    /// How much work it is to find out.
    fn work(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::ExactPath(_) | Self::PathPrefix(_) => 1,
            Self::Pattern(_) => 2,
        }
    }
}

/// Where a path can be cut between segments, at most this far from its start; and its end.
fn segment_ends(path: &[u8], longest: usize) -> impl Iterator<Item = usize> {
    let start = path.get(..longest.saturating_add(1)).unwrap_or(path);
    let cuts = start.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    cuts.chain((!path.is_empty() && path.len() <= longest).then_some(path.len()))
}
