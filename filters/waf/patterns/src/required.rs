//! Derives from a pattern's syntax tree what every match must hold.
//!
//! Each node yields the literals that it matches exactly, if these are few, and the best set of literals of which any
//! match holds one. A sequence joins neighbours that are exact into longer literals; a choice needs one literal of each
//! branch. Literals are in lower case: the search for them ignores case.
//!
//! Patterns against evasion allow junk between any two letters: `s["'^]*e["'^]*t`. Text that matches is either the plain
//! word or holds a byte that only junk has. So a literal comes with *escapes*, bytes of which one occurs in any match
//! that the literals do not cover; the requirement for this example is `set`, `"`, `'` or `^`.
//!
//! Of several requirements the one is taken that ordinary text fulfils least often, by a rough frequency of its bytes.

use crate::ast::{Assertion, Ast, Node};
use crate::byte_set::ByteSet;
use crate::requirement::{Requirement, byte_frequency as frequency};
use portcullis_collections::insert;

/// The most bytes of a class that are written out.
const MAX_CLASS: usize = 16;
/// The most literals that a run of a sequence may grow to.
const MAX_RUN: usize = 128;
/// The most literals that a requirement may have.
const MAX_LITERALS: usize = 1024;
/// Longer literals are cut: they rule out no more.
const MAX_LITERAL_LENGTH: usize = 12;
/// For literals that are less frequent no more is tried.
const RARE: f32 = 0.0005;
/// Of text that may be left out, how many literals are kept as they are, if its bytes are as frequent as in ordinary text.
const MAX_OPTIONS: usize = 3;
const JUNK: f32 = 0.002;
/// How many bytes of neighbours are taken from each where they meet.
const JOINT: usize = 2;
const MAX_JOINTS: usize = 512;
/// How many sets of bytes are kept, and how frequent each may be.
const MAX_SETS: usize = 4;
const MAX_SET: f32 = 0.1;
/// Bytes that are more frequent than this together are no good escapes.
const MAX_ESCAPES: f32 = 0.02;

/// What every input fulfils that the pattern matches.
#[must_use]
pub fn requirement(ast: &Ast) -> Requirement {
    let found = analyse(&ast.root, Effort::Least);
    let mut best = found.best();
    // Unless they rule out more, fewer literals are better.
    for (effort, share) in [(Effort::Joints, 0.9), (Effort::Options, 0.5)] {
        let frequency = best.as_ref().map_or(f32::MAX, Literals::frequency);
        if frequency > RARE {
            let is_rarer = |other: &Literals| other.frequency() < frequency * share;
            best = analyse(&ast.root, effort).best().filter(is_rarer).or(best);
        }
    }
    let literals = best.map(Literals::into_list).unwrap_or_default();
    let Found { bytes, more_bytes, min_length, .. } = found;
    Requirement { literals, bytes, more_bytes, only: only(&ast.root), min_length, max_length: None }
}

/// The bytes that a line which the pattern matches consists of, if it is anchored at both ends of a line.
fn only(node: &Node) -> Option<ByteSet> {
    match node {
        Node::Capture(_, node) => only(node),
        Node::Alternate(nodes) => {
            nodes.iter().try_fold(ByteSet::EMPTY, |all, node| Some(all.union(only(node)?)))
        }
        Node::Concat(nodes) => match nodes.as_slice() {
            [
                Node::Assertion(Assertion::Start | Assertion::StartLine),
                inner @ ..,
                Node::Assertion(Assertion::End | Assertion::EndLine | Assertion::EndOrLastNewline),
            ] => inner.iter().try_fold(ByteSet::EMPTY, |all, node| Some(all.union(bytes_of(node)?))),
            [one] => only(one),
            _ => None,
        },
        _ => None,
    }
}

/// All bytes that a match of the node can have.
fn bytes_of(node: &Node) -> Option<ByteSet> {
    match node {
        Node::Empty | Node::Assertion(_) | Node::Look { .. } => Some(ByteSet::EMPTY),
        Node::Set(set) => Some(*set),
        Node::Concat(nodes) | Node::Alternate(nodes) => {
            nodes.iter().try_fold(ByteSet::EMPTY, |all, node| Some(all.union(bytes_of(node)?)))
        }
        Node::Capture(_, node) | Node::Atomic(node) | Node::Repeat { node, .. } => bytes_of(node),
        Node::BackReference { .. } => None,
    }
    .filter(|bytes| *bytes != ByteSet::FULL)
}

