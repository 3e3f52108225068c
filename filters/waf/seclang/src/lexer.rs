//! Physical lines to logical ones, and a logical line to its arguments.
//!
//! - A `\` at the end of a line joins it with the next one, whose leading white space is dropped (Coraza; Apache keeps
//!   it, which shows only inside quoted text). An empty line ends a directive all the same (Apache).
//! - A line that starts with `#` is a comment, also between continued lines (Coraza).
//! - A comment that starts like a rule (`#SecRule`, `# SecAction`) and ends in `\` goes on in the next line: this is
//!   how people comment a rule out (ModSecurity v3).
//! - An argument starts with `"` or `'` and ends with the same, or ends with white space. Inside quotes, a quote that
//!   an odd number of `\` stands before is part of the text and loses one of them; no other escape is undone
//!   (ModSecurity v3, Coraza). A pattern such as `\\x` arrives as it was written.

use std::{borrow::Cow, ops::Range};

use crate::{
    ast::Quote,
    error::ParseErrorKind,
    source::{FileId, Span},
};

/// What a file consists of.
pub(crate) enum Item {
    /// Comments and blank lines.
    Trivia(Span),
    /// A directive.
    Line(Line),
}

/// A directive with its continuations joined.
pub(crate) struct Line {
    file: FileId,
    bytes: Vec<u8>,
    /// Where each joined piece starts: in `bytes`, and in the file.
    pieces: Vec<(usize, usize)>,
    /// The backtick block at its end has no end.
    pub(crate) unclosed_backtick: bool,
}

impl Line {
    /// All of it.
    pub(crate) fn piece(&self) -> Piece<'_> {
        Piece { line: self, start: 0, end: self.bytes.len() }
    }

    fn push(&mut self, text: &[u8], at: usize) {
        self.pieces.push((self.bytes.len(), at));
        self.bytes.extend_from_slice(text);
    }

    fn span(&self, start: usize, end: usize) -> Span {
        let place = |offset: usize| {
            let after = self.pieces.partition_point(|(from, _)| *from <= offset);
            let piece = after.checked_sub(1).and_then(|index| self.pieces.get(index));
            piece.map_or(offset, |(from, at)| at + (offset - from))
        };
        let first = place(start);
        let last = if end > start { place(end - 1) + 1 } else { first };
        Span { file: self.file, start: first as u32, end: last as u32 }
    }
}

/// Part of a [`Line`].
#[derive(Clone, Copy)]
pub(crate) struct Piece<'l> {
    line: &'l Line,
    start: usize,
    end: usize,
}

impl<'l> Piece<'l> {
    pub(crate) fn bytes(&self) -> &'l [u8] {
        self.line.bytes.get(self.start..self.end).unwrap_or_default()
    }

    pub(crate) fn span(&self) -> Span {
        self.line.span(self.start, self.end)
    }

    /// The part of it that starts and ends at these offsets.
    pub(crate) fn part(&self, range: Range<usize>) -> Piece<'l> {
        let end = (self.start + range.end).min(self.end);
        Piece { line: self.line, start: (self.start + range.start).min(end), end }
    }

    pub(crate) fn from(&self, start: usize) -> Piece<'l> {
        self.part(start..self.end - self.start)
    }

    pub(crate) fn trim(&self) -> Piece<'l> {
        let bytes = self.bytes();
        let start = bytes.len() - bytes.trim_ascii_start().len();
        self.part(start..start + bytes.trim_ascii().len())
    }
}

/// Text without its quotes and escapes, and where it stands.
pub(crate) struct Value<'l> {
    pub(crate) bytes: Cow<'l, [u8]>,
    pub(crate) quote: Quote,
    piece: Piece<'l>,
}

impl<'l> Value<'l> {
    /// Takes the content of quotes (or unquoted text) and undoes the escapes of the quotes.
    pub(crate) fn new(piece: Piece<'l>, quote: Quote) -> Self {
        Value { bytes: unescape(Cow::Borrowed(piece.bytes()), quote), quote, piece }
    }

