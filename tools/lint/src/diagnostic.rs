use serde::Serialize;
use std::fmt;
use std::ops::Range;

/// What is wrong, or doubtful, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Which kind of finding, for programs: `config`, `syntax`, `seclang`, `plain-secret` …
    pub code: &'static str,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to write instead; empty where the message says it.
    pub help: String,
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The bytes of the file that are meant.
    pub span: Range<usize>,
    /// The filter, where it is known.
    pub filter: Option<&'static str>,
    /// What holds the configuration, such as `WasmPlugin istio-system/waf`; empty for a file that is one.
    pub owner: String,
    /// The place in the configuration: `policies[2].rules[0].to`; empty for all of it, and for rules in a file.
    pub path: String,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing to change.
    Note,
    /// It loads, and is surely not what was meant.
    Warning,
    /// The filter refuses it, and the proxy does not start or keeps what it had.
    Error,
}

impl fmt::Display for Diagnostic {
    /// In one line: the place, what is wrong, and what to write instead.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        if self.help.is_empty() { Ok(()) } else { write!(f, "; {}", self.help) }
    }
}

/// The line and the column in characters of a byte, both from 1.
pub(crate) fn position(text: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let before = text.get(..end).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}
