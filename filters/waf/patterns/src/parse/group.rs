//! Groups: capturing ones, look-around, and flags.

use super::escape::back_reference;
use super::{Flags, MAX_DEPTH, Parsed, Parser};
use crate::ast::Node;
use crate::error::PatternErrorKind;

impl Parser<'_> {
    /// What follows an opening parenthesis.
    #[inline(never)]
    pub(super) fn group(&mut self, flags: &mut Flags) -> Parsed<Option<Node>> {
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
}
