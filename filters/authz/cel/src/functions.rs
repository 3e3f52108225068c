use crate::check::Type;
use crate::eval::EvalError;
use crate::time::Civil;
use crate::value::Value;

/// A function whose arguments are values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    LowerAscii,
    UpperAscii,
    Trim,
    Split,
    Int,
    Double,
    String,
}

type Signature = (Function, &'static [&'static [Type]], Type);

impl Function {
    /// The function of this name and number of arguments, what it takes, and what it gives.
    pub(crate) fn named(name: &str, is_method: bool, count: usize) -> Option<Signature> {
        const STRING: &[Type] = &[Type::String];
        const SIZED: &[Type] = &[Type::String, Type::List, Type::Map];
        const NUMBER: &[Type] = &[Type::Int, Type::Double, Type::String, Type::Timestamp, Type::Duration];
        const PRINTED: &[Type] = &[Type::String, Type::Int, Type::Double, Type::Bool];
        Some(match (name, is_method, count) {
            ("size", _, 1) => (Self::Size, &[SIZED], Type::Int),
            ("contains", true, 2) => (Self::Contains, &[STRING, STRING], Type::Bool),
            ("startsWith", true, 2) => (Self::StartsWith, &[STRING, STRING], Type::Bool),
            ("endsWith", true, 2) => (Self::EndsWith, &[STRING, STRING], Type::Bool),
            ("lowerAscii", true, 1) => (Self::LowerAscii, &[STRING], Type::String),
            ("upperAscii", true, 1) => (Self::UpperAscii, &[STRING], Type::String),
            ("trim", true, 1) => (Self::Trim, &[STRING], Type::String),
            ("split", true, 2) => (Self::Split, &[STRING, STRING], Type::List),
            ("int", false, 1) => (Self::Int, &[NUMBER], Type::Int),
            ("double", false, 1) => (Self::Double, &[NUMBER], Type::Double),
            ("string", false, 1) => (Self::String, &[PRINTED], Type::String),
            _ => return None,
        })
    }

    pub(crate) fn call<'a>(self, arguments: Vec<Value<'a>>) -> Result<Value<'a>, EvalError> {
        let mut arguments = arguments.into_iter();
        let (first, second) = (arguments.next().unwrap_or(Value::Null), arguments.next());
        match (self, first, second) {
            (Self::Size, value, None) => size(&value),
            (Self::Contains, Value::String(text), Some(Value::String(part))) => {
                Ok(Value::Bool(part.is_empty() || text.windows(part.len()).any(|window| window == &*part)))
            }
            (Self::StartsWith, Value::String(text), Some(Value::String(part))) => {
                Ok(Value::Bool(text.starts_with(&part)))
            }
            (Self::EndsWith, Value::String(text), Some(Value::String(part))) => {
                Ok(Value::Bool(text.ends_with(&part)))
            }
            (Self::LowerAscii, Value::String(text), None) => Ok(Value::text(text.to_ascii_lowercase())),
            (Self::UpperAscii, Value::String(text), None) => Ok(Value::text(text.to_ascii_uppercase())),
            (Self::Trim, Value::String(text), None) => Ok(Value::text(text.trim_ascii().to_vec())),
            (Self::Split, Value::String(text), Some(Value::String(separator))) => split(&text, &separator),
            (Self::Int, value, None) => int(&value),
            (Self::Double, value, None) => double(&value),
            (Self::String, value, None) => string(value),
            _ => Err(EvalError::Type),
        }
    }
}

/// The most parts that a string is split into.
const MAX_PARTS: usize = 1000;

fn split<'a>(text: &[u8], separator: &[u8]) -> Result<Value<'a>, EvalError> {
    if separator.is_empty() {
        return Err(EvalError::Range);
    }
    let mut parts: Vec<Value<'a>> = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.windows(separator.len()).position(|window| window == separator) {
        if parts.len() >= MAX_PARTS {
            return Err(EvalError::Cost);
        }
        let (part, behind) = rest.split_at_checked(at).unwrap_or_default();
        parts.push(Value::text(part.to_vec()));
        rest = behind.get(separator.len()..).unwrap_or_default();
    }
    parts.push(Value::text(rest.to_vec()));
    Ok(Value::List(parts))
}

fn size(value: &Value<'_>) -> Result<Value<'static>, EvalError> {
    let size = match value {
        Value::String(text) => std::str::from_utf8(text).map_or(text.len(), |text| text.chars().count()),
        Value::List(items) => items.len(),
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        Value::Headers(headers) => headers.len(),
        _ => return Err(EvalError::Type),
    };
    i64::try_from(size).map(Value::Int).map_err(|_| EvalError::Range)
}

fn int(value: &Value<'_>) -> Result<Value<'static>, EvalError> {
    Ok(Value::Int(match value {
        Value::Int(value) | Value::Timestamp(value) | Value::Duration(value) => *value,
        Value::Double(value) if value.abs() < 9_223_372_036_854_774_784.0 => {
            #[allow(clippy::cast_possible_truncation, reason = "checked above")]
            let whole = *value as i64;
            whole
        }
        Value::String(text) => parse(text)?,
        Value::Double(_) => return Err(EvalError::Range),
        _ => return Err(EvalError::Type),
    }))
}

fn double(value: &Value<'_>) -> Result<Value<'static>, EvalError> {
    Ok(Value::Double(match value {
        Value::Double(value) => *value,
        #[allow(clippy::cast_precision_loss, reason = "what a double can hold of it")]
        Value::Int(value) => *value as f64,
        // With the parser of JSON, which is there already: that of the standard library has large tables.
        Value::String(text) => serde_json::from_slice(text).map_err(|_| EvalError::Range)?,
        _ => return Err(EvalError::Type),
    }))
}

fn parse<T: std::str::FromStr>(text: &[u8]) -> Result<T, EvalError> {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(EvalError::Range)
}

fn string(value: Value<'_>) -> Result<Value<'_>, EvalError> {
    Ok(Value::text(match value {
        Value::String(_) => return Ok(value),
        Value::Int(value) => value.to_string().into_bytes(),
        Value::Double(value) => {
            serde_json::Number::from_f64(value).ok_or(EvalError::Range)?.to_string().into_bytes()
        }
        Value::Bool(value) => value.to_string().into_bytes(),
        _ => return Err(EvalError::Type),
    }))
}

/// What a timestamp is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    FullYear,
    Month,
    Date,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
}

impl Part {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "getFullYear" => Self::FullYear,
            "getMonth" => Self::Month,
            "getDate" => Self::Date,
            "getDayOfMonth" => Self::DayOfMonth,
            "getDayOfWeek" => Self::DayOfWeek,
            "getDayOfYear" => Self::DayOfYear,
            "getHours" => Self::Hours,
            "getMinutes" => Self::Minutes,
            "getSeconds" => Self::Seconds,
            _ => return None,
        })
    }

    /// Months, days of the month (other than `getDate`) and of the year count from 0, and Sunday is 0.
    pub(crate) fn of(self, seconds: i64) -> i64 {
        let civil = Civil::new(seconds);
        match self {
            Self::FullYear => civil.year,
            Self::Month => civil.month - 1,
            Self::Date => civil.day,
            Self::DayOfMonth => civil.day - 1,
            Self::DayOfWeek => civil.weekday,
            Self::DayOfYear => civil.day_of_year,
            Self::Hours => civil.hour,
            Self::Minutes => civil.minute,
            Self::Seconds => civil.second,
        }
    }
}
