use crate::lexer::{SyntaxError, Token, tokens};

/// The longest expression, in bytes.
pub const MAX_EXPRESSION_BYTES: usize = 4096;

/// How deep expressions are nested.
pub const MAX_DEPTH: usize = 32;

/// An expression as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) at: usize,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Int(i64),
    Double(f64),
    String(Vec<u8>),
    Name(String),
    List(Vec<Node>),
    Select(Box<Node>, String),
    Index(Box<Node>, Box<Node>),
    /// A function with its arguments, the receiver of a method first.
    Call {
        name: String,
        is_method: bool,
        arguments: Vec<Node>,
    },
    Unary(char, Box<Node>),
    Binary(&'static str, Box<Node>, Box<Node>),
    Conditional(Box<Node>, Box<Node>, Box<Node>),
}

pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    if text.len() > MAX_EXPRESSION_BYTES {
        return Err(SyntaxError::new(0, format!("longer than {MAX_EXPRESSION_BYTES} bytes")));
    }
    let mut parser = Parser { tokens: tokens(text)?, next: 0, depth: 0 };
    let node = parser.expression()?;
    match parser.peek() {
        Token::End => Ok(node),
        _ => Err(parser.unexpected("an operator, or the end")),
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    depth: usize,
}

/// Binary operators, those that bind least first (CEL, "Syntax").
const LEVELS: [&[&str]; 5] =
    [&["||"], &["&&"], &["==", "!=", "<=", ">=", "<", ">", "in"], &["+", "-"], &["*", "/", "%"]];

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.next).map_or(&Token::End, |(_, token)| token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(0, |(at, _)| *at)
    }

    fn take(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), Token::Symbol(other) if *other == symbol);
        self.next += usize::from(found);
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), SyntaxError> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    fn unexpected(&self, expected: &str) -> SyntaxError {
        let found = match self.peek() {
            Token::End => "the end".to_owned(),
            Token::Symbol(symbol) => format!("`{symbol}`"),
            Token::Name(name) => format!("`{name}`"),
            Token::String(_) => "a text".to_owned(),
            Token::Int(_) | Token::Double(_) => "a number".to_owned(),
        };
        SyntaxError::new(self.at(), format!("{found}, where {expected} is expected"))
    }

    fn expression(&mut self) -> Result<Node, SyntaxError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(SyntaxError::new(self.at(), format!("nested deeper than {MAX_DEPTH}")));
        }
        let condition = self.binary(0)?;
        let at = condition.at;
        let node = if self.take("?") {
            let yes = self.expression()?;
            self.expect(":")?;
            let no = self.expression()?;
            Node { at, kind: Kind::Conditional(condition.into(), yes.into(), no.into()) }
        } else {
            condition
        };
        self.depth -= 1;
        Ok(node)
    }

    fn binary(&mut self, level: usize) -> Result<Node, SyntaxError> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        let mut count = 0;
        loop {
            let operator = operators.iter().find(|operator| match self.peek() {
                Token::Symbol(symbol) => symbol == *operator,
                Token::Name(name) => name == *operator,
                _ => false,
            });
            let Some(operator) = operator else { return Ok(left) };
            // A chain nests to the left, as deep as it is long.
            count += 1;
            if count > MAX_DEPTH {
                let message = format!("more than {MAX_DEPTH} of `{operator}` in a row: use brackets");
                return Err(SyntaxError::new(self.at(), message));
            }
            let at = self.at();
            self.next += 1;
            let right = self.binary(level + 1)?;
            left = Node { at, kind: Kind::Binary(operator, left.into(), right.into()) };
        }
    }

    fn unary(&mut self) -> Result<Node, SyntaxError> {
        let at = self.at();
        let operator = if self.take("!") {
            '!'
        } else if self.take("-") {
            '-'
        } else {
            return self.member();
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(SyntaxError::new(at, format!("nested deeper than {MAX_DEPTH}")));
        }
        let operand = self.unary()?;
        self.depth -= 1;
        Ok(Node { at, kind: Kind::Unary(operator, operand.into()) })
    }

    fn member(&mut self) -> Result<Node, SyntaxError> {
        let mut node = self.primary()?;
        let mut count = 0;
        loop {
            let at = self.at();
            if self.take(".") {
                let Token::Name(name) = self.peek().clone() else {
                    return Err(self.unexpected("a name"));
                };
                self.next += 1;
                node = if self.take("(") {
                    let mut arguments = vec![node];
                    arguments.extend(self.items(")")?);
                    Node { at, kind: Kind::Call { name, is_method: true, arguments } }
                } else {
                    Node { at, kind: Kind::Select(node.into(), name) }
                };
            } else if self.take("[") {
                let index = self.expression()?;
                self.expect("]")?;
                node = Node { at, kind: Kind::Index(node.into(), index.into()) };
            } else {
                return Ok(node);
            }
            count += 1;
            if count > MAX_DEPTH {
                return Err(SyntaxError::new(at, format!("nested deeper than {MAX_DEPTH}")));
            }
        }
    }

    fn primary(&mut self) -> Result<Node, SyntaxError> {
        let at = self.at();
        let token = self.peek().clone();
        self.next += 1;
        let kind = match token {
            Token::Int(value) => Kind::Int(value),
            Token::Double(value) => Kind::Double(value),
            Token::String(value) => Kind::String(value),
            Token::Name(name) => match name.as_str() {
                "true" => Kind::Bool(true),
                "false" => Kind::Bool(false),
                "null" => Kind::Null,
                "in" => {
                    self.next -= 1;
                    return Err(self.unexpected("a value"));
                }
                _ if self.take("(") => Kind::Call { name, is_method: false, arguments: self.items(")")? },
                _ => Kind::Name(name),
            },
            Token::Symbol("(") => {
                let node = self.expression()?;
                self.expect(")")?;
                return Ok(node);
            }
            Token::Symbol("[") => Kind::List(self.items("]")?),
            _ => {
                self.next -= 1;
                return Err(self.unexpected("a value"));
            }
        };
        Ok(Node { at, kind })
    }

    /// The rest of a list up to its end.
    fn items(&mut self, end: &str) -> Result<Vec<Node>, SyntaxError> {
        let mut items = Vec::new();
        while !self.take(end) {
            if !items.is_empty() {
                self.expect(",")?;
            }
            items.push(self.expression()?);
        }
        Ok(items)
    }
}
