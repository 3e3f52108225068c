//! Splits input into SQL tokens (`libinjection_sqli_tokenize`).

use memchr::memchr;

use super::bytes::{self, BLANK, ENDS_WORD, SPLITS_WORD, class, find_pair, span};
use super::keywords;
use super::token::{Kind, MAX_TEXT, Token};

/// The SQL tokens of an input, read in one context.
#[derive(Clone, Debug)]
pub struct Tokenizer<'a> {
    input: &'a [u8],
    position: usize,
    quote: Quote,
    dialect: Dialect,
    count: usize,
    mysql_differs: bool,
}

/// The string that the input is taken to begin in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quote {
    /// None: the input is taken as it stands.
    None,
    /// A string in single quotes.
    Single,
    /// A string in double quotes.
    Double,
}

/// Whose comments the input is read with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// `--` starts a comment whatever follows it; `#` is an operator.
    Ansi,
    /// `--` starts a comment only before white space; `#` starts one.
    MySql,
}

/// The token at a position, and how many bytes it takes.
pub(super) type Scan<'a> = (usize, Token<'a>);

impl<'a> Tokenizer<'a> {
    /// Reads `input` from its beginning.
    #[must_use]
    pub fn new(input: &'a [u8], quote: Quote, dialect: Dialect) -> Self {
        Self { input, position: 0, quote, dialect, count: 0, mysql_differs: false }
    }

    /// How many tokens were read (`stats_tokens`).
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Whether something was read that MySQL reads differently: `#`, or `--` before other than white space.
    pub(super) fn mysql_differs(&self) -> bool {
        self.mysql_differs
    }

    pub(super) fn input(&self) -> &'a [u8] {
        self.input
    }

    #[inline]
    fn scan(&mut self, rest: &'a [u8], first: u8) -> Scan<'a> {
        match first {
            b'!' | b'&' | b'*' | b':' | b'<'..=b'>' | b'|' => operator(rest),
            b'%' | b'+' | b'^' | b'~' => one(Kind::Operator, rest),
            b'(' => one(Kind::LeftParenthesis, rest),
            b')' => one(Kind::RightParenthesis, rest),
            b'{' => one(Kind::LeftBrace, rest),
            b'}' => one(Kind::RightBrace, rest),
            b',' => one(Kind::Comma, rest),
            b';' => one(Kind::Semicolon, rest),
            b'?' | b']' => one(Kind::Unknown, rest),
            b'#' => self.hash(rest),
            b'-' => self.dash(rest),
            b'/' => slash(rest),
            b'\\' => backslash(rest),
            b'[' => self.bracket(rest),
            b'"' | b'\'' => super::literals::string(rest, 1, first),
            b'`' => super::literals::tick(rest),
            b'$' => super::literals::money(rest),
            b'.' | b'0'..=b'9' => super::literals::number(rest),
            b'@' => super::literals::variable(rest),
            b'B' | b'b' => super::literals::quoted_number(rest, bytes::is_binary_digit),
            b'X' | b'x' => super::literals::quoted_number(rest, bytes::is_hex_digit),
            b'E' | b'e' => super::literals::escape_string(rest),
            b'N' | b'n' => super::literals::national_string(rest),
            b'Q' | b'q' => super::literals::q_string(rest, 0),
            b'U' | b'u' => super::literals::unicode_string(rest),
            _ => word(rest),
        }
    }

    fn hash(&mut self, rest: &'a [u8]) -> Scan<'a> {
        self.mysql_differs = true;
        match self.dialect {
            Dialect::Ansi => one(Kind::Operator, rest),
            Dialect::MySql => line_comment(rest),
        }
    }

    fn dash(&mut self, rest: &'a [u8]) -> Scan<'a> {
        match rest {
            [_, b'-'] => line_comment(rest),
            [_, b'-', third, ..] if bytes::is_white(*third) => line_comment(rest),
            [_, b'-', ..] if self.dialect == Dialect::Ansi => {
                self.mysql_differs = true;
                line_comment(rest)
            }
            _ => one(Kind::Operator, rest),
        }
    }

    /// `[` quotes a name in Transact-SQL, up to `]`.
    fn bracket(&self, rest: &'a [u8]) -> Scan<'a> {
        let length = memchr(b']', rest).map_or(rest.len(), |at| at + 1);
        token(Kind::Bareword, rest, length)
    }
}

impl<'a> Iterator for Tokenizer<'a> {
    type Item = Token<'a>;

    #[inline]
    fn next(&mut self) -> Option<Token<'a>> {
        let rest = self.input.get(self.position..)?;
        let (length, token) = match self.quote {
            Quote::Single if self.position == 0 && !rest.is_empty() => super::literals::string(rest, 0, b'\''),
            Quote::Double if self.position == 0 && !rest.is_empty() => super::literals::string(rest, 0, b'"'),
            _ => {
                let blanks = span(rest, |byte| class(byte) & BLANK != 0);
                self.position += blanks;
                let rest = rest.get(blanks..)?;
                self.scan(rest, *rest.first()?)
            }
        };
        self.position += length;
        self.count += 1;
        Some(token)
    }
}

/// A token of the first `length` bytes.
#[inline]
pub(super) fn token(kind: Kind, rest: &[u8], length: usize) -> Scan<'_> {
    (length, Token::new(kind, rest.get(..length).unwrap_or(rest)))
}

#[inline]
pub(super) fn one(kind: Kind, rest: &[u8]) -> Scan<'_> {
    token(kind, rest, 1)
}

