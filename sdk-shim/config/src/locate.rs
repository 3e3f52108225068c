//! Where in a JSON text an error is.
//!
//! serde_json says at which byte it gave up, and the path is found from there. To have every value carry its path while it
//! is read makes each module a tenth larger, for what happens when a configuration is wrong.

use crate::Path;

/// What stands at a byte of a JSON text.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    /// The path to the value; of a member's name, and of what has just ended, to the object or list.
    pub(crate) path: Path,
    /// The member's name, where that is what stands there.
    pub(crate) key: Option<String>,
    /// The path to what has just been read to its end: the last member of an object or list that ends there, or the element
    /// before, behind a comma.
    pub(crate) last: Option<Path>,
    /// The last text, number, boolean or null before.
    pub(crate) scalar: &'a [u8],
    /// The token, where it has begun.
    pub(crate) token: &'a [u8],
}

/// What stands at this line, from 1, after so many bytes of it.
pub(crate) fn locate(json: &[u8], line: usize, column: usize) -> Place<'_> {
    let lines = json.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    locate_byte(json, before.saturating_add(column))
}

/// What stands at this byte, from 1.
pub(crate) fn locate_byte(json: &[u8], end: usize) -> Place<'_> {
    Scanner { json, at: 0, inside: Vec::new(), scalar: b"" }.find(end)
}

struct Scanner<'a> {
    json: &'a [u8],
    at: usize,
    /// No more than serde_json reads, which is 128 levels.
    inside: Vec<Container>,
    scalar: &'a [u8],
}

enum Container {
    /// With the name of the member that is read.
    Object(Option<String>),
    /// With the index of the element that is read.
    List(usize),
}

impl<'a> Scanner<'a> {
    /// The first token that ends at or behind `end`.
    fn find(mut self, end: usize) -> Place<'a> {
        let mut is_behind_comma = false;
        while let Some(byte) = self.json.get(self.at).copied() {
            let start = self.at;
            self.at = self.end_of_token(byte);
            let is_found = self.at >= end;
            if start >= end && is_behind_comma {
                return Place { last: self.element_before(), ..self.value(start) };
            }
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {}
                b':' if start >= end => return self.key(start),
                b':' => {}
                b',' if start >= end => return self.value(start),
                b',' => match self.inside.last_mut() {
                    Some(Container::Object(key)) => *key = None,
                    Some(Container::List(index)) => {
                        *index += 1;
                        is_behind_comma = true;
                        continue;
                    }
                    None => {}
                },
                b'"' if matches!(self.inside.last(), Some(Container::Object(None))) => {
                    self.name_member(start);
                    if is_found {
                        return self.key(start);
                    }
                }
                b'}' | b']' if start < end => {
                    let last = is_found.then(|| self.path());
                    let has_ended = self.inside.pop_if(|it| it.is_ended_by(byte)).is_some();
                    if is_found || !has_ended {
                        return Place { last: last.filter(|_| has_ended), ..self.value(start) };
                    }
                }
                _ if start >= end => return Place { token: b"", ..self.value(start) },
                _ if is_found => return self.value(start),
                b'{' => self.inside.push(Container::Object(None)),
                b'[' => self.inside.push(Container::List(0)),
                _ => self.scalar = self.json.get(start..self.at).unwrap_or_default(),
            }
            is_behind_comma &= byte.is_ascii_whitespace();
        }
        self.value(self.at)
    }

    fn name_member(&mut self, start: usize) {
        let text = self.json.get(start..self.at).unwrap_or_default();
        let name =
            serde_json::from_slice(text).unwrap_or_else(|_| String::from_utf8_lossy(text).into_owned());
        if let Some(Container::Object(key)) = self.inside.last_mut() {
            *key = Some(name);
        }
    }

    fn value(&self, start: usize) -> Place<'a> {
        let token = self.json.get(start..self.at).unwrap_or_default();
        Place { path: self.path(), key: None, last: None, scalar: self.scalar, token }
    }

    fn element_before(&self) -> Option<Path> {
        let (last, around) = self.inside.split_last()?;
        let Container::List(index) = last else { return None };
        Some(path(around).index(index.checked_sub(1)?))
    }

    fn key(mut self, start: usize) -> Place<'a> {
        let key = match self.inside.last_mut() {
            Some(Container::Object(key)) => key.take(),
            _ => None,
        };
        Place { key, ..self.value(start) }
    }

    fn path(&self) -> Path {
        path(&self.inside)
    }

    fn end_of_token(&self, first: u8) -> usize {
        let rest = self.json.get(self.at + 1..).unwrap_or_default();
        let length = match first {
            b' ' | b'\t' | b'\r' | b'\n' | b'{' | b'}' | b'[' | b']' | b',' | b':' => 0,
            b'"' => {
                let mut is_escaped = false;
                let ends = |byte: &u8| {
                    let is_end = *byte == b'"' && !is_escaped;
                    is_escaped = *byte == b'\\' && !is_escaped;
                    is_end
                };
                rest.iter().position(ends).map_or(rest.len(), |length| length + 1)
            }
            _ => {
                let ends = |byte: &u8| byte.is_ascii_whitespace() || b"{}[],:\"".contains(byte);
                rest.iter().position(ends).unwrap_or(rest.len())
            }
        };
        self.at + 1 + length
    }
}

impl Container {
    fn is_ended_by(&self, byte: u8) -> bool {
        match self {
            Self::Object(_) => byte == b'}',
            Self::List(_) => byte == b']',
        }
    }
}

fn path(inside: &[Container]) -> Path {
    inside.iter().fold(Path::root(), |path, container| match container {
        Container::Object(Some(key)) => path.field(key),
        Container::Object(None) => path,
        Container::List(index) => path.index(*index),
    })
}
