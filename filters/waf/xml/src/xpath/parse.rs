//! Compiling an expression.

use std::fmt;

use super::{NameTest, Operand, Predicate, Step, Test, XPath};

/// The most steps of a path, and the most predicates of a step.
const MAX_PARTS: usize = 32;

/// Why an expression is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct XPathError {
    /// Where, in bytes from the start of the expression.
    pub offset: usize,
    /// What is wrong there.
    pub problem: XPathProblem,
}

/// What is wrong with an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum XPathProblem {
    /// The path does not start with `/`.
    NotAbsolute,
    /// Something else than the name of an element, `*`, `@` or `text()`.
    Step,
    /// An axis such as `child::`.
    Axis,
    /// A function other than `text()`, and `local-name()` in a predicate.
    Function,
    /// A prefix that no `xmlns` action of the rule binds.
    Prefix,
    /// `@name` or `text()` is followed by something.
    NotLast,
    /// Something in a predicate that is not supported.
    Predicate,
    /// A literal without closing quote.
    Literal,
    /// More steps or predicates than 32.
    TooLong,
}

impl fmt::Display for XPathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use XPathProblem as P;
        let problem = match self.problem {
            P::NotAbsolute => "expected a path that starts with / or //",
            P::Step => "expected the name of an element, *, @name, @* or text()",
            P::Axis => "axes are not supported",
            P::Function => "only text(), and local-name() in a predicate, are supported of all functions",
            P::Prefix => "the prefix is bound by no xmlns action of the rule",
            P::NotLast => "nothing may follow an attribute or text()",
            P::Predicate => {
                "expected [1], [@a], [@a='v'], [text()], [text()='v'], [b], [b='v'], [.='v'] or [local-name()='v']"
            }
            P::Literal => "the quote is not closed",
            P::TooLong => "more than 32 steps or predicates",
        };
        write!(f, "offset {}: {problem}", self.offset)
    }
}

impl std::error::Error for XPathError {}

impl XPath {
    /// Compiles an expression. `namespaces` are the prefixes it may use, each with its namespace.
    ///
    /// # Errors
    ///
    /// It is no XPath, or uses more of it than is supported.
    pub fn compile(expression: &[u8], namespaces: &[(&[u8], &[u8])]) -> Result<Self, XPathError> {
        let mut parser = Parser { expression, at: 0, namespaces };
        parser.path().map_err(|problem| XPathError { offset: parser.at, problem })
    }
}

struct Parser<'e> {
    expression: &'e [u8],
    at: usize,
    namespaces: &'e [(&'e [u8], &'e [u8])],
}

impl<'e> Parser<'e> {
    fn path(&mut self) -> Result<XPath, XPathProblem> {
        let mut steps = Vec::new();
        self.blanks();
        loop {
            if !self.take(b"/") {
                return Err(if steps.is_empty() { XPathProblem::NotAbsolute } else { XPathProblem::Step });
            }
            let descends = self.take(b"/");
            self.blanks();
            let test = self.test()?;
            let mut predicates = Vec::new();
            self.blanks();
            let is_element = matches!(test, Test::Element(_));
            while is_element && self.take(b"[") {
                predicates.push(self.predicate()?);
                self.blanks();
            }
            if steps.len() >= MAX_PARTS || predicates.len() > MAX_PARTS {
                return Err(XPathProblem::TooLong);
            }
            steps.push(Step { descends, test, predicates });
            match self.rest() {
                [] => return Ok(XPath { steps }),
                _ if !is_element => return Err(XPathProblem::NotLast),
                _ => {}
            }
        }
    }

    fn test(&mut self) -> Result<Test, XPathProblem> {
        if self.take(b"@") {
            self.blanks();
            return Ok(Test::Attribute(self.name()?));
        }
        if self.function(b"text") {
            return Ok(Test::Text);
        }
        Ok(Test::Element(self.name()?))
    }

