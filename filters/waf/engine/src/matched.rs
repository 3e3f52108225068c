//! What is known about a rule that matched.

use std::sync::Arc;

use portcullis_seclang::ast::{Phase, Severity};

/// A rule that matched and is to be logged.
///
/// Bytes that come from the request are cut at [`Limits::matched_data`](crate::Limits::matched_data).
#[derive(Debug, Clone)]
pub struct MatchedRule {
    /// `id`
    pub id: u64,
    /// The phase that it ran in.
    pub phase: Phase,
    /// `msg`, with its macros expanded.
    pub message: Vec<u8>,
    /// `logdata`, with its macros expanded.
    pub data: Vec<u8>,
    /// `tag`, in order.
    pub tags: Vec<Vec<u8>>,
    /// `severity`
    pub severity: Option<Severity>,
    /// `rev`
    pub revision: Vec<u8>,
    /// `ver`
    pub version: Vec<u8>,
    /// `maturity`, 0 if the rule does not say.
    pub maturity: u8,
    /// `accuracy`, 0 if the rule does not say.
    pub accuracy: u8,
    /// Where the rule stands.
    pub file: Arc<str>,
    /// The line that it starts on.
    pub line: u32,
    /// The variable that matched last, such as `ARGS:name`. Empty for `SecAction`.
    pub variable: Vec<u8>,
    /// Its value before transformations.
    pub value: Vec<u8>,
    /// ModSecurity's sentence about the match: operator, parameter, variable and value.
    pub details: Vec<u8>,
    /// Whether the rule stopped the transaction.
    pub disruptive: bool,
    /// Whether the match belongs into the log: false for a rule with `nolog` that stopped the transaction.
    pub log: bool,
    /// Whether the match makes the transaction relevant for the audit log: false with `noauditlog`.
    pub audit_log: bool,
}

impl MatchedRule {
    /// Appends the fields in the form that ModSecurity v3 writes to the error log: `[file "…"] [line "…"] [id "…"]
    /// [rev "…"] [msg "…"] [data "…"] [severity "…"] [ver "…"] …`. Bytes that are not printable ASCII are `\xhh`.
    pub fn write_details(&self, out: &mut Vec<u8>) {
        let severity = self.severity.map_or(0, Severity::number);
        let mut field = |name: &str, value: &[u8]| {
            out.extend_from_slice(b" [");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b" \"");
            for byte in value {
                match byte {
                    0x20..=0x7e => out.push(*byte),
                    _ => out.extend_from_slice(format!("\\x{byte:02x}").as_bytes()),
                }
            }
            out.extend_from_slice(b"\"]");
        };
        field("file", self.file.as_bytes());
        field("line", self.line.to_string().as_bytes());
        field("id", self.id.to_string().as_bytes());
        field("rev", &self.revision);
        field("msg", &self.message);
        field("data", self.data.get(..200).unwrap_or(&self.data));
        field("severity", severity.to_string().as_bytes());
        field("ver", &self.version);
        field("maturity", self.maturity.to_string().as_bytes());
        field("accuracy", self.accuracy.to_string().as_bytes());
        for tag in &self.tags {
            field("tag", tag);
        }
    }
}
