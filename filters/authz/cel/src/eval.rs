use crate::check::{Code, Expression, Macro, Operator};
use crate::value::Value;
use regex_lite::Regex;
use std::borrow::Cow;
use std::cmp::Ordering;

/// The most steps that an evaluation takes: an operation is one, and each 64 bytes of a string that it looks at.
pub const MAX_STEPS: u32 = 10_000;

/// The longest subject of `matches`, in bytes.
pub const MAX_SUBJECT_BYTES: usize = 8192;

/// Where variables come from.
pub trait Scope<'a> {
    /// The variable of this place; `None` where it is not there.
    fn variable(&mut self, place: usize) -> Option<Value<'a>>;
}

/// Why an expression has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvalError {
    /// A variable, a member or an item that is not there.
    Missing,
    /// An operation on a value of another type.
    Type,
    /// A result that is no number, or does not fit.
    Range,
    /// More steps than [`MAX_STEPS`], or a subject over [`MAX_SUBJECT_BYTES`].
    Cost,
}

impl Expression {
    /// Whether the request fits.
    ///
    /// # Errors
    /// An operation that has no result, unless it does not matter.
    pub fn evaluate<'a>(&'a self, scope: &mut dyn Scope<'a>) -> Result<bool, EvalError> {
        let mut evaluation = Evaluation { scope, locals: vec![Value::Null; self.locals], steps: 0 };
        evaluation.bool(&self.code)
    }
}

struct Evaluation<'e, 'a> {
    scope: &'e mut dyn Scope<'a>,
    locals: Vec<Value<'a>>,
    steps: u32,
}

type Evaluated<'a> = Result<Value<'a>, EvalError>;

impl<'a> Evaluation<'_, 'a> {
    fn step(&mut self, bytes: usize) -> Result<(), EvalError> {
        let steps = u32::try_from(bytes / 64).unwrap_or(u32::MAX).saturating_add(1);
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MAX_STEPS { Err(EvalError::Cost) } else { Ok(()) }
    }

    fn bool(&mut self, code: &'a Code) -> Result<bool, EvalError> {
        match self.value(code)? {
            Value::Bool(value) => Ok(value),
            _ => Err(EvalError::Type),
        }
    }

    fn value(&mut self, code: &'a Code) -> Evaluated<'a> {
        self.step(0)?;
        Ok(match code {
            Code::Constant(value) => value.clone(),
            Code::Variable(place) => self.scope.variable(*place).ok_or(EvalError::Missing)?,
            Code::Local(local) => self.locals.get(*local).cloned().ok_or(EvalError::Missing)?,
            Code::List(items) => {
                Value::List(items.iter().map(|item| self.value(item)).collect::<Result<_, _>>()?)
            }
            Code::Select(of, name) => {
                let of = self.value(of)?;
                is_map(&of)?;
                of.member(name).ok_or(EvalError::Missing)?
            }
            Code::Has(of, name) => {
                let of = self.value(of)?;
                is_map(&of)?;
                Value::Bool(of.member(name).is_some())
            }
            Code::Index(of, index) => {
                let (of, index) = (self.value(of)?, self.value(index)?);
                of.get(&index).ok_or(EvalError::Missing)?
            }
            Code::Not(operand) => Value::Bool(!self.bool(operand)?),
            Code::Negate(operand) => match self.value(operand)? {
                Value::Int(value) => Value::Int(value.checked_neg().ok_or(EvalError::Range)?),
                Value::Double(value) => Value::Double(-value),
                _ => return Err(EvalError::Type),
            },
            // What decides, decides from either side: an error on the other one does not matter (CEL, "Logical Operators").
            Code::And(left, right) => Value::Bool(match self.bool(left) {
                Ok(false) => false,
                left => match (left, self.bool(right)) {
                    (_, Ok(false)) => false,
                    (left, right) => left? && right?,
                },
            }),
            Code::Or(left, right) => Value::Bool(match self.bool(left) {
                Ok(true) => true,
                left => match (left, self.bool(right)) {
                    (_, Ok(true)) => true,
                    (left, right) => left? || right?,
                },
            }),
            Code::Conditional(condition, yes, no) => {
                if self.bool(condition)? {
                    self.value(yes)?
                } else {
                    self.value(no)?
                }
            }
            Code::Binary(operator, left, right) => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                self.binary(*operator, &left, &right)?
            }
            Code::Matches(subject, regex) => match self.value(subject)? {
                Value::String(subject) => Value::Bool(self.matches(&subject, regex)?),
                _ => return Err(EvalError::Type),
            },
            Code::Call(function, arguments) => {
                let arguments: Vec<Value<'a>> =
                    arguments.iter().map(|argument| self.value(argument)).collect::<Result<_, _>>()?;
                for argument in &arguments {
                    if let Value::String(text) = argument {
                        self.step(text.len())?;
                    }
                }
                function.call(arguments)?
            }
            Code::Part(part, time, offset) => match self.value(time)? {
                Value::Timestamp(seconds) => Value::Int(part.of(seconds.saturating_add(*offset))),
                _ => return Err(EvalError::Type),
            },
            Code::Each(kind, list, local, predicate) => self.each(*kind, list, *local, predicate)?,
        })
    }

    fn matches(&mut self, subject: &[u8], regex: &Regex) -> Result<bool, EvalError> {
        if subject.len() > MAX_SUBJECT_BYTES {
            return Err(EvalError::Cost);
        }
        self.step(subject.len() * 8)?;
        Ok(match std::str::from_utf8(subject) {
            Ok(text) => regex.is_match(text),
            // As Latin-1, so that each byte is a character.
            Err(_) => regex.is_match(&subject.iter().map(|byte| char::from(*byte)).collect::<String>()),
        })
    }

    /// `exists` is a chain of `||`, `all` one of `&&`, with their way with errors.
    fn each(&mut self, kind: Macro, list: &'a Code, local: usize, predicate: &'a Code) -> Evaluated<'a> {
        let items = self.value(list)?.items().ok_or(EvalError::Type)?;
        let mut error = None;
        let mut count = 0;
        for item in items {
            if let Some(slot) = self.locals.get_mut(local) {
                *slot = item;
            }
            match (self.bool(predicate), kind) {
                (Err(EvalError::Cost), _) => return Err(EvalError::Cost),
                (Ok(true), Macro::Exists) => return Ok(Value::Bool(true)),
                (Ok(false), Macro::All) => return Ok(Value::Bool(false)),
                (Err(error), Macro::ExistsOne) => return Err(error),
                (Err(found), _) => error = Some(found),
                (Ok(found), _) => count += u32::from(found),
            }
        }
        match (error, kind) {
            (Some(error), _) => Err(error),
            (None, Macro::Exists) => Ok(Value::Bool(false)),
            (None, Macro::All) => Ok(Value::Bool(true)),
            (None, Macro::ExistsOne) => Ok(Value::Bool(count == 1)),
        }
    }

    fn binary(&mut self, operator: Operator, left: &Value<'a>, right: &Value<'a>) -> Evaluated<'a> {
        if let (Value::String(one), Value::String(other)) = (left, right) {
            self.step(one.len().max(other.len()))?;
        }
        let order = || left.compare(right).ok_or(EvalError::Type);
        Ok(Value::Bool(match operator {
            Operator::Equal => left.equals(right),
            Operator::NotEqual => !left.equals(right),
            Operator::Less => order()? == Ordering::Less,
            Operator::LessEqual => order()? != Ordering::Greater,
            Operator::Greater => order()? == Ordering::Greater,
            Operator::GreaterEqual => order()? != Ordering::Less,
            Operator::In => match (right.items(), left) {
                (Some(items), _) => {
                    self.step(items.len().saturating_mul(64))?;
                    items.iter().any(|item| item.equals(left))
                }
                (None, Value::String(name)) => {
                    is_map(right)?;
                    right.member(name).is_some()
                }
                (None, _) => return Err(EvalError::Type),
            },
            _ => return arithmetic(operator, left, right),
        }))
    }
}

