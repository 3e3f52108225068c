//! `@rx`: a PCRE pattern, anywhere in the input; captures its groups. An empty pattern matches without capturing.
//! Source: `rx.cc`, `regex.cc`.

use super::pcre::{LimitExceeded, Pattern, PatternError};
use super::{Captures, KnownPatterns, Requirement};

/// `None`: the empty pattern. The flag: `^.*$`, which matches the whole of any input.
#[derive(Clone, Debug)]
pub(super) struct Rx(Option<Pattern>, bool);

impl Rx {
    pub(super) fn new(argument: &[u8], known: KnownPatterns) -> Result<Self, PatternError> {
        if argument.is_empty() {
            return Ok(Self(None, false));
        }
        Pattern::known(argument, known).map(|pattern| Self(Some(pattern), argument == b"^.*$"))
    }

    /// For an argument that is only known at run time.
    pub(super) fn ad_hoc(argument: &[u8]) -> Result<Self, PatternError> {
        if argument.is_empty() {
            return Ok(Self(None, false));
        }
        Pattern::ad_hoc(argument).map(|pattern| Self(Some(pattern), false))
    }

    pub(super) fn matches(
        &self,
        input: &[u8],
        captures: Option<&mut Captures>,
    ) -> Result<bool, LimitExceeded> {
        let Some(pattern) = &self.0 else { return Ok(true) };
        if self.1 {
            if let Some(captures) = captures {
                captures.set_only(input);
            }
            return Ok(true);
        }
        let Some(captures) = captures else { return pattern.is_match(input) };
        // Most inputs don't match, and finding that out without groups is much cheaper.
        if !pattern.is_match(input)? {
            return Ok(false);
        }
        if let Some(groups) = pattern.find_at(input, 0)? {
            captures.clear();
            captures.add_groups(0, &groups, input);
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
