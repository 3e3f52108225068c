//! The automata that run regular patterns: those of `regex-automata`.
//!
//! Of that crate only the lazy DFA and the PikeVM are used. Its `meta` engine has eight ways to search, which are a fifth of
//! the module's code; what they gain is mostly in finding literals, and the scan has done that before a pattern is asked.

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::NFA;
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::{Anchored, Input, MatchKind};

use super::ast::{Assertion, Ast, Mode, Node};
use super::growth::Growth;
use super::nfa::{self, Purpose};
use super::program;
use super::recent::{Marks, is_marked, next_mark};
use super::stages::{Part, Stages};
use super::{GROUPS, Groups, LimitExceeded, parse};
use crate::operators::ByteSet;

#[cfg(test)]
mod tests;

/// The largest automaton of one pattern, in bytes before states are shared. The largest of the CRS takes less than a tenth.
const SIZE_LIMIT: usize = 4 << 20;
/// The largest table that one pattern may keep between searches, in bytes, unless its automaton needs more for a search at
/// all; a pattern that would need more runs slower instead.
const CACHE_LIMIT: usize = 256 << 10;
/// From which size on, in bytes, a part of a sequence is worth a stage of its own.
const STAGES_FROM: usize = 16 << 10;
/// From which length on inputs that begin alike are searched from where they part. Stages take more for each byte.
const SHARED_FROM: usize = 64;
const SHARED_BY_STAGES_FROM: usize = 32;

/// A regular pattern, compiled.
#[derive(Debug)]
pub(super) struct Automaton {
    /// Tell whether the pattern matches, where that is cheaper.
    stages: Option<Stages>,
    /// There unless `stages` are, until it is needed.
    whole: Option<Searcher>,
    captures: Option<Box<Captures>>,
    /// Of what is not counted by itself.
    growth: Growth,
}

/// What finds groups, made when they are first asked for.
#[derive(Debug)]
struct Captures {
    /// Finds where a match starts from where it ends.
    start: Searcher,
    /// For patterns that have groups.
    groups: Option<PikeVM>,
}

#[derive(Debug)]
struct Searcher {
    dfa: DFA,
    cache: Cache,
    /// The state at the beginning of an input, and how often the cache had been cleared.
    start: Option<(LazyStateID, usize)>,
    marks: Marks<LazyStateID>,
    growth: Growth,
    /// Bytes of all but the cache.
    fixed_memory: usize,
}

/// Why there is no automaton.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The pattern needs backtracking.
    Irregular,
    /// It would be larger than [`SIZE_LIMIT`].
    TooLarge,
}

/// How many bytes the automaton of the pattern takes at most, if there is one; without making it.
pub(super) fn check(ast: &Ast) -> Result<usize, Refusal> {
    let size = size(&ast.root);
    if !is_regular(&ast.root, true) {
        return Err(Refusal::Irregular);
    }
    if size > SIZE_LIMIT { Err(Refusal::TooLarge) } else { Ok(size) }
}

impl Automaton {
    /// Of a pattern that [`check`] accepts.
    pub(super) fn new(ast: &Ast) -> Option<Self> {
        let stages = match parts(&ast.root, (size(&ast.root) / 8).max(STAGES_FROM))? {
            parts if parts.len() > 1 => Some(Stages::new(&parts, CACHE_LIMIT)?),
            _ => None,
        };
        let whole = if stages.is_none() { Some(Searcher::whole(&ast.root)?) } else { None };
        Some(Self { stages, whole, captures: None, growth: Growth::default() })
    }

    /// Whether it matches anywhere. `pattern` is this automaton's. `shared`: so many bytes begin the input for which this was given last,
    /// too.
    pub(super) fn is_match(
        &mut self,
        pattern: &[u8],
        input: &[u8],
        shared: Option<usize>,
    ) -> Result<bool, LimitExceeded> {
        let mut shared = shared;
        if let Some(stages) = &mut self.stages {
            if let Ok(found) = stages.is_match(input, shared) {
                return Ok(found);
            }
            // The whole was not asked about the last one.
            shared = shared.map(|_| 0);
        }
        self.whole(pattern)?.is_match(input, shared)
    }

