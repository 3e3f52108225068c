use sdk_shim_http::Headers;
use serde_json::{Map, Number, Value as Json};
use std::borrow::Cow;
use std::cmp::Ordering;

/// A value, for the most part borrowed from the request.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Null.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number that need not be whole.
    Double(f64),
    /// A string: any bytes.
    String(Cow<'a, [u8]>),
    /// A list.
    List(Vec<Value<'a>>),
    /// A list of JSON.
    Array(&'a [Json]),
    /// An object of JSON.
    Object(&'a Map<String, Json>),
    /// Headers: a map from names in lower case to values, joined with commas where there are several.
    Headers(&'a Headers),
    /// A time, in seconds since 1970.
    Timestamp(i64),
    /// A length of time, in seconds.
    Duration(i64),
}

impl<'a> Value<'a> {
    /// A string.
    pub fn text(text: impl Into<Cow<'a, [u8]>>) -> Self {
        Self::String(text.into())
    }

    /// The value that a piece of JSON is.
    pub fn json(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::number(number),
            Json::String(text) => Self::text(text.as_bytes()),
            Json::Array(items) => Self::Array(items),
            Json::Object(members) => Self::Object(members),
        }
    }

    /// As whole as it can be: JSON does not tell `1` from `1.0`.
    fn number(number: &Number) -> Self {
        number.as_i64().map_or_else(|| Self::Double(number.as_f64().unwrap_or(f64::NAN)), Self::Int)
    }

    /// The items of a list; `None` for anything else.
    pub(crate) fn items(&self) -> Option<Vec<Value<'a>>> {
        match self {
            Self::List(items) => Some(items.clone()),
            Self::Array(items) => Some(items.iter().map(Value::json).collect()),
            _ => None,
        }
    }

    /// The value under a key or an index.
    pub(crate) fn get(&self, key: &Value<'_>) -> Option<Value<'a>> {
        match (self, key) {
            (Self::List(items), Value::Int(index)) => items.get(usize::try_from(*index).ok()?).cloned(),
            (Self::Array(items), Value::Int(index)) => {
                items.get(usize::try_from(*index).ok()?).map(Value::json)
            }
            (_, Value::String(name)) => self.member(name),
            _ => None,
        }
    }

    /// The value under a name.
    pub(crate) fn member(&self, name: &[u8]) -> Option<Value<'a>> {
        match self {
            Self::Object(members) => members.get(std::str::from_utf8(name).ok()?).map(Value::json),
            Self::Headers(headers) => headers
                .get_joined(&name.to_ascii_lowercase())
                .map(|value| Value::String(value.into_owned().into())),
            _ => None,
        }
    }

    /// Whether this is the other; numbers are compared whatever their type. Values of different types are unequal.
    pub(crate) fn equals(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(a), Value::Bool(b)) => a == b,
            (Self::String(a), Value::String(b)) => a == b,
            (Self::Object(a), Value::Object(b)) => a == b,
            (Self::List(_) | Self::Array(_), Value::List(_) | Value::Array(_)) => {
                let (a, b) = (self.items().unwrap_or_default(), other.items().unwrap_or_default());
                a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.equals(b))
            }
            _ => self.compare(other) == Some(Ordering::Equal),
        }
    }

    /// The order of two values that have one.
    pub(crate) fn compare(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Value::Int(b))
            | (Self::Timestamp(a), Value::Timestamp(b))
            | (Self::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
            (Self::Double(a), Value::Double(b)) => a.partial_cmp(b),
            (Self::Int(a), Value::Double(b)) => compare_mixed(*a, *b),
            (Self::Double(a), Value::Int(b)) => compare_mixed(*b, *a).map(Ordering::reverse),
            (Self::String(a), Value::String(b)) => Some(a.cmp(b)),
            (Self::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// Without the loss of a conversion: not every whole number is a double.
fn compare_mixed(whole: i64, double: f64) -> Option<Ordering> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() {
        return None;
    }
    if double >= LIMIT {
        return Some(Ordering::Less);
    }
    if double < -LIMIT {
        return Some(Ordering::Greater);
    }
    #[allow(clippy::cast_possible_truncation, reason = "checked above")]
    let floor = double.floor() as i64;
    Some(whole.cmp(&floor).then(if double.fract() == 0.0 { Ordering::Equal } else { Ordering::Less }))
}
