//! Reads a document.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::ControlFlow;

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::entities::Entities;
use crate::{Limits, XmlError};

/// Takes the content of an XML body in document order. The slices are only valid during the call; `Break` ends the
/// parsing with [`XmlError::Stopped`].
pub trait XmlSink {
    /// A piece of character data: text, a resolved reference, or a CDATA section. `XML:/*` is all pieces joined.
    fn text(&mut self, text: &[u8]) -> ControlFlow<()>;
    /// An attribute with its value, references resolved. Namespace declarations are none.
    fn attribute(&mut self, name: &[u8], value: &[u8]) -> ControlFlow<()>;
    /// A namespace declaration, of the default namespace if the prefix is empty.
    fn namespace(&mut self, _prefix: &[u8], _uri: &[u8]) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    /// An element starts. Its attributes and namespace declarations have been handed over before.
    fn start_element(&mut self, _name: &[u8]) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
    /// The last element that started and has not ended ends.
    fn end_element(&mut self) {}
    /// A comment or processing instruction, which parts two texts.
    fn aside(&mut self) {}
}

/// Hands text and attributes to `sink`. An empty body holds none.
///
/// # Errors
///
/// The body is not well formed, a limit is exceeded, or the sink stopped the parser.
#[inline(never)]
pub fn parse(input: &[u8], limits: &Limits, sink: &mut dyn XmlSink) -> Result<(), XmlError> {
    if input.is_empty() {
        return Ok(());
    }
    let input = to_utf8(input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input))?;
    // Control characters are none that a document may have (XML 1.0, 2.2), which quick-xml does not see to.
    let control = |byte: u8| matches!(byte, 0..0x09 | 0x0b | 0x0c | 0x0e..0x20);
    if let Some(at) = input.bytes().position(control) {
        return Err(XmlError::Syntax(at as u64));
    }
    let mut reader = Reader::from_str(&input);
    reader.config_mut().check_comments = true;
    let mut left = limits.bytes.saturating_add(input.len());
    let (mut depth, mut roots, mut entities) = (0_usize, 0_usize, Entities::new());
    loop {
        match next(&mut reader)? {
            Event::Start(element) => {
                roots += usize::from(depth == 0);
                depth += 1;
                if depth > limits.depth {
                    return Err(XmlError::TooDeep);
                }
                attributes(&element, &entities, reader.buffer_position(), &mut left, sink)?;
                stopped(sink.start_element(element.name().as_ref().as_bytes()))?;
            }
            Event::Empty(element) => {
                roots += usize::from(depth == 0);
                attributes(&element, &entities, reader.buffer_position(), &mut left, sink)?;
                stopped(sink.start_element(element.name().as_ref().as_bytes()))?;
                sink.end_element();
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                sink.end_element();
            }
            Event::Text(text) if depth == 0 => {
                if !text.trim_ascii().is_empty() {
                    return Err(XmlError::OutsideRoot);
                }
            }
            Event::CData(_) | Event::GeneralRef(_) if depth == 0 => return Err(XmlError::OutsideRoot),
            Event::Text(text) => piece(&text.xml10_content(), &mut left, sink)?,
            Event::CData(text) => piece(&text.xml10_content(), &mut left, sink)?,
            Event::GeneralRef(reference) => {
                let mut buffer = [0; 4];
                let text = resolve(&reference, &entities, &mut buffer)?;
                piece(text, &mut left, sink)?;
            }
            Event::DocType(dtd) => entities.declare(&dtd)?,
            Event::Comment(_) | Event::PI(_) => sink.aside(),
            Event::Decl(_) => {}
            Event::Eof if depth > 0 => return Err(XmlError::Unclosed),
            Event::Eof if roots == 0 => return Err(XmlError::NoRoot),
            Event::Eof => return Ok(()),
        }
        if roots > 1 {
            return Err(XmlError::OutsideRoot);
        }
    }
}

