//! `@rx`: a PCRE pattern, anywhere in the input; captures its groups. An empty pattern matches without capturing.
//! Source: `rx.cc`, `regex.cc`.

use super::PatternError;
use super::pcre::{GROUPS, Groups, LimitExceeded, Pattern};
use super::{Captures, KnownPatterns, Place, Requirement, rx_global};

/// `@rx` or `@rxGlobal`.
#[derive(Clone, Debug)]
pub(super) struct Rx {
    /// `None`: the empty pattern.
    pattern: Option<Pattern>,
    /// `^.*$`, which matches the whole of any input.
    is_everything: bool,
    each_match: EachMatch,
}

/// Gives the groups of each match that counts, until it is told that no more are wanted.
pub(super) type EachMatch = fn(&Pattern, &[u8], &mut dyn FnMut(&Groups) -> bool) -> Result<(), LimitExceeded>;

impl Rx {
    /// `@rx`.
    pub(super) fn new(argument: &[u8], known: KnownPatterns) -> Result<Self, PatternError> {
        Self::of(argument, known, first)
    }

    /// `@rxGlobal`.
    pub(super) fn global(argument: &[u8], known: KnownPatterns) -> Result<Self, PatternError> {
        Self::of(argument, known, rx_global::each)
    }

    #[inline(never)]
    fn of(argument: &[u8], known: KnownPatterns, each_match: EachMatch) -> Result<Self, PatternError> {
        let pattern = (!argument.is_empty()).then(|| Pattern::known(argument, known)).transpose()?;
        Ok(Self { pattern, is_everything: argument == b"^.*$", each_match })
    }

    /// The same operator with an argument that is only known at run time.
    pub(super) fn ad_hoc(&self, argument: &[u8]) -> Result<Self, PatternError> {
        let pattern = (!argument.is_empty()).then(|| Pattern::ad_hoc(argument)).transpose()?;
        Ok(Self { pattern, is_everything: false, each_match: self.each_match })
    }

    #[inline(never)]
    pub(super) fn matches(
        &self,
        input: &[u8],
        captures: Option<&mut Captures>,
    ) -> Result<bool, LimitExceeded> {
        // Most inputs don't match, and finding that out without groups is much cheaper.
        let matches = match &self.pattern {
            Some(pattern) if !self.is_everything => pattern.is_match(input)?,
            _ => true,
        };
        if let Some(captures) = captures.filter(|_| matches) {
            self.capture(input, captures)?;
        }
        Ok(matches)
    }

    /// What it captures of an input that it matches.
    #[inline(never)]
    pub(super) fn capture(&self, input: &[u8], captures: &mut Captures) -> Result<(), LimitExceeded> {
        let Some(pattern) = &self.pattern else { return Ok(()) };
        if self.is_everything {
            captures.set_only(input);
            return Ok(());
        }
        captures.clear();
        let mut index = 0;
        (self.each_match)(pattern, input, &mut |groups| {
            index = captures.add_groups(index, groups, input);
            index < GROUPS
        })
    }

    /// Of the groups that took part in the matches.
    pub(super) fn places(&self, input: &[u8]) -> Vec<Place> {
        let Some(pattern) = &self.pattern else { return Vec::new() };
        let mut places = Vec::new();
        // What takes too long has no places, but those that were found.
        let _ = (self.each_match)(pattern, input, &mut |groups| {
            places.extend(groups.iter().flatten().map(|(from, to)| (*from, to.saturating_sub(*from))));
            places.len() < GROUPS
        });
        places
    }

    pub(super) fn is_everything(&self) -> bool {
        self.is_everything
    }

    pub(super) fn pattern(&self) -> Option<&Pattern> {
        self.pattern.as_ref()
    }

    pub(super) fn requirement(&self) -> Requirement {
        self.pattern.as_ref().map(Pattern::requirement).unwrap_or_default()
    }
}

fn first(
    pattern: &Pattern,
    input: &[u8],
    take: &mut dyn FnMut(&Groups) -> bool,
) -> Result<(), LimitExceeded> {
    if let Some(groups) = pattern.find_at(input, 0)? {
        take(&groups);
    }
    Ok(())
}
