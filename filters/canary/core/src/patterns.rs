use crate::fields::FieldId;
use crate::literals::Literals;
use crate::names::quote;
use regex_automata::hybrid::dfa::{Cache, DFA, OverlappingState};
use regex_automata::nfa::thompson;
use regex_automata::{Input, MatchKind};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, Look};
use sdk_shim_config::{ConfigErrors, Path};
use std::cell::RefCell;

/// The longest pattern, in bytes.
pub const MAX_PATTERN_BYTES: usize = 4096;

/// The most memory that a compiled pattern may take, in bytes.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// The most memory that the automaton of a set may take for each of its patterns, in bytes. It is built while it matches;
/// what needs more is built again and again, in a number of steps for each byte that is bounded by the patterns.
const MAX_AUTOMATON_BYTES: usize = 256 << 10;

/// The same for a whole set.
const MAX_SET_AUTOMATON_BYTES: usize = 2 << 20;

/// The most patterns in a set: a set's answer is one number.
const MAX_SET: usize = 64;

/// The deepest nesting of groups in a pattern.
const MAX_NESTING: u32 = 100;

/// What a pattern is matched with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Header(FieldId),
    Cookie(FieldId),
    Query(FieldId),
    Claim(FieldId),
    Path,
}

/// A pattern's place: its set, and its bit in the set's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PatternId {
    pub(crate) set: usize,
    pub(crate) bit: u64,
}

/// Patterns with the same subject, matched in one pass over it.
#[derive(Debug)]
pub(crate) struct PatternSet {
    pub(crate) subject: Subject,
    /// What each value has to contain that any of them matches, where that is known.
    literals: Option<Literals>,
    dfa: DFA,
    /// What of the automaton has been built so far.
    cache: RefCell<Cache>,
    all: u64,
}

impl PatternSet {
    /// The bits of the patterns that match.
    pub(crate) fn matches(&self, value: &[u8]) -> u64 {
        if self.literals.as_ref().is_some_and(|literals| !literals.may_be_in(value)) {
            return 0;
        }
        // No call of this is inside another.
        let Ok(mut cache) = self.cache.try_borrow_mut() else { return 0 };
        let input = Input::new(value);
        let mut state = OverlappingState::start();
        let mut found = 0;
        // It has no error to give: no byte makes the automaton quit, and it never gives up.
        while found != self.all && self.dfa.try_search_overlapping_fwd(&mut cache, &input, &mut state).is_ok()
        {
            let Some(end) = state.get_match() else { break };
            found |= bit(end.pattern().as_usize());
        }
        found
    }
}

/// Patterns in the making, in sets.
#[derive(Debug, Default)]
pub(crate) struct Patterns(Vec<Collected>);

#[derive(Debug)]
struct Collected {
    subject: Subject,
    patterns: Vec<(String, Hir)>,
}

/// Where a pattern matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchoring {
    /// Anywhere in the value.
    Anywhere,
    /// The whole value.
    Whole,
}

impl Patterns {
    /// Adds a pattern. The error is what was found, and what was expected.
    pub(crate) fn add(
        &mut self,
        pattern: &str,
        anchoring: Anchoring,
        subject: Subject,
    ) -> Result<PatternId, (String, String)> {
        let hir = parse(pattern, anchoring)?;
        let key = format!("{anchoring:?}{pattern}");
        let last = self.0.iter().rposition(|set| set.subject == subject && set.patterns.len() < MAX_SET);
        let index = last.unwrap_or(self.0.len());
        if last.is_none() {
            self.0.push(Collected { subject, patterns: Vec::new() });
        }
        let patterns = self.0.get_mut(index).map(|set| &mut set.patterns);
        let at = patterns.map_or(0, |patterns| {
            patterns.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
                patterns.push((key, hir));
                patterns.len() - 1
            })
        });
        Ok(PatternId { set: index, bit: bit(at) })
    }

    pub(crate) fn build(self, errors: &mut ConfigErrors) -> Vec<PatternSet> {
        let mut sets = Vec::with_capacity(self.0.len());
        for Collected { subject, patterns } in self.0 {
            let hirs: Vec<&Hir> = patterns.iter().map(|(_, hir)| hir).collect();
            match dfa(&hirs) {
                Ok(dfa) => {
                    let cache = RefCell::new(dfa.create_cache());
                    let all = (0..patterns.len()).fold(0, |all, at| all | bit(at));
                    sets.push(PatternSet { subject, literals: Literals::of(&hirs), dfa, cache, all });
                }
                Err(error) => {
                    let found = format!("{} patterns of one subject ({error})", patterns.len());
                    errors.add(&Path::root().field("releases"), found, "smaller patterns");
                }
            }
        }
        sets
    }
}

fn bit(at: usize) -> u64 {
    1 << (at % MAX_SET)
}

fn parse(pattern: &str, anchoring: Anchoring) -> Result<Hir, (String, String)> {
    if pattern.is_empty() || pattern.len() > MAX_PATTERN_BYTES {
        let found = format!("a pattern of {} bytes", pattern.len());
        return Err((found, format!("1 to {MAX_PATTERN_BYTES} bytes")));
    }
    let refusal = |what: String| (format!("{} ({what})", quote(pattern)), "a regular expression".to_owned());
    let mut parser = ParserBuilder::new().unicode(false).utf8(false).nest_limit(MAX_NESTING).build();
    let hir = parser.parse(pattern).map_err(|error| {
        refusal(match error {
            regex_syntax::Error::Parse(error) => error.kind().to_string(),
            regex_syntax::Error::Translate(error) => error.kind().to_string(),
            _ => "no reason given".to_owned(),
        })
    })?;
    let hir = match anchoring {
        Anchoring::Anywhere => hir,
        Anchoring::Whole => Hir::concat(vec![Hir::look(Look::Start), hir, Hir::look(Look::End)]),
    };
    dfa(&[&hir]).map_err(refusal)?;
    Ok(hir)
}

fn dfa(patterns: &[&Hir]) -> Result<DFA, String> {
    let limit = MAX_COMPILED_BYTES * patterns.len();
    let nfa = thompson::Compiler::new()
        .configure(
            thompson::Config::new()
                .utf8(false)
                .nfa_size_limit(Some(limit))
                .which_captures(thompson::WhichCaptures::None),
        )
        .build_many_from_hir(patterns)
        .map_err(|error| match error.size_limit() {
            Some(limit) => format!("compiled it is larger than {limit} bytes"),
            None => error.to_string(),
        })?;
    let cache = (MAX_AUTOMATON_BYTES * patterns.len()).min(MAX_SET_AUTOMATON_BYTES);
    DFA::builder()
        .configure(
            DFA::config()
                .match_kind(MatchKind::All)
                .cache_capacity(cache)
                // A pattern may need more than its part for the few states that it needs at once.
                .skip_cache_capacity_check(true)
                .minimum_cache_clear_count(None),
        )
        .build_from_nfa(nfa)
        .map_err(|error| error.to_string())
}
