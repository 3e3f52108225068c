//! Patterns with PCRE's syntax and meaning, over bytes.
//!
//! Source: `pcrepattern(3)`; ModSecurity v3, `src/utils/regex.cc`: every pattern is compiled with `PCRE_DOTALL` and
//! `PCRE_MULTILINE`. A pattern is parsed once, by us. If it is regular it runs on the `regex` crate, whose time is
//! linear in the input; with look-around, back references, atomic or possessive parts it runs on a backtracking matcher
//! that gives up after [`MATCH_LIMIT`] steps.
//!
//! Not supported, and refused with the construct's name: recursion, subroutine calls, conditional and branch reset
//! groups, callouts, verbs, `\K`, `\X`, `\p`.

mod ast;
mod class;
mod error;
mod parse;
mod program;
mod required;
mod translate;
mod vm;

#[cfg(test)]
mod tests;

use regex::bytes::{Regex, RegexBuilder};

pub use error::{PatternError, PatternErrorKind};
pub use vm::MATCH_LIMIT;

use super::requirement::Requirement;
use program::Program;

/// The largest compiled form of one regular pattern, in bytes. The largest of the CRS needs less than half.
const SIZE_LIMIT: usize = 8 << 20;
/// The largest cache that one regular pattern may keep between searches, in bytes; a pattern that would need more runs
/// slower instead.
const CACHE_LIMIT: usize = 512 << 10;

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
        regex: Regex,
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
        let engine = match translate::to_regex(&ast) {
            Some(text) => {
                let regex = RegexBuilder::new(&text)
                    .unicode(false)
                    .multi_line(true)
                    .dot_matches_new_line(true)
                    .size_limit(SIZE_LIMIT)
                    .dfa_size_limit(CACHE_LIMIT)
                    .nest_limit(1000)
                    .build()
                    .map_err(|_| whole(PatternErrorKind::TooLarge))?;
                let exact = match translate::line_start_can_end(&ast) {
                    true => Some(Box::new(program::compile(&ast).map_err(whole)?)),
                    false => None,
                };
                Engine::Automaton { regex, exact }
            }
            None => Engine::Backtrack(Box::new(program::compile(&ast).map_err(whole)?)),
        };
        Ok(Self { engine, requirement: required::requirement(&ast) })
    }

    /// What every matching input fulfils.
    pub(super) fn requirement(&self) -> &Requirement {
        &self.requirement
    }

    pub(super) fn is_match(&self, input: &[u8]) -> Result<bool, LimitExceeded> {
        match &self.engine {
            Engine::Automaton { regex, exact } => match exact {
                Some(program) if input.ends_with(b"\n") => Ok(program.search(input, 0)?.is_some()),
                _ => Ok(regex.is_match(input)),
            },
            Engine::Backtrack(program) => Ok(program.search(input, 0)?.is_some()),
        }
    }

    /// The leftmost match that starts at `start` or later, with its groups.
    pub(super) fn find_at(&self, input: &[u8], start: usize) -> Result<Option<Groups>, LimitExceeded> {
        if start > input.len() {
            return Ok(None);
        }
        let regex = match &self.engine {
            Engine::Automaton { regex, exact } => match exact {
                Some(program) if input.ends_with(b"\n") => return program.search(input, start),
                _ => regex,
            },
            Engine::Backtrack(program) => return program.search(input, start),
        };
        let mut locations = regex.capture_locations();
        if regex.captures_read_at(&mut locations, input, start).is_none() {
            return Ok(None);
        }
        Ok(Some(std::array::from_fn(|group| locations.get(group))))
    }
}