/// How many bytes a match takes at least.
#[must_use]
pub fn min_length(node: &Node) -> usize {
    match node {
        Node::Empty | Node::Assertion(_) | Node::Look { .. } | Node::BackReference { .. } => 0,
        Node::Set(_) => 1,
        Node::Capture(_, node) | Node::Atomic(node) => min_length(node),
        Node::Concat(nodes) => nodes.iter().fold(0, |sum: usize, node| sum.saturating_add(min_length(node))),
        Node::Alternate(nodes) => nodes.iter().map(min_length).min().unwrap_or(0),
        Node::Repeat { node, min, .. } => min_length(node).saturating_mul(*min as usize),
    }
}

#[derive(Clone, Debug, Default)]
struct Found {
    /// All that the node matches, folded to lower case.
    exact: Option<Literals>,
    /// Any match holds one of these.
    required: Option<Literals>,
    /// Any match holds one of these bytes.
    bytes: Option<ByteSet>,
    /// Any match holds one of each of these, which are the rarest, and rare enough to be of use.
    more_bytes: Vec<ByteSet>,
    min_length: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Literals {
    /// In order, each one once.
    texts: Vec<Vec<u8>>,
    /// A match that is none of the texts holds one of these bytes.
    escapes: ByteSet,
}

/// How much is tried. What brings rarer literals for one pattern has none, or too many, for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effort {
    /// Rare bytes of text that may be left out are escapes, so that what is around it can be joined to longer literals.
    Least,
    /// Where neighbours are too many to be joined, there is also what stands where they meet.
    Joints,
    /// Besides, there are literals with text that may be left out once and without it, if its bytes are as frequent as in ordinary text.
    Options,
}

fn analyse(node: &Node, effort: Effort) -> Found {
    match node {
        Node::Empty | Node::Assertion(_) | Node::Look { .. } => Found::empty(),
        Node::BackReference { .. } => Found::default(),
        Node::Set(set) => {
            let lower = set.to_lowercase();
            let few = (1..=MAX_CLASS).contains(&lower.len());
            let texts = || set_of(lower.iter().map(|byte| vec![byte]));
            let exact = few.then(|| Literals { texts: texts(), escapes: ByteSet::EMPTY });
            let bytes = (*set != ByteSet::FULL).then_some(*set);
            let more_bytes = rarest(bytes.into_iter().collect());
            Found { exact, required: None, bytes, more_bytes, min_length: 1 }
        }
        Node::Capture(_, node) | Node::Atomic(node) => analyse(node, effort),
        Node::Concat(nodes) => concat(nodes.iter().map(|node| analyse(node, effort)), effort),
        Node::Alternate(nodes) => alternate(nodes, effort),
        Node::Repeat { node, min, max, .. } => repeat(analyse(node, effort), *min, *max, effort),
    }
}

fn concat(parts: impl Iterator<Item = Found>, effort: Effort) -> Found {
    let mut whole = Found::empty();
    let mut run = Some(Literals::nothing());
    let mut all_exact = true;
    for part in parts {
        whole.min_length = whole.min_length.saturating_add(part.min_length);
        whole.bytes = rarer_bytes(whole.bytes, part.bytes);
        whole.more_bytes.extend(part.more_bytes);
        whole.more_bytes = rarest(whole.more_bytes);
        whole.required = better(whole.required, part.required);
        whole.required = better(whole.required, run.clone());
        let longer = run.as_ref().zip(part.exact.as_ref()).and_then(|(run, next)| run.followed_by(next));
        if longer.is_none() && effort != Effort::Least {
            let joint = run.as_ref().zip(part.exact.as_ref()).and_then(|(run, next)| run.joint_with(next));
            whole.required = better(whole.required, joint);
        }
        all_exact &= longer.is_some();
        run = longer.or(part.exact);
    }
    whole.exact = if all_exact { run.clone() } else { None };
    whole.required = better(whole.required, run);
    whole
}