    /// Undoes the escapes of one more pair of quotes, inside the first one.
    pub(crate) fn unescape(mut self, quote: Quote) -> Self {
        self.bytes = unescape(self.bytes, quote);
        self.quote = quote;
        self
    }

    pub(crate) fn span(&self) -> Span {
        self.piece.span()
    }

    /// Where bytes of the value stand; all of it if escapes have moved them.
    pub(crate) fn span_of(&self, range: Range<usize>) -> Span {
        match self.bytes {
            Cow::Borrowed(_) => self.piece.part(range).span(),
            Cow::Owned(_) => self.span(),
        }
    }
}

/// The arguments of a directive, read one after the other.
pub(crate) struct Args<'l> {
    rest: Piece<'l>,
}

/// What is wrong with an argument, and where.
type Wrong = (ParseErrorKind, Span);

impl<'l> Args<'l> {
    pub(crate) fn new(piece: Piece<'l>) -> Self {
        Args { rest: piece.trim() }
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> Piece<'l> {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.bytes().is_empty()
    }

    /// The next argument.
    pub(crate) fn next(&mut self) -> Result<Option<Value<'l>>, Wrong> {
        let bytes = self.rest.bytes();
        let Some(&first) = bytes.first() else { return Ok(None) };
        let (quote, content, after) = match quote_of(first) {
            Quote::None => {
                let end = bytes.iter().position(u8::is_ascii_whitespace).unwrap_or(bytes.len());
                (Quote::None, 0..end, end)
            }
            quote => {
                let end = find_unescaped(bytes, first, 1).ok_or_else(|| self.unclosed())?;
                (quote, 1..end, end + 1)
            }
        };
        let value = Value::new(self.rest.part(content), quote);
        self.rest = self.rest.from(after).trim();
        Ok(Some(value))
    }

    /// Everything that is left as one argument: a list of actions. Quotes inside its quotes need no escape, because
    /// only those at the end of the line close it (Coraza; ModSecurity v3 inside `'...'`).
    pub(crate) fn last(&mut self) -> Result<Option<(Piece<'l>, Quote)>, Wrong> {
        let bytes = self.rest.bytes();
        let Some(&first) = bytes.first() else { return Ok(None) };
        let quote = quote_of(first);
        let piece = match quote {
            Quote::None => self.rest,
            _ => match bytes.len() - 1 {
                end if end > 0 && bytes.last() == Some(&first) && !is_escaped(bytes, end) => {
                    self.rest.part(1..end)
                }
                _ => return Err(self.unclosed_last(first)),
            },
        };
        self.rest = self.rest.from(bytes.len());
        Ok(Some((piece, quote)))
    }
}

impl Args<'_> {
    fn unclosed(&self) -> Wrong {
        (ParseErrorKind::UnclosedQuote, self.rest.part(0..1).span())
    }

    /// The last argument does not end with its quote: it is not closed, or something follows.
    fn unclosed_last(&self, mark: u8) -> Wrong {
        match find_unescaped(self.rest.bytes(), mark, 1) {
            Some(end) => (ParseErrorKind::UnexpectedArgument, self.rest.from(end + 1).trim().span()),
            None => self.unclosed(),
        }
    }
}

/// Whether an odd number of `\` stands before this byte.
pub(crate) fn is_escaped(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at).unwrap_or_default();
    before.iter().rev().take_while(|&&byte| byte == b'\\').count() % 2 == 1
}

/// The first such byte from `start` on that is not escaped.
pub(crate) fn find_unescaped(bytes: &[u8], wanted: u8, start: usize) -> Option<usize> {
    let candidates = bytes.iter().enumerate().skip(start);
    candidates.filter(|&(_, &byte)| byte == wanted).map(|(at, _)| at).find(|&at| !is_escaped(bytes, at))
}

fn quote_of(byte: u8) -> Quote {
    match byte {
        b'"' => Quote::Double,
        b'\'' => Quote::Single,
        _ => Quote::None,
    }
}

