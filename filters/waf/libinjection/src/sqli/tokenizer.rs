//! Splits input into SQL tokens (`libinjection_sqli_tokenize`).

use std::num::NonZeroU8;

use memchr::memchr;

use super::bytes::{self, BLANK, ENDS_WORD, SPLITS_WORD, class, find_pair, span};
use super::keywords;
use super::token::{Kind, MAX_TEXT, Token};

/// The SQL tokens of an input, read in one context.
#[derive(Clone, Debug)]
pub struct Tokenizer<'a> {
    input: &'a [u8],
    quote: Quote,
    dialect: Dialect,
    progress: Progress,
}

/// How far an input was read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    position: usize,
    count: usize,
    mysql_differs: bool,
    /// Where what was looked at ends, where that is further behind a token than [`LOOK_AHEAD`].
    looked: usize,
}

/// How many bytes behind a token are looked at to find its end, but for the few tokens that say so.
const LOOK_AHEAD: usize = 2;

impl Progress {
    pub(super) fn position(&self) -> usize {
        self.position
    }

    /// How many bytes an input has to begin with that are the same, so that it is read in the same way up to here.
    pub(super) fn depends_on(&self) -> usize {
        self.looked.max(self.position + LOOK_AHEAD)
    }
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

/// How much of an input is looked at.
const MAX_INPUT: usize = u32::MAX as usize;

/// The token that begins the rest of the input. Small: all tokens pass through one.
#[derive(Clone, Copy)]
pub(super) struct Scan {
    /// How many bytes it takes.
    pub(super) length: u32,
    /// Where its text starts.
    pub(super) text_start: u32,
    pub(super) marks: Marks,
    pub(super) text_length: u8,
    pub(super) kind: Kind,
}

/// A token, by where its text stands in the input.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    start: u32,
    marks: Marks,
    length: u8,
    pub(super) kind: Kind,
}

impl Placed {
    pub(super) const NONE: Self = Self { start: 0, marks: Marks(0), length: 0, kind: Kind::Unknown };

    #[inline]
    pub(super) fn length(self) -> u8 {
        self.length
    }

    #[inline]
    pub(super) fn text(self, input: &[u8]) -> &[u8] {
        let start = self.start as usize;
        input.get(start..start + usize::from(self.length)).unwrap_or_default()
    }

    pub(super) fn token(self, text: &[u8]) -> Token<'_> {
        let Self { marks, kind, .. } = self;
        let (open, close) = (NonZeroU8::new(marks.open()), NonZeroU8::new(marks.close()));
        Token { kind, text, open, close, sigils: marks.sigils() }
    }
}

/// What opens and closes a string, 0 for none, and how many `@` stand before a variable: in one piece, because a
/// processor is slow to read together what was written apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks(u32);

impl Marks {
    pub(super) fn new(open: u8, close: u8, sigils: u8) -> Self {
        Self(u32::from_le_bytes([open, close, sigils, 0]))
    }

    pub(super) fn open(self) -> u8 {
        self.0 as u8
    }

    pub(super) fn close(self) -> u8 {
        (self.0 >> 8) as u8
    }

    fn sigils(self) -> u8 {
        (self.0 >> 16) as u8
    }
}

impl Scan {
    /// A token of the first `length` bytes.
    pub(super) fn new(kind: Kind, length: usize) -> Self {
        Self::within(kind, 0, length, length)
    }

    /// A token whose text is a part of its `length` bytes.
    pub(super) fn within(kind: Kind, text_start: usize, text_length: usize, length: usize) -> Self {
        Self {
            length: length as u32,
            text_start: text_start as u32,
            text_length: text_length.min(MAX_TEXT) as u8,
            kind,
            marks: Marks(0),
        }
    }

    /// The same token, after `prefix` bytes that belong to it.
    pub(super) fn after(self, prefix: usize) -> Self {
        Self { length: self.length + prefix as u32, text_start: self.text_start + prefix as u32, ..self }
    }
}