fn is_map(value: &Value<'_>) -> Result<(), EvalError> {
    if matches!(value, Value::Object(_) | Value::Headers(_)) { Ok(()) } else { Err(EvalError::Type) }
}

fn arithmetic<'a>(operator: Operator, left: &Value<'a>, right: &Value<'a>) -> Evaluated<'a> {
    use Operator::{Add, Divide, Multiply, Remainder, Subtract};
    let whole = |one: i64, other: i64| {
        match operator {
            Add => one.checked_add(other),
            Subtract => one.checked_sub(other),
            Multiply => one.checked_mul(other),
            Divide => one.checked_div(other),
            _ => one.checked_rem(other),
        }
        .ok_or(EvalError::Range)
    };
    Ok(match (left, right, operator) {
        (Value::Int(one), Value::Int(other), _) => Value::Int(whole(*one, *other)?),
        (Value::Double(_), Value::Double(_), Remainder) => return Err(EvalError::Type),
        (Value::Double(one), Value::Double(other), _) => Value::Double(match operator {
            Add => one + other,
            Subtract => one - other,
            Multiply => one * other,
            _ => one / other,
        }),
        (Value::String(one), Value::String(other), Add) => {
            Value::String(Cow::Owned([&one[..], &other[..]].concat()))
        }
        (Value::List(_) | Value::Array(_), Value::List(_) | Value::Array(_), Add) => {
            let mut items = left.items().unwrap_or_default();
            items.extend(right.items().unwrap_or_default());
            Value::List(items)
        }
        (Value::Timestamp(time), Value::Duration(length), Add | Subtract)
        | (Value::Duration(length), Value::Timestamp(time), Add) => Value::Timestamp(whole(*time, *length)?),
        (Value::Timestamp(one), Value::Timestamp(other), Subtract)
        | (Value::Duration(one), Value::Duration(other), Add | Subtract) => {
            Value::Duration(whole(*one, *other)?)
        }
        _ => return Err(EvalError::Type),
    })
}
