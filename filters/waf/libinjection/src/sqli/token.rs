//! SQL tokens (`struct libinjection_sqli_token`).

use std::fmt;

/// How many bytes of its text a token keeps.
pub(super) const MAX_TEXT: usize = 31;

/// A piece of SQL with its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Its first 31 bytes, without quotes and without the `@` of a variable.
    pub text: Text<'a>,
    /// What opened a string: the quote, `u`, `q` or `$`; `None` where the input began inside the string.
    pub open: Option<u8>,
    /// What closed a string; `None` where the input ended before it.
    pub close: Option<u8>,
    /// How many `@` stood before a variable.
    pub sigils: u8,
}

impl<'a> Token<'a> {
    pub(super) fn new(kind: Kind, text: &'a [u8]) -> Self {
        let text = Text::Input(text.get(..MAX_TEXT).unwrap_or(text));
        Self { kind, text, open: None, close: None, sigils: 0 }
    }

    pub(super) fn text(&self) -> &[u8] {
        self.text.as_ref()
    }

    pub(super) fn is(&self, keyword: &str) -> bool {
        self.text().eq_ignore_ascii_case(keyword.as_bytes())
    }

    /// Whether this is an operator that may stand before its only operand (`st_is_unary_op`).
    pub(super) fn is_unary(&self) -> bool {
        self.kind == Kind::Operator
            && match self.text() {
                [b'+' | b'-' | b'!' | b'~'] | b"!!" => true,
                three @ [_, _, _] => three.eq_ignore_ascii_case(b"NOT"),
                _ => false,
            }
    }

    pub(super) fn is_arithmetic(&self) -> bool {
        self.kind == Kind::Operator && matches!(self.text(), [b'*' | b'/' | b'-' | b'+' | b'%'])
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

/// The text of a token: a part of the input, or several words that folding has joined by blanks.
#[derive(Clone, Copy)]
pub enum Text<'a> {
    /// As it stands in the input.
    Input(&'a [u8]),
    /// Joined words, and their length.
    Joined([u8; MAX_TEXT], u8),
}

impl Text<'_> {
    /// Both texts with a blank between them, unless that is longer than a token's text can be.
    pub(super) fn join(first: &[u8], second: &[u8]) -> Option<Self> {
        let length = first.len() + 1 + second.len();
        let mut joined = [b' '; MAX_TEXT];
        joined.get_mut(..first.len())?.copy_from_slice(first);
        joined.get_mut(first.len() + 1..length)?.copy_from_slice(second);
        Some(Self::Joined(joined, u8::try_from(length).ok()?))
    }
}

impl AsRef<[u8]> for Text<'_> {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Input(text) => text,
            Self::Joined(text, length) => text.get(..usize::from(*length)).unwrap_or(text),
        }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref() == other.as_ref()
    }
}

impl Eq for Text<'_> {}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_ref().escape_ascii())
    }
}
