//! Tells whether a long sequence matches, by running its parts one after the other on automata of their own.
//!
//! A lazy DFA has a state for each combination of places where the whole pattern can be. With a choice of words behind a
//! prefix that matches nearly anywhere, such as the Core Rule Set's patterns of shell commands, text can be written in which
//! nearly every byte leads to a new combination, at a microsecond each. Here each part has a DFA that starts wherever the parts
//! before it can end, so the combinations are not states but a list of those that are active: few, because
//! most die after a byte or two, and each a state of a small DFA.
//!
//! Parts are cut before the large ones of the sequence. Greed plays no role, since only whether there is a match is asked, and
//! look-around at a cut sees the whole input.

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::{Anchored, Input, MatchKind};

use super::ast::Node;
use super::growth::Growth;
use super::nfa::{self, Purpose};
use super::recent::{Marks, is_marked, next_mark};
use crate::operators::ByteSet;

/// A search that has more work than this for each byte of the input, on average, is left to another matcher.
const STEPS_FOR_EACH_BYTE: usize = 16;

/// No place in an input.
const NOWHERE: usize = usize::MAX;

/// A part of a sequence.
#[derive(Clone, Debug)]
pub(super) struct Part<'n> {
    pub(super) nodes: &'n [Node],
    /// The bytes that it can begin with; `None` if it can be empty.
    pub(super) first: Option<ByteSet>,
}

/// The parts of a pattern.
#[derive(Debug)]
pub(super) struct Stages {
    stages: Vec<Stage>,
    marks: Marks<Places>,
}

/// Where the first stage is, and the threads of the others, each with its stage's number.
type Places = (LazyStateID, Vec<(usize, Thread)>);

/// The search took too much work.
#[derive(Debug)]
pub(super) struct GaveUp;

#[derive(Debug)]
struct Stage {
    dfa: DFA,
    cache: Cache,
    /// The bytes that it can begin with; `None` if it can be empty.
    first: Option<ByteSet>,
    /// Where in the part the search can be.
    threads: Vec<Thread>,
    /// Those of them that took a byte already, while the others wait.
    moved: Vec<Thread>,
    /// Bytes of all but the cache.
    fixed_memory: usize,
    /// How often it was cleared, as `step` does it.
    clears: usize,
    growth: Growth,
}

#[derive(Clone, Copy, Debug)]
struct Thread {
    state: LazyStateID,
    /// Where it began. If several came to the same state, any of them.
    from: usize,
    /// Where the parts before it began. If several came to the same state, the first of them.
    origin: usize,
}