impl<'a> Tokenizer<'a> {
    /// Reads `input` from its beginning, and no more than 4 GiB of it.
    #[must_use]
    pub fn new(input: &'a [u8], quote: Quote, dialect: Dialect) -> Self {
        let input = input.get(..MAX_INPUT).unwrap_or(input);
        Self { input, quote, dialect, progress: Progress::default() }
    }

    /// Goes on where another input that begins alike was read up to.
    pub(super) fn resume(&mut self, progress: Progress) {
        self.progress = progress;
    }

    pub(super) fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What the input is read as.
    pub(super) fn context(&self) -> (Quote, Dialect) {
        (self.quote, self.dialect)
    }

    /// How many tokens were read (`stats_tokens`).
    pub(super) fn count(&self) -> usize {
        self.progress.count
    }

    /// Whether something was read that MySQL reads differently: `#`, or `--` before other than white space.
    pub(super) fn mysql_differs(&self) -> bool {
        self.progress.mysql_differs
    }

    pub(super) fn input(&self) -> &'a [u8] {
        self.input
    }

    #[inline]
    fn scan(&mut self, rest: &'a [u8], first: u8) -> Scan {
        match first {
            b'!' | b'&' | b'*' | b':' | b'<'..=b'>' | b'|' => operator(rest),
            b'%' | b'+' | b'^' | b'~' => one(Kind::Operator),
            b'(' => one(Kind::LeftParenthesis),
            b')' => one(Kind::RightParenthesis),
            b'{' => one(Kind::LeftBrace),
            b'}' => one(Kind::RightBrace),
            b',' => one(Kind::Comma),
            b';' => one(Kind::Semicolon),
            b'?' | b']' => one(Kind::Unknown),
            b'#' => self.hash(rest),
            b'-' => self.dash(rest),
            b'/' => slash(rest),
            b'\\' => backslash(rest),
            b'[' => bracket(rest),
            b'"' | b'\'' => super::literals::string(rest, 1, first),
            b'`' => super::literals::tick(rest),
            b'$' => self.dollar(rest),
            b'.' | b'0'..=b'9' => super::literals::number(rest),
            b'@' => super::literals::variable(rest),
            b'B' | b'b' => self.quoted_number(rest, bytes::is_binary_digit),
            b'X' | b'x' => self.quoted_number(rest, bytes::is_hex_digit),
            b'E' | b'e' => super::literals::escape_string(rest),
            b'N' | b'n' => super::literals::national_string(rest),
            b'Q' | b'q' => super::literals::q_string(rest, 0),
            b'U' | b'u' => super::literals::unicode_string(rest),
            _ => word(rest),
        }
    }

    /// Notes that so many bytes from the token's start on were looked at.
    fn looked(&mut self, bytes: usize) {
        let progress = &mut self.progress;
        progress.looked = progress.looked.max(progress.position + bytes);
    }

    fn dollar(&mut self, rest: &'a [u8]) -> Scan {
        let (scan, looked) = super::literals::money(rest);
        self.looked(looked);
        scan
    }

    fn quoted_number(&mut self, rest: &'a [u8], is_digit: fn(u8) -> bool) -> Scan {
        let (scan, looked) = super::literals::quoted_number(rest, is_digit);
        self.looked(looked);
        scan
    }

    fn hash(&mut self, rest: &'a [u8]) -> Scan {
        self.progress.mysql_differs = true;
        match self.dialect {
            Dialect::Ansi => one(Kind::Operator),
            Dialect::MySql => line_comment(rest),
        }
    }

    fn dash(&mut self, rest: &'a [u8]) -> Scan {
        match rest {
            [_, b'-'] => line_comment(rest),
            [_, b'-', third, ..] if bytes::is_white(*third) => line_comment(rest),
            [_, b'-', ..] if self.dialect == Dialect::Ansi => {
                self.progress.mysql_differs = true;
                line_comment(rest)
            }
            _ => one(Kind::Operator),
        }
    }
}

