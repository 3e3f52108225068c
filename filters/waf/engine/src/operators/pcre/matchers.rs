//! The matchers of regular patterns, compiled when a pattern is first asked about a value.
//!
//! One of the CRS's takes 10 to 3,000 microseconds to compile, all of them together some 80 milliseconds: what requests can
//! cause at worst, once.

use std::cell::RefCell;

use super::ast::Ast;
use super::automaton::Automaton;
use super::program::{self, Program};
use super::vm::Backtrack;
use super::{Groups, LimitExceeded, MATCH_LIMIT, PatternErrorKind, empty, parse, recent, required};
use crate::operators::Requirement;
use crate::operators::known_patterns::{Known, KnownPatterns};
use crate::operators::on_demand::{Key, Measured, Store};

/// How many bytes searches may add to what all patterns' matchers take at first. All matchers of the CRS's take 6 MB, if there are
/// ever values that ask for all; ordinary traffic needs 300 KB.
const GROWTH_LIMIT: usize = 4 << 20;

thread_local! {
    static STORE: RefCell<Store<Compiled>> = Store::new(GROWTH_LIMIT);
}

/// How many steps the backtracking matcher may take to find the groups of a match, and how many more for each byte. The
/// alternative takes some hundred times as long for each byte, or makes a state of an automaton for it.
const QUICK_STEPS: usize = 5_000;
const STEPS_FOR_EACH_BYTE: usize = 64;
/// Where a match starts in more bytes than these, automata find faster than the backtracking matcher can rule places out.
const SHORT: usize = 256;

/// A regular pattern, whose matcher is made when it is needed.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    pattern: Box<[u8]>,
    /// Shorter inputs don't match.
    min_length: usize,
    /// About how many bytes the automaton takes.
    size: usize,
    /// What is known of the pattern, if it is there.
    table: KnownPatterns,
    key: Key<Compiled>,
}

/// What searches for one pattern.
#[derive(Debug)]
struct Compiled {
    automaton: Automaton,
    /// Where `^` could match after a newline that ends the input, which PCRE denies and the automaton can't, the program has
    /// the last word on such inputs.
    is_inexact: bool,
    /// For that, and for groups.
    program: Option<Box<Program>>,
    /// The program was made.
    has_grown: bool,
}

impl Matcher {
    /// `ast` is the pattern's; `size` is about how many bytes its automaton takes.
    pub(super) fn new(pattern: &[u8], ast: &Ast, size: usize) -> Result<Self, PatternErrorKind> {
        if empty::line_start_can_end(ast) {
            program::compile(ast)?;
        }
        let min_length = required::min_length(&ast.root);
        let (table, key) = (KnownPatterns::default(), Key::new(&STORE, size));
        Ok(Self { pattern: pattern.into(), min_length, size, table, key })
    }

    /// Of a pattern that is in the table.
    pub(super) fn known(pattern: &[u8], table: KnownPatterns, known: &Known) -> Self {
        let Known { size, requirement } = known;
        let key = Key::new(&STORE, *size);
        Self { pattern: pattern.into(), min_length: requirement.min_length, size: *size, table, key }
    }

    /// The pattern, about how many bytes its automaton takes, and what it requires.
    pub(super) fn facts(&self) -> (&[u8], usize, Requirement) {
        (&self.pattern, self.size, self.requirement())
    }

    pub(super) fn requirement(&self) -> Requirement {
        match self.table.find(&self.pattern) {
            Some(known) => known.requirement,
            None => parse::parse(&self.pattern).map(|ast| required::requirement(&ast)).unwrap_or_default(),
        }
    }

    pub(super) fn is_match(&self, input: &[u8]) -> Result<bool, LimitExceeded> {
        if input.len() < self.min_length {
            return Ok(false);
        }
        self.search(|compiled| match compiled.is_inexact_for(input) {
            true => Ok(compiled.program(&self.pattern)?.search(input, 0)?.is_some()),
            false => {
                let shared = recent::shared(self.key.number(), input, compiled.automaton.shares_from());
                compiled.automaton.is_match(&self.pattern, input, shared)
            }
        })
    }

    pub(super) fn find_at(&self, input: &[u8], start: usize) -> Result<Option<Groups>, LimitExceeded> {
        self.search(|compiled| {
            let is_inexact = compiled.is_inexact_for(input);
            let steps = match is_inexact {
                true => MATCH_LIMIT,
                false => QUICK_STEPS.saturating_add(STEPS_FOR_EACH_BYTE.saturating_mul(input.len())),
            };
            let mut start = start;
            if !is_inexact && input.len().saturating_sub(start) > SHORT {
                match compiled.automaton.start_of(&self.pattern, input, start)? {
                    Some(found) => start = found,
                    None => return Ok(None),
                }
            }
            match compiled.program(&self.pattern).and_then(|it| it.search_within(steps, input, start)) {
                Err(LimitExceeded) if !is_inexact => compiled.automaton.find_at(&self.pattern, input, start),
                found => found,
            }
        })
    }

    fn search<T>(
        &self,
        search: impl FnOnce(&mut Compiled) -> Result<T, LimitExceeded>,
    ) -> Result<T, LimitExceeded> {
        self.key.with(|| Compiled::new(&self.pattern), search).unwrap_or(Err(LimitExceeded))
    }
}

impl Compiled {
    fn new(pattern: &[u8]) -> Option<Self> {
        let ast = parse::parse(pattern).ok()?;
        let is_inexact = empty::line_start_can_end(&ast);
        Some(Self { automaton: Automaton::new(&ast)?, is_inexact, program: None, has_grown: false })
    }

    fn is_inexact_for(&self, input: &[u8]) -> bool {
        self.is_inexact && input.ends_with(b"\n")
    }

    fn program(&mut self, pattern: &[u8]) -> Result<&Program, LimitExceeded> {
        match &mut self.program {
            Some(program) => Ok(program),
            none => {
                let ast = parse::parse(pattern).map_err(|_| LimitExceeded)?;
                self.has_grown = true;
                Ok(none.insert(Box::new(program::compile(&ast).map_err(|_| LimitExceeded)?)))
            }
        }
    }
}

impl Measured for Compiled {
    fn memory(&self) -> usize {
        self.automaton.memory() + self.program.as_ref().map_or(0, |program| program.memory())
    }

    fn has_grown(&mut self) -> bool {
        std::mem::take(&mut self.has_grown) | self.automaton.has_grown()
    }
}