    /// From which length on it is worth it to tell what inputs share.
    pub(super) fn shares_from(&self) -> usize {
        if self.stages.is_some() { SHARED_BY_STAGES_FROM } else { SHARED_FROM }
    }

    fn whole(&mut self, pattern: &[u8]) -> Result<&mut Searcher, LimitExceeded> {
        match &mut self.whole {
            Some(whole) => Ok(whole),
            none => {
                self.growth.note();
                let ast = parse::parse(pattern).map_err(|_| LimitExceeded)?;
                Ok(none.insert(Searcher::whole(&ast.root).ok_or(LimitExceeded)?))
            }
        }
    }

    /// The leftmost match that starts at `start` or later. `pattern` is this automaton's.
    pub(super) fn find_at(
        &mut self,
        pattern: &[u8],
        input: &[u8],
        start: usize,
    ) -> Result<Option<Groups>, LimitExceeded> {
        let Some((captures, from, end)) = self.bounds(pattern, input, start)? else { return Ok(None) };
        captures.find(input, from, end).map(Some)
    }

    /// Where the leftmost match starts that starts at `start` or later, or `start` where that is too hard to tell. `pattern` is this
    /// automaton's.
    pub(super) fn start_of(
        &mut self,
        pattern: &[u8],
        input: &[u8],
        start: usize,
    ) -> Result<Option<usize>, LimitExceeded> {
        self.growth.note();
        if let Some(stages) = &mut self.stages {
            return Ok(stages.start_of(input, start).unwrap_or(Some(start)));
        }
        Ok(self.bounds(pattern, input, start)?.map(|(_, from, _)| from))
    }

    /// Where it starts and ends, and what finds its groups.
    fn bounds(
        &mut self,
        pattern: &[u8],
        input: &[u8],
        start: usize,
    ) -> Result<Option<(&mut Captures, usize, usize)>, LimitExceeded> {
        self.growth.note();
        let Some(end) = self.whole(pattern)?.end(&Input::new(input).range(start..))? else { return Ok(None) };
        let captures = match &mut self.captures {
            Some(captures) => captures,
            none => none.insert(Box::new(Captures::new(pattern).ok_or(LimitExceeded)?)),
        };
        let backwards = Input::new(input).range(start..end).anchored(Anchored::Yes);
        let from = captures.start.start(&backwards)?.ok_or(LimitExceeded)?;
        Ok(Some((captures, from, end)))
    }

    /// Whether it may take more memory than when this was asked last.
    pub(super) fn has_grown(&mut self) -> bool {
        let stages = self.stages.as_mut().is_some_and(Stages::has_grown);
        let whole = self.whole.as_mut().is_some_and(|whole| whole.growth.take());
        self.growth.take() | stages | whole
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        let captures = self.captures.as_ref();
        self.stages.as_ref().map_or(0, Stages::memory)
            + self.whole.as_ref().map_or(0, Searcher::memory)
            + captures.map_or(0, |captures| captures.memory())
    }
}

impl Captures {
    fn new(pattern: &[u8]) -> Option<Self> {
        let ast = parse::parse(pattern).ok()?;
        let root = std::slice::from_ref(&ast.root);
        let start = Searcher::new(nfa::build(root, Purpose::Start)?, MatchKind::All)?;
        if ast.groups == 0 {
            return Some(Self { start, groups: None });
        }
        let groups = PikeVM::builder().build_from_nfa(nfa::build(root, Purpose::Groups)?).ok()?;
        Some(Self { start, groups: Some(groups) })
    }

    fn memory(&self) -> usize {
        self.start.memory() + self.groups.as_ref().map_or(0, |vm| vm.get_nfa().memory_usage())
    }

    /// The groups of the match from `start` to `end`.
    fn find(&self, input: &[u8], start: usize, end: usize) -> Result<Groups, LimitExceeded> {
        let mut groups: Groups = [None; GROUPS];
        let Some(vm) = &self.groups else {
            let [whole, ..] = &mut groups;
            *whole = Some((start, end));
            return Ok(groups);
        };
        let mut slots = [None; 2 * GROUPS];
        let input = Input::new(input).range(start..end).anchored(Anchored::Yes);
        vm.search_slots(&mut vm.create_cache(), &input, &mut slots).ok_or(LimitExceeded)?;
        for (group, &[from, to]) in groups.iter_mut().zip(slots.as_chunks::<2>().0) {
            *group = from.zip(to).map(|(from, to)| (from.get(), to.get()));
        }
        Ok(groups)
    }
}

