use std::cmp::Ordering;

/// A value of a policy: exact, `prefix*`, `*suffix`, or `*`. Only the first or the last byte is a wildcard, the first
/// takes precedence: `*a*` is the suffix `a*` (Istio, pilot/pkg/security/authz/matcher/string.go).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    Any,
    Exact(Box<[u8]>),
    Prefix(Box<[u8]>),
    Suffix(Box<[u8]>),
}

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        if text == "*" {
            Self::Any
        } else if let Some(suffix) = text.strip_prefix('*') {
            Self::Suffix(suffix.as_bytes().into())
        } else if let Some(prefix) = text.strip_suffix('*') {
            Self::Prefix(prefix.as_bytes().into())
        } else {
            Self::Exact(text.as_bytes().into())
        }
    }

    /// Whether this takes every value that the other takes. Templates of paths are compared as texts, so they never cover more than
    /// themselves.
    pub(crate) fn covers(&self, narrow: &Self) -> bool {
        match (self, narrow) {
            (Self::Any, _) => true,
            (Self::Exact(a), Self::Exact(b)) => a == b,
            (Self::Prefix(a), Self::Exact(b) | Self::Prefix(b)) => b.starts_with(a) && !is_template(b),
            (Self::Suffix(a), Self::Exact(b) | Self::Suffix(b)) => b.ends_with(a) && !is_template(b),
            _ => false,
        }
    }

    /// Whether no value fits both.
    pub(crate) fn is_disjoint(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Exact(a) | Self::Prefix(a) | Self::Suffix(a), _) if is_template(a) => false,
            (_, Self::Exact(b) | Self::Prefix(b) | Self::Suffix(b)) if is_template(b) => false,
            (Self::Exact(a), Self::Exact(b)) => a != b,
            (Self::Exact(a), Self::Prefix(b)) | (Self::Prefix(b), Self::Exact(a)) => !a.starts_with(b),
            (Self::Exact(a), Self::Suffix(b)) | (Self::Suffix(b), Self::Exact(a)) => !a.ends_with(b),
            (Self::Prefix(a), Self::Prefix(b)) => !a.starts_with(b) && !b.starts_with(a),
            (Self::Suffix(a), Self::Suffix(b)) => !a.ends_with(b) && !b.ends_with(a),
            _ => false,
        }
    }

    pub(crate) fn to_ascii_lowercase(&self) -> Self {
        match self {
            Self::Any => Self::Any,
            Self::Exact(text) => Self::Exact(text.to_ascii_lowercase().into()),
            Self::Prefix(text) => Self::Prefix(text.to_ascii_lowercase().into()),
            Self::Suffix(text) => Self::Suffix(text.to_ascii_lowercase().into()),
        }
    }
}

fn is_template(text: &[u8]) -> bool {
    text.contains(&b'{')
}

/// Many patterns, each with a number, of which those that match a value are found without trying each: one binary
/// search for exact values and prefixes, one for suffixes.
#[derive(Debug, Default)]
pub(crate) struct PatternIndex {
    any: Vec<u32>,
    prefixes: Vec<Node>,
    suffixes: Vec<Node>,
}

/// A text that patterns share. Nodes are sorted; `parent` is the longest other node that this one begins with. So the
/// last node that is not above a value has all nodes that begin the value among itself and its ancestors.
#[derive(Debug, Default)]
struct Node {
    key: Box<[u8]>,
    parent: Option<u32>,
    exact: Vec<u32>,
    prefix: Vec<u32>,
}

