//! YAML and JSON as a tree in which each value knows where it stands.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};
use serde_json::{Map, Number, Value as Json};
use std::collections::BTreeMap;

/// The deepest nesting that is read, as serde_json's.
pub const MAX_DEPTH: usize = 127;

/// The most values that are read, those that aliases repeat counted each time.
pub const MAX_VALUES: usize = 1_000_000;

/// A value, and the bytes of the text that it is.
#[derive(Clone, Debug)]
pub struct Node {
    /// The first byte.
    pub start: usize,
    /// The byte behind the last.
    pub end: usize,
    /// What stands there.
    pub value: Value,
}

/// What stands there.
#[derive(Clone, Debug)]
pub enum Value {
    /// Text, a number, a boolean or null.
    Scalar {
        /// Without quotes, escapes and indentation.
        text: String,
        /// How it is written.
        style: Style,
        /// Whether a tag says that it is text.
        is_tagged_text: bool,
    },
    /// Elements in order.
    List(Vec<Node>),
    /// Names and values in order.
    Map(Vec<(Node, Node)>),
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `text`
    Plain,
    /// `'text'`
    SingleQuoted,
    /// `"text"`
    DoubleQuoted,
    /// `|`
    Literal,
    /// `>`
    Folded,
}

/// Why a text is not read.
#[derive(Clone, Debug)]
pub(crate) struct SyntaxError {
    /// Where, in bytes.
    pub(crate) offset: usize,
    /// What is wrong.
    pub(crate) message: String,
    /// What to write instead; empty where nobody knows.
    pub(crate) help: String,
}

/// Reads the documents of a YAML stream; a JSON text is one document.
///
/// # Errors
/// What does not parse, and what passes [`MAX_DEPTH`] or [`MAX_VALUES`].
pub(crate) fn parse(text: &str) -> Result<Vec<Node>, SyntaxError> {
    Builder::new(text).build()
}

impl Node {
    /// The member of this name; the last one where there are several.
    pub fn get(&self, name: &str) -> Option<&Node> {
        self.member(name).map(|(_, value)| value)
    }

    /// The first of these members that is there.
    pub fn get_any(&self, names: &[&str]) -> Option<&Node> {
        names.iter().find_map(|name| self.get(name))
    }

    /// Members inside of members.
    pub fn at(&self, names: &[&str]) -> Option<&Node> {
        names.iter().try_fold(self, |node, name| node.get(name))
    }

    /// The member of this name, with its name.
    pub fn member(&self, name: &str) -> Option<(&Node, &Node)> {
        self.members()
            .iter()
            .rev()
            .find(|(key, _)| key.as_str() == Some(name))
            .map(|(key, value)| (key, value))
    }

    /// The members; none unless it is a map.
    pub fn members(&self) -> &[(Node, Node)] {
        match &self.value {
            Value::Map(members) => members,
            _ => &[],
        }
    }

    /// The elements; none unless it is a list.
    pub fn elements(&self) -> &[Node] {
        match &self.value {
            Value::List(elements) => elements,
            _ => &[],
        }
    }

    /// The text of a scalar.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The value as Kubernetes and Envoy read it: an unquoted `on` or `yes` is a boolean to both (YAML 1.1).
    pub fn to_json(&self) -> Json {
        match &self.value {
            Value::Scalar { text, style: Style::Plain, is_tagged_text: false } => plain(text),
            Value::Scalar { text, .. } => Json::String(text.clone()),
            Value::List(elements) => Json::Array(elements.iter().map(Node::to_json).collect()),
            Value::Map(members) => {
                let members = members.iter().map(|(key, value)| {
                    let key = key.as_str().map_or_else(|| key.to_json().to_string(), str::to_owned);
                    (key, value.to_json())
                });
                Json::Object(members.collect::<Map<_, _>>())
            }
        }
    }
}

fn plain(text: &str) -> Json {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Json::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "y" | "Y" => {
            return Json::Bool(true);
        }
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "n" | "N" => {
            return Json::Bool(false);
        }
        _ => {}
    }
    let is_number = text.trim_start_matches(['-', '+']).starts_with(|c: char| c.is_ascii_digit() || c == '.');
    if !is_number {
        return Json::String(text.to_owned());
    }
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if let Ok(number) = unsigned.parse::<i64>() {
        return Json::Number(number.into());
    }
    if let Ok(number) = unsigned.parse::<u64>() {
        return Json::Number(number.into());
    }
    if let Some(Ok(number)) = text.strip_prefix("0x").map(|digits| u64::from_str_radix(digits, 16)) {
        return Json::Number(number.into());
    }
    let is_float = unsigned.bytes().all(|byte| byte.is_ascii_digit() || b"-+.eE".contains(&byte));
    match unsigned.parse::<f64>().ok().filter(|_| is_float).and_then(Number::from_f64) {
        Some(number) => Json::Number(number),
        None => Json::String(text.to_owned()),
    }
}

struct Builder<'a> {
    text: &'a str,
    cursor: Cursor<'a>,
    documents: Vec<Node>,
    /// What is open, with the id of its anchor.
    open: Vec<(Open, usize)>,
    anchors: BTreeMap<usize, (Node, usize)>,
    count: usize,
}

