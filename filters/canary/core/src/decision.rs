use crate::Release;

/// What the version that is no release is called in filter state, headers, metrics and logs.
pub const STABLE: &str = "stable";

/// Where a request goes, and why.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// The release, or `None` for stable.
    pub release: Option<&'a Release>,
    /// The rule that decided.
    pub reason: Reason,
}

impl<'a> Decision<'a> {
    /// The name of the release, or [`STABLE`].
    pub fn name(&self) -> &'a str {
        self.release.map_or(STABLE, Release::name)
    }
}

/// The rule that decided, strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The header said `always`.
    HeaderAlways,
    /// The header said `never`.
    HeaderNever,
    /// The header had the value.
    HeaderValue,
    /// The header matched the pattern (or, as `broken_pattern_keeps_out` has it, met one that is broken).
    HeaderPattern,
    /// The cookie said `always`.
    CookieAlways,
    /// The cookie said `never`.
    CookieNever,
    /// The cookie had the value.
    CookieValue,
    /// The cookie matched the pattern.
    CookiePattern,
    /// The draw: for stable, that it was held and lost.
    Weight,
    /// No rule concerned the request.
    Default,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 10] = [
        Self::HeaderAlways,
        Self::HeaderNever,
        Self::HeaderValue,
        Self::HeaderPattern,
        Self::CookieAlways,
        Self::CookieNever,
        Self::CookieValue,
        Self::CookiePattern,
        Self::Weight,
        Self::Default,
    ];

    /// The reason as metrics and logs have it: `header_always`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HeaderAlways => "header_always",
            Self::HeaderNever => "header_never",
            Self::HeaderValue => "header_value",
            Self::HeaderPattern => "header_pattern",
            Self::CookieAlways => "cookie_always",
            Self::CookieNever => "cookie_never",
            Self::CookieValue => "cookie_value",
            Self::CookiePattern => "cookie_pattern",
            Self::Weight => "weight",
            Self::Default => "default",
        }
    }
}