impl PatternIndex {
    pub(crate) fn new<'a>(patterns: impl IntoIterator<Item = (&'a Pattern, u32)>) -> Self {
        let mut index = Self::default();
        for (pattern, id) in patterns {
            match pattern {
                Pattern::Any => index.any.push(id),
                Pattern::Exact(text) => {
                    index.prefixes.push(Node { key: text.clone(), exact: vec![id], ..Node::default() });
                }
                Pattern::Prefix(text) => {
                    index.prefixes.push(Node { key: text.clone(), prefix: vec![id], ..Node::default() });
                }
                Pattern::Suffix(text) => {
                    let key = text.iter().rev().copied().collect();
                    index.suffixes.push(Node { key, prefix: vec![id], ..Node::default() });
                }
            }
        }
        index.prefixes = link(index.prefixes);
        index.suffixes = link(index.suffixes);
        index
    }

    /// Whether it has a pattern that matches every value.
    pub(crate) fn has_any(&self) -> bool {
        !self.any.is_empty()
    }

    /// The numbers of the patterns that match `value`, those of `*` among them.
    pub(crate) fn matches<'a>(&'a self, value: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
        self.any.iter().copied().chain(self.matches_text(value))
    }

    /// The numbers of the patterns other than `*` that match `value`.
    pub(crate) fn matches_text<'a>(&'a self, value: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
        let last = self.prefixes.partition_point(|node| *node.key <= *value);
        let forward = ancestors(&self.prefixes, last, |key| value.starts_with(key)).flat_map(move |node| {
            let exact: &[u32] = if node.key.len() == value.len() { &node.exact } else { &[] };
            node.prefix.iter().chain(exact)
        });
        let reversed = || value.iter().rev();
        let last = self.suffixes.partition_point(|node| node.key.iter().cmp(reversed()) != Ordering::Greater);
        let backward = ancestors(&self.suffixes, last, move |key| {
            key.len() <= value.len() && key.iter().eq(reversed().take(key.len()))
        })
        .flat_map(|node| node.prefix.iter());
        forward.chain(backward).copied()
    }
}

/// A list of values of a policy, one of which must match.
#[derive(Debug, Default)]
pub(crate) struct PatternSet {
    index: PatternIndex,
    /// Whether `*` leaves an empty value out wherever it stands.
    is_strict: bool,
}

impl PatternSet {
    pub(crate) fn new<'a>(patterns: impl IntoIterator<Item = &'a Pattern>) -> Self {
        let index = PatternIndex::new(patterns.into_iter().map(|pattern| (pattern, 0)));
        Self { index, is_strict: false }
    }

    /// Has `*` match no empty value, as Istio documents it ("presence match").
    pub(crate) fn strict(self) -> Self {
        Self { is_strict: true, ..self }
    }

    /// Whether the list matches a value that is there. `*` matches it even where it is empty, as Envoy's `present_match`
    /// does, which Istio uses for headers, hosts and methods.
    pub(crate) fn matches_present(&self, value: &[u8]) -> bool {
        let takes_any = self.index.has_any() && !(self.is_strict && value.is_empty());
        takes_any || self.index.matches_text(value).next().is_some()
    }

    /// Whether the list matches a text. `*` matches it unless it is empty, as the `.+` does that Istio uses for paths,
    /// identities and server names.
    pub(crate) fn matches_text(&self, value: &[u8]) -> bool {
        (self.index.has_any() && !value.is_empty()) || self.index.matches_text(value).next().is_some()
    }
}

/// Sorts nodes, merges those with the same key, and finds each one's parent.
fn link(mut nodes: Vec<Node>) -> Vec<Node> {
    nodes.sort_by(|a, b| a.key.cmp(&b.key));
    let mut linked: Vec<Node> = Vec::with_capacity(nodes.len());
    // The last node and its ancestors, the nearest last: a node's parent is always among them.
    let mut open: Vec<u32> = Vec::new();
    for node in nodes {
        match linked.last_mut() {
            Some(last) if last.key == node.key => {
                last.exact.extend(node.exact);
                last.prefix.extend(node.prefix);
            }
            _ => {
                let begins = |at: &u32| {
                    linked.get(*at as usize).is_some_and(|other: &Node| node.key.starts_with(&other.key))
                };
                while open.pop_if(|at| !begins(at)).is_some() {}
                let parent = open.last().copied();
                open.extend(u32::try_from(linked.len()));
                linked.push(Node { parent, ..node });
            }
        }
    }
    linked
}

/// From the node before position `end` upwards, those that begin the value.
fn ancestors<'a>(
    nodes: &'a [Node],
    end: usize,
    begins: impl Fn(&[u8]) -> bool + 'a,
) -> impl Iterator<Item = &'a Node> + 'a {
    let start = end.checked_sub(1).and_then(|at| nodes.get(at));
    let parent = |node: &&'a Node| node.parent.and_then(|at| nodes.get(at as usize));
    std::iter::successors(start, parent).skip_while(move |node| !begins(&node.key))
}
