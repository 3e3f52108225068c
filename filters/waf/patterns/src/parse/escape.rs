//! What a backslash begins: a byte, a set of bytes, an assertion, or a reference to a group.

use super::{Flags, Parsed, Parser, decimal, literal};
use crate::ast::{Assertion, Node};
use crate::byte_set::ByteSet;
use crate::class;
use crate::error::PatternErrorKind;

impl<'p> Parser<'p> {
    #[inline(never)]
    pub(super) fn escape(&mut self, flags: Flags) -> Parsed<Node> {
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
    pub(super) fn until(&mut self, close: u8) -> Parsed<&'p [u8]> {
        let inside = self.rest().get(1..).unwrap_or_default();
        let Some(length) = memchr::memchr(close, inside) else {
            return Err(self.error(PatternErrorKind::BadEscape));
        };
        self.skip(length + 2);
        Ok(inside.get(..length).unwrap_or_default())
    }
}

pub(super) fn back_reference(group: usize, flags: Flags) -> Node {
    Node::BackReference { group, ignore_case: flags.ignore_case }
}