impl Stages {
    /// Of parts that follow each other. `cache`: how many bytes the table of one may take.
    pub(super) fn new(parts: &[Part<'_>], cache: usize) -> Option<Self> {
        let stage = |(index, part): (usize, &Part<'_>)| Stage::new(part, cache, index > 0);
        parts
            .iter()
            .enumerate()
            .map(stage)
            .collect::<Option<_>>()
            .map(|stages| Self { stages, marks: Marks::NONE })
    }

    /// Whether there is a match. `shared`: so many bytes begin the input for which this was given last, too.
    pub(super) fn is_match(&mut self, input: &[u8], shared: Option<usize>) -> Result<bool, GaveUp> {
        let Self { stages, marks } = self;
        let [first, rest @ ..] = stages.as_mut_slice() else { return Ok(true) };
        for stage in &mut *rest {
            stage.threads.clear();
            stage.moved.clear();
        }
        let (mut at, mut is_idle, mut mark) = (0, true, NOWHERE);
        // Where nothing is to be marked, nothing is known of the next input.
        let shared = match shared {
            Some(0) if !is_marked(input) => {
                marks.forget();
                None
            }
            shared => shared,
        };
        let known = match shared {
            None => None,
            Some(shared) => resume(marks, first, rest, shared),
        };
        let mut state = match known {
            Some((place, state)) => {
                at = place;
                is_idle = rest.iter().all(|stage| stage.threads.is_empty());
                state
            }
            None => first.start(input, 0, Anchored::No)?,
        };
        if let Some(shared) = shared {
            mark = next_mark(at, shared, input.len()).unwrap_or(NOWHERE);
        }
        let mut steps = STEPS_FOR_EACH_BYTE.saturating_mul(input.len().saturating_add(256));
        loop {
            if is_idle {
                (state, at) = first.skip(state, input, at, mark.min(input.len()));
            }
            if at == mark {
                note(marks, first, rest, at, state);
                mark = next_mark(at, shared.unwrap_or(0), input.len()).unwrap_or(NOWHERE);
            }
            state = first.next(state, input, at)?;
            let mut ends = state.is_match();
            is_idle = true;
            for stage in &mut *rest {
                let begins = ends && stage.can_begin(input, at);
                ends = false;
                if begins || !stage.threads.is_empty() {
                    steps = steps.checked_sub(stage.threads.len() + 1).ok_or(GaveUp)?;
                    ends = stage.step(input, at, if begins { at } else { NOWHERE })? != NOWHERE;
                    is_idle &= stage.threads.is_empty();
                }
            }
            if ends {
                return Ok(true);
            }
            if at >= input.len() {
                return Ok(false);
            }
            at += 1;
        }
    }

    /// Where the leftmost match starts that starts at `start` or later.
    pub(super) fn start_of(&mut self, input: &[u8], start: usize) -> Result<Option<usize>, GaveUp> {
        // The first stage may be cleared here.
        self.marks.forget();
        for stage in &mut self.stages {
            stage.threads.clear();
            stage.moved.clear();
        }
        let mut steps = STEPS_FOR_EACH_BYTE.saturating_mul(input.len().saturating_add(256));
        let mut found = NOWHERE;
        for at in start..=input.len() {
            let mut ends = if found == NOWHERE { at } else { NOWHERE };
            let mut is_idle = true;
            for stage in &mut self.stages {
                let begins = if ends != NOWHERE && stage.can_begin(input, at) { ends } else { NOWHERE };
                ends = NOWHERE;
                if begins != NOWHERE || !stage.threads.is_empty() {
                    steps = steps.checked_sub(stage.threads.len() + 1).ok_or(GaveUp)?;
                    ends = stage.step(input, at, begins)?;
                    // What began later is of no interest any more.
                    if found != NOWHERE {
                        stage.threads.retain(|thread| thread.origin < found);
                    }
                    is_idle &= stage.threads.is_empty();
                }
            }
            found = found.min(ends);
            if found != NOWHERE && is_idle {
                break;
            }
        }
        Ok(Some(found).filter(|found| *found != NOWHERE))
    }

    /// Whether it may take more memory than when this was asked last.
    pub(super) fn has_grown(&mut self) -> bool {
        self.stages.iter_mut().fold(false, |grown, stage| grown | stage.growth.take())
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.stages.iter().map(|stage| stage.fixed_memory + stage.cache.memory_usage()).sum()
    }
}

/// Where the first stage was at the last mark within the first `shared` bytes, where the others have their threads again.
#[inline(never)]
fn resume(
    marks: &mut Marks<Places>,
    first: &Stage,
    rest: &mut [Stage],
    shared: usize,
) -> Option<(usize, LazyStateID)> {
    let (at, (state, threads)) = marks.last(shared, clears(first, rest))?;
    for (stage, thread) in threads {
        if let Some(stage) = rest.get_mut(*stage) {
            stage.threads.push(*thread);
        }
    }
    Some((*at, *state))
}

/// Notes where all stages are.
#[inline(never)]
fn note(marks: &mut Marks<Places>, first: &Stage, rest: &[Stage], at: usize, state: LazyStateID) {
    let threads = rest.iter().enumerate();
    let threads = threads.flat_map(|(stage, it)| it.threads.iter().map(move |thread| (stage, *thread)));
    marks.push(at, (state, threads.collect()), clears(first, rest));
}

/// How often what was known of states has become wrong.
fn clears(first: &Stage, rest: &[Stage]) -> usize {
    first.cache.clear_count() + rest.iter().map(|stage| stage.clears).sum::<usize>()
}

impl Stage {
    /// `many`: it has more than one state at a time, so its table may not be cleared unnoticed.
    fn new(part: &Part<'_>, cache: usize, many: bool) -> Option<Self> {
        let nfa = nfa::build(part.nodes, Purpose::End)?;
        let config = DFA::config()
            .match_kind(MatchKind::All)
            .cache_capacity(cache)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(many.then_some(0));
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa).ok()?;
        let cache = dfa.create_cache();
        let fixed_memory = dfa.memory_usage() + dfa.get_nfa().memory_usage();
        let first = part.first;
        let (threads, moved, growth) = (Vec::new(), Vec::new(), Growth::default());
        Some(Self { dfa, cache, first, threads, moved, fixed_memory, clears: 0, growth })
    }

    fn can_begin(&self, input: &[u8], at: usize) -> bool {
        self.first.is_none_or(|first| input.get(at).is_some_and(|&byte| first.contains(byte)))
    }

    #[inline]
    fn start(&mut self, input: &[u8], at: usize, anchored: Anchored) -> Result<LazyStateID, GaveUp> {
        let input = Input::new(input).range(at..).anchored(anchored);
        self.growth.note_unseen();
        self.dfa.start_state_forward(&mut self.cache, &input).map_err(|_| GaveUp)
    }

    /// Goes on from `at` to `end` at most, as long as there is nothing but to take a byte.
    fn skip(&self, mut state: LazyStateID, input: &[u8], mut at: usize, end: usize) -> (LazyStateID, usize) {
        if state.is_tagged() {
            return (state, at);
        }
        for byte in input.get(at..end).unwrap_or_default() {
            let next = self.dfa.next_state_untagged(&self.cache, state, *byte);
            if next.is_tagged() {
                break;
            }
            (state, at) = (next, at + 1);
        }
        (state, at)
    }

    /// After the byte at `at`, or after the end. A match shows one byte late.
    fn next(&mut self, state: LazyStateID, input: &[u8], at: usize) -> Result<LazyStateID, GaveUp> {
        let next = match input.get(at) {
            Some(byte) => {
                if state.is_tagged() {
                    self.growth.note_unseen();
                } else {
                    let next = self.dfa.next_state_untagged(&self.cache, state, *byte);
                    if !next.is_unknown() {
                        return Ok(next);
                    }
                    self.growth.note();
                }
                self.dfa.next_state(&mut self.cache, state, *byte)
            }
            None => {
                self.growth.note_unseen();
                self.dfa.next_eoi_state(&mut self.cache, state)
            }
        };
        next.map_err(|_| GaveUp)
    }

    /// Where the part is at `to` if it began at `from`, without the table being cleared.
    fn run(&mut self, input: &[u8], from: usize, to: usize) -> Result<LazyStateID, GaveUp> {
        let clears = self.cache.clear_count();
        let mut state = self.start(input, from, Anchored::Yes)?;
        for at in from..to {
            state = self.next(state, input, at)?;
        }
        if self.cache.clear_count() == clears { Ok(state) } else { Err(GaveUp) }
    }

    /// Has all threads take the byte at `at`, or the end, and one more if the part can begin there, which is given where the parts before
    /// it began, or [`NOWHERE`]. If the part can end at `at`, where the first that does began with those.
    fn step(&mut self, input: &[u8], at: usize, begins: usize) -> Result<usize, GaveUp> {
        if let Some(ends) = self.step_alone(input, at, begins) {
            return Ok(ends);
        }
        let mut ends = NOWHERE;
        let mut threads = std::mem::take(&mut self.threads);
        let mut clears = self.cache.clear_count();
        if begins != NOWHERE {
            let state = match self.start(input, at, Anchored::Yes) {
                Ok(state) if self.cache.clear_count() == clears => state,
                _ => {
                    self.clear(input, at, &mut threads)?;
                    clears = self.cache.clear_count();
                    self.run(input, at, at)?
                }
            };
            threads.push(Thread { state, from: at, origin: begins });
        }
        for index in 0..threads.len() {
            let Some(Thread { state, from, origin }) = threads.get(index).copied() else { break };
            let state = match self.next(state, input, at) {
                Ok(state) if self.cache.clear_count() == clears => state,
                _ => {
                    self.clear(input, at, &mut threads)?;
                    clears = self.cache.clear_count();
                    self.run(input, from, at + 1)?
                }
            };
            if state.is_match() {
                ends = ends.min(origin);
            }
            if !state.is_dead() {
                match self.moved.iter_mut().find(|thread| thread.state == state) {
                    Some(thread) => thread.origin = thread.origin.min(origin),
                    None => self.moved.push(Thread { state, from, origin }),
                }
            }
        }
        threads.clear();
        self.threads = std::mem::replace(&mut self.moved, threads);
        Ok(ends)
    }

    /// The same for a thread that is alone, as most are. `None`: there are others, or the table has to be cleared for it.
    fn step_alone(&mut self, input: &[u8], at: usize, begins: usize) -> Option<usize> {
        let clears = self.cache.clear_count();
        let Thread { state, from, origin } = match (self.threads.as_slice(), begins) {
            ([], NOWHERE) => return Some(NOWHERE),
            ([thread], NOWHERE) => *thread,
            ([], origin) => {
                let state = self.start(input, at, Anchored::Yes).ok()?;
                Thread { state, from: at, origin }
            }
            _ => return None,
        };
        let state = self.next(state, input, at).ok()?;
        // Clearing the table leaves the state that is gone on from, and there is no other.
        self.clears += usize::from(self.cache.clear_count() != clears);
        self.threads.clear();
        if !state.is_dead() {
            self.threads.push(Thread { state, from, origin });
        }
        Some(if state.is_match() { origin } else { NOWHERE })
    }

    /// Clears the table, and finds the states anew of the threads that wait at `at` and of those that moved on.
    #[cold]
    fn clear(&mut self, input: &[u8], at: usize, waiting: &mut [Thread]) -> Result<(), GaveUp> {
        self.cache.reset(&self.dfa);
        self.clears += 1;
        let mut moved = std::mem::take(&mut self.moved);
        for thread in waiting {
            thread.state = self.run(input, thread.from, at)?;
        }
        for thread in &mut moved {
            thread.state = self.run(input, thread.from, at + 1)?;
        }
        self.moved = moved;
        Ok(())
    }
}
