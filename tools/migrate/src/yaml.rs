//! YAML documents.

use serde_json::Value;

/// Several documents.
pub(crate) fn all(values: &[Value]) -> String {
    values.iter().map(text).collect::<Vec<_>>().join("---\n")
}

/// One document.
pub(crate) fn text(value: &Value) -> String {
    // JSON always is YAML.
    let plain = serde_norway::to_string(value).unwrap_or_default();
    plain.split_inclusive('\n').map(quoted).collect()
}

/// A line whose value is a boolean to readers of YAML 1.1, which Kubernetes' tools are, and a text to the writer.
fn quoted(line: &str) -> String {
    let text = line.trim_end();
    let value = text.rsplit([' ', '\n']).next().unwrap_or_default();
    let is_value =
        text.strip_suffix(value).is_some_and(|before| before.ends_with(": ") || before.ends_with("- "));
    if is_value && ["on", "off", "yes", "no", "y", "n"].iter().any(|word| value.eq_ignore_ascii_case(word)) {
        return format!("{}\"{value}\"\n", text.strip_suffix(value).unwrap_or_default());
    }
    line.to_owned()
}
