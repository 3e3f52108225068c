//! Document type definitions, for `@validateDTD`: XML 1.0 (Fifth Edition), sections 2.8, 3.2, 3.3 and 4.2. For the words of the
//! violations, libxml2's `valid.c`.
//!
//! A DTD is one file: external parameter entities and conditional sections are refused. What a document itself declares or names
//! is not looked at.

mod model;
mod validate;

#[cfg(test)]
mod tests;

use std::fmt;

use portcullis_collections::Map;

use model::{Model, Particle};

pub use validate::{AttributeProblem, Validity, Violation};

/// The most bytes of a DTD with its parameter entities expanded.
const MAX_BYTES: usize = 1 << 20;
/// How deep parameter entities may refer to parameter entities, and groups of a content model stand in groups.
const MAX_DEPTH: usize = 32;

/// The elements that a DTD declares, and their attributes.
#[derive(Debug, Clone, Default)]
pub struct Dtd {
    contents: Map<String, Content>,
    attributes: Map<String, Vec<Attribute>>,
}

/// What an element may hold.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Empty,
    Any,
    /// Text, and these elements.
    Mixed(Vec<String>),
    Children(Model),
}

/// An attribute of an element.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Attribute {
    name: String,
    kind: AttributeType,
    default: AttributeDefault,
}

/// Which values an attribute may have.
#[derive(Debug, Clone, PartialEq, Eq)]
enum AttributeType {
    Text,
    Id,
    IdReferences,
    /// Name tokens, and names of entities: one, or several.
    Tokens {
        several: bool,
    },
    Enumeration(Vec<String>),
}

/// What holds where an attribute is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
enum AttributeDefault {
    Required,
    Optional,
    Fixed(String),
}

/// Why a file is no DTD: what, and in which line it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DtdError {
    /// What is wrong.
    pub problem: DtdProblem,
    /// The line, from 1, of the declaration; of the file's end where there is none.
    pub line: usize,
}

/// What is wrong with a DTD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DtdProblem {
    /// It is not UTF-8.
    Encoding,
    /// Something that is no declaration.
    NoDeclaration(String),
    /// A declaration that is never closed.
    Unclosed,
    /// A declaration that is not as the specification has it.
    Malformed(String),
    /// An element is declared twice.
    Twice(String),
    /// Something that would have to be read from elsewhere.
    External(String),
    /// A conditional section.
    Conditional,
    /// A parameter entity that is not declared.
    Entity(String),
    /// Larger or deeper than the limits.
    TooLarge,
}

impl Dtd {
    /// Reads a DTD.
    ///
    /// # Errors
    ///
    /// It is none, or has what is not supported.
    pub fn parse(text: &[u8]) -> Result<Self, DtdError> {
        let error = |problem, line| DtdError { problem, line };
        let text = std::str::from_utf8(text).map_err(|_| error(DtdProblem::Encoding, 1))?;
        let mut parser = Parser { dtd: Dtd::default(), entities: Map::default(), left: MAX_BYTES };
        let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
        loop {
            rest = rest.trim_start();
            let at = text.len() - rest.len();
            let line = 1 + text.get(..at).unwrap_or_default().matches('\n').count();
            rest = match parser.next(rest, 0) {
                Ok(Some(rest)) => rest,
                Ok(None) => return Ok(parser.dtd),
                Err(problem) => return Err(error(problem, line)),
            };
        }
    }

    fn content(&self, element: &str) -> Option<&Content> {
        self.contents.get(element.as_bytes())
    }

    /// `None` where the element is not declared either.
    fn attributes(&self, element: &str) -> Option<&[Attribute]> {
        match self.attributes.get(element.as_bytes()) {
            Some(attributes) => Some(attributes),
            None => self.contents.get(element.as_bytes()).map(|_| &[][..]),
        }
    }
}

impl AttributeType {
    /// Section 3.3.3: all but text are without white space at the ends, and with single spaces within.
    fn normalised(&self, value: &str) -> String {
        match self {
            AttributeType::Text => value.to_owned(),
            _ => value.split_ascii_whitespace().collect::<Vec<_>>().join(" "),
        }
    }