// Apart: LLVM puts all of the reader into its only caller, and V8 compiles one function of that size with twice the memory.
#[inline(never)]
fn next<'a>(reader: &mut Reader<&'a [u8]>) -> Result<Event<'a>, XmlError> {
    reader.read_event().map_err(|_| XmlError::Syntax(reader.error_position()))
}

#[inline(never)]
fn attributes(
    element: &BytesStart<'_>,
    entities: &Entities,
    position: u64,
    left: &mut usize,
    sink: &mut dyn XmlSink,
) -> Result<(), XmlError> {
    for attribute in element.attributes() {
        let attribute = attribute.map_err(|_| XmlError::Syntax(position))?;
        let name = attribute.key.as_ref();
        let within = Cell::new(*left);
        let resolve = |entity: &str| entities.get_within(entity, &within);
        let value = attribute.normalized_value_with(XmlVersion::Implicit1_0, 1, resolve);
        let value = value.map_err(|_| XmlError::Entity)?;
        spend(left, name.len().saturating_add(value.len()))?;
        let prefix = if name == "xmlns" { Some("") } else { name.strip_prefix("xmlns:") };
        stopped(match prefix {
            Some(prefix) => sink.namespace(prefix.as_bytes(), value.as_bytes()),
            None => sink.attribute(name.as_bytes(), value.as_bytes()),
        })?;
    }
    Ok(())
}

fn piece(text: &str, left: &mut usize, sink: &mut dyn XmlSink) -> Result<(), XmlError> {
    spend(left, text.len())?;
    stopped(sink.text(text.as_bytes()))
}

fn spend(left: &mut usize, bytes: usize) -> Result<(), XmlError> {
    *left = left.checked_sub(bytes).ok_or(XmlError::TooManyBytes)?;
    Ok(())
}

fn stopped(flow: ControlFlow<()>) -> Result<(), XmlError> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(XmlError::Stopped),
    }
}

fn resolve<'a>(
    reference: &BytesRef<'_>,
    entities: &'a Entities,
    buffer: &'a mut [u8; 4],
) -> Result<&'a str, XmlError> {
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Ok(character.encode_utf8(buffer)),
        Ok(None) => entities.get(reference).ok_or(XmlError::Entity),
        Err(_) => Err(XmlError::Entity),
    }
}

/// The document in UTF-8, as its declaration says.
#[inline(never)]
fn to_utf8(input: &[u8]) -> Result<Cow<'_, str>, XmlError> {
    let declared = declared_encoding(input).map(<[u8]>::to_ascii_lowercase);
    let extends_ascii = |name: &[u8]| {
        [b"utf-8".as_slice(), b"us-ascii", b"ascii", b"iso-8859-", b"latin", b"windows-125", b"koi8-"]
            .iter()
            .any(|known| name.starts_with(known))
    };
    if declared.as_deref().is_some_and(|name| !extends_ascii(name)) {
        return Err(XmlError::Encoding);
    }
    match (str::from_utf8(input), declared.as_deref()) {
        (Ok(text), _) => Ok(Cow::Borrowed(text)),
        (Err(_), None | Some(b"utf-8")) => Err(XmlError::Encoding),
        (Err(_), Some(_)) => Ok(Cow::Owned(input.iter().copied().map(char::from).collect())),
    }
}

/// The value of `encoding` in `<?xml ...?>`.
fn declared_encoding(input: &[u8]) -> Option<&[u8]> {
    let declaration = input.strip_prefix(b"<?xml")?;
    let declaration = declaration.get(..memchr::memmem::find(declaration, b"?>")?)?;
    let at = memchr::memmem::find(declaration, b"encoding")? + b"encoding".len();
    let value = declaration.get(at..)?.trim_ascii_start().strip_prefix(b"=")?.trim_ascii_start();
    let quote = *value.first().filter(|byte| matches!(byte, b'"' | b'\''))?;
    let value = value.get(1..)?;
    value.get(..memchr::memchr(quote, value)?)
}