impl Searcher {
    fn whole(root: &Node) -> Option<Self> {
        Self::new(nfa::build(std::slice::from_ref(root), Purpose::End)?, MatchKind::LeftmostFirst)
    }

    fn new(nfa: NFA, kind: MatchKind) -> Option<Self> {
        let config =
            DFA::config().match_kind(kind).cache_capacity(CACHE_LIMIT).skip_cache_capacity_check(true);
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa).ok()?;
        let cache = dfa.create_cache();
        let fixed_memory = dfa.memory_usage() + dfa.get_nfa().memory_usage();
        Some(Self { dfa, cache, start: None, marks: Marks::NONE, growth: Growth::default(), fixed_memory })
    }

    /// Whether there is a match. `shared`: see [`Automaton::is_match`].
    fn is_match(&mut self, input: &[u8], shared: Option<usize>) -> Result<bool, LimitExceeded> {
        // Where it starts, and the end.
        self.growth.note_unseen();
        self.growth.note_unseen();
        match shared {
            None => {}
            Some(0) if !is_marked(input) => self.marks.forget(),
            Some(shared) => return self.is_match_alike(input, shared),
        }
        let state = self.start_state(input)?;
        self.is_match_from(state, input)
    }

    #[inline(never)]
    fn is_match_alike(&mut self, input: &[u8], shared: usize) -> Result<bool, LimitExceeded> {
        let (mut from, mut state) = match self.marks.last(shared, self.cache.clear_count()) {
            Some(known) => *known,
            None => (0, self.start_state(input)?),
        };
        while let Some(to) = next_mark(from, shared, input.len()) {
            match self.run(state, input.get(from..to).unwrap_or_default())? {
                Go::On(reached) => state = reached,
                Go::End(matches) => return Ok(matches),
            }
            self.marks.push(to, state, self.cache.clear_count());
            from = to;
        }
        self.is_match_from(state, input.get(from..).unwrap_or_default())
    }

    #[inline]
    fn start_state(&mut self, input: &[u8]) -> Result<LazyStateID, LimitExceeded> {
        match self.start {
            Some((state, clears)) if clears == self.cache.clear_count() => Ok(state),
            _ => self.make_start_state(input),
        }
    }

    #[inline(never)]
    fn make_start_state(&mut self, input: &[u8]) -> Result<LazyStateID, LimitExceeded> {
        let input = Input::new(input);
        let state = self.dfa.start_state_forward(&mut self.cache, &input).map_err(|_| LimitExceeded)?;
        self.start = Some((state, self.cache.clear_count()));
        Ok(state)
    }

    /// Whether there is a match in what is left of an input.
    fn is_match_from(&mut self, state: LazyStateID, rest: &[u8]) -> Result<bool, LimitExceeded> {
        match self.run(state, rest)? {
            Go::On(last) => {
                let end = self.dfa.next_eoi_state(&mut self.cache, last).map_err(|_| LimitExceeded)?;
                Ok(end.is_match())
            }
            Go::End(matches) => Ok(matches),
        }
    }

    fn run(&mut self, mut state: LazyStateID, bytes: &[u8]) -> Result<Go, LimitExceeded> {
        let Self { dfa, cache, growth, .. } = self;
        if state.is_dead() {
            return Ok(Go::End(false));
        }
        for byte in bytes {
            state = match dfa.next_state_untagged(cache, state, *byte) {
                next if !next.is_tagged() => next,
                next => match go_on(dfa, cache, (state, *byte), next, growth)? {
                    Go::On(state) => state,
                    end => return Ok(end),
                },
            };
        }
        Ok(Go::On(state))
    }

    /// Where the match ends that a search finds. A lazy DFA that may clear its cache as often as it likes does not fail.
    #[inline(never)]
    fn end(&mut self, input: &Input<'_>) -> Result<Option<usize>, LimitExceeded> {
        let found = self.dfa.try_search_fwd(&mut self.cache, input).map_err(|_| LimitExceeded)?;
        Ok(found.map(|half| half.offset()))
    }

    fn start(&mut self, input: &Input<'_>) -> Result<Option<usize>, LimitExceeded> {
        let found = self.dfa.try_search_rev(&mut self.cache, input).map_err(|_| LimitExceeded)?;
        Ok(found.map(|half| half.offset()))
    }

    fn memory(&self) -> usize {
        self.fixed_memory + self.cache.memory_usage()
    }
}

