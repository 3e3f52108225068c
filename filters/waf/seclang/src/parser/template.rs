//! Text with macros.

use std::ops::Range;

use super::Context;
use crate::{
    NameKind,
    ast::{Macro, Part, Template, VariableName},
    error::ParseErrorKind,
    lexer::{Value, is_escaped},
    source::Span,
};

impl Context {
    /// Splits text at its macros. With `strict`, a macro of an unknown variable is an error; without, it is text.
    pub(super) fn template(
        &mut self,
        raw: &[u8],
        strict: bool,
        span_of: impl Fn(Range<usize>) -> Span,
    ) -> Template {
        let mut parts = Vec::new();
        let mut literal = 0;
        let mut at = 0;
        while let Some(found) = find_macro(raw, at) {
            let inner = raw.get(found.start + 2..found.end - 1).unwrap_or_default();
            at = found.end;
            let Some((name, key)) = split_macro(inner) else {
                continue;
            };
            match VariableName::from_name(name) {
                Some(variable) => {
                    if key.is_some() && !variable.is_collection() {
                        let kind = ParseErrorKind::NotACollection { variable: variable.as_str() };
                        self.error(kind, span_of(found.clone()));
                    }
                    push_literal(&mut parts, raw, literal..found.start);
                    parts.push(Part::Macro(Macro { variable, key: key.map(<[u8]>::to_vec) }));
                    literal = found.end;
                }
                None if strict => {
                    let names = VariableName::ALL.iter().map(|name| name.as_str());
                    self.unknown(NameKind::Macro, name, names, span_of(found));
                }
                None => {}
            }
        }
        if !parts.is_empty() {
            push_literal(&mut parts, raw, literal..raw.len());
        }
        parts.shrink_to_fit();
        Template { raw: raw.to_vec(), parts }
    }

    /// Splits a whole value.
    pub(super) fn value_template(&mut self, value: &Value<'_>) -> Template {
        self.template(&value.bytes, true, |range| value.span_of(range))
    }
}

/// The offset of `wanted` outside macros, whose keys may hold any byte.
pub(super) fn find_outside_macros(raw: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let next = find_macro(raw, at);
        let end = next.as_ref().map_or(raw.len(), |found| found.start);
        let text = raw.get(at..end).unwrap_or_default();
        if let Some(offset) = text.iter().position(|byte| wanted.contains(byte)) {
            return Some(at + offset);
        }
        at = next?.end;
    }
}

fn push_literal(parts: &mut Vec<Part>, raw: &[u8], range: Range<usize>) {
    match raw.get(range) {
        None | Some([]) => {}
        Some(text) => parts.push(Part::Literal(text.to_vec())),
    }
}

/// The next `%{...}` that no `\` escapes.
fn find_macro(raw: &[u8], from: usize) -> Option<Range<usize>> {
    let mut at = from;
    loop {
        let rest = raw.get(at..)?;
        let start = at + rest.windows(2).position(|pair| pair == b"%{")?;
        if is_escaped(raw, start) {
            at = start + 2;
            continue;
        }
        let len = raw.get(start..)?.iter().position(|&byte| byte == b'}')?;
        return Some(start..start + len + 1);
    }
}

/// `NAME`, `NAME.key` or `NAME:key`; none if it does not look like one of these.
fn split_macro(inner: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let end = inner.iter().position(|byte| !is_name(byte)).unwrap_or(inner.len());
    let (name, rest) = inner.split_at(end);
    if !name.first().is_some_and(u8::is_ascii_alphabetic) {
        return None;
    }
    match rest {
        [] => Some((name, None)),
        [b'.' | b':', key @ ..] if !key.is_empty() => Some((name, Some(key))),
        _ => None,
    }
}