    /// Whether a normalised value has this form.
    fn allows(&self, value: &str) -> bool {
        match self {
            AttributeType::Text | AttributeType::Enumeration(_) => true,
            AttributeType::Id => is_name(value),
            AttributeType::IdReferences => value.split(' ').all(is_name),
            AttributeType::Tokens { several: true } => value.split(' ').all(is_token),
            AttributeType::Tokens { several: false } => is_token(value),
        }
    }
}

struct Parser {
    dtd: Dtd,
    /// Parameter entities.
    entities: Map<String, String>,
    left: usize,
}

impl Parser {
    /// Reads the next declaration, comment or reference; what follows it, or `None` at the end.
    fn next<'t>(&mut self, text: &'t str, depth: usize) -> Result<Option<&'t str>, DtdProblem> {
        let text = text.trim_start();
        if text.is_empty() {
            return Ok(None);
        }
        if depth > MAX_DEPTH {
            return Err(DtdProblem::TooLarge);
        }
        let until = |rest: &'t str, end: &str| rest.split_once(end).map(|(_, tail)| tail);
        let tail = if let Some(rest) = text.strip_prefix("<!--") {
            until(rest, "-->")
        } else if let Some(rest) = text.strip_prefix("<?") {
            until(rest, "?>")
        } else if text.starts_with("<![") {
            return Err(DtdProblem::Conditional);
        } else if let Some(rest) = text.strip_prefix('%') {
            let (name, tail) = rest.split_once(';').ok_or_else(|| no_declaration(text))?;
            let replacement = self.entity(name)?;
            let mut inner = replacement.as_str();
            while let Some(rest) = self.next(inner, depth + 1)? {
                inner = rest;
            }
            Some(tail)
        } else if let Some(rest) = text.strip_prefix("<!") {
            let end = declaration_end(rest).ok_or(DtdProblem::Unclosed)?;
            let (declaration, tail) = rest.split_at_checked(end).ok_or(DtdProblem::Unclosed)?;
            self.declaration(declaration)?;
            tail.strip_prefix('>')
        } else {
            return Err(no_declaration(text));
        };
        tail.map(Some).ok_or(DtdProblem::Unclosed)
    }

    fn declaration(&mut self, text: &str) -> Result<(), DtdProblem> {
        let (keyword, rest) = text.split_once(is_space).ok_or_else(|| no_declaration(text))?;
        match keyword {
            "ENTITY" => self.declare_entity(text, rest),
            "NOTATION" => Ok(()),
            "ELEMENT" => {
                let rest = self.expand(rest, 0)?;
                self.element(text, &rest)
            }
            "ATTLIST" => {
                let rest = self.expand(rest, 0)?;
                self.attribute_list(text, &rest)
            }
            _ => Err(no_declaration(text)),
        }
    }

    /// Parameter entities are kept. What general entities stand for is the document's matter.
    fn declare_entity(&mut self, whole: &str, text: &str) -> Result<(), DtdProblem> {
        let Some(rest) = text.trim_start().strip_prefix('%') else { return Ok(()) };
        let mut cursor = Cursor { rest };
        let name = cursor.name().ok_or_else(|| malformed(whole))?.to_owned();
        let Some(value) = cursor.literal() else {
            return Err(if cursor.rest.contains("SYSTEM") || cursor.rest.contains("PUBLIC") {
                DtdProblem::External(format!("%{name};"))
            } else {
                malformed(whole)
            });
        };
        // References are expanded where they are declared, and the first declaration counts.
        let value = self.expand(value, 0)?;
        self.entities.add(name, value);
        Ok(())
    }

    fn entity(&mut self, name: &str) -> Result<String, DtdProblem> {
        let value = self.entities.get(name.as_bytes()).ok_or_else(|| DtdProblem::Entity(name.to_owned()))?;
        self.left = self.left.checked_sub(value.len() + 1).ok_or(DtdProblem::TooLarge)?;
        Ok(value.clone())
    }

    /// Replaces references to parameter entities.
    fn expand(&mut self, text: &str, depth: usize) -> Result<String, DtdProblem> {
        self.left = self.left.checked_sub(text.len()).ok_or(DtdProblem::TooLarge)?;
        if depth > MAX_DEPTH {
            return Err(DtdProblem::TooLarge);
        }
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            out.push_str(before);
            match after.split_once(';').filter(|(name, _)| is_name(name)) {
                Some((name, tail)) => {
                    let value = self.entity(name)?;
                    // In a declaration it stands between spaces: section 4.4.8.
                    out.push(' ');
                    out.push_str(&self.expand(&value, depth + 1)?);
                    out.push(' ');
                    rest = tail;
                }
                None => {
                    out.push('%');
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn element(&mut self, whole: &str, text: &str) -> Result<(), DtdProblem> {
        let mut cursor = Cursor { rest: text };
        let name = cursor.name().ok_or_else(|| malformed(whole))?.to_owned();
        let content = if cursor.word("EMPTY") {
            Content::Empty
        } else if cursor.word("ANY") {
            Content::Any
        } else if let Some(names) = cursor.mixed() {
            Content::Mixed(names)
        } else {
            let particle = cursor.particle(0).ok_or_else(|| malformed(whole))?;
            Content::Children(Model::new(&particle).ok_or(DtdProblem::TooLarge)?)
        };
        if !cursor.rest.trim_start().is_empty() {
            return Err(malformed(whole));
        }
        match self.dtd.contents.add(name.clone(), content) {
            true => Ok(()),
            false => Err(DtdProblem::Twice(name)),
        }
    }

    fn attribute_list(&mut self, whole: &str, text: &str) -> Result<(), DtdProblem> {
        let mut cursor = Cursor { rest: text };
        let element = cursor.name().ok_or_else(|| malformed(whole))?.to_owned();
        while !cursor.rest.trim_start().is_empty() {
            let attribute = cursor.attribute().ok_or_else(|| malformed(whole))?;
            self.dtd.attributes.change(element.clone(), |known| {
                // The first declaration counts.
                if !known.iter().any(|known| known.name == attribute.name) {
                    known.push(attribute);
                }
            });
        }
        Ok(())
    }
}

/// Reads a declaration from its start.
struct Cursor<'t> {
    rest: &'t str,
}

impl<'t> Cursor<'t> {
    fn name(&mut self) -> Option<&'t str> {
        let token = self.token()?;
        is_name(token).then_some(token)
    }

    fn token(&mut self) -> Option<&'t str> {
        let rest = self.rest.trim_start();
        let end = rest.find(|character| !is_name_character(character)).unwrap_or(rest.len());
        let (token, tail) = rest.split_at_checked(end)?;
        self.rest = tail;
        (!token.is_empty()).then_some(token)
    }

    /// Whether this word comes next; if so, goes on behind it.
    fn word(&mut self, word: &str) -> bool {
        let tail = self.rest.trim_start().strip_prefix(word);
        let tail = tail.filter(|tail| !tail.starts_with(is_name_character));
        self.rest = tail.unwrap_or(self.rest);
        tail.is_some()
    }

    fn mark(&mut self, mark: char) -> bool {
        let tail = self.rest.trim_start().strip_prefix(mark);
        self.rest = tail.unwrap_or(self.rest);
        tail.is_some()
    }

    fn literal(&mut self) -> Option<&'t str> {
        let rest = self.rest.trim_start();
        let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let (value, tail) = rest.strip_prefix(quote)?.split_once(quote)?;
        self.rest = tail;
        Some(value)
    }

    /// `(#PCDATA | a | b)*`
    fn mixed(&mut self) -> Option<Vec<String>> {
        let mut cursor = Cursor { rest: self.rest };
        if !(cursor.mark('(') && cursor.mark('#') && cursor.word("PCDATA")) {
            return None;
        }
        let mut names = Vec::new();
        while cursor.mark('|') {
            names.push(cursor.name()?.to_owned());
        }
        if !cursor.mark(')') {
            return None;
        }
        let has_star = cursor.rest.starts_with('*');
        cursor.rest = cursor.rest.strip_prefix('*').unwrap_or(cursor.rest);
        if !names.is_empty() && !has_star {
            return None;
        }
        self.rest = cursor.rest;
        Some(names)
    }

    fn particle(&mut self, depth: usize) -> Option<Particle> {
        if depth > MAX_DEPTH {
            return None;
        }
        let particle = if self.mark('(') {
            let mut parts = vec![self.particle(depth + 1)?];
            let is_choice = self.rest.trim_start().starts_with('|');
            let separator = if is_choice { '|' } else { ',' };
            while self.mark(separator) {
                parts.push(self.particle(depth + 1)?);
            }
            if !self.mark(')') {
                return None;
            }
            if is_choice { Particle::Choice(parts) } else { Particle::Sequence(parts) }
        } else if depth == 0 {
            // A model is a group.
            return None;
        } else {
            Particle::Name(self.name()?.to_owned())
        };
        let (particle, tail) = match self.rest.chars().next() {
            Some('?') => (Particle::Optional(particle.into()), self.rest.get(1..)),
            Some('*') => (Particle::Repeated(particle.into(), false), self.rest.get(1..)),
            Some('+') => (Particle::Repeated(particle.into(), true), self.rest.get(1..)),
            _ => (particle, Some(self.rest)),
        };
        self.rest = tail?;
        Some(particle)
    }

    fn attribute(&mut self) -> Option<Attribute> {
        let name = self.name()?.to_owned();
        let kind = self.attribute_type()?;
        let default = if self.mark('#') {
            if self.word("REQUIRED") {
                AttributeDefault::Required
            } else if self.word("IMPLIED") {
                AttributeDefault::Optional
            } else if self.word("FIXED") {
                AttributeDefault::Fixed(kind.normalised(self.literal()?))
            } else {
                return None;
            }
        } else {
            self.literal()?;
            AttributeDefault::Optional
        };
        Some(Attribute { name, kind, default })
    }

    fn attribute_type(&mut self) -> Option<AttributeType> {
        let is_notation = self.word("NOTATION");
        if self.mark('(') {
            let mut values = Vec::new();
            loop {
                values.push(self.token()?.to_owned());
                if self.mark(')') {
                    return Some(AttributeType::Enumeration(values));
                }
                if !self.mark('|') {
                    return None;
                }
            }
        }
        match self.token().filter(|_| !is_notation)? {
            "CDATA" => Some(AttributeType::Text),
            "ID" => Some(AttributeType::Id),
            "IDREF" | "IDREFS" => Some(AttributeType::IdReferences),
            "NMTOKEN" | "ENTITY" => Some(AttributeType::Tokens { several: false }),
            "NMTOKENS" | "ENTITIES" => Some(AttributeType::Tokens { several: true }),
            _ => None,
        }
    }
}

