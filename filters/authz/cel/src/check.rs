use crate::functions::{Function, Part};
use crate::lexer::SyntaxError;
use crate::parser::{Kind, Node, parse};
use crate::time;
use crate::value::Value;
use regex_lite::{Regex, RegexBuilder};
use std::fmt;

/// The most that an expression may cost, as it is estimated at load: an operation costs 1, `matches` the length of its
/// pattern, what stands in `exists`, `all` or `exists_one` twenty times as much.
pub const MAX_COST: u32 = 2000;

/// What is known of a value at load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "they say what they are")]
pub enum Type {
    /// Known only when it is evaluated.
    Any,
    Null,
    Bool,
    Int,
    Double,
    String,
    List,
    Map,
    Timestamp,
    Duration,
}

impl Type {
    fn may_be(self, other: Type) -> bool {
        self == other || self == Self::Any || other == Self::Any
    }

    fn is_number(self) -> bool {
        matches!(self, Self::Int | Self::Double | Self::Any)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Any => "any value",
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Int => "a whole number",
            Self::Double => "a double",
            Self::String => "a string",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Timestamp => "a timestamp",
            Self::Duration => "a duration",
        })
    }
}

/// An expression, compiled: whether a request fits.
#[derive(Debug)]
pub struct Expression {
    pub(crate) code: Code,
    pub(crate) locals: usize,
    variables: Vec<usize>,
}

/// What is evaluated.
#[derive(Debug)]
pub(crate) enum Code {
    Constant(Value<'static>),
    Variable(usize),
    Local(usize),
    List(Vec<Code>),
    Select(Box<Code>, Box<[u8]>),
    Has(Box<Code>, Box<[u8]>),
    Index(Box<Code>, Box<Code>),
    Not(Box<Code>),
    Negate(Box<Code>),
    And(Box<Code>, Box<Code>),
    Or(Box<Code>, Box<Code>),
    Conditional(Box<Code>, Box<Code>, Box<Code>),
    Binary(Operator, Box<Code>, Box<Code>),
    Matches(Box<Code>, Regex),
    Call(Function, Vec<Code>),
    Part(Part, Box<Code>, i64),
    /// A macro: over what, with which name for an item, what of it.
    Each(Macro, Box<Code>, usize, Box<Code>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Macro {
    Exists,
    All,
    ExistsOne,
}

impl Expression {
    /// Compiles an expression that has to come to a boolean. `variables` are the names that it may use, dotted ones
    /// included; their places are what [`Scope`](crate::Scope) is asked for.
    ///
    /// # Errors
    /// The first thing that is wrong: its syntax, an unknown name or function, types that never fit, or its cost.
    pub fn new(text: &str, variables: &[(&str, Type)]) -> Result<Self, SyntaxError> {
        let node = parse(text)?;
        let mut checker =
            Checker { variables, locals: Vec::new(), most_locals: 0, cost: 0, factor: 1, used: Vec::new() };
        let (code, kind) = checker.check(&node)?;
        if !kind.may_be(Type::Bool) {
            return Err(SyntaxError::new(node.at, format!("{kind}, where a boolean is expected")));
        }
        if checker.cost > MAX_COST {
            let message = format!("it costs {}, and may cost {MAX_COST}", checker.cost);
            return Err(SyntaxError::new(0, message));
        }
        Ok(Self { code, locals: checker.most_locals, variables: checker.used })
    }

    /// The places of the variables that it uses.
    pub fn variables(&self) -> &[usize] {
        &self.variables
    }
}

struct Checker<'v> {
    variables: &'v [(&'v str, Type)],
    locals: Vec<String>,
    most_locals: usize,
    cost: u32,
    /// How often what is checked may be evaluated.
    factor: u32,
    used: Vec<usize>,
}

type Checked = Result<(Code, Type), SyntaxError>;

