//! Why a pattern is refused.

use std::fmt;

/// Why a pattern can't be compiled, and where in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError {
    /// Bytes from the start of the pattern.
    pub offset: usize,
    /// What is wrong there.
    pub kind: PatternErrorKind,
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatternErrorKind {
    /// A group is opened and not closed.
    UnclosedGroup,
    /// A `)` without its `(`.
    UnopenedGroup,
    /// A class is opened and not closed.
    UnclosedClass,
    /// A range whose end is below its start.
    RangeOrder,
    /// A quantifier with nothing before it that can be repeated.
    NothingToRepeat,
    /// A quantifier whose maximum is below its minimum.
    QuantifierOrder,
    /// A quantifier above 65535.
    QuantifierTooLarge,
    /// A backslash ends the pattern.
    TrailingBackslash,
    /// An escape is not complete, or its value is no byte.
    BadEscape,
    /// A reference to a group that does not exist.
    UnknownGroup,
    /// `[:name:]` with a name that does not exist.
    UnknownPosixClass,
    /// What follows `(?` is not known.
    UnknownGroupSyntax,
    /// Groups nest more than 250 deep.
    NestedTooDeeply,
    /// A look-behind has an alternative of no fixed length.
    LookBehindLength,
    /// The compiled pattern would be larger than the limit.
    TooLarge,
    /// A construct that this engine does not have.
    Unsupported(&'static str),
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at offset {} of the pattern", self.kind, self.offset)
    }
}

impl fmt::Display for PatternErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::UnclosedGroup => "the group is not closed",
            Self::UnopenedGroup => "\")\" closes no group",
            Self::UnclosedClass => "the class is not closed",
            Self::RangeOrder => "the range ends before it starts",
            Self::NothingToRepeat => "the quantifier has nothing to repeat",
            Self::QuantifierOrder => "the quantifier's maximum is below its minimum",
            Self::QuantifierTooLarge => "the quantifier is above 65535",
            Self::TrailingBackslash => "a backslash ends the pattern",
            Self::BadEscape => "the escape writes no byte",
            Self::UnknownGroup => "the reference names a group that does not exist",
            Self::UnknownPosixClass => "the POSIX class does not exist",
            Self::UnknownGroupSyntax => "the group syntax is not known",
            Self::NestedTooDeeply => "groups nest more than 250 deep",
            Self::LookBehindLength => "the look-behind has no fixed length",
            Self::TooLarge => "the compiled pattern is too large",
            Self::Unsupported(construct) => return write!(f, "{construct} is not supported"),
        })
    }
}

impl std::error::Error for PatternError {}
