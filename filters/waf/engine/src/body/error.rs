//! Why a body could not be parsed to its end.

use std::fmt;

/// Why a body processor stopped early. The text is fit for `REQBODY_ERROR_MSG`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyError {
    /// The sink asked to stop.
    Stopped,
    /// More arguments than [`Limits::arguments`](super::Limits::arguments).
    TooManyArguments,
    /// More bytes in names and values than [`Limits::bytes`](super::Limits::bytes).
    TooManyBytes,
    /// Nested deeper than [`Limits::depth`](super::Limits::depth).
    TooDeep,

    /// JSON: something else than a value, or a malformed number or literal, at this offset.
    JsonSyntax(usize),
    /// JSON: the document ends inside a value.
    JsonIncomplete,
    /// JSON: something follows the document, at this offset.
    JsonTrailingData(usize),
    /// JSON: a bad escape or a control character in the string at this offset.
    JsonString(usize),
    /// JSON: the string at this offset is not valid UTF-8.
    JsonUtf8(usize),

    /// XML: not well formed, at this offset.
    XmlSyntax(u64),
    /// XML: there is no root element.
    XmlNoRoot,
    /// XML: an element is not closed.
    XmlUnclosed,
    /// XML: text or a second element outside the root element.
    XmlOutsideRoot,
    /// XML: an encoding that is no superset of ASCII.
    XmlEncoding,
    /// XML: an entity that is neither predefined nor declared in the document.
    XmlEntity,

    /// Multipart: the Content-Type header is absent, too long, or of another type.
    MultipartContentType,
    /// Multipart: the Content-Type header has no boundary parameter.
    MultipartNoBoundary,
    /// Multipart: the boundary parameter is not written in lower case.
    MultipartBoundaryCase,
    /// Multipart: the Content-Type header has several boundary parameters.
    MultipartManyBoundaries,
    /// Multipart: something unexpected stands before the boundary's value.
    MultipartBoundaryMalformed,
    /// Multipart: the boundary has a quote on one side only.
    MultipartBoundaryQuote,
    /// Multipart: the boundary is empty or holds characters that RFC 2046 does not allow.
    MultipartBoundaryCharacters,
    /// Multipart: a boundary line is followed by something, quoted, or indented.
    MultipartBoundaryLine,
    /// Multipart: there is no boundary in the body.
    MultipartNoParts,
    /// Multipart: the final boundary is missing.
    MultipartIncomplete,
    /// Multipart: a part's header holds a NUL, a character that no header name may have, or no colon.
    MultipartHeader,
    /// Multipart: a part's header line is longer than 4096 bytes.
    MultipartHeaderTooLong,
    /// Multipart: a part has the same header twice.
    MultipartDuplicateHeader,
    /// Multipart: a part has no Content-Disposition header.
    MultipartNoDisposition,
    /// Multipart: a Content-Disposition header is malformed.
    MultipartDisposition,
    /// Multipart: a part has no name.
    MultipartNoName,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped => "the parser was stopped",
            Self::TooManyArguments => "more arguments than the limit",
            Self::TooManyBytes => "more bytes in names and values than the limit",
            Self::TooDeep => "nested deeper than the limit",
            Self::JsonSyntax(at) => return write!(f, "JSON: no value at offset {at}"),
            Self::JsonIncomplete => "JSON: the document ends inside a value",
            Self::JsonTrailingData(at) => return write!(f, "JSON: data after the document at offset {at}"),
            Self::JsonString(at) => return write!(f, "JSON: malformed string at offset {at}"),
            Self::JsonUtf8(at) => return write!(f, "JSON: string at offset {at} is not UTF-8"),
            Self::XmlSyntax(at) => return write!(f, "XML: not well formed at offset {at}"),
            Self::XmlNoRoot => "XML: no root element",
            Self::XmlUnclosed => "XML: an element is not closed",
            Self::XmlOutsideRoot => "XML: content outside the root element",
            Self::XmlEncoding => "XML: encoding is no superset of ASCII",
            Self::XmlEntity => "XML: undeclared entity",
            Self::MultipartContentType => "Multipart: the Content-Type is not multipart/form-data",
            Self::MultipartNoBoundary => "Multipart: no boundary in the Content-Type",
            Self::MultipartBoundaryCase => "Multipart: the boundary parameter is not in lower case",
            Self::MultipartManyBoundaries => "Multipart: several boundaries in the Content-Type",
            Self::MultipartBoundaryMalformed => "Multipart: malformed boundary in the Content-Type",
            Self::MultipartBoundaryQuote => "Multipart: half-quoted boundary in the Content-Type",
            Self::MultipartBoundaryCharacters => "Multipart: invalid characters in the boundary",
            Self::MultipartBoundaryLine => "Multipart: invalid boundary line",
            Self::MultipartNoParts => "Multipart: no boundary in the body",
            Self::MultipartIncomplete => "Multipart: the final boundary is missing",
            Self::MultipartHeader => "Multipart: invalid part header",
            Self::MultipartHeaderTooLong => "Multipart: part header line over 4096 bytes",
            Self::MultipartDuplicateHeader => "Multipart: duplicate part header",
            Self::MultipartNoDisposition => "Multipart: part without Content-Disposition",
            Self::MultipartDisposition => "Multipart: invalid Content-Disposition",
            Self::MultipartNoName => "Multipart: part without name",
        })
    }
}

impl std::error::Error for BodyError {}
