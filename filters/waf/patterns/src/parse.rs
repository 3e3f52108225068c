//! Parses a PCRE pattern as ModSecurity v3 compiles it: bytes, `PCRE_DOTALL` and `PCRE_MULTILINE`.
//!
//! Source: `pcrepattern(3)`; ModSecurity v3, `src/utils/regex.cc`.

mod escape;
mod group;
mod quantifier;

use crate::ast::{Assertion, Ast, Node};
use crate::byte_set::ByteSet;
use crate::class;
use crate::error::{PatternError, PatternErrorKind};

/// The deepest nesting of groups, PCRE's default.
const MAX_DEPTH: usize = 250;

/// Parses `pattern`.
///
/// # Errors
///
/// It is no pattern, or has a construct that is not supported.
pub fn parse(pattern: &[u8]) -> Result<Ast, PatternError> {
    let first = Parser::new(pattern, usize::MAX).parse()?;
    // `\10` and above are back references only if there are as many groups, which only the end of the pattern tells.
    let groups = first.groups;
    let is_octal =
        |node: &Node| matches!(node, Node::BackReference { group, .. } if *group > 9 && *group > groups);
    if first.root.any(is_octal) {
        return Parser::new(pattern, groups).parse();
    }
    Ok(first)
}

/// A result whose error is a place in the pattern.
pub(crate) type Parsed<T> = Result<T, PatternError>;

/// The flags that `(?...)` changes.
#[derive(Clone, Copy)]
struct Flags {
    ignore_case: bool,
    multi_line: bool,
    dot_all: bool,
    extended: bool,
    ungreedy: bool,
    no_capture: bool,
}

pub(crate) struct Parser<'p> {
    pattern: &'p [u8],
    position: usize,
    groups: usize,
    names: Vec<(&'p [u8], usize)>,
    depth: usize,
    /// Numbers above 9 and above this are octal codes.
    last_group: usize,
}

impl<'p> Parser<'p> {
    fn new(pattern: &'p [u8], last_group: usize) -> Self {
        Self { pattern, position: 0, groups: 0, names: Vec::new(), depth: 0, last_group }
    }

    fn parse(mut self) -> Parsed<Ast> {
        let mut flags = Flags {
            ignore_case: false,
            multi_line: true,
            dot_all: true,
            extended: false,
            ungreedy: false,
            no_capture: false,
        };
        let root = self.alternation(&mut flags)?;
        if self.peek().is_some() {
            return Err(self.error(PatternErrorKind::UnopenedGroup));
        }
        let groups = self.groups;
        let unknown =
            |node: &Node| matches!(node, Node::BackReference { group, .. } if *group == 0 || *group > groups);
        if self.last_group != usize::MAX && root.any(unknown) {
            return Err(self.error(PatternErrorKind::UnknownGroup));
        }
        if self.last_group == usize::MAX
            && root.any(|node| unknown(node) && !matches!(node, Node::BackReference { group: 10.., .. }))
        {
            return Err(self.error(PatternErrorKind::UnknownGroup));
        }
        Ok(Ast { root, groups })
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.pattern.get(self.position).copied()
    }

    pub(crate) fn rest(&self) -> &'p [u8] {
        self.pattern.get(self.position..).unwrap_or_default()
    }

    pub(crate) fn skip(&mut self, count: usize) {
        self.position += count;
    }

    pub(crate) fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.position += usize::from(byte.is_some());
        byte
    }

    pub(crate) fn take(&mut self, prefix: &[u8]) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.skip(prefix.len());
        }
        found
    }

    pub(crate) fn error(&self, kind: PatternErrorKind) -> PatternError {
        PatternError { offset: self.position.min(self.pattern.len()), kind }
    }

    /// Up to a closing parenthesis or the end. Flags set inside hold to the end of the group, later branches included.
    fn alternation(&mut self, flags: &mut Flags) -> Parsed<Node> {
        let mut branches = vec![self.branch(flags)?];
        while self.take(b"|") {
            branches.push(self.branch(flags)?);
        }
        Ok(match branches.len() {
            1 => branches.pop().unwrap_or(Node::Empty),
            _ => Node::Alternate(branches),
        })
    }

    fn branch(&mut self, flags: &mut Flags) -> Parsed<Node> {
        let mut nodes = Vec::new();
        loop {
            self.skip_extended(*flags);
            match self.peek() {
                None | Some(b'|' | b')') => break,
                Some(_) => {}
            }
            if self.take(b"\\Q") {
                while let Some(byte) = self.peek()
                    && !self.take(b"\\E")
                {
                    self.skip(1);
                    let node = literal(byte, *flags);
                    if self.take(b"\\E") {
                        // A quantifier after the quote repeats its last byte.
                        nodes.push(self.quantified(node, *flags)?);
                        break;
                    }
                    nodes.push(node);
                }
                continue;
            }
            let is_group = self.peek() == Some(b'(');
            match self.atom(flags)? {
                // `\b+` is an error, `(?:\b)+` is not.
                Some(node @ Node::Assertion(_)) if !is_group => {
                    self.no_quantifier()?;
                    nodes.push(node);
                }
                Some(node) => nodes.push(self.quantified(node, *flags)?),
                None => self.no_quantifier()?,
            }
        }
        Ok(match nodes.len() {
            0 => Node::Empty,
            1 => nodes.pop().unwrap_or(Node::Empty),
            _ => Node::Concat(nodes),
        })
    }

    /// Skips what may stand between an item and its quantifier: comments, empty quotes, and space where that means nothing.
    #[inline(never)]
    fn skip_extended(&mut self, flags: Flags) {
        loop {
            match self.rest() {
                [byte @ (b' ' | b'\t'..=b'\r' | b'#'), ..] if flags.extended => {
                    self.skip(1);
                    while *byte == b'#' && !matches!(self.next(), None | Some(b'\n')) {}
                }
                [b'(', b'?', b'#', comment @ ..] if let Some(length) = memchr::memchr(b')', comment) => {
                    self.skip(length + 4);
                }
                _ if self.take(b"\\Q\\E") || self.take(b"\\E") => {}
                _ => return,
            }
        }
    }

    fn atom(&mut self, flags: &mut Flags) -> Parsed<Option<Node>> {
        let Some(byte) = self.next() else { return Ok(None) };
        Ok(Some(match byte {
            b'(' => return self.group(flags),
            b'[' => Node::Set(class::parse(self, flags.ignore_case)?),
            b'.' if flags.dot_all => Node::Set(ByteSet::FULL),
            b'.' => Node::Set(class::not_newline()),
            b'^' if flags.multi_line => Node::Assertion(Assertion::StartLine),
            b'^' => Node::Assertion(Assertion::Start),
            b'$' if flags.multi_line => Node::Assertion(Assertion::EndLine),
            b'$' => Node::Assertion(Assertion::EndOrLastNewline),
            b'*' | b'+' | b'?' => {
                self.position -= 1;
                return Err(self.error(PatternErrorKind::NothingToRepeat));
            }
            b'\\' => self.escape(*flags)?,
            _ => literal(byte, *flags),
        }))
    }
}

fn literal(byte: u8, flags: Flags) -> Node {
    let set = ByteSet::of(&[byte]);
    Node::Set(if flags.ignore_case { set.fold_case() } else { set })
}

/// A decimal number; `None` if it has no digits or is absurdly large.
fn decimal(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_usize, |value, &byte| {
        value.checked_mul(10)?.checked_add(usize::from(byte.checked_sub(b'0').filter(|&digit| digit < 10)?))
    })
}