impl<'a> Tokenizer<'a> {
    #[inline]
    pub(super) fn read(&mut self) -> Option<Placed> {
        let rest = self.input.get(self.progress.position..)?;
        let scan = match self.quote {
            Quote::Single if self.progress.position == 0 && !rest.is_empty() => {
                super::literals::string(rest, 0, b'\'')
            }
            Quote::Double if self.progress.position == 0 && !rest.is_empty() => {
                super::literals::string(rest, 0, b'"')
            }
            _ => {
                let blanks = span(rest, |byte| class(byte) & BLANK != 0);
                self.progress.position += blanks;
                let rest = rest.get(blanks..)?;
                self.scan(rest, *rest.first()?)
            }
        };
        let start = self.progress.position as u32 + scan.text_start;
        self.progress.position += scan.length as usize;
        self.progress.count += 1;
        Some(Placed { start, marks: scan.marks, length: scan.text_length, kind: scan.kind })
    }
}

impl<'a> Iterator for Tokenizer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let placed = self.read()?;
        Some(placed.token(placed.text(self.input)))
    }
}

fn one(kind: Kind) -> Scan {
    Scan::new(kind, 1)
}

pub(super) fn word(rest: &[u8]) -> Scan {
    let mut seen = 0;
    let goes_on = |byte| {
        let class = class(byte);
        let goes_on = class & ENDS_WORD == 0;
        seen |= class;
        goes_on
    };
    let length = span(rest, goes_on);
    let text = rest.get(..length).unwrap_or(rest);
    // `SELECT.1` and "SELECT`column`" are a keyword and what follows it.
    if seen & SPLITS_WORD != 0 {
        let kept = text.get(..MAX_TEXT).unwrap_or(text);
        for (at, _) in kept.iter().enumerate().filter(|(_, byte)| class(**byte) & SPLITS_WORD != 0) {
            if let Some(kind) =
                kept.get(..at).and_then(keywords::lookup).filter(|kind| *kind != Kind::Bareword)
            {
                return Scan::new(kind, at);
            }
        }
    }
    Scan::new(keywords::lookup(text).unwrap_or(Kind::Bareword), length)
}

fn operator(rest: &[u8]) -> Scan {
    match rest {
        [b'<', b'=', b'>', ..] => Scan::new(Kind::Operator, 3),
        [first, second, ..] => match keywords::operator([*first, *second]) {
            Some(kind) => Scan::new(kind, 2),
            None if *first == b':' => one(Kind::Colon),
            None => one(Kind::Operator),
        },
        _ => one(Kind::Operator),
    }
}

/// `[` quotes a name in Transact-SQL, up to `]`.
fn bracket(rest: &[u8]) -> Scan {
    Scan::new(Kind::Bareword, memchr(b']', rest).map_or(rest.len(), |at| at + 1))
}

#[inline]
fn slash(rest: &[u8]) -> Scan {
    match rest {
        [_, b'*', body @ ..] => comment(rest, body),
        _ => one(Kind::Operator),
    }
}

#[inline(never)]
fn comment(rest: &[u8], body: &[u8]) -> Scan {
    let end = find_pair(body, b'*', b'/');
    // PostgreSQL nests comments and others do not; MySQL runs what is in `/*! */`. Either way databases differ.
    let nested =
        end.and_then(|end| body.get(..=end)).is_some_and(|inner| find_pair(inner, b'/', b'*').is_some());
    let kind = if nested || body.first() == Some(&b'!') { Kind::Evil } else { Kind::Comment };
    Scan::new(kind, end.map_or(rest.len(), |end| end + 4))
}

fn line_comment(rest: &[u8]) -> Scan {
    match memchr(b'\n', rest) {
        Some(end) => Scan::within(Kind::Comment, 0, end, end + 1),
        None => Scan::new(Kind::Comment, rest.len()),
    }
}

/// `\N` is MySQL's other name for NULL.
fn backslash(rest: &[u8]) -> Scan {
    match rest {
        [_, b'N', ..] => Scan::new(Kind::Number, 2),
        _ => one(Kind::Backslash),
    }
}