/// Takes one `\` away before each escaped quote.
fn unescape(bytes: Cow<'_, [u8]>, quote: Quote) -> Cow<'_, [u8]> {
    let Some(mark) = quote.mark() else { return bytes };
    if find_escaped(&bytes, mark).is_none() {
        return bytes;
    }
    let mut out = Vec::with_capacity(bytes.len());
    for (at, &byte) in bytes.iter().enumerate() {
        if byte == mark && is_escaped(&bytes, at) {
            out.pop();
        }
        out.push(byte);
    }
    Cow::Owned(out)
}

fn find_escaped(bytes: &[u8], mark: u8) -> Option<usize> {
    let marks = bytes.iter().enumerate().filter(|&(_, &byte)| byte == mark);
    marks.map(|(at, _)| at).find(|&at| is_escaped(bytes, at))
}

/// Splits a file into its items.
pub(crate) struct Lexer<'t> {
    file: FileId,
    text: &'t [u8],
    at: usize,
    /// Comments found between the lines of a directive; they come after it.
    comments: Vec<Span>,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(file: FileId, text: &'t [u8]) -> Self {
        Lexer { file, text, at: 0, comments: Vec::new() }
    }

    /// The next physical line without leading and trailing white space, and where it starts.
    fn peek(&self) -> Option<(&'t [u8], usize, usize)> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let (line, len) = match rest.iter().position(|&byte| byte == b'\n') {
            Some(newline) => (rest.get(..newline).unwrap_or_default(), newline + 1),
            None => (rest, rest.len()),
        };
        let indent = line.len() - line.trim_ascii_start().len();
        Some((line.trim_ascii(), self.at + indent, self.at + len))
    }

    fn trivia(&mut self) -> Option<Span> {
        let start = self.at;
        let mut continued = false;
        while let Some((line, _, next)) = self.peek() {
            let comment = line.strip_prefix(b"#");
            if !continued && !line.is_empty() && comment.is_none() {
                break;
            }
            let of_rule = continued || comment.is_some_and(starts_like_rule);
            continued = of_rule && line.ends_with(b"\\");
            self.at = next;
        }
        (self.at > start).then(|| self.span(start, self.at))
    }

    fn line(&mut self) -> Option<Line> {
        let mut line =
            Line { file: self.file, bytes: Vec::new(), pieces: Vec::new(), unclosed_backtick: false };
        let mut started = false;
        while let Some((text, at, next)) = self.peek() {
            if started && text.starts_with(b"#") {
                self.comments.push(self.span(self.at, next));
                self.at = next;
                continue;
            }
            if started && text.is_empty() {
                break;
            }
            self.at = next;
            started = true;
            match text.strip_suffix(b"\\") {
                Some(continued) => line.push(continued, at),
                None => {
                    line.push(text, at);
                    break;
                }
            }
        }
        if is_named(&line.bytes, b"SecDataset") && line.bytes.ends_with(b"`") {
            line.unclosed_backtick = !self.backtick_block(&mut line);
        }
        started.then_some(line)
    }

    /// Reads up to the line that starts with a backtick (Coraza); false if there is none.
    fn backtick_block(&mut self, line: &mut Line) -> bool {
        while let Some((text, at, next)) = self.peek() {
            self.at = next;
            line.push(b"\n", at);
            line.push(text, at);
            if text.starts_with(b"`") {
                return true;
            }
        }
        false
    }

    fn span(&self, start: usize, end: usize) -> Span {
        Span { file: self.file, start: start as u32, end: end as u32 }
    }
}

impl Iterator for Lexer<'_> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        if let Some(comment) = self.comments.pop() {
            return Some(Item::Trivia(comment));
        }
        if let Some(trivia) = self.trivia() {
            return Some(Item::Trivia(trivia));
        }
        let line = self.line();
        self.comments.reverse();
        line.map(Item::Line)
    }
}

fn starts_like_rule(comment: &[u8]) -> bool {
    let comment = comment.trim_ascii_start();
    is_named(comment, b"SecRule") || is_named(comment, b"SecAction")
}

fn is_named(line: &[u8], directive: &[u8]) -> bool {
    line.get(..directive.len()).is_some_and(|name| name.eq_ignore_ascii_case(directive))
}
