//! Texts inside of texts: the JSON in a YAML scalar, the rules in a JSON string. Each byte knows where it stands in the file.

use crate::tree::Style;
use std::rc::Rc;

/// A text, and where each byte of it stands in the file.
#[derive(Clone, Debug)]
pub struct Text {
    text: String,
    outer: Option<Outer>,
}

#[derive(Clone, Debug)]
struct Outer {
    text: Rc<Text>,
    /// Offsets here and there, ascending: from each on, byte stands for byte.
    runs: Vec<(usize, usize)>,
}

impl Text {
    /// The text of a file.
    pub fn of_file(text: String) -> Self {
        Self { text, outer: None }
    }

    /// What a scalar of `outer` says, which begins at the byte `start` of it.
    pub(crate) fn of_scalar(outer: &Rc<Text>, start: usize, style: Style, value: &str) -> Self {
        let runs = align(value, &outer.text, start, style);
        Self { text: value.to_owned(), outer: Some(Outer { text: Rc::clone(outer), runs }) }
    }

    /// Texts of which each stands on lines of its own, with what each byte comes from.
    pub(crate) fn joined(parts: &[Text]) -> (String, Vec<usize>) {
        let mut text = String::new();
        let mut starts = Vec::with_capacity(parts.len());
        for part in parts {
            if !starts.is_empty() {
                text.push('\n');
            }
            starts.push(text.len());
            text.push_str(&part.text);
        }
        (text, starts)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where the byte at `offset` stands in the file.
    pub fn in_file(&self, offset: usize) -> usize {
        let Some(outer) = &self.outer else { return offset };
        let after = outer.runs.partition_point(|(here, _)| *here <= offset);
        let (here, there) =
            after.checked_sub(1).and_then(|index| outer.runs.get(index)).copied().unwrap_or_default();
        outer.text.in_file(there + (offset - here.min(offset)))
    }

    /// The byte offset of a line and of a column in bytes, both from 1.
    pub(crate) fn offset(&self, line: usize, column: usize) -> usize {
        let before = self.text.split_inclusive('\n').take(line.saturating_sub(1));
        let start: usize = before.map(str::len).sum();
        (start + column.saturating_sub(1)).min(self.text.len())
    }
}

/// From which byte of the source on each run of the value comes.
fn align(value: &str, source: &str, start: usize, style: Style) -> Vec<(usize, usize)> {
    let mut alignment = Alignment { runs: vec![(0, start)], here: 0, there: start };
    match style {
        Style::Literal | Style::Folded => alignment.block(value, source),
        Style::Plain | Style::SingleQuoted | Style::DoubleQuoted => alignment.flow(value, source, style),
    }
    alignment.runs
}

struct Alignment {
    runs: Vec<(usize, usize)>,
    here: usize,
    there: usize,
}

impl Alignment {
    fn mark(&mut self) {
        let is_known = self.runs.last().is_some_and(|(here, there)| {
            self.here >= *here && self.there >= *there && self.here - here == self.there - there
        });
        if !is_known {
            self.runs.retain(|(here, _)| *here != self.here);
            self.runs.push((self.here, self.there));
        }
    }

    /// YAML 1.2.2, 7.3 and 6.5; strings of JSON are double-quoted scalars.
    fn flow(&mut self, value: &str, source: &str, style: Style) {
        if style != Style::Plain {
            self.there += 1;
        }
        while self.here < value.len() {
            self.mark();
            let Some(rest) = source.get(self.there..) else { return };
            let Some(next) = rest.chars().next() else { return };
            let one = value.get(self.here..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8);
            if next.is_ascii_whitespace() {
                let blank = rest.len() - rest.trim_ascii_start().len();
                let breaks = rest.get(..blank).unwrap_or_default().matches('\n').count();
                if breaks > 0 && (style != Style::Plain || blank < rest.len()) {
                    self.there += blank;
                    // One line break is a space, more are one less.
                    self.here += breaks.saturating_sub(1).max(1);
                    continue;
                }
            }
            match (style, next) {
                (Style::DoubleQuoted, '\\') => {
                    let kind = rest.as_bytes().get(1).copied().unwrap_or_default();
                    if matches!(kind, b'\n' | b'\r') {
                        let after = rest.get(1..).unwrap_or_default();
                        self.there += 1 + after.len() - after.trim_ascii_start().len();
                        continue;
                    }
                    self.there += match kind {
                        b'x' => 4,
                        b'u' => 6,
                        b'U' => 10,
                        _ => 2,
                    };
                }
                (Style::SingleQuoted, '\'') => self.there += 2,
                _ => self.there += next.len_utf8(),
            }
            self.here += one;
        }
        self.mark();
    }

    /// YAML 1.2.2, 8.1.
    fn block(&mut self, value: &str, source: &str) {
        let rest = source.get(self.there..).unwrap_or_default();
        if rest.starts_with(['|', '>']) {
            self.there += rest.find('\n').map_or(rest.len(), |newline| newline + 1);
        } else {
            // At the first line's text.
            let before = source.get(..self.there).unwrap_or_default();
            self.there = before.rfind('\n').map_or(0, |newline| newline + 1);
        }
        let lines = source.get(self.there..).unwrap_or_default();
        let is_blank = |line: &&str| line.trim_ascii().is_empty();
        let spaces = |line: &str| line.len() - line.trim_start_matches(' ').len();
        let first = lines.lines().find(|line| !is_blank(line)).map_or(0, spaces);
        let own = value.lines().find(|line| !is_blank(line)).map_or(0, spaces);
        let indent = first.saturating_sub(own);
        for line in lines.split_inclusive('\n') {
            if self.here >= value.len() {
                return;
            }
            let text = line.trim_end_matches(['\n', '\r']);
            let text = text.get(indent.min(spaces(text))..).unwrap_or_default();
            let start = self.there;
            self.there += line.trim_end_matches(['\n', '\r']).len() - text.len();
            self.mark();
            let rest = value.get(self.here..).unwrap_or_default();
            if rest.starts_with(text) {
                self.here += text.len();
            }
            let rest = value.get(self.here..).unwrap_or_default();
            self.there += text.len();
            if rest.starts_with([' ', '\n']) {
                self.here += 1;
            }
            self.there = start + line.len();
        }
    }
}