    /// After `[`.
    fn predicate(&mut self) -> Result<Predicate, XPathProblem> {
        self.blanks();
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        let predicate = if digits > 0 {
            let number = self.rest().get(..digits).and_then(|digits| str::from_utf8(digits).ok());
            let number = number.and_then(|digits| digits.parse().ok()).ok_or(XPathProblem::Predicate)?;
            self.at += digits;
            Predicate::Position(number)
        } else {
            let operand = self.operand()?;
            self.blanks();
            if self.take(b"=") {
                self.blanks();
                Predicate::Equals(operand, self.literal()?)
            } else if matches!(operand, Operand::Itself | Operand::LocalName) {
                return Err(XPathProblem::Predicate);
            } else {
                Predicate::Has(operand)
            }
        };
        self.blanks();
        if self.take(b"]") { Ok(predicate) } else { Err(XPathProblem::Predicate) }
    }

    fn operand(&mut self) -> Result<Operand, XPathProblem> {
        if self.function(b"local-name") {
            return Ok(Operand::LocalName);
        }
        if self.take(b".") {
            return Ok(Operand::Itself);
        }
        if !matches!(self.rest(), [b'@' | b'*', ..])
            && !self.rest().first().is_some_and(|byte| starts_name(*byte))
        {
            return Err(XPathProblem::Predicate);
        }
        Ok(match self.test()? {
            Test::Element(name) => Operand::Child(name),
            Test::Attribute(name) => Operand::Attribute(name),
            Test::Text => Operand::Text,
        })
    }

    fn literal(&mut self) -> Result<Vec<u8>, XPathProblem> {
        let [quote @ (b'"' | b'\''), inside @ ..] = self.rest() else { return Err(XPathProblem::Predicate) };
        let length = memchr::memchr(*quote, inside).ok_or(XPathProblem::Literal)?;
        self.at += length + 2;
        Ok(inside.get(..length).unwrap_or_default().to_vec())
    }

    /// Takes `name()`.
    fn function(&mut self, name: &[u8]) -> bool {
        let start = self.at;
        let found = self.take(name) && {
            self.blanks();
            self.take(b"(") && {
                self.blanks();
                self.take(b")")
            }
        };
        if !found {
            self.at = start;
        }
        found
    }

    /// `*`, `a`, `p:*` or `p:a`.
    fn name(&mut self) -> Result<NameTest, XPathProblem> {
        if self.take(b"*") {
            return Ok(NameTest { namespace: None, local: None });
        }
        let start = self.at;
        let name = self.ncname()?;
        if self.rest().starts_with(b"::") {
            return Err(XPathProblem::Axis);
        }
        let test = if self.take(b":") {
            let bound = self.namespaces.iter().rev().find(|(prefix, _)| *prefix == name);
            let Some((_, namespace)) = bound else {
                self.at = start;
                return Err(XPathProblem::Prefix);
            };
            let local = if self.take(b"*") { None } else { Some(self.ncname()?.to_vec()) };
            NameTest { namespace: Some(namespace.to_vec()), local }
        } else {
            NameTest { namespace: Some(Vec::new()), local: Some(name.to_vec()) }
        };
        if self.rest().trim_ascii_start().starts_with(b"(") {
            self.at = start;
            return Err(XPathProblem::Function);
        }
        Ok(test)
    }

    fn ncname(&mut self) -> Result<&'e [u8], XPathProblem> {
        let rest = self.rest();
        if !rest.first().is_some_and(|byte| starts_name(*byte)) {
            return Err(XPathProblem::Step);
        }
        let is_name = |byte: &u8| starts_name(*byte) || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        let length = rest.iter().take_while(|byte| is_name(byte)).count();
        self.at += length;
        Ok(rest.get(..length).unwrap_or_default())
    }

    fn take(&mut self, token: &[u8]) -> bool {
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn blanks(&mut self) {
        self.at += self.rest().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    }

    fn rest(&self) -> &'e [u8] {
        self.expression.get(self.at..).unwrap_or_default()
    }
}

const fn starts_name(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80
}
