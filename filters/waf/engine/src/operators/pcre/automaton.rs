//! The automata that run regular patterns: `regex-automata`, given its own syntax tree, which saves it from parsing a
//! translated pattern.

use regex_automata::meta::{Builder, Config, Regex};
use regex_syntax::hir::{Capture, Class, ClassBytes, ClassBytesRange, Hir, Look, Repetition};

use super::ast::{Assertion, Ast, Mode, Node};
use super::{GROUPS, Groups};
use crate::operators::byte_set::ByteSet;

/// The largest compiled form of one pattern, in bytes. The largest of the CRS needs less than half.
const SIZE_LIMIT: usize = 8 << 20;
/// The largest cache that one pattern may keep between searches, in bytes; a pattern that would need more runs slower
/// instead.
const CACHE_LIMIT: usize = 512 << 10;

/// A regular pattern.
#[derive(Clone, Debug)]
pub(super) struct Automaton(Regex);

/// Why there is no automaton.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The pattern needs backtracking.
    Irregular,
    /// It would be larger than [`SIZE_LIMIT`].
    TooLarge,
}

impl Automaton {
    pub(super) fn new(ast: &Ast) -> Result<Self, Refusal> {
        let hir = hir(&ast.root, true).ok_or(Refusal::Irregular)?;
        let config = Config::new()
            .utf8_empty(false)
            .nfa_size_limit(Some(SIZE_LIMIT))
            .hybrid_cache_capacity(CACHE_LIMIT);
        let regex = Builder::new().configure(config).build_from_hir(&hir);
        regex.map(Self).map_err(|_| Refusal::TooLarge)
    }

    pub(super) fn is_match(&self, input: &[u8]) -> bool {
        self.0.is_match(input)
    }

    /// The leftmost match that starts at `start` or later.
    pub(super) fn find_at(&self, input: &[u8], start: usize) -> Option<Groups> {
        let mut slots = [None; 2 * GROUPS];
        let input = regex_automata::Input::new(input).range(start..);
        self.0.search_slots(&input, &mut slots)?;
        let mut groups: Groups = [None; GROUPS];
        for (group, &[from, to]) in groups.iter_mut().zip(slots.as_chunks::<2>().0) {
            *group = from.zip(to).map(|(from, to)| (from.get(), to.get()));
        }
        Some(groups)
    }
}

/// `last`: nothing follows in the whole pattern. `None`: the pattern needs backtracking.
fn hir(node: &Node, last: bool) -> Option<Hir> {
    Some(match node {
        Node::Empty => Hir::empty(),
        Node::Set(set) => class(*set),
        Node::Assertion(assertion) => Hir::look(match assertion {
            Assertion::Start => Look::Start,
            Assertion::StartLine => Look::StartLF,
            Assertion::End => Look::End,
            Assertion::EndLine => Look::EndLF,
            Assertion::EndOrLastNewline => return None,
            Assertion::WordBoundary => Look::WordAscii,
            Assertion::NotWordBoundary => Look::WordAsciiNegate,
        }),
        Node::Concat(nodes) => {
            let mut parts = Vec::with_capacity(nodes.len());
            let mut rest = nodes.as_slice();
            while let [node, tail @ ..] = rest {
                rest = tail;
                parts.push(in_sequence(node, tail, last)?);
            }
            Hir::concat(parts)
        }
        Node::Alternate(nodes) => {
            Hir::alternation(nodes.iter().map(|node| hir(node, last)).collect::<Option<_>>()?)
        }
        Node::Capture(group, inner) => {
            let index = u32::try_from(*group).ok()?;
            Hir::capture(Capture { index, name: None, sub: Box::new(hir(inner, last)?) })
        }
        Node::Repeat { .. } => in_sequence(node, &[], last)?,
        Node::Look { .. } | Node::Atomic(_) | Node::BackReference { .. } => return None,
    })
}

/// For `node`, which `following` comes after in the same sequence.
fn in_sequence(node: &Node, following: &[Node], last: bool) -> Option<Hir> {
    let last = last && following.is_empty();
    let Node::Repeat { node, min, max, mode } = node else { return hir(node, last) };
    // What a possessive loop over bytes leaves untaken can't be what follows: giving back would not help, so the
    // plain loop finds the same.
    let gives_back = *mode == Mode::Possessive
        && !match (node.as_set(), max) {
            (Some(set), None) => {
                last || first_bytes(following).is_some_and(|first| set.intersection(first).is_empty())
            }
            (Some(_), Some(_)) => last,
            _ => false,
        };
    if gives_back {
        return None;
    }
    let sub = Box::new(hir(node, false)?);
    Some(Hir::repetition(Repetition { min: *min, max: *max, greedy: *mode != Mode::Lazy, sub }))
}

fn class(set: ByteSet) -> Hir {
    let ranges = set.ranges().into_iter().map(|(first, last)| ClassBytesRange::new(first, last));
    Hir::class(Class::Bytes(ClassBytes::new(ranges)))
}

/// The bytes that a match of the sequence starts with; `None` if it can be empty or is not that simple.
fn first_bytes(nodes: &[Node]) -> Option<ByteSet> {
    let [first, ..] = nodes else { return None };
    match first {
        Node::Set(set) => Some(*set),
        Node::Capture(_, node) | Node::Atomic(node) => first_bytes(std::slice::from_ref(node)),
        Node::Repeat { node, min: 1.., .. } => first_bytes(std::slice::from_ref(node)),
        Node::Concat(nodes) => first_bytes(nodes),
        Node::Alternate(branches) => branches.iter().try_fold(ByteSet::EMPTY, |all, branch| {
            Some(all.union(first_bytes(std::slice::from_ref(branch))?))
        }),
        _ => None,
    }
}
