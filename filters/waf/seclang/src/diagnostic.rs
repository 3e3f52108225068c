//! What is wrong, and where: one form for parse errors, lints and whatever later stages find in a rule set.

use std::fmt;

use crate::source::{Sources, Span};

/// A finding and its place.
///
/// `Display` gives one line, `file:line:column: SecRule: what is wrong`; [`Diagnostic::with_source`] adds the line of
/// the file with a caret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic<K> {
    /// What is wrong.
    pub kind: K,
    /// The directive in which it was found, as written; empty outside any.
    pub directive: String,
    /// Where.
    pub place: Place,
}

impl<K> Diagnostic<K> {
    /// Makes a finding, looking its place up.
    pub fn new(kind: K, directive: &str, span: Span, sources: &Sources) -> Self {
        Diagnostic { kind, directive: directive.to_owned(), place: Place::new(span, sources) }
    }
}

impl<K: fmt::Display> Diagnostic<K> {
    /// The one-line form, then the line of the file and a caret under the place.
    pub fn with_source(&self) -> impl fmt::Display {
        WithSource(self)
    }
}

impl<K: fmt::Display> fmt::Display for Diagnostic<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { file, line, column, .. } = &self.place;
        write!(f, "{file}:{line}:{column}: ")?;
        if !self.directive.is_empty() {
            write!(f, "{}: ", self.directive)?;
        }
        self.kind.fmt(f)
    }
}

impl<K: fmt::Debug + fmt::Display> std::error::Error for Diagnostic<K> {}

/// A span that is resolved, so that it can be shown when the sources are gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The bytes meant.
    pub span: Span,
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 1.
    pub column: usize,
    /// A part of that line, at most [`Place::SNIPPET`] bytes.
    snippet: Vec<u8>,
    /// Where in the snippet the span starts.
    caret: usize,
}

impl Place {
    /// How many bytes of a line are shown: rules can be very long.
    pub const SNIPPET: usize = 160;

    fn new(span: Span, sources: &Sources) -> Self {
        let location = sources.locate(span);
        let at = location.column.saturating_sub(1).min(location.text.len());
        let start =
            if location.text.len() <= Self::SNIPPET { 0 } else { at.saturating_sub(Self::SNIPPET / 2) };
        let end = location.text.len().min(start + Self::SNIPPET);
        Place {
            span,
            file: location.file.to_owned(),
            line: location.line,
            column: location.column,
            snippet: location.text.get(start..end).unwrap_or_default().to_vec(),
            caret: at - start,
        }
    }
}

struct WithSource<'a, K>(&'a Diagnostic<K>);

impl<K: fmt::Display> fmt::Display for WithSource<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { span, line, snippet, caret, .. } = &self.0.place;
        let (before, after) = snippet.split_at(*caret);
        let before = printable(before);
        let marked = after.len().min((span.end - span.start) as usize);
        let marked = printable(after.get(..marked).unwrap_or_default()).chars().count().max(1);
        let margin = line.to_string();
        write!(f, "{}\n{margin} | {before}{}\n", self.0, printable(after))?;
        let indent = before.chars().count();
        write!(f, "{:width$} | {:indent$}{:^<marked$}", "", "", "", width = margin.len())
    }
}

/// Text that takes one column for each character and can't steer a terminal.
fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
