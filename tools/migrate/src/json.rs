//! Building JSON.

use serde_json::{Map, Value};

/// Members of an object, without an index that may panic.
pub(crate) trait Put {
    /// Sets a member. What is no object becomes one.
    fn put(&mut self, name: &str, value: Value);

    /// A member, which becomes an object where there is none.
    fn member(&mut self, name: &str) -> &mut Value;
}

impl Put for Value {
    fn put(&mut self, name: &str, value: Value) {
        *self.member(name) = value;
    }

    fn member(&mut self, name: &str) -> &mut Value {
        if !self.is_object() {
            *self = Value::Object(Map::new());
        }
        match self {
            Value::Object(fields) => fields.entry(name).or_insert_with(|| Value::Object(Map::new())),
            other => other,
        }
    }
}
