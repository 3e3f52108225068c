//! The entities that a document declares in its own DTD: XML 1.0 (Fifth Edition), sections 4.2 and 4.4.
//!
//! Servers expand them, so what they hide has to be seen. External entities are never read: they stand for nothing.
//! Markup in an entity is taken as text, which shows the rules no less than elements would.

use std::cell::Cell;

use quick_xml::escape::resolve_predefined_entity;

use portcullis_collections::Map;

use crate::XmlError;

/// How deep entities may refer to entities.
const MAX_DEPTH: usize = 16;
/// The most references and bytes in all entities with what they refer to, beyond as many as the declarations have.
const MAX_WORK: usize = 64 << 10;

/// Declared entities by name, each with all that it stands for.
#[derive(Debug)]
pub(super) struct Entities {
    texts: Map<String, String>,
    /// There is a DTD: an entity that is not known may be declared elsewhere.
    has_dtd: bool,
}

impl Entities {
    pub(super) fn new() -> Self {
        Entities { texts: Map::of_clients(), has_dtd: false }
    }

    /// Reads a document type declaration, without `<!DOCTYPE` and `>`.
    pub(super) fn declare(&mut self, dtd: &str) -> Result<(), XmlError> {
        self.has_dtd = true;
        let in_order = declarations(dtd)?;
        let mut declared = Map::of_clients();
        for (name, value) in &in_order {
            declared.add(*name, *value);
        }
        let mut left = MAX_WORK.saturating_add(dtd.len());
        // In the order of the document, so that of several errors it is always the same that is told.
        for (name, _) in in_order {
            if self.texts.get(name.as_bytes()).is_none() {
                let mut text = String::new();
                expand(name, &declared, MAX_DEPTH, &mut left, &mut text)?;
                self.texts.add(name.to_owned(), text);
            }
        }
        Ok(())
    }

    /// What an entity stands for; nothing, if it may be declared outside of the document.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        resolve_predefined_entity(name)
            .or_else(|| self.texts.get(name.as_bytes()).map(String::as_str))
            .or(self.has_dtd.then_some(""))
    }

    /// As [`Entities::get`], until as many bytes were given as `left` says.
    pub(super) fn get_within(&self, name: &str, left: &Cell<usize>) -> Option<&str> {
        let text = self.get(name)?;
        left.set(left.get().checked_sub(text.len())?);
        Some(text)
    }
}

/// Appends what an entity stands for.
fn expand(
    name: &str,
    declared: &Map<&str, &str>,
    depth: usize,
    left: &mut usize,
    out: &mut String,
) -> Result<(), XmlError> {
    let predefined = resolve_predefined_entity(name);
    let value = predefined.or_else(|| declared.get(name.as_bytes()).copied()).unwrap_or_default();
    let depth = depth.checked_sub(1).ok_or(XmlError::TooDeep)?;
    *left = left.checked_sub(value.len() + 1).ok_or(XmlError::TooManyBytes)?;
    let mut rest = value;
    while predefined.is_none()
        && let Some((before, after)) = rest.split_once('&')
    {
        out.push_str(before);
        let (reference, tail) = after.split_once(';').ok_or(XmlError::Entity)?;
        match reference.strip_prefix('#') {
            Some(number) => out.push(character(number).ok_or(XmlError::Entity)?),
            None => expand(reference, declared, depth, left, out)?,
        }
        rest = tail;
    }
    out.push_str(rest);
    Ok(())
}

fn character(number: &str) -> Option<char> {
    let number = match number.strip_prefix('x') {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    char::from_u32(number.ok()?)
}

/// The internal general entities with their values; the first declaration of a name counts. References to parameter
/// entities, which could hide declarations, are refused.
fn declarations(dtd: &str) -> Result<Vec<(&str, &str)>, XmlError> {
    let mut found = Vec::new();
    let mut rest = dtd.split_once('[').map_or("", |(_, subset)| subset);
    loop {
        let (before, after) = rest.split_once('<').unwrap_or((rest, ""));
        if before.contains('%') {
            return Err(XmlError::Entity);
        }
        if after.is_empty() {
            return Ok(found);
        }
        let end = if let Some(comment) = after.strip_prefix("!--") {
            comment.split_once("-->")
        } else if after.starts_with('?') {
            after.split_once("?>")
        } else {
            let (declaration, tail) = declaration(after);
            found.extend(entity(declaration));
            Some((declaration, tail))
        };
        rest = end.map_or("", |(_, tail)| tail);
    }
}

/// Up to the `>` outside of quotes, and what follows it.
fn declaration(text: &str) -> (&str, &str) {
    let mut quote = None;
    for (at, byte) in text.bytes().enumerate() {
        match quote {
            Some(open) if open == byte => quote = None,
            None if byte == b'>' => {
                return (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
            }
            None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
            _ => {}
        }
    }
    (text, "")
}

/// `!ENTITY name "value"`.
fn entity(declaration: &str) -> Option<(&str, &str)> {
    let text = declaration.strip_prefix("!ENTITY")?;
    let start = text.trim_ascii_start();
    let (name, value) = start.split_once(|character: char| character.is_ascii_whitespace())?;
    let value = value.trim_ascii();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let value = value.strip_prefix(quote)?.strip_suffix(quote)?;
    (start.len() < text.len() && name != "%").then_some((name, value))
}