impl Checker<'_> {
    fn check(&mut self, node: &Node) -> Checked {
        self.cost = self.cost.saturating_add(self.factor);
        let constant = |value, kind| Ok((Code::Constant(value), kind));
        match &node.kind {
            Kind::Null => constant(Value::Null, Type::Null),
            Kind::Bool(value) => constant(Value::Bool(*value), Type::Bool),
            Kind::Int(value) => constant(Value::Int(*value), Type::Int),
            Kind::Double(value) => constant(Value::Double(*value), Type::Double),
            Kind::String(value) => constant(Value::text(value.clone()), Type::String),
            Kind::List(items) => {
                let items: Result<Vec<Code>, _> = items.iter().map(|item| Ok(self.check(item)?.0)).collect();
                Ok((Code::List(items?), Type::List))
            }
            Kind::Name(_) => self.name(node),
            Kind::Select(of, name) => match self.name(node) {
                Ok(found) => Ok(found),
                // Of a variable that is known, or of the result of something.
                Err(error) if dotted(node).is_some() && !self.begins_with_variable(node) => Err(error),
                Err(_) => {
                    let of = self.expect(of, &[Type::Map])?;
                    Ok((Code::Select(of.into(), name.as_bytes().into()), Type::Any))
                }
            },
            Kind::Index(of, index) => {
                let of = self.expect(of, &[Type::Map, Type::List])?;
                let index = self.expect(index, &[Type::String, Type::Int])?;
                Ok((Code::Index(of.into(), index.into()), Type::Any))
            }
            Kind::Unary('!', operand) => {
                Ok((Code::Not(self.expect(operand, &[Type::Bool])?.into()), Type::Bool))
            }
            Kind::Unary(_, operand) => {
                let (code, kind) = self.check(operand)?;
                if !kind.is_number() {
                    return Err(SyntaxError::new(operand.at, format!("{kind}, where a number is expected")));
                }
                Ok((Code::Negate(code.into()), kind))
            }
            Kind::Binary(operator, left, right) => self.binary(operator, left, right),
            Kind::Conditional(condition, yes, no) => {
                let condition = self.expect(condition, &[Type::Bool])?;
                let ((yes, kind), (no, other)) = (self.check(yes)?, self.check(no)?);
                let kind = if kind == other { kind } else { Type::Any };
                Ok((Code::Conditional(condition.into(), yes.into(), no.into()), kind))
            }
            Kind::Call { name, is_method, arguments } => self.call(node.at, name, *is_method, arguments),
        }
    }

    /// A variable, by the longest of its dotted names, or the name of an item.
    fn name(&mut self, node: &Node) -> Checked {
        let name = dotted(node).unwrap_or_default();
        if let Some(local) = self.locals.iter().rposition(|local| *local == name) {
            return Ok((Code::Local(local), Type::Any));
        }
        let found = self.variables.iter().position(|(variable, _)| *variable == name);
        let Some((place, (_, kind))) = found.and_then(|place| Some((place, self.variables.get(place)?)))
        else {
            let known: Vec<&str> = self.variables.iter().map(|(name, _)| *name).collect();
            let message = format!("`{name}` is no variable; there are {}", known.join(", "));
            return Err(SyntaxError::new(node.at, message));
        };
        if !self.used.contains(&place) {
            self.used.push(place);
        }
        Ok((Code::Variable(place), *kind))
    }

    /// Whether a dotted name goes on behind a variable or the name of an item.
    fn begins_with_variable(&self, node: &Node) -> bool {
        let Kind::Select(of, _) = &node.kind else { return false };
        let name = dotted(of).unwrap_or_default();
        let is_known =
            self.locals.contains(&name) || self.variables.iter().any(|(variable, _)| *variable == name);
        is_known || self.begins_with_variable(of)
    }

    fn expect(&mut self, node: &Node, kinds: &[Type]) -> Result<Code, SyntaxError> {
        let (code, kind) = self.check(node)?;
        if kinds.iter().any(|expected| kind.may_be(*expected)) {
            return Ok(code);
        }
        let expected: Vec<String> = kinds.iter().map(ToString::to_string).collect();
        Err(SyntaxError::new(node.at, format!("{kind}, where {} is expected", expected.join(" or "))))
    }

    fn binary(&mut self, operator: &str, left: &Node, right: &Node) -> Checked {
        let at = left.at;
        if operator == "&&" || operator == "||" {
            let left = self.expect(left, &[Type::Bool])?.into();
            let right = self.expect(right, &[Type::Bool])?.into();
            let code = if operator == "&&" { Code::And(left, right) } else { Code::Or(left, right) };
            return Ok((code, Type::Bool));
        }
        let (left, kind) = self.check(left)?;
        let (right, other) = self.check(right)?;
        let never = || SyntaxError::new(at, format!("`{operator}` of {kind} and {other}"));
        let comparable = kind.may_be(other) || (kind.is_number() && other.is_number());
        let (operator, result) = match operator {
            "==" | "!=" if !comparable && kind != Type::Null && other != Type::Null => return Err(never()),
            "<" | "<=" | ">" | ">=" if !comparable || matches!(kind, Type::List | Type::Map | Type::Null) => {
                return Err(never());
            }
            "in" if !other.may_be(Type::List) && !other.may_be(Type::Map) => return Err(never()),
            "==" => (Operator::Equal, Type::Bool),
            "!=" => (Operator::NotEqual, Type::Bool),
            "<" => (Operator::Less, Type::Bool),
            "<=" => (Operator::LessEqual, Type::Bool),
            ">" => (Operator::Greater, Type::Bool),
            ">=" => (Operator::GreaterEqual, Type::Bool),
            "in" => (Operator::In, Type::Bool),
            "+" => (Operator::Add, arithmetic(kind, other, "+").ok_or_else(never)?),
            "-" => (Operator::Subtract, arithmetic(kind, other, "-").ok_or_else(never)?),
            "*" => (Operator::Multiply, arithmetic(kind, other, "*").ok_or_else(never)?),
            "/" => (Operator::Divide, arithmetic(kind, other, "/").ok_or_else(never)?),
            _ => (Operator::Remainder, arithmetic(kind, other, "%").ok_or_else(never)?),
        };
        Ok((Code::Binary(operator, left.into(), right.into()), result))
    }

    fn call(&mut self, at: usize, name: &str, is_method: bool, arguments: &[Node]) -> Checked {
        match (name, is_method, arguments) {
            ("has", false, [argument]) => {
                let Kind::Select(of, field) = &argument.kind else {
                    return Err(SyntaxError::new(argument.at, "`has` is asked for a field: has(a.b)"));
                };
                let of = self.expect(of, &[Type::Map])?;
                Ok((Code::Has(of.into(), field.as_bytes().into()), Type::Bool))
            }
            ("exists" | "all" | "exists_one", true, [list, item, predicate]) => {
                let Kind::Name(item) = &item.kind else {
                    return Err(SyntaxError::new(item.at, "the name of an item is expected"));
                };
                let list = self.expect(list, &[Type::List])?;
                let local = self.locals.len();
                self.locals.push(item.clone());
                self.most_locals = self.most_locals.max(self.locals.len());
                let factor = self.factor;
                self.factor = factor.saturating_mul(ITEMS);
                let predicate = self.expect(predicate, &[Type::Bool]);
                self.factor = factor;
                self.locals.pop();
                let kind = match name {
                    "exists" => Macro::Exists,
                    "all" => Macro::All,
                    _ => Macro::ExistsOne,
                };
                Ok((Code::Each(kind, list.into(), local, predicate?.into()), Type::Bool))
            }
            ("matches", _, [subject, pattern]) => {
                let Kind::String(text) = &pattern.kind else {
                    return Err(SyntaxError::new(
                        pattern.at,
                        "the pattern has to be a literal, compiled at load",
                    ));
                };
                let text = String::from_utf8_lossy(text);
                let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
                self.cost = self.cost.saturating_add(length.saturating_mul(self.factor));
                let regex = RegexBuilder::new(&text).size_limit(MAX_REGEX_BYTES).build();
                let regex =
                    regex.map_err(|error| SyntaxError::new(pattern.at, format!("the pattern: {error}")))?;
                let subject = self.expect(subject, &[Type::String])?;
                Ok((Code::Matches(subject.into(), regex), Type::Bool))
            }
            ("timestamp" | "duration", false, [Node { at, kind: Kind::String(text) }]) => {
                let text = String::from_utf8_lossy(text);
                let wrong =
                    |expected: &str| SyntaxError::new(*at, format!("`{text}`, where {expected} is expected"));
                let (value, kind) = if name == "timestamp" {
                    let seconds =
                        time::timestamp(&text).ok_or_else(|| wrong("a date as 2025-01-31T12:00:00Z"))?;
                    (Value::Timestamp(seconds), Type::Timestamp)
                } else {
                    let seconds = time::duration(&text).ok_or_else(|| wrong("a time as 1h30m or 90s"))?;
                    (Value::Duration(seconds), Type::Duration)
                };
                Ok((Code::Constant(value), kind))
            }
            (_, true, [time, zone @ ..]) if Part::named(name).is_some() => {
                let offset = match zone {
                    [] => Some(0),
                    [Node { kind: Kind::String(zone), .. }] => time::offset(&String::from_utf8_lossy(zone)),
                    _ => None,
                };
                let offset = offset.ok_or_else(|| {
                    SyntaxError::new(at, "the zone has to be 'UTC' or an offset such as '+02:00'")
                })?;
                let time = self.expect(time, &[Type::Timestamp])?;
                let part = Part::named(name).ok_or_else(|| unknown(at, name))?;
                Ok((Code::Part(part, time.into(), offset), Type::Int))
            }
            _ => {
                let function = Function::named(name, is_method, arguments.len());
                let (function, takes, gives) = function.ok_or_else(|| unknown(at, name))?;
                let mut codes = Vec::with_capacity(arguments.len());
                for (argument, kinds) in arguments.iter().zip(takes) {
                    codes.push(self.expect(argument, kinds)?);
                }
                Ok((Code::Call(function, codes), gives))
            }
        }
    }
}

