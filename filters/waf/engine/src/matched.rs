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
    /// ModSecurity v3's `ref`: where in the value and in the request the matches are, and the transformations.
    pub reference: Vec<u8>,
    /// Whether the rule stopped the transaction.
    pub disruptive: bool,
    /// Whether the match belongs into the log: false for a rule with `nolog` that stopped the transaction.
    pub log: bool,
    /// Whether the match makes the transaction relevant for the audit log: false with `noauditlog`.
    pub audit_log: bool,
}

impl MatchedRule {
    /// Appends the fields in the form that ModSecurity v3 writes to the error log: `[file "…"] [line "…"] [id "…"]
    /// [rev "…"] [msg "…"] [data "…"] [severity "…"] [ver "…"] …`. Bytes that are not printable ASCII are `\xhh`, and so
    /// are, in what a request can have a part in (message, data, tags), those of `also`.
    pub fn write_details(&self, also: &[u8], out: &mut Vec<u8>) {
        let severity = self.severity.map_or(0, Severity::number);
        let mut field = |name: &str, value: &[u8], also: &[u8]| {
            out.extend_from_slice(b" [");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b" \"");
            write_escaped(value, also, out);
            out.extend_from_slice(b"\"]");
        };
        field("file", self.file.as_bytes(), b"");
        field("line", self.line.to_string().as_bytes(), b"");
        field("id", self.id.to_string().as_bytes(), b"");
        field("rev", &self.revision, b"");
        field("msg", &self.message, also);
        field("data", self.data.get(..200).unwrap_or(&self.data), also);
        field("severity", severity.to_string().as_bytes(), b"");
        field("ver", &self.version, b"");
        field("maturity", self.maturity.to_string().as_bytes(), b"");
        field("accuracy", self.accuracy.to_string().as_bytes(), b"");
        for tag in &self.tags {
            field("tag", tag, also);
        }
    }
}

/// Appends a text with what is not printable ASCII, and with the bytes of `also`, as `\xhh`. ModSecurity v3,
/// `utils::string::toHexIfNeeded`.
pub fn write_escaped(text: &[u8], also: &[u8], out: &mut Vec<u8>) {
    for byte in text {
        match byte {
            b' '..=b'~' if !also.contains(byte) => out.push(*byte),
            _ => {
                let digit =
                    |nibble: u8| char::from_digit(u32::from(nibble), 16).map_or(b'0', |digit| digit as u8);
                out.extend_from_slice(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
}
