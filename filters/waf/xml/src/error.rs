//! Why a document is not read to its end.

/// Why a document could not be read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XmlError {
    /// The sink asked to stop.
    Stopped,
    /// More bytes in names, values and text than [`Limits::bytes`](crate::Limits::bytes) allows for the document.
    TooManyBytes,
    /// Nested deeper than [`Limits::depth`](crate::Limits::depth), or entities that refer to entities too deep.
    TooDeep,
    /// Not well formed, at this offset.
    Syntax(u64),
    /// There is no root element.
    NoRoot,
    /// An element is not closed.
    Unclosed,
    /// Text or a second element outside the root element.
    OutsideRoot,
    /// An encoding that is no superset of ASCII.
    Encoding,
    /// An entity that is neither predefined nor declared in the document.
    Entity,
}