/// How many items a list is taken to have.
const ITEMS: u32 = 20;

/// How much memory a pattern may take. With it the time of a match is bounded as well.
const MAX_REGEX_BYTES: usize = 32 * 1024;

fn unknown(at: usize, name: &str) -> SyntaxError {
    SyntaxError::new(at, format!("there is no `{name}` with these arguments"))
}

/// The type of a sum and its kin; `None` for what never has one.
fn arithmetic(left: Type, right: Type, operator: &str) -> Option<Type> {
    use Type::{Any, Double, Duration, Int, List, String, Timestamp};
    match (left, right, operator) {
        (Int, Int, _) => Some(Int),
        (Double, Double, "+" | "-" | "*" | "/") => Some(Double),
        (String, String, "+") => Some(String),
        (List, List, "+") => Some(List),
        (Timestamp, Duration, "+" | "-") | (Duration, Timestamp, "+") => Some(Timestamp),
        (Timestamp, Timestamp, "-") | (Duration, Duration, "+" | "-") => Some(Duration),
        (Any, _, _) | (_, Any, _) => Some(Any),
        _ => None,
    }
}

/// `a.b.c` as a text.
fn dotted(node: &Node) -> Option<String> {
    match &node.kind {
        Kind::Name(name) => Some(name.clone()),
        Kind::Select(of, name) => Some(format!("{}.{name}", dotted(of)?)),
        _ => None,
    }
}
