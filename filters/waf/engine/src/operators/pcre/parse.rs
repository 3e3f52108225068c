//! Parses a PCRE pattern as ModSecurity v3 compiles it: bytes, `PCRE_DOTALL` and `PCRE_MULTILINE`.
//!
//! Source: `pcrepattern(3)`; ModSecurity v3, `src/utils/regex.cc`.

use super::ast::{Assertion, Ast, Mode, Node};
use super::class;
use super::error::{PatternError, PatternErrorKind};
use crate::operators::byte_set::ByteSet;

/// The deepest nesting of groups, PCRE's default.
const MAX_DEPTH: usize = 250;
/// The largest repetition count, PCRE's.
const MAX_REPEAT: u32 = 65_535;

/// Parses `pattern`.
pub(super) fn parse(pattern: &[u8]) -> Result<Ast, PatternError> {
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
pub(super) type Parsed<T> = Result<T, PatternError>;

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

pub(super) struct Parser<'p> {
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

    pub(super) fn peek(&self) -> Option<u8> {
        self.pattern.get(self.position).copied()
    }

    pub(super) fn rest(&self) -> &'p [u8] {
        self.pattern.get(self.position..).unwrap_or_default()
    }

    pub(super) fn skip(&mut self, count: usize) {
        self.position += count;
    }

    pub(super) fn next(&mut self) -> Option<u8> {
        let byte = self.peek();
        self.position += usize::from(byte.is_some());
        byte
    }

    pub(super) fn take(&mut self, prefix: &[u8]) -> bool {
        let found = self.rest().starts_with(prefix);
        if found {
            self.skip(prefix.len());
        }
        found
    }

    pub(super) fn error(&self, kind: PatternErrorKind) -> PatternError {
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

    #[inline(never)]
    fn escape(&mut self, flags: Flags) -> Parsed<Node> {
        let Some(byte) = self.peek() else {
            return Err(self.error(PatternErrorKind::TrailingBackslash));
        };
        if let Some(set) = class::shorthand(byte) {
            self.skip(1);
            return Ok(Node::Set(set));
        }
        let assertion = match byte {
            b'A' | b'G' => Some(Assertion::Start),
            b'z' => Some(Assertion::End),
            b'Z' => Some(Assertion::EndOrLastNewline),
            b'b' => Some(Assertion::WordBoundary),
            b'B' => Some(Assertion::NotWordBoundary),
            _ => None,
        };
        if let Some(assertion) = assertion {
            self.skip(1);
            return Ok(Node::Assertion(assertion));
        }
        match byte {
            b'C' => {
                self.skip(1);
                Ok(Node::Set(ByteSet::FULL))
            }
            b'R' => {
                self.skip(1);
                let crlf =
                    Node::Concat(b"\r\n".iter().map(|&byte| Node::Set(ByteSet::of(&[byte]))).collect());
                let single = Node::Set(class::vertical());
                Ok(Node::Atomic(Box::new(Node::Alternate(vec![crlf, single]))))
            }
            b'K' => Err(self.error(PatternErrorKind::Unsupported("\\K"))),
            b'X' => Err(self.error(PatternErrorKind::Unsupported("\\X"))),
            b'p' | b'P' => Err(self.error(PatternErrorKind::Unsupported("\\p"))),
            b'g' | b'k' => self.named_reference(flags),
            b'1'..=b'9' => match self.number_reference() {
                Some(group) => Ok(back_reference(group, flags)),
                None => Ok(literal(class::octal(self)?, flags)),
            },
            _ => Ok(literal(class::escape(self)?, flags)),
        }
    }

    /// `\1` to `\9`, and larger numbers up to the number of groups.
    fn number_reference(&mut self) -> Option<usize> {
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = decimal(self.rest().get(..digits)?)?;
        if number > 9 && number > self.last_group {
            return None;
        }
        self.skip(digits);
        Some(number)
    }

    /// `\g1`, `\g{1}`, `\g{-1}`, `\g{name}`, `\k<name>`, `\k'name'`, `\k{name}`.
    #[inline(never)]
    fn named_reference(&mut self, flags: Flags) -> Parsed<Node> {
        let relative_to = self.groups;
        let is_g = self.next() == Some(b'g');
        let name = match self.peek() {
            Some(b'{') => self.until(b'}')?,
            Some(b'<') if is_g => return Err(self.error(PatternErrorKind::Unsupported("a subroutine call"))),
            Some(b'\'') if is_g => return Err(self.error(PatternErrorKind::Unsupported("a subroutine call"))),
            Some(b'<') => self.until(b'>')?,
            Some(b'\'') => self.until(b'\'')?,
            _ if is_g => {
                let sign = usize::from(self.peek() == Some(b'-'));
                let tail = self.rest().get(sign..).unwrap_or_default();
                let length = sign + tail.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let name = self.rest().get(..length).unwrap_or_default();
                self.skip(length);
                name
            }
            _ => return Err(self.error(PatternErrorKind::BadEscape)),
        };
        let group = match name {
            [b'-', digits @ ..] => {
                decimal(digits).and_then(|back| (relative_to + 1).checked_sub(back).filter(|_| back > 0))
            }
            [b'0'..=b'9', ..] => decimal(name),
            _ => self.names.iter().find(|(known, _)| *known == name).map(|&(_, group)| group),
        };
        match group {
            Some(group) if group > 0 => Ok(back_reference(group, flags)),
            _ => Err(self.error(PatternErrorKind::UnknownGroup)),
        }
    }

    /// The bytes between the current one and `close`, which is consumed.
    fn until(&mut self, close: u8) -> Parsed<&'p [u8]> {
        let inside = self.rest().get(1..).unwrap_or_default();
        let Some(length) = memchr::memchr(close, inside) else {
            return Err(self.error(PatternErrorKind::BadEscape));
        };
        self.skip(length + 2);
        Ok(inside.get(..length).unwrap_or_default())
    }

    /// What follows an opening parenthesis.
    #[inline(never)]
    fn group(&mut self, flags: &mut Flags) -> Parsed<Option<Node>> {
        let mut inner = *flags;
        if self.peek() == Some(b'*') {
            return Err(self.error(PatternErrorKind::Unsupported("a verb")));
        }
        if !self.take(b"?") {
            if flags.no_capture {
                return self.body(&mut inner).map(Some);
            }
            return self.capture(&mut inner).map(Some);
        }
        if self.take(b":") {
            return self.body(&mut inner).map(Some);
        }
        if self.take(b">") {
            return Ok(Some(Node::Atomic(Box::new(self.body(&mut inner)?))));
        }
        let rest = self.rest();
        let look = match rest {
            [b'=', ..] => Some((1, false, false)),
            [b'!', ..] => Some((1, false, true)),
            [b'<', b'=', ..] => Some((2, true, false)),
            [b'<', b'!', ..] => Some((2, true, true)),
            _ => None,
        };
        if let Some((length, behind, negative)) = look {
            self.skip(length);
            return Ok(Some(Node::Look { behind, negative, node: Box::new(self.body(&mut inner)?) }));
        }
        match rest {
            [b'#', ..] => {
                while !matches!(self.next(), Some(b')')) {
                    if self.peek().is_none() {
                        return Err(self.error(PatternErrorKind::UnclosedGroup));
                    }
                }
                Ok(None)
            }
            [b'P', b'=', ..] => {
                self.skip(1);
                let name = self.until(b')')?;
                match self.names.iter().find(|(known, _)| *known == name) {
                    Some(&(_, group)) => Ok(Some(back_reference(group, *flags))),
                    None => Err(self.error(PatternErrorKind::UnknownGroup)),
                }
            }
            [b'P', b'<', ..] | [b'<', ..] | [b'\'', ..] => {
                self.take(b"P");
                let close = if self.peek() == Some(b'<') { b'>' } else { b'\'' };
                let name = self.until(close)?;
                self.names.push((name, self.groups + 1));
                self.capture(&mut inner).map(Some)
            }
            [b'|', ..] => Err(self.error(PatternErrorKind::Unsupported("a branch reset group"))),
            [b'(', ..] => Err(self.error(PatternErrorKind::Unsupported("a conditional group"))),
            [b'C', ..] => Err(self.error(PatternErrorKind::Unsupported("a callout"))),
            [b'R' | b'&' | b'+' | b'0'..=b'9', ..] | [b'P', b'>', ..] | [b'-', b'0'..=b'9', ..] => {
                Err(self.error(PatternErrorKind::Unsupported("a recursive pattern")))
            }
            _ => self.flags(flags),
        }
    }

    fn capture(&mut self, flags: &mut Flags) -> Parsed<Node> {
        self.groups += 1;
        let group = self.groups;
        Ok(Node::Capture(group, Box::new(self.body(flags)?)))
    }

    /// The inside of a group and its closing parenthesis.
    fn body(&mut self, flags: &mut Flags) -> Parsed<Node> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(PatternErrorKind::NestedTooDeeply));
        }
        let node = self.alternation(flags)?;
        self.depth -= 1;
        if !self.take(b")") {
            return Err(self.error(PatternErrorKind::UnclosedGroup));
        }
        Ok(node)
    }

    /// `(?i-s)` changes the flags of the group around it, `(?i-s:...)` those of its inside.
    #[inline(never)]
    fn flags(&mut self, flags: &mut Flags) -> Parsed<Option<Node>> {
        let mut changed = *flags;
        let mut on = true;
        loop {
            match self.next() {
                Some(b'i') => changed.ignore_case = on,
                Some(b'm') => changed.multi_line = on,
                Some(b's') => changed.dot_all = on,
                Some(b'x') => changed.extended = on,
                Some(b'U') => changed.ungreedy = on,
                Some(b'n') => changed.no_capture = on,
                Some(b'J' | b'X') => {}
                Some(b'-') => on = false,
                Some(b')') => {
                    *flags = changed;
                    return Ok(None);
                }
                Some(b':') => return self.body(&mut changed).map(Some),
                None => return Err(self.error(PatternErrorKind::UnclosedGroup)),
                Some(_) => {
                    self.position -= 1;
                    return Err(self.error(PatternErrorKind::UnknownGroupSyntax));
                }
            }
        }
    }

    /// Behind what no quantifier may follow.
    fn no_quantifier(&mut self) -> Parsed<()> {
        let error = self.error(PatternErrorKind::NothingToRepeat);
        match self.quantifier()? {
            Some(_) => Err(error),
            None => Ok(()),
        }
    }

    #[inline(never)]
    fn quantified(&mut self, node: Node, flags: Flags) -> Parsed<Node> {
        self.skip_extended(flags);
        let Some((min, max)) = self.quantifier()? else { return Ok(node) };
        let (plain, marked) =
            if flags.ungreedy { (Mode::Lazy, Mode::Greedy) } else { (Mode::Greedy, Mode::Lazy) };
        let mode = match self.peek() {
            Some(b'?') => marked,
            Some(b'+') => Mode::Possessive,
            _ => plain,
        };
        if mode == Mode::Possessive || mode == marked {
            self.skip(1);
        }
        Ok(Node::Repeat { node: Box::new(node), min, max, mode })
    }

    fn quantifier(&mut self) -> Parsed<Option<(u32, Option<u32>)>> {
        let bounds = match self.peek() {
            Some(b'*') => (0, None),
            Some(b'+') => (1, None),
            Some(b'?') => (0, Some(1)),
            Some(b'{') => return self.braces(),
            _ => return Ok(None),
        };
        self.skip(1);
        Ok(Some(bounds))
    }

    /// `{2}`, `{2,}`, `{2,3}`; any other brace is a literal.
    fn braces(&mut self) -> Parsed<Option<(u32, Option<u32>)>> {
        let inside = self.rest().get(1..).unwrap_or_default();
        let Some(length) = memchr::memchr(b'}', inside) else { return Ok(None) };
        let inside = inside.get(..length).unwrap_or_default();
        let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
        let (min, max) = match memchr::memchr(b',', inside) {
            Some(comma) => (inside.get(..comma), inside.get(comma + 1..)),
            None => (Some(inside), None),
        };
        let (min, max) = match (min, max) {
            (Some(min), None) if is_number(min) => (min, Some(min)),
            (Some(min), Some([])) if is_number(min) => (min, None),
            (Some(min), Some(max)) if is_number(min) && is_number(max) => (min, Some(max)),
            _ => return Ok(None),
        };
        let bound = |digits: &[u8]| {
            let value = decimal(digits).and_then(|value| u32::try_from(value).ok());
            value
                .filter(|&value| value <= MAX_REPEAT)
                .ok_or_else(|| self.error(PatternErrorKind::QuantifierTooLarge))
        };
        let (min, max) = (bound(min)?, max.map(bound).transpose()?);
        if max.is_some_and(|max| max < min) {
            return Err(self.error(PatternErrorKind::QuantifierOrder));
        }
        self.skip(length + 2);
        Ok(Some((min, max)))
    }
}

fn literal(byte: u8, flags: Flags) -> Node {
    let set = ByteSet::of(&[byte]);
    Node::Set(if flags.ignore_case { set.fold_case() } else { set })
}

fn back_reference(group: usize, flags: Flags) -> Node {
    Node::BackReference { group, ignore_case: flags.ignore_case }
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
