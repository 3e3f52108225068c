use crate::sorted;
use std::borrow::Cow;
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
    any: Box<[u32]>,
    prefixes: Texts,
    suffixes: Texts,
}

impl PatternIndex {
    pub(crate) fn new<'a>(patterns: impl IntoIterator<Item = (&'a Pattern, u32)>) -> Self {
        let (mut any, mut prefixes, mut suffixes) = (Vec::new(), Vec::new(), Vec::new());
        for (pattern, id) in patterns {
            match pattern {
                Pattern::Any => any.push(id),
                Pattern::Exact(text) => {
                    prefixes.push(Text { key: Cow::Borrowed(text), is_prefix: false, id })
                }
                Pattern::Prefix(text) => {
                    prefixes.push(Text { key: Cow::Borrowed(text), is_prefix: true, id })
                }
                Pattern::Suffix(text) => {
                    let key = text.iter().rev().copied().collect();
                    suffixes.push(Text { key: Cow::Owned(key), is_prefix: true, id });
                }
            }
        }
        Self { any: any.into(), prefixes: Texts::new(prefixes), suffixes: Texts::new(suffixes) }
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
        let last = self.prefixes.last_not_above(|key| key <= value);
        let forward = self.prefixes.ancestors(last, |key| value.starts_with(key));
        let forward =
            forward.flat_map(move |at| self.prefixes.ids(at, self.prefixes.key(at).len() == value.len()));
        let reversed = || value.iter().rev();
        let last = self.suffixes.last_not_above(|key| key.iter().cmp(reversed()) != Ordering::Greater);
        let backward = self.suffixes.ancestors(last, move |key| {
            key.len() <= value.len() && key.iter().eq(reversed().take(key.len()))
        });
        forward.chain(backward.flat_map(|at| self.suffixes.ids(at, false))).copied()
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

/// Texts that patterns share, sorted. All of them are in a few pieces of memory: there may be tens of thousands.
#[derive(Debug, Default)]
struct Texts {
    /// The texts, one behind the other.
    keys: Box<[u8]>,
    /// With one more at the end, which says where the last one ends.
    nodes: Box<[Node]>,
    ids: Box<[u32]>,
}

/// A text. `parent` is the longest other one that this one begins with. So the last text that is not above a value has all
/// texts that begin the value among itself and its ancestors.
#[derive(Debug)]
struct Node {
    /// Where it stands in [`Texts::keys`].
    key: u32,
    parent: u32,
    /// Where the numbers stand of patterns that take it alone, and of those that take what begins with it.
    exact: u32,
    prefix: u32,
}

/// No parent.
const NONE: u32 = u32::MAX;

/// A pattern that is to be among the texts.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Text<'a> {
    key: Cow<'a, [u8]>,
    is_prefix: bool,
    id: u32,
}

impl Texts {
    fn new(texts: Vec<Text<'_>>) -> Self {
        let texts = sorted::sort(texts);
        let mut keys = Vec::with_capacity(texts.iter().map(|text| text.key.len()).sum());
        let mut ids = Vec::with_capacity(texts.len());
        let mut nodes: Vec<Node> = Vec::with_capacity(texts.len() + 1);
        // The last text and its ancestors, the nearest last: the next one's parent is always among them.
        let mut open: Vec<(u32, &[u8])> = Vec::new();
        // What is counted is in memory, of which there are 4 GiB.
        let number = |count: usize| u32::try_from(count).unwrap_or(NONE);
        for Text { key, is_prefix, id } in &texts {
            let is_new = open.last().is_none_or(|(_, last)| *last != &**key);
            if is_new {
                while open.pop_if(|(_, other)| !key.starts_with(other)).is_some() {}
                let parent = open.last().map_or(NONE, |(at, _)| *at);
                open.push((number(nodes.len()), key));
                let start = number(ids.len());
                nodes.push(Node { key: number(keys.len()), parent, exact: start, prefix: start });
                keys.extend_from_slice(key);
            }
            ids.push(*id);
            if !is_prefix && let Some(node) = nodes.last_mut() {
                node.prefix = number(ids.len());
            }
        }
        let end = number(ids.len());
        nodes.push(Node { key: number(keys.len()), parent: NONE, exact: end, prefix: end });
        if ids.is_empty() {
            nodes.clear();
        }
        Self { keys: keys.into(), nodes: nodes.into(), ids: ids.into() }
    }

    fn key(&self, at: usize) -> &[u8] {
        let start = |at: usize| self.nodes.get(at).map_or(0, |node| node.key as usize);
        self.keys.get(start(at)..start(at + 1)).unwrap_or_default()
    }

    /// The numbers of the patterns of a text: of those that take what begins with it, and with `whole` of those that take it
    /// alone.
    fn ids(&self, at: usize, whole: bool) -> &[u32] {
        let (Some(node), Some(next)) = (self.nodes.get(at), self.nodes.get(at + 1)) else { return &[] };
        let start = if whole { node.exact } else { node.prefix };
        self.ids.get(start as usize..next.exact as usize).unwrap_or_default()
    }

    /// The last text for which this holds, where it holds for all before it.
    fn last_not_above(&self, holds: impl Fn(&[u8]) -> bool) -> Option<usize> {
        let (mut low, mut high) = (0, self.nodes.len().saturating_sub(1));
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(self.key(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low.checked_sub(1)
    }

    /// From a text upwards, those that begin the value.
    fn ancestors<'a>(
        &'a self,
        start: Option<usize>,
        begins: impl Fn(&[u8]) -> bool + 'a,
    ) -> impl Iterator<Item = usize> + 'a {
        let parent = |at: &usize| {
            let parent = self.nodes.get(*at)?.parent;
            (parent != NONE).then_some(parent as usize)
        };
        std::iter::successors(start, parent).skip_while(move |at| !begins(self.key(*at)))
    }
}
