//! Patterns with PCRE's syntax and meaning, over bytes.
//!
//! Source: `pcrepattern(3)`; ModSecurity v3, `src/utils/regex.cc`: every pattern is compiled with `PCRE_DOTALL` and
//! `PCRE_MULTILINE`. A pattern is parsed once, by us. If it is regular it runs on the automata of the `regex` crate, whose time
//! is linear in the input; with look-around, back references, atomic or possessive parts it runs on a backtracking matcher
//! that gives up after [`MATCH_LIMIT`] steps.
//!
//! Not supported, and refused with the construct's name: recursion, subroutine calls, conditional and branch reset
//! groups, callouts, verbs, `\K`, `\X`, `\p`.

mod automaton;
mod growth;
mod matchers;
mod recent;
mod stages;
mod vm;

#[cfg(test)]
mod tests;

pub(super) use recent::forget_inputs;
pub use vm::MATCH_LIMIT;

use portcullis_patterns::program::{self, Program};
use portcullis_patterns::{PatternError, PatternErrorKind, ast, empty, nfa, parse, required};

use super::Requirement;
use super::known_patterns::KnownPatterns;
use automaton::Refusal;
use matchers::Matcher;
use vm::Backtrack;

/// How many groups are reported, the whole match included: `TX.0` to `TX.9`.
pub(super) const GROUPS: usize = 10;

/// The places of the whole match and of the first nine groups; `None` where a group took no part.
pub(super) type Groups = [Option<(usize, usize)>; GROUPS];

/// The matcher gave up: the pattern took more than [`MATCH_LIMIT`] steps on this input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitExceeded;

/// A pattern that was found to be right.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Engine);

#[derive(Clone, Debug)]
enum Engine {
    Regular(Matcher),
    Backtrack { program: Box<Program>, requirement: Requirement },
}

impl Pattern {
    /// A pattern that is in the table is taken to be right. Any other is read.
    pub(super) fn known(pattern: &[u8], known: KnownPatterns) -> Result<Self, PatternError> {
        match known.find(pattern) {
            Some(found) => Ok(Self(Engine::Regular(Matcher::known(pattern, known, &found)))),
            None => Self::new(pattern),
        }
    }

    pub(super) fn new(pattern: &[u8]) -> Result<Self, PatternError> {
        let ast = parse::parse(pattern)?;
        let whole = |kind| PatternError { offset: 0, kind };
        let engine = match automaton::check(&ast) {
            Ok(size) => Engine::Regular(Matcher::new(pattern, &ast, size).map_err(whole)?),
            Err(Refusal::Irregular) => Engine::Backtrack {
                program: Box::new(program::compile(&ast).map_err(whole)?),
                requirement: required::requirement(&ast),
            },
            Err(Refusal::TooLarge) => return Err(whole(PatternErrorKind::TooLarge)),
        };
        Ok(Self(engine))
    }

    /// A pattern for few searches: compiled in microseconds, but always run by the backtracking matcher.
    pub(super) fn ad_hoc(pattern: &[u8]) -> Result<Self, PatternError> {
        let ast = parse::parse(pattern)?;
        let program = program::compile(&ast).map_err(|kind| PatternError { offset: 0, kind })?;
        Ok(Self(Engine::Backtrack { program: Box::new(program), requirement: Requirement::default() }))
    }

    /// What every matching input fulfils. Takes as long as reading the pattern anew.
    pub(super) fn requirement(&self) -> Requirement {
        match &self.0 {
            Engine::Regular(matcher) => matcher.requirement(),
            Engine::Backtrack { requirement, .. } => requirement.clone(),
        }
    }

    /// For [`KnownPatterns`]. Only of regular patterns.
    pub(super) fn facts(&self) -> Option<(&[u8], usize, Requirement)> {
        match &self.0 {
            Engine::Regular(matcher) => Some(matcher.facts()),
            Engine::Backtrack { .. } => None,
        }
    }

    pub(super) fn is_match(&self, input: &[u8]) -> Result<bool, LimitExceeded> {
        match &self.0 {
            Engine::Regular(matcher) => matcher.is_match(input),
            Engine::Backtrack { program, .. } => Ok(program.search(input, 0)?.is_some()),
        }
    }

    /// The leftmost match that starts at `start` or later, with its groups.
    pub(super) fn find_at(&self, input: &[u8], start: usize) -> Result<Option<Groups>, LimitExceeded> {
        if start > input.len() {
            return Ok(None);
        }
        match &self.0 {
            Engine::Regular(matcher) => matcher.find_at(input, start),
            Engine::Backtrack { program, .. } => program.search(input, start),
        }
    }
}