fn alternate(nodes: &[Node], effort: Effort) -> Found {
    let mut branches = nodes.iter().map(|node| analyse(node, effort));
    let Some(mut whole) = branches.next() else { return Found::empty() };
    whole.required = whole.best();
    whole.exact = whole.exact_or_escape();
    for branch in branches {
        whole.exact = both(whole.exact, branch.exact_or_escape(), MAX_RUN);
        whole.required = both(whole.required, branch.best(), MAX_LITERALS);
        whole.bytes = whole.bytes.zip(branch.bytes).map(|(a, b)| a.union(b));
        let unions = whole.more_bytes.iter().flat_map(|a| branch.more_bytes.iter().map(|b| a.union(*b)));
        whole.more_bytes = rarest(unions.collect());
        whole.min_length = whole.min_length.min(branch.min_length);
    }
    whole
}

fn repeat(once: Found, min: u32, max: Option<u32>, effort: Effort) -> Found {
    if min == 0 {
        let once_or_not = once.exact.clone().filter(|_| max == Some(1));
        let is_short = |exact: &Literals| exact.texts.len() <= MAX_OPTIONS && exact.escapes.is_empty();
        let stays = |bytes: ByteSet| effort == Effort::Options && frequency_of(bytes) > JUNK;
        let exact = match once.rare_bytes() {
            Some(bytes) if stays(bytes) && once_or_not.as_ref().is_some_and(is_short) => {
                both(once_or_not, Some(Literals::nothing()), MAX_RUN)
            }
            Some(escapes) => Some(Literals { escapes, ..Literals::nothing() }),
            None => both(once_or_not, Some(Literals::nothing()), MAX_RUN),
        };
        return Found { exact, ..Found::default() };
    }
    let min_length = once.min_length.saturating_mul(min as usize);
    let required = once.best();
    if once.exact.is_none() || min > 8 {
        let Found { bytes, more_bytes, .. } = once;
        return Found { exact: None, required, bytes, more_bytes, min_length };
    }
    let turns = concat(std::iter::repeat_n(once, min as usize), effort);
    let exact = turns.exact.filter(|_| max == Some(min));
    let Found { bytes, more_bytes, .. } = turns;
    Found { exact, required: better(required, turns.required), bytes, more_bytes, min_length }
}

impl Found {
    /// Matches the empty string only.
    fn empty() -> Self {
        Self { exact: Some(Literals::nothing()), ..Self::default() }
    }

    /// The requirement that ordinary text fulfils least often.
    fn best(&self) -> Option<Literals> {
        let bytes = self.bytes.map(|escapes| Literals { texts: Vec::new(), escapes });
        better(better(self.required.clone(), self.exact.clone()), bytes.filter(Literals::is_small))
    }

    /// Bytes that are rare, and of which any match holds one. Letters and digits are never: they make good literals.
    fn rare_bytes(&self) -> Option<ByteSet> {
        let rare = |bytes: &ByteSet| {
            frequency_of(*bytes) <= MAX_ESCAPES && !bytes.iter().any(|byte| byte.is_ascii_alphanumeric())
        };
        self.bytes.filter(rare)
    }

    /// What the node matches; a node that matches too much but needs a rare byte is all escape.
    fn exact_or_escape(&self) -> Option<Literals> {
        let escape = || Some(Literals { texts: Vec::new(), escapes: self.rare_bytes()? });
        self.exact.clone().or_else(escape)
    }
}

impl Literals {
    fn nothing() -> Self {
        Self { texts: set_of([Vec::new()]), escapes: ByteSet::EMPTY }
    }

    /// Escapes are literals of one byte.
    fn into_list(self) -> Vec<Vec<u8>> {
        let mut texts = self.texts;
        self.escapes.to_lowercase().iter().for_each(|byte| insert(&mut texts, vec![byte]));
        texts
    }

    /// Few enough bytes to be listed as literals.
    fn is_small(&self) -> bool {
        self.escapes.len() <= MAX_CLASS
    }

    /// Every literal of `self` with every one of `next` after it, unless that is too many or they were cut.
    fn followed_by(&self, next: &Self) -> Option<Self> {
        let too_long = |set: &Self| set.texts.iter().any(|literal| literal.len() >= MAX_LITERAL_LENGTH);
        let escapes = self.escapes.union(next.escapes);
        let too_many = self.texts.len() * next.texts.len() > MAX_RUN || frequency_of(escapes) > MAX_ESCAPES;
        if too_many || too_long(self) || too_long(next) {
            return None;
        }
        let pairs =
            self.texts.iter().flat_map(|a| next.texts.iter().map(move |b| [a.as_slice(), b].concat()));
        Some(Self { texts: set_of(pairs), escapes })
    }

