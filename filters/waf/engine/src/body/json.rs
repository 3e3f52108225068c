//! JSON bodies, with ModSecurity's names: `json.a.b`, array elements `json.a.array_0`, elements of a root array
//! `json.array_0`, an empty key `empty-key`, a scalar document `json`. Values are the text of strings (escapes decoded)
//! and of numbers, `true`, `false`, and nothing for `null`. Duplicate keys are all reported.
//!
//! Source: ModSecurity v3, `json.cc`; what is JSON: RFC 8259, as strictly as YAJL reads it. A `\u` escape of half a
//! surrogate pair becomes `?`, as in YAJL.

use std::io::Write;

use super::{ArgumentSink, BodyError, Budget, Limits};

/// Hands each scalar of the document to `sink`. An empty body holds none.
///
/// Nesting takes no stack. The name is built in place, so that the memory is that of the longest name and string.
///
/// # Errors
///
/// The body is no JSON, a limit is exceeded, or the sink stopped the parser.
#[inline(never)]
pub fn parse(
    input: &[u8],
    limits: &Limits,
    sink: &mut (impl ArgumentSink + ?Sized),
) -> Result<(), BodyError> {
    if input.is_empty() {
        return Ok(());
    }
    let mut parser = Parser {
        input,
        at: 0,
        path: b"json".to_vec(),
        containers: Vec::new(),
        text: Vec::new(),
        budget: Budget::new(limits, input.len()),
        depth: limits.depth,
    };
    parser.document(sink)?;
    parser.skip_space();
    match parser.peek() {
        None => Ok(()),
        Some(_) => Err(BodyError::JsonTrailingData(parser.at)),
    }
}

struct Parser<'i> {
    input: &'i [u8],
    at: usize,
    /// The name of the value that is being read.
    path: Vec<u8>,
    containers: Vec<Container>,
    /// The decoded form of a string with escapes.
    text: Vec<u8>,
    budget: Budget,
    depth: usize,
}

struct Container {
    /// How much of the path is the container's own name.
    path: usize,
    kind: Kind,
}

enum Kind {
    /// With the index of the element that is being read.
    Array(usize),
    Object,
}

/// A string as it stands in the input, or in `Parser::text`.
enum Text<'i> {
    Plain(&'i [u8]),
    Decoded,
}

impl<'i> Parser<'i> {
    fn document(&mut self, sink: &mut (impl ArgumentSink + ?Sized)) -> Result<(), BodyError> {
        loop {
            if self.value(sink)? {
                continue;
            }
            // A value has ended: go on behind it, closing what ends there.
            loop {
                let Some(container) = self.containers.last() else { return Ok(()) };
                self.path.truncate(container.path);
                let array = matches!(container.kind, Kind::Array(_));
                self.skip_space();
                match self.peek() {
                    Some(b',') => {
                        self.at += 1;
                        self.skip_space();
                        if !array {
                            self.key()?;
                        } else if let Some(Container { kind: Kind::Array(index), .. }) =
                            self.containers.last_mut()
                        {
                            *index += 1;
                            self.name_element();
                        }
                        break;
                    }
                    Some(b']') if array => self.close(),
                    Some(b'}') if !array => self.close(),
                    _ => return Err(self.unexpected()),
                }
            }
        }
    }

