//! Files, spans in them, and the way from a span to file, line and column.

use std::fmt;

/// A file of a [`Sources`]. A file that is included twice has two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct FileId(pub u32);

/// Bytes `start..end` of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: u32,
    /// The byte after the last one.
    pub end: u32,
}

impl Span {
    /// From the start of this span to the end of the other one, which stands in the same file.
    pub fn to(self, other: Span) -> Span {
        Span { end: other.end, ..self }
    }
}

/// A file that was read.
#[derive(Debug, Clone)]
pub struct Source {
    /// The name that messages show.
    pub name: String,
    /// The content.
    pub text: Vec<u8>,
    /// Where it was included; none for the document itself.
    pub included_at: Option<Span>,
}

/// The files of a rule set.
#[derive(Debug, Clone, Default)]
pub struct Sources(Vec<Source>);

impl Sources {
    /// Adds a file.
    pub fn add(&mut self, source: Source) -> FileId {
        // More files than u32 can count do not fit into memory.
        let id = FileId(self.0.len() as u32);
        self.0.push(source);
        id
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn set_text(&mut self, file: FileId, text: Vec<u8>) {
        if let Some(source) = self.0.get_mut(file.0 as usize) {
            source.text = text;
        }
    }

    /// The file, if it is one of these.
    pub fn get(&self, file: FileId) -> Option<&Source> {
        self.0.get(file.0 as usize)
    }

    /// All files in the order that they were opened.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &Source)> {
        self.0.iter().enumerate().map(|(index, source)| (FileId(index as u32), source))
    }

    /// The bytes of a span; empty if it is not inside its file.
    pub fn slice(&self, span: Span) -> &[u8] {
        let text = self.get(span.file).map(|source| source.text.as_slice()).unwrap_or_default();
        text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    /// Where a span starts.
    pub fn locate(&self, span: Span) -> Location<'_> {
        let Some(source) = self.get(span.file) else {
            return Location { file: "?", line: 0, column: 0, text: b"" };
        };
        let start = (span.start as usize).min(source.text.len());
        let (before, after) = source.text.split_at(start);
        let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        let line_end =
            after.iter().position(|&byte| byte == b'\n').map_or(source.text.len(), |len| start + len);
        let text = source.text.get(line_start..line_end).unwrap_or_default();
        Location {
            file: &source.name,
            line: before.iter().filter(|&&byte| byte == b'\n').count() + 1,
            column: start - line_start + 1,
            text: text.strip_suffix(b"\r").unwrap_or(text),
        }
    }
}

/// A place that a reader can find: printed as `file:line:column`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Location<'a> {
    /// The file's name.
    pub file: &'a str,
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 1.
    pub column: usize,
    /// The whole line, without its end.
    pub text: &'a [u8],
}

impl fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}
