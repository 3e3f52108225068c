use crate::Release;
use crate::affinity::PinChange;
use crate::key::Id;

/// What the version that is no release is called in filter state, headers, metrics and logs.
pub const STABLE: &str = "stable";

/// Where a request goes, and why.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// The release, or `None` for stable.
    pub release: Option<&'a Release>,
    /// The rule that decided.
    pub reason: Reason,
    /// What else comes of it.
    pub(crate) details: DecisionDetails,
}

/// What comes of a decision beside where the request goes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DecisionDetails {
    /// The bucket that was drawn last, where one was.
    pub(crate) bucket: Option<u32>,
    /// Whether a release concerns the request.
    pub(crate) is_concerned: bool,
    /// The id that the user is given.
    pub(crate) issued: Option<Id>,
    /// What becomes of the affinity cookie.
    pub(crate) pins: PinChange,
    /// The number for Envoy's weights.
    pub(crate) random_value: Option<u32>,
    /// Whether decisions of the client count.
    pub(crate) is_inheriting: bool,
    /// Whether the client asked for the debug header, and may.
    pub(crate) is_debugged: bool,
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
    /// `enabled` is false.
    KillSwitch,
    /// A trusted source had decided.
    Inherited,
    /// The affinity cookie said so.
    Affinity,
    /// The header said `always`.
    HeaderAlways,
    /// The header said `never`.
    HeaderNever,
    /// The header had the value.
    HeaderValue,
    /// The header matched the pattern (or, as `broken_pattern_keeps_out` has it, met one that is broken).
    HeaderPattern,
    /// The header had a signed token.
    HeaderToken,
    /// The cookie said `always`.
    CookieAlways,
    /// The cookie said `never`.
    CookieNever,
    /// The cookie had the value.
    CookieValue,
    /// The cookie matched the pattern.
    CookiePattern,
    /// The cookie had a signed token.
    CookieToken,
    /// The release takes all that match, and the request did.
    Match,
    /// The draw: for stable, that it was held and lost.
    Weight,
    /// No rule concerned the request.
    Default,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 16] = [
        Self::KillSwitch,
        Self::Inherited,
        Self::Affinity,
        Self::HeaderAlways,
        Self::HeaderNever,
        Self::HeaderValue,
        Self::HeaderPattern,
        Self::HeaderToken,
        Self::CookieAlways,
        Self::CookieNever,
        Self::CookieValue,
        Self::CookiePattern,
        Self::CookieToken,
        Self::Match,
        Self::Weight,
        Self::Default,
    ];

    /// The reason as metrics and logs have it: `header_always`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::KillSwitch => "kill_switch",
            Self::Inherited => "inherited",
            Self::Affinity => "affinity",
            Self::HeaderToken => "header_token",
            Self::CookieToken => "cookie_token",
            Self::Match => "match",
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
