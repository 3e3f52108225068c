//! Derives from a pattern's syntax tree what every match must hold.
//!
//! Each node yields the literals that it matches exactly, if these are few, and the best set of literals of which any
//! match holds one. A sequence joins neighbours that are exact into longer literals and keeps the best run; a choice
//! needs one literal of each branch. Literals are in lower case: the search for them ignores case.

use std::collections::BTreeSet;

use super::ast::{Ast, Node};
use crate::operators::byte_set::ByteSet;
use crate::operators::requirement::Requirement;

/// The most bytes of a class that are written out.
const MAX_CLASS: usize = 16;
/// The most literals that a run of a sequence may grow to.
const MAX_RUN: usize = 64;
/// The most literals that a requirement may have.
const MAX_LITERALS: usize = 512;
/// Longer literals are cut: they rule out no more.
const MAX_LITERAL_LENGTH: usize = 24;

pub(super) fn requirement(ast: &Ast) -> Requirement {
    let found = analyse(&ast.root);
    let literals = found.literals().map(|literals| literals.0.into_iter().collect()).unwrap_or_default();
    Requirement { literals, bytes: found.bytes, min_length: found.min_length }
}

#[derive(Clone, Debug, Default)]
struct Found {
    /// All that the node matches, folded to lower case.
    exact: Option<Literals>,
    /// Any match holds one of these.
    required: Option<Literals>,
    /// Any match holds one of these bytes.
    bytes: Option<ByteSet>,
    min_length: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Literals(BTreeSet<Vec<u8>>);

fn analyse(node: &Node) -> Found {
    match node {
        Node::Empty | Node::Assertion(_) | Node::Look { .. } => Found::empty(),
        Node::BackReference { .. } => Found::default(),
        Node::Set(set) => {
            let lower = set.to_lowercase();
            let few = (1..=MAX_CLASS).contains(&lower.len());
            let exact = few.then(|| Literals(lower.iter().map(|byte| vec![byte]).collect()));
            let bytes = (*set != ByteSet::FULL).then_some(*set);
            Found { exact, required: None, bytes, min_length: 1 }
        }
        Node::Capture(_, node) | Node::Atomic(node) => analyse(node),
        Node::Concat(nodes) => concat(nodes.iter().map(analyse)),
        Node::Alternate(nodes) => alternate(nodes),
        Node::Repeat { node, min, max, .. } => repeat(analyse(node), *min, *max),
    }
}

fn concat(parts: impl Iterator<Item = Found>) -> Found {
    let mut whole = Found::empty();
    let mut run = Some(Literals::nothing());
    let mut all_exact = true;
    for part in parts {
        whole.min_length = whole.min_length.saturating_add(part.min_length);
        whole.bytes = smaller(whole.bytes, part.bytes);
        whole.required = better(whole.required, part.required);
        let longer = run.as_ref().zip(part.exact.as_ref()).and_then(|(run, next)| run.followed_by(next));
        if longer.is_none() {
            all_exact = false;
            whole.required = better(whole.required, run);
            run = part.exact;
        } else {
            run = longer;
        }
    }
    whole.exact = if all_exact { run.clone() } else { None };
    whole.required = better(whole.required, run);
    whole
}

fn alternate(nodes: &[Node]) -> Found {
    let mut branches = nodes.iter().map(analyse);
    let Some(mut whole) = branches.next() else { return Found::empty() };
    whole.required = whole.literals();
    for branch in branches {
        let required = branch.literals();
        whole.exact = both(whole.exact, branch.exact, MAX_RUN);
        whole.required = both(whole.required, required, MAX_LITERALS);
        whole.bytes = whole.bytes.zip(branch.bytes).map(|(a, b)| a.union(b));
        whole.min_length = whole.min_length.min(branch.min_length);
    }
    whole
}

fn repeat(once: Found, min: u32, max: Option<u32>) -> Found {
    if min == 0 {
        let exact = once.exact.filter(|_| max == Some(1));
        return Found { exact: both(exact, Some(Literals::nothing()), MAX_RUN), ..Found::default() };
    }
    let min_length = once.min_length.saturating_mul(min as usize);
    let required = better(once.required.clone(), once.exact.clone());
    if once.exact.is_none() || min > 8 {
        return Found { exact: None, required, bytes: once.bytes, min_length };
    }
    let turns = concat(std::iter::repeat_n(once, min as usize));
    let exact = turns.exact.filter(|_| max == Some(min));
    Found { exact, required: better(required, turns.required), bytes: turns.bytes, min_length }
}

impl Found {
    /// Matches the empty string only.
    fn empty() -> Self {
        Self { exact: Some(Literals::nothing()), ..Self::default() }
    }

    fn literals(&self) -> Option<Literals> {
        better(self.required.clone(), self.exact.clone()).filter(|literals| literals.shortest() > 0)
    }
}

impl Literals {
    fn nothing() -> Self {
        Self(BTreeSet::from([Vec::new()]))
    }

    fn shortest(&self) -> usize {
        self.0.iter().map(Vec::len).min().unwrap_or(0)
    }

    /// Every literal of `self` with every one of `next` after it, unless that is too many or they were cut.
    fn followed_by(&self, next: &Self) -> Option<Self> {
        let too_long = |set: &Self| set.0.iter().any(|literal| literal.len() >= MAX_LITERAL_LENGTH);
        if self.0.len() * next.0.len() > MAX_RUN || too_long(self) || too_long(next) {
            return None;
        }
        let pairs = self.0.iter().flat_map(|a| next.0.iter().map(move |b| [a.as_slice(), b].concat()));
        Some(Self(pairs.collect()))
    }

    /// Longer is rarer; beyond a few bytes, fewer is cheaper.
    fn score(&self) -> (usize, usize) {
        (self.shortest().min(4), usize::MAX - self.0.len())
    }
}

fn better(a: Option<Literals>, b: Option<Literals>) -> Option<Literals> {
    let candidates = [a, b].into_iter().flatten().filter(|set| set.shortest() > 0);
    candidates.max_by_key(Literals::score)
}

fn both(a: Option<Literals>, b: Option<Literals>, most: usize) -> Option<Literals> {
    let (mut all, more) = (a?, b?);
    all.0.extend(more.0);
    (all.0.len() <= most).then_some(all)
}

fn smaller(a: Option<ByteSet>, b: Option<ByteSet>) -> Option<ByteSet> {
    [a, b].into_iter().flatten().min_by_key(ByteSet::len)
}