    /// Reads a value; returns whether it was a container that is not empty, whose first value is next.
    fn value(&mut self, sink: &mut (impl ArgumentSink + ?Sized)) -> Result<bool, BodyError> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => {
                self.open(Kind::Object)?;
                if self.peek() == Some(b'}') {
                    self.close();
                    return Ok(false);
                }
                self.key()?;
                Ok(true)
            }
            Some(b'[') => {
                self.open(Kind::Array(0))?;
                if self.peek() == Some(b']') {
                    self.close();
                    return Ok(false);
                }
                self.name_element();
                Ok(true)
            }
            Some(b'"') => {
                let value = match self.string()? {
                    Text::Plain(text) => text,
                    Text::Decoded => &self.text,
                };
                self.budget.argument(sink, &self.path, value)?;
                Ok(false)
            }
            Some(b'-' | b'0'..=b'9') => {
                let value = self.number()?;
                self.budget.argument(sink, &self.path, value)?;
                Ok(false)
            }
            _ => {
                let literals: [(&[u8], &[u8]); 3] =
                    [(b"true", b"true"), (b"false", b"false"), (b"null", b"")];
                let rest = self.input.get(self.at..).unwrap_or_default();
                let Some((literal, value)) =
                    literals.into_iter().find(|(literal, _)| rest.starts_with(literal))
                else {
                    return Err(self.unexpected());
                };
                self.at += literal.len();
                self.budget.argument(sink, &self.path, value)?;
                Ok(false)
            }
        }
    }

    fn open(&mut self, kind: Kind) -> Result<(), BodyError> {
        if self.containers.len() >= self.depth {
            return Err(BodyError::TooDeep);
        }
        self.at += 1;
        self.containers.push(Container { path: self.path.len(), kind });
        self.skip_space();
        Ok(())
    }

    #[inline]
    fn close(&mut self) {
        self.at += 1;
        if let Some(container) = self.containers.pop() {
            self.path.truncate(container.path);
        }
    }

    fn name_element(&mut self) {
        if let Some(Container { kind: Kind::Array(index), .. }) = self.containers.last() {
            // Writing to a vector can't fail.
            let _ = write!(self.path, ".array_{index}");
        }
    }

    /// Reads a key and its colon and appends it to the path.
    fn key(&mut self) -> Result<(), BodyError> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        self.path.push(b'.');
        match self.string()? {
            Text::Plain([]) => self.path.extend_from_slice(b"empty-key"),
            Text::Plain(text) => self.path.extend_from_slice(text),
            Text::Decoded => self.path.extend_from_slice(&self.text),
        }
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    #[inline]
    fn string(&mut self) -> Result<Text<'i>, BodyError> {
        let rest = self.input.get(self.at + 1..).unwrap_or_default();
        // Most have no escapes, and nothing but ASCII.
        if let Some(end) = rest.iter().position(|byte| is_unusual(*byte))
            && let (text, [b'"', ..]) = rest.split_at_checked(end).unwrap_or_default()
        {
            self.at += end + 2;
            return Ok(Text::Plain(text));
        }
        self.unusual_string()
    }

    #[inline(never)]
    fn unusual_string(&mut self) -> Result<Text<'i>, BodyError> {
        let start = self.at;
        self.at += 1;
        let begin = self.at;
        let malformed = BodyError::JsonString(start);
        self.text.clear();
        let mut decoded = false;
        let mut run = begin;
        loop {
            let rest = self.input.get(self.at..).unwrap_or_default();
            let next = rest.iter().position(|&byte| is_unusual(byte) && byte.is_ascii());
            let next = next.ok_or(BodyError::JsonIncomplete)?;
            let end = self.at + next;
            match self.input.get(end) {
                Some(b'"') => {
                    self.at = end + 1;
                    let tail = self.input.get(run..end).unwrap_or_default();
                    let whole = self.input.get(begin..end).unwrap_or_default();
                    if str::from_utf8(whole).is_err() {
                        return Err(BodyError::JsonUtf8(start));
                    }
                    if !decoded {
                        return Ok(Text::Plain(whole));
                    }
                    self.text.extend_from_slice(tail);
                    return Ok(Text::Decoded);
                }
                Some(b'\\') => {
                    self.text.extend_from_slice(self.input.get(run..end).unwrap_or_default());
                    decoded = true;
                    let escape = self.input.get(end + 1..).unwrap_or_default();
                    if escape.is_empty() {
                        return Err(BodyError::JsonIncomplete);
                    }
                    let (character, length) = unescape(escape).ok_or(malformed)?;
                    let mut buffer = [0; 4];
                    self.text.extend_from_slice(character.encode_utf8(&mut buffer).as_bytes());
                    self.at = end + 1 + length;
                    run = self.at;
                }
                _ => return Err(malformed),
            }
        }
    }

    /// `-`, an integer without leading zeros, a fraction, an exponent.
    fn number(&mut self) -> Result<&'i [u8], BodyError> {
        let start = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(self.input.get(start..self.at).unwrap_or_default())
    }

    #[inline]
    fn digits(&mut self) -> Result<(), BodyError> {
        let rest = self.input.get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.unexpected());
        }
        self.at += count;
        Ok(())
    }

    #[inline]
    fn skip_space(&mut self) {
        let rest = self.input.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    }

    fn peek(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    fn unexpected(&self) -> BodyError {
        if self.at >= self.input.len() { BodyError::JsonIncomplete } else { BodyError::JsonSyntax(self.at) }
    }
}

/// Whether a byte ends a string, is none of a string, or does not stand for itself alone.
#[inline(always)]
fn is_unusual(byte: u8) -> bool {
    const UNUSUAL: [bool; 256] = {
        let mut unusual = [false; 256];
        let mut byte = 0;
        #[expect(clippy::indexing_slicing, reason = "when it is compiled")]
        while byte < 256 {
            unusual[byte] = matches!(byte as u8, b'"' | b'\\' | ..0x20 | 0x80..);
            byte += 1;
        }
        unusual
    };
    UNUSUAL.get(usize::from(byte)).copied().unwrap_or(true)
}

/// Decodes what follows a backslash: the character and how many bytes wrote it.
fn unescape(input: &[u8]) -> Option<(char, usize)> {
    let simple = match input.first()? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(input),
        _ => return None,
    };
    Some((simple, 1))
}

fn unicode(input: &[u8]) -> Option<(char, usize)> {
    let unit = |from: usize| {
        let digits = input.get(from..from + 4)?;
        digits.iter().try_fold(0_u32, |code, &byte| Some(code << 4 | char::from(byte).to_digit(16)?))
    };
    let high = unit(1)?;
    if (0xd800..0xdc00).contains(&high)
        && input.get(5..7) == Some(b"\\u")
        && let Some(low @ 0xdc00..0xe000) = unit(7)
    {
        let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
        return Some((char::from_u32(code)?, 11));
    }
    Some((char::from_u32(high).unwrap_or('?'), 5))
}