/// What comes of a byte.
enum Go {
    On(LazyStateID),
    /// Whether there is a match is known.
    End(bool),
}

/// Takes a byte in a state behind which the table has one that stands for more than a place in the pattern.
#[inline(never)]
fn go_on(
    dfa: &DFA,
    cache: &mut Cache,
    (state, byte): (LazyStateID, u8),
    known: LazyStateID,
    growth: &mut Growth,
) -> Result<Go, LimitExceeded> {
    growth.note_next(known);
    let next = dfa.next_state(cache, state, byte).map_err(|_| LimitExceeded)?;
    Ok(if next.is_tagged() { Go::End(next.is_match()) } else { Go::On(next) })
}

/// The parts of a sequence that [`Stages`] are to run, cut before its nodes of at least this size; any other pattern as one part.
fn parts(root: &Node, least: usize) -> Option<Vec<Part<'_>>> {
    let nodes = match root {
        Node::Concat(nodes) => nodes.as_slice(),
        root => std::slice::from_ref(root),
    };
    let mut parts = Vec::new();
    let mut end = nodes.len();
    for at in (0..nodes.len()).rev() {
        if at == 0 || nodes.get(at).is_some_and(|node| size(node) >= least) {
            let nodes = nodes.get(at..end)?;
            parts.push(Part { nodes, first: program::first_of(nodes) });
            end = at;
        }
    }
    parts.reverse();
    Some(parts)
}

/// How large the automaton of a node is at most, in bytes.
fn size(node: &Node) -> usize {
    // A state, and a transition of it.
    const STATE: usize = 32;
    const TRANSITION: usize = 8;
    match node {
        Node::Set(set) => STATE + TRANSITION * set.ranges().len(),
        Node::Concat(nodes) | Node::Alternate(nodes) => {
            nodes.iter().fold(STATE, |sum, node| sum.saturating_add(size(node)).saturating_add(TRANSITION))
        }
        Node::Repeat { node, min, max, .. } => {
            let times = max.unwrap_or(*min).max(1) as usize;
            (size(node) + STATE).saturating_mul(times).saturating_add(STATE)
        }
        Node::Capture(_, node) | Node::Atomic(node) | Node::Look { node, .. } => {
            size(node).saturating_add(2 * STATE)
        }
        Node::Empty | Node::Assertion(_) | Node::BackReference { .. } => STATE,
    }
}

/// Whether the pattern needs no backtracking. `last`: nothing follows in the whole pattern.
fn is_regular(node: &Node, last: bool) -> bool {
    match node {
        Node::Empty | Node::Set(_) => true,
        Node::Assertion(assertion) => *assertion != Assertion::EndOrLastNewline,
        Node::Concat(nodes) => {
            let following = |index: usize| nodes.get(index + 1..).unwrap_or_default();
            nodes.iter().enumerate().all(|(index, node)| is_regular_before(node, following(index), last))
        }
        Node::Alternate(nodes) => nodes.iter().all(|node| is_regular(node, last)),
        Node::Capture(_, inner) => is_regular(inner, last),
        Node::Repeat { .. } => is_regular_before(node, &[], last),
        Node::Look { .. } | Node::Atomic(_) | Node::BackReference { .. } => false,
    }
}

/// For `node`, which `following` comes after in the same sequence.
fn is_regular_before(node: &Node, following: &[Node], last: bool) -> bool {
    let last = last && following.is_empty();
    let Node::Repeat { node, max, mode, .. } = node else { return is_regular(node, last) };
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
    !gives_back && is_regular(node, false)
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