pub(super) fn word(rest: &[u8]) -> Scan<'_> {
    let mut seen = 0;
    let length = span(rest, |byte| class(byte) & ENDS_WORD == 0);
    let text = rest.get(..length).unwrap_or(rest);
    for &byte in text {
        seen |= class(byte);
    }
    // `SELECT.1` and "SELECT`column`" are a keyword and what follows it.
    if seen & SPLITS_WORD != 0 {
        let kept = text.get(..MAX_TEXT).unwrap_or(text);
        for (at, _) in kept.iter().enumerate().filter(|(_, byte)| class(**byte) & SPLITS_WORD != 0) {
            if let Some(kind) =
                kept.get(..at).and_then(keywords::lookup).filter(|kind| *kind != Kind::Bareword)
            {
                return token(kind, rest, at);
            }
        }
    }
    token(keywords::lookup(text).unwrap_or(Kind::Bareword), rest, length)
}

fn operator(rest: &[u8]) -> Scan<'_> {
    match rest {
        [b'<', b'=', b'>', ..] => token(Kind::Operator, rest, 3),
        [first, second, ..] => match keywords::operator([*first, *second]) {
            Some(kind) => token(kind, rest, 2),
            None if *first == b':' => one(Kind::Colon, rest),
            None => one(Kind::Operator, rest),
        },
        _ => one(Kind::Operator, rest),
    }
}

fn slash(rest: &[u8]) -> Scan<'_> {
    let [_, b'*', body @ ..] = rest else { return one(Kind::Operator, rest) };
    let end = find_pair(body, b'*', b'/');
    // PostgreSQL nests comments and others do not; MySQL runs what is in `/*! */`. Either way databases differ.
    let nested =
        end.and_then(|end| body.get(..=end)).is_some_and(|inner| find_pair(inner, b'/', b'*').is_some());
    let kind = if nested || body.first() == Some(&b'!') { Kind::Evil } else { Kind::Comment };
    token(kind, rest, end.map_or(rest.len(), |end| end + 4))
}

fn line_comment(rest: &[u8]) -> Scan<'_> {
    match memchr(b'\n', rest) {
        Some(end) => (end + 1, token(Kind::Comment, rest, end).1),
        None => token(Kind::Comment, rest, rest.len()),
    }
}

/// `\N` is MySQL's other name for NULL.
fn backslash(rest: &[u8]) -> Scan<'_> {
    match rest {
        [_, b'N', ..] => token(Kind::Number, rest, 2),
        _ => one(Kind::Backslash, rest),
    }
}
