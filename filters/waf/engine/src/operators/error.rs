//! Why an operator is refused.

use std::fmt;

use portcullis_seclang::ast::OperatorName;

use super::DtdError;
use super::PatternError;
use crate::support;

/// Why an operator can't be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OperatorError {
    /// There is no operator of this name.
    Unknown(String),
    /// ModSecurity has the operator; this engine does not.
    Unsupported {
        /// The operator, as the rule writes it.
        name: String,
        /// Why.
        reason: &'static str,
    },
    /// The file that `@validateDTD` names is no DTD, or one that needs others.
    Dtd(DtdError),
    /// The pattern of `@rx`, `@rxGlobal` or one of the `@verify` operators is not valid.
    Pattern(PatternError),
    /// The file that the argument names does not exist.
    NoSuchFile(String),
    /// There is no `SecDataset` of the name that the argument is.
    NoSuchDataset(String),
    /// `@pm` or `@pmFromFile` without a phrase.
    NoPhrases,
    /// The phrases are too many or too long for one automaton.
    TooManyPhrases,
    /// A part of a byte range is no number from 0 to 255, or the range is in the wrong order.
    BadByteRange(String),
    /// A part of an address list is no address and no network.
    BadNetwork(String),
}

impl fmt::Display for OperatorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "there is no operator @{name}"),
            Self::Unsupported { name, reason } => write!(f, "@{name} is not supported: {reason}"),
            Self::Dtd(error) => write!(f, "the DTD can't be used: {error}"),
            Self::Pattern(error) => error.fmt(f),
            Self::NoSuchFile(name) => write!(f, "the file {name:?} does not exist"),
            Self::NoSuchDataset(name) => write!(f, "there is no SecDataset {name:?}"),
            Self::NoPhrases => f.write_str("there is no phrase to look for"),
            Self::TooManyPhrases => f.write_str("the phrases are too many for one automaton"),
            Self::BadByteRange(text) => write!(f, "{text:?} is no byte (0 to 255) and no range of bytes"),
            Self::BadNetwork(text) => {
                write!(f, "{text:?} is no IP address and no network such as 10.0.0.0/8")
            }
        }
    }
}

impl std::error::Error for OperatorError {}

impl From<DtdError> for OperatorError {
    fn from(error: DtdError) -> Self {
        Self::Dtd(error)
    }
}

impl From<PatternError> for OperatorError {
    fn from(error: PatternError) -> Self {
        Self::Pattern(error)
    }
}

/// The error for a name that names no operator of this engine.
pub(super) fn refusal(name: &str) -> OperatorError {
    match OperatorName::from_name(name.as_bytes()).and_then(|known| support::operator(known).refused()) {
        Some(reason) => OperatorError::Unsupported { name: name.to_owned(), reason },
        None => OperatorError::Unknown(name.to_owned()),
    }
}
