//! Patterns with PCRE's syntax and meaning, over bytes.
//!
//! Source: `pcrepattern(3)`; ModSecurity v3, `src/utils/regex.cc`: every pattern is compiled with `PCRE_DOTALL` and
//! `PCRE_MULTILINE`. A pattern is parsed once, by us. If it is regular it runs on the automata of the `regex` crate, whose time
//! is linear in the input; with look-around, back references, atomic or possessive parts it runs on a backtracking matcher
//! that gives up after [`MATCH_LIMIT`] steps.
//!
//! Not supported, and refused with the construct's name: recursion, subroutine calls, conditional and branch reset
//! groups, callouts, verbs, `\K`, `\X`, `\p`.

mod ast;
mod automaton;
mod class;
mod empty;
mod error;
mod parse;
mod program;
mod required;
mod vm;

#[cfg(test)]
mod tests;

pub use error::{PatternError, PatternErrorKind};
pub use vm::MATCH_LIMIT;

use super::requirement::Requirement;
use automaton::{Automaton, Refusal};
use program::Program;

/// How many groups are reported, the whole match included: `TX.0` to `TX.9`.
pub(super) const GROUPS: usize = 10;

/// The places of the whole match and of the first nine groups; `None` where a group took no part.
pub(super) type Groups = [Option<(usize, usize)>; GROUPS];

/// The matcher gave up: the pattern took more than [`MATCH_LIMIT`] steps on this input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitExceeded;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    engine: Engine,
    requirement: Requirement,
}

#[derive(Clone, Debug)]
enum Engine {
    Automaton {
        automaton: Automaton,
        /// Where `^` could match after a newline that ends the input, which PCRE denies and the automaton can't, this
        /// has the last word on such inputs.
        exact: Option<Box<Program>>,
    },
    Backtrack(Box<Program>),
}

impl Pattern {
    pub(super) fn new(pattern: &[u8]) -> Result<Self, PatternError> {
        let ast = parse::parse(pattern)?;
        let whole = |kind| PatternError { offset: 0, kind };
        let backtracker = || program::compile(&ast).map(Box::new).map_err(whole);
        let engine = match Automaton::new(&ast) {
            Ok(automaton) => {
                let exact = empty::line_start_can_end(&ast).then(backtracker).transpose()?;
                Engine::Automaton { automaton, exact }
            }
            Err(Refusal::Irregular) => Engine::Backtrack(backtracker()?),
            Err(Refusal::TooLarge) => return Err(whole(PatternErrorKind::TooLarge)),
        };
        Ok(Self { engine, requirement: required::requirement(&ast) })
    }

    /// A pattern for few searches: compiled in microseconds, but always run by the backtracking matcher.
    pub(super) fn ad_hoc(pattern: &[u8]) -> Result<Self, PatternError> {
        let ast = parse::parse(pattern)?;
        let program = program::compile(&ast).map_err(|kind| PatternError { offset: 0, kind })?;
        Ok(Self { engine: Engine::Backtrack(Box::new(program)), requirement: Requirement::default() })
    }

    /// What every matching input fulfils.
    pub(super) fn requirement(&self) -> &Requirement {
        &self.requirement
    }

    pub(super) fn is_match(&self, input: &[u8]) -> Result<bool, LimitExceeded> {
        match self.engine_for(input) {
            Ok(automaton) => Ok(automaton.is_match(input)),
            Err(program) => Ok(program.search(input, 0)?.is_some()),
        }
    }

    /// The leftmost match that starts at `start` or later, with its groups.
    pub(super) fn find_at(&self, input: &[u8], start: usize) -> Result<Option<Groups>, LimitExceeded> {
        if start > input.len() {
            return Ok(None);
        }
        match self.engine_for(input) {
            Ok(automaton) => Ok(automaton.find_at(input, start)),
            Err(program) => program.search(input, start),
        }
    }

    fn engine_for(&self, input: &[u8]) -> Result<&Automaton, &Program> {
        match &self.engine {
            Engine::Automaton { exact: Some(program), .. } if input.ends_with(b"\n") => Err(program),
            Engine::Automaton { automaton, .. } => Ok(automaton),
            Engine::Backtrack(program) => Err(program),
        }
    }
}
