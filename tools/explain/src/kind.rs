use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One of the filters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterKind {
    /// SecLang rules.
    Waf,
    /// Policies and credentials.
    Authz,
    /// Releases.
    Canary,
    /// Sessions.
    Affinity,
}

impl FilterKind {
    /// All of them, in the order in which they usually stand.
    pub const ALL: [Self; 4] = [Self::Waf, Self::Authz, Self::Canary, Self::Affinity];

    /// The name, as in the module's file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waf => "waf",
            Self::Authz => "authz",
            Self::Canary => "canary",
            Self::Affinity => "affinity",
        }
    }
}

impl fmt::Display for FilterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for FilterKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| format!("found the filter {text:?}, expected waf, authz, canary or affinity"))
    }
}
