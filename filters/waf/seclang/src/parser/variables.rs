//! Lists of variables: `ARGS|!ARGS:/^x/|&REQUEST_HEADERS:'User-Agent'|XML:/*`.
//!
//! Members are separated by `|` or, as ModSecurity v3 allows, by `,`. A key stands after `:` or `.`. A pattern ends at
//! the first unescaped `/` that a separator or the end follows, so that it may hold both separators. In an exclusion, what begins
//! like a pattern and has no such end is a plain key, as for ModSecurity v3 and Coraza: it excludes nothing, and a lint says so.

use std::ops::Range;

use super::Context;
use crate::{
    NameKind,
    ast::{Quote, Selector, Spanned, Text, VERSION_2_VARIABLES, Variable, VariableName},
    error::ParseErrorKind,
    lexer::{Value, is_escaped},
};

impl Context {
    /// All members of the list; those in error are left out.
    pub(super) fn variables(&mut self, value: &Value<'_>) -> Vec<Spanned<Variable>> {
        self.list(Scanner { bytes: &value.bytes, at: 0, excludes: false }, value)
    }

    /// The members that start at this offset of the value, all of which are excluded.
    pub(super) fn excluded(&mut self, value: &Value<'_>, start: usize) -> Vec<Spanned<Variable>> {
        self.list(Scanner { bytes: &value.bytes, at: start, excludes: true }, value)
    }

    fn list(&mut self, mut scanner: Scanner<'_>, value: &Value<'_>) -> Vec<Spanned<Variable>> {
        let mut variables = Vec::new();
        loop {
            scanner.skip_white_space();
            let start = scanner.at;
            match scanner.variable() {
                Ok(variable) => {
                    variables.push(Spanned::new(variable, value.span_of(start..scanner.at)));
                    scanner.skip_white_space();
                    if !scanner.at_separator_or_end() {
                        self.error(
                            ParseErrorKind::TextAfterVariable,
                            value.span_of(scanner.at..value.bytes.len()),
                        );
                        break;
                    }
                }
                Err(Wrong::UnknownName(range)) => {
                    let name = value.bytes.get(range.clone()).unwrap_or_default();
                    let version_2 = VERSION_2_VARIABLES
                        .iter()
                        .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
                    let span = value.span_of(range);
                    if let Some(&(name, instead)) = version_2 {
                        self.error(ParseErrorKind::Version2Variable { name, instead }, span);
                    } else {
                        let names = VariableName::ALL.iter().map(|name| name.as_str());
                        self.unknown(NameKind::Variable, name, names, span);
                    }
                }
                Err(Wrong::Other(kind)) => {
                    self.error(kind, value.span_of(start..scanner.at));
                }
            }
            scanner.skip_to_separator();
            if scanner.bytes.len() == scanner.at {
                break;
            }
            scanner.at += 1;
        }
        variables.shrink_to_fit();
        variables
    }
}

struct Scanner<'b> {
    bytes: &'b [u8],
    at: usize,
    /// Whether members are exclusions without a `!`.
    excludes: bool,
}

enum Wrong {
    UnknownName(Range<usize>),
    Other(ParseErrorKind),
}

impl<'b> Scanner<'b> {
    fn variable(&mut self) -> Result<Variable, Wrong> {
        let (mut exclude, mut count) = (false, false);
        loop {
            match self.rest() {
                [b'!', ..] => exclude = true,
                [b'&', ..] => count = true,
                _ => break,
            }
            self.at += 1;
            self.skip_white_space();
        }
        if exclude && count {
            return Err(Wrong::Other(ParseErrorKind::CountedExclusion));
        }
        let start = self.at;
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        self.at += self.rest().iter().take_while(|byte| is_name(byte)).count();
        let name = self.bytes.get(start..self.at).unwrap_or_default();
        if name.is_empty() && self.at_separator_or_end() {
            return Err(Wrong::Other(ParseErrorKind::EmptyVariable));
        }
        let name = VariableName::from_name(name).ok_or_else(|| {
            let other = self.rest().iter().take_while(|byte| !b":|, \t".contains(byte)).count();
            Wrong::UnknownName(start..self.at + other)
        })?;
        let selector = match self.rest() {
            [b':' | b'.', ..] => {
                self.at += 1;
                if !name.is_collection() {
                    self.selector(name, exclude)?;
                    return Err(Wrong::Other(ParseErrorKind::NotACollection { variable: name.as_str() }));
                }
                self.selector(name, exclude || self.excludes)?
            }
            _ => Selector::All,
        };
        Ok(Variable { exclude, count, name, selector })
    }

    fn selector(&mut self, name: VariableName, excluded: bool) -> Result<Selector, Wrong> {
        let unclosed = Wrong::Other(ParseErrorKind::UnclosedSelector);
        let text = |value: &[u8], quote| Text { value: value.to_vec(), quote };
        match self.rest() {
            [b'\'', b'/', ..] if name != VariableName::Xml => {
                let pattern = self.up_to(2, b"/'").ok_or(unclosed)?;
                Ok(Selector::Regex(text(pattern, Quote::Single)))
            }
            [b'\'', ..] => {
                let key = self.up_to(1, b"'").ok_or(unclosed)?;
                match name {
                    VariableName::Xml => Ok(Selector::XPath(text(key, Quote::Single))),
                    _ => Ok(Selector::Key(text(key, Quote::Single))),
                }
            }
            [b'/', ..] if name != VariableName::Xml => {
                let start = self.at;
                match self.up_to(1, b"/") {
                    Some(pattern) => Ok(Selector::Regex(text(pattern, Quote::None))),
                    None if excluded => {
                        self.at = start;
                        self.key(name)
                    }
                    None => Err(unclosed),
                }
            }
            _ => self.key(name),
        }
    }

    /// A key or an XPath without quotes.
    fn key(&mut self, name: VariableName) -> Result<Selector, Wrong> {
        let rest = self.rest();
        let end = rest.iter().position(|byte| is_separator(*byte)).unwrap_or(rest.len());
        let key = rest.get(..end).unwrap_or_default().trim_ascii_end();
        self.at += key.len();
        let text = Text { value: key.to_vec(), quote: Quote::None };
        match name {
            _ if key.is_empty() => Err(Wrong::Other(ParseErrorKind::EmptySelector)),
            VariableName::Xml => Ok(Selector::XPath(text)),
            _ => Ok(Selector::Key(text)),
        }
    }

    /// Takes `skip` bytes, then all up to `end` that is not escaped and that a separator or the end follows.
    fn up_to(&mut self, skip: usize, end: &[u8]) -> Option<&'b [u8]> {
        let rest = self.bytes.get(self.at + skip..)?;
        let is_end = |at: usize| {
            let after = rest.get(at..).and_then(|rest| rest.strip_prefix(end));
            let ends = after
                .is_some_and(|after| after.trim_ascii_start().first().is_none_or(|byte| is_separator(*byte)));
            ends && !is_escaped(rest, at)
        };
        let len = (0..rest.len()).find(|&at| is_end(at));
        self.at = len.map_or(self.bytes.len(), |len| self.at + skip + len + end.len());
        rest.get(..len?)
    }

    fn rest(&self) -> &'b [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn at_separator_or_end(&self) -> bool {
        self.rest().first().is_none_or(|byte| is_separator(*byte))
    }

    fn skip_white_space(&mut self) {
        self.at += self.rest().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    }

    fn skip_to_separator(&mut self) {
        self.at += self.rest().iter().take_while(|byte| !is_separator(**byte)).count();
    }
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'|' | b',')
}
