//! `@rxGlobal`: like `@rx`, but captures the groups of all matches, one after the other.
//!
//! Source: `rx_global.cc`, `Regex::searchGlobal`; from its tests: an empty match is captured only if it is the first.

use super::pcre::{GROUPS, LimitExceeded, Pattern, PatternError};
use super::{Captures, KnownPatterns, Requirement};

/// `None`: the empty pattern.
#[derive(Clone, Debug)]
pub(super) struct RxGlobal(Option<Pattern>);

impl RxGlobal {
    pub(super) fn new(argument: &[u8], known: KnownPatterns) -> Result<Self, PatternError> {
        if argument.is_empty() {
            return Ok(Self(None));
        }
        Pattern::known(argument, known).map(|pattern| Self(Some(pattern)))
    }

    /// For an argument that is only known at run time.
    pub(super) fn ad_hoc(argument: &[u8]) -> Result<Self, PatternError> {
        if argument.is_empty() {
            return Ok(Self(None));
        }
        Pattern::ad_hoc(argument).map(|pattern| Self(Some(pattern)))
    }

    pub(super) fn matches(
        &self,
        input: &[u8],
        captures: Option<&mut Captures>,
    ) -> Result<bool, LimitExceeded> {
        let Some(pattern) = &self.0 else { return Ok(true) };
        let Some(captures) = captures else { return pattern.is_match(input) };
        if !pattern.is_match(input)? {
            return Ok(false);
        }
        captures.clear();
        let (mut start, mut index) = (0, 0);
        while index < GROUPS
            && let Some(groups) = pattern.find_at(input, start)?
            && let [Some((from, to)), ..] = groups
        {
            if to > from || index == 0 {
                index = captures.add_groups(index, &groups, input);
            }
            start = if to > from { to } else { to + 1 };
        }
        Ok(true)
    }

    pub(super) fn pattern(&self) -> Option<&Pattern> {
        self.0.as_ref()
    }

    pub(super) fn requirement(&self) -> Requirement {
        self.0.as_ref().map(Pattern::requirement).unwrap_or_default()
    }
}
