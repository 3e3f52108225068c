//! Writes JSON. A tree of `serde_json`'s values is 15 KB of code more.

/// An object that is being written.
pub(super) struct Object(String);

impl Object {
    pub(super) fn new() -> Self {
        Self("{".to_owned())
    }

    /// Adds a member, whose value is JSON.
    pub(super) fn put(&mut self, name: &str, json: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&text(name));
        self.0.push(':');
        self.0.push_str(json);
    }

    pub(super) fn put_text(&mut self, name: &str, value: &str) {
        self.put(name, &text(value));
    }

    pub(super) fn put_number(&mut self, name: &str, number: u64) {
        self.put(name, &number.to_string());
    }

    /// The whole object.
    pub(super) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// A list of what is JSON.
pub(super) fn list(items: &[String]) -> String {
    format!("[{}]", items.join(","))
}

/// A string. Writing one does not fail.
pub(super) fn text(value: &str) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
