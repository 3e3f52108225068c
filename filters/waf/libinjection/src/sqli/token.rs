//! SQL tokens (`struct libinjection_sqli_token`).

use std::fmt;
use std::num::NonZeroU8;

/// How many bytes of its text a token keeps.
pub(super) const MAX_TEXT: usize = 31;

/// A piece of SQL with its type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its first 31 bytes, without quotes and without the `@` of a variable.
    pub text: &'a [u8],
    /// What opened a string: the quote, `u`, `q` or `$`; `None` where the input began inside the string.
    pub open: Option<NonZeroU8>,
    /// What closed a string; `None` where the input ended before it.
    pub close: Option<NonZeroU8>,
    /// How many `@` stood before a variable.
    pub sigils: u8,
}

impl Token<'_> {
    /// Whether this is an operator that may stand before its only operand (`st_is_unary_op`).
    pub(super) fn is_unary(&self) -> bool {
        self.kind == Kind::Operator
            && match self.text {
                [b'+' | b'-' | b'!' | b'~'] | b"!!" => true,
                three @ [_, _, _] => three.eq_ignore_ascii_case(b"NOT"),
                _ => false,
            }
    }

    pub(super) fn is_arithmetic(&self) -> bool {
        self.kind == Kind::Operator && matches!(self.text, [b'*' | b'/' | b'-' | b'+' | b'%'])
    }
}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} \"{}\"", self.kind, self.text.escape_ascii())
    }
}

/// The type of a token. Its discriminant is the character that stands for it in a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[allow(missing_docs, reason = "libinjection's own names; each is the SQL term")]
pub enum Kind {
    Keyword = b'k',
    Union = b'U',
    Group = b'B',
    Expression = b'E',
    SqlType = b't',
    Function = b'f',
    Bareword = b'n',
    Number = b'1',
    Variable = b'v',
    String = b's',
    Operator = b'o',
    LogicOperator = b'&',
    Comment = b'c',
    Collate = b'A',
    LeftParenthesis = b'(',
    RightParenthesis = b')',
    LeftBrace = b'{',
    RightBrace = b'}',
    Dot = b'.',
    Comma = b',',
    Colon = b':',
    Semicolon = b';',
    /// Starts a Transact-SQL statement.
    Tsql = b'T',
    Unknown = b'?',
    /// Cannot be parsed the same way by all databases: an attack whatever else there is.
    Evil = b'X',
    Backslash = b'\\',
}

impl Kind {
    /// The character that stands for it in a fingerprint.
    #[must_use]
    pub fn letter(self) -> u8 {
        self as u8
    }
}