    /// What any match of `self` with one of `next` after it has where the two meet. For those that are too many to be joined as a whole.
    fn joint_with(&self, next: &Self) -> Option<Self> {
        let ends = set_of(
            self.texts
                .iter()
                .map(|text| text.get(text.len().saturating_sub(JOINT)..).unwrap_or_default().to_vec()),
        );
        let starts = set_of(next.texts.iter().map(|text| text.get(..JOINT).unwrap_or(text).to_vec()));
        let escapes = self.escapes.union(next.escapes);
        if ends.len() * starts.len() > MAX_JOINTS || frequency_of(escapes) > MAX_ESCAPES {
            return None;
        }
        let mut texts =
            set_of(ends.iter().flat_map(|end| starts.iter().map(|start| [&**end, start].concat())));
        let all = texts.clone();
        let holds = |text: &[u8], part: &Vec<u8>| {
            part.len() < text.len() && memchr::memmem::find(text, part).is_some()
        };
        texts.retain(|text| !all.iter().any(|part| holds(text, part)));
        Some(Self { texts, escapes })
    }

    /// How often ordinary text fulfils it, roughly: for each position the chance that one of the literals starts there.
    fn frequency(&self) -> f32 {
        self.texts.iter().map(|text| frequency_of_text(text)).sum::<f32>() + frequency_of(self.escapes)
    }

    fn is_requirement(&self) -> bool {
        self.texts.iter().all(|text| !text.is_empty()) && !(self.texts.is_empty() && self.escapes.is_empty())
    }
}

fn set_of(texts: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let mut set = Vec::new();
    texts.into_iter().for_each(|text| insert(&mut set, text));
    set
}

fn better(a: Option<Literals>, b: Option<Literals>) -> Option<Literals> {
    let candidates = [a, b].into_iter().flatten().filter(Literals::is_requirement);
    candidates.min_by(|a, b| a.frequency().total_cmp(&b.frequency()))
}

fn both(a: Option<Literals>, b: Option<Literals>, most: usize) -> Option<Literals> {
    let (mut all, more) = (a?, b?);
    more.texts.into_iter().for_each(|text| insert(&mut all.texts, text));
    all.escapes = all.escapes.union(more.escapes);
    (all.texts.len() <= most).then_some(all)
}

/// The rarest of some sets, without those that another is a part of: it says as much.
fn rarest(mut sets: Vec<ByteSet>) -> Vec<ByteSet> {
    sets.retain(|set| frequency_of(*set) <= MAX_SET);
    let mut kept: Vec<ByteSet> = Vec::new();
    while let Some((at, _)) =
        sets.iter().enumerate().min_by(|(_, a), (_, b)| frequency_of(**a).total_cmp(&frequency_of(**b)))
    {
        let set = sets.remove(at);
        if kept.len() < MAX_SETS && !kept.iter().any(|known| known.union(set) == set) {
            kept.push(set);
        }
    }
    kept
}

fn rarer_bytes(a: Option<ByteSet>, b: Option<ByteSet>) -> Option<ByteSet> {
    let candidates = [a, b].into_iter().flatten();
    candidates.min_by(|a, b| frequency_of(*a).total_cmp(&frequency_of(*b)))
}

/// The chance that a text starts at a place. Letters are not independent of each other: `in` comes five times as often as they would say.
fn frequency_of_text(text: &[u8]) -> f32 {
    /// Those of ordinary words.
    const PAIRS: &[u8] =
        b"alanarasatcodeeaedelenereshahehiiciminioisitlelymendnengnoofomonorourerirosesttethtitousve";
    const TIMES: f32 = 4.0;
    let is_common = |pair: &[u8]| PAIRS.as_chunks::<2>().0.iter().any(|known| known == pair);
    let pairs = text.windows(2).filter(|pair| is_common(pair)).count();
    text.iter().map(|byte| frequency(*byte)).product::<f32>() * TIMES.powi(pairs as i32)
}

fn frequency_of(bytes: ByteSet) -> f32 {
    bytes.iter().map(frequency).sum()
}