/// Where the `>` outside of quotes stands.
fn declaration_end(text: &str) -> Option<usize> {
    let mut quote = None;
    text.bytes().position(|byte| {
        match quote {
            Some(open) if open == byte => quote = None,
            None if matches!(byte, b'"' | b'\'') => quote = Some(byte),
            _ => {}
        }
        quote.is_none() && byte == b'>'
    })
}

fn is_name(text: &str) -> bool {
    is_token(text) && !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '.'))
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(is_name_character)
}

fn is_name_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | ':' | '-' | '.') || !character.is_ascii()
}

fn is_space(character: char) -> bool {
    character.is_ascii_whitespace()
}

/// The start of a text, for a message.
fn start(text: &str) -> String {
    text.chars().take(40).collect()
}

fn malformed(text: &str) -> DtdProblem {
    DtdProblem::Malformed(start(text))
}

fn no_declaration(text: &str) -> DtdProblem {
    DtdProblem::NoDeclaration(start(text))
}

impl fmt::Display for DtdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.problem {
            DtdProblem::Encoding => f.write_str("it is not UTF-8"),
            DtdProblem::NoDeclaration(text) => write!(f, "`{text}` is no declaration"),
            DtdProblem::Unclosed => f.write_str("the declaration is never closed"),
            DtdProblem::Malformed(text) => write!(f, "`{text}` is malformed"),
            DtdProblem::Twice(name) => write!(f, "the element {name} is declared twice"),
            DtdProblem::External(name) => write!(f, "{name} is in another file, which is not read"),
            DtdProblem::Conditional => f.write_str("conditional sections are not supported"),
            DtdProblem::Entity(name) => write!(f, "the parameter entity %{name}; is not declared"),
            DtdProblem::TooLarge => f.write_str("it is too large, or nested too deep"),
        }
    }
}