enum Open {
    List(usize, Vec<Node>),
    Map(usize, Vec<(Node, Node)>, Option<Node>),
}

impl<'a> Builder<'a> {
    fn new(text: &'a str) -> Self {
        let cursor = Cursor { text, byte: 0, character: 0 };
        let (documents, open) = (Vec::new(), Vec::new());
        Self { text, cursor, documents, open, anchors: BTreeMap::new(), count: 0 }
    }

    fn build(mut self) -> Result<Vec<Node>, SyntaxError> {
        // Parsers of YAML take it for white space or the end.
        if let Some(offset) = self.text.find('\0') {
            let message = "found the byte NUL, which no configuration has".to_owned();
            return Err(SyntaxError { offset, message, help: "is this a binary file?".to_owned() });
        }
        for event in Parser::new_from_str(self.text) {
            let (event, span) = event.map_err(|error| {
                let offset = self.cursor.byte_of(error.marker());
                SyntaxError { offset, message: error.info().to_owned(), help: String::new() }
            })?;
            self.take(event, span)?;
        }
        Ok(self.documents)
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), SyntaxError> {
        let start = self.cursor.byte_of(&span.start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let end = self.cursor.byte_of(&span.end).max(start);
                let is_tagged_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted => Style::SingleQuoted,
                    ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
                    ScalarStyle::Literal => Style::Literal,
                    ScalarStyle::Folded => Style::Folded,
                };
                let value = Value::Scalar { text: text.into_owned(), style, is_tagged_text };
                self.counts(1, start)?;
                self.add(Node { start, end, value }, anchor);
            }
            Event::SequenceStart(anchor, _) => self.opens(Open::List(start, Vec::new()), anchor, start)?,
            Event::MappingStart(anchor, _) => {
                self.opens(Open::Map(start, Vec::new(), None), anchor, start)?
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let end = self.cursor.byte_of(&span.end).max(start);
                if let Some((open, anchor)) = self.open.pop() {
                    let (start, value) = match open {
                        Open::List(start, elements) => (start, Value::List(elements)),
                        Open::Map(start, members, _) => (start, Value::Map(members)),
                    };
                    self.add(Node { start, end, value }, anchor);
                }
            }
            Event::Alias(anchor) => {
                let Some((node, count)) = self.anchors.get(&anchor) else {
                    let message = "an alias for what it stands in".to_owned();
                    return Err(SyntaxError { offset: start, message, help: String::new() });
                };
                let (node, count) = (node.clone(), *count);
                self.counts(count, start)?;
                if self.open.len() + depth(&node) > MAX_DEPTH {
                    return Err(too_deep(start));
                }
                self.add(node, 0);
            }
            Event::DocumentEnd => self.anchors.clear(),
            _ => {}
        }
        Ok(())
    }

    fn opens(&mut self, open: Open, anchor: usize, start: usize) -> Result<(), SyntaxError> {
        self.counts(1, start)?;
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(start));
        }
        self.open.push((open, anchor));
        Ok(())
    }

    fn counts(&mut self, more: usize, offset: usize) -> Result<(), SyntaxError> {
        self.count = self.count.saturating_add(more);
        if self.count <= MAX_VALUES {
            return Ok(());
        }
        let message = format!("more than {MAX_VALUES} values, those that aliases repeat counted each time");
        Err(SyntaxError { offset, message, help: String::new() })
    }

    fn add(&mut self, node: Node, anchor: usize) {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size(&node)));
        }
        match self.open.last_mut() {
            None => self.documents.push(node),
            Some((Open::List(_, elements), _)) => elements.push(node),
            Some((Open::Map(_, members, key), _)) => match key.take() {
                None => *key = Some(node),
                Some(key) => members.push((key, node)),
            },
        }
    }
}

fn too_deep(offset: usize) -> SyntaxError {
    let message = format!("nested more than {MAX_DEPTH} deep");
    SyntaxError { offset, message, help: String::new() }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::Scalar { .. } => 1,
        Value::List(elements) => 1 + elements.iter().map(size).sum::<usize>(),
        Value::Map(members) => 1 + members.iter().map(|(key, value)| size(key) + size(value)).sum::<usize>(),
    }
}

fn depth(node: &Node) -> usize {
    match &node.value {
        Value::Scalar { .. } => 0,
        Value::List(elements) => 1 + elements.iter().map(depth).max().unwrap_or_default(),
        Value::Map(members) => {
            1 + members.iter().map(|(key, value)| depth(key).max(depth(value))).max().unwrap_or_default()
        }
    }
}

/// The parser counts characters. Its marks mostly ascend, so the bytes are counted from the last one.
struct Cursor<'a> {
    text: &'a str,
    byte: usize,
    character: usize,
}

impl Cursor<'_> {
    fn byte_of(&mut self, marker: &Marker) -> usize {
        let wanted = marker.index();
        let (before, after) = self.text.split_at_checked(self.byte).unwrap_or((self.text, ""));
        if wanted >= self.character {
            let more = wanted - self.character;
            let length = after.char_indices().nth(more).map_or(after.len(), |(offset, _)| offset);
            self.byte += length;
        } else {
            let back = self.character - wanted;
            self.byte = before.char_indices().rev().nth(back - 1).map_or(0, |(offset, _)| offset);
        }
        self.character = wanted;
        self.byte
    }
}
