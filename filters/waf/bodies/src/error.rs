//! Why a body could not be parsed to its end.

use std::fmt;

use portcullis_xml::XmlError;

/// Why a body processor stopped early. The text is fit for `REQBODY_ERROR_MSG`; where ModSecurity has words for it, it
/// has those, as rules and their users compare them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyError {
    /// The sink asked to stop.
    Stopped,
    /// More arguments than [`Limits::arguments`](super::Limits::arguments).
    TooManyArguments,
    /// More bytes in names and values than [`Limits::bytes`](super::Limits::bytes) allows for the body.
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
    /// XML: more nodes or namespaces than an [`XmlTree`](portcullis_xml::XmlTree) holds.
    XmlTooLarge,
    /// XML: an entity that is neither predefined nor declared in the document.
    XmlEntity,

    /// Multipart: there is no Content-Type header.
    MultipartNoContentType,
    /// Multipart: the Content-Type header is longer than 1024 bytes.
    MultipartContentTypeTooLong,
    /// Multipart: the Content-Type header names another type.
    MultipartContentType,
    /// Multipart: the Content-Type header has no boundary parameter.
    MultipartNoBoundary,
    /// Multipart: the boundary parameter is not written in lower case.
    MultipartBoundaryCase,
    /// Multipart: the Content-Type header has several boundary parameters.
    MultipartManyBoundaries,
    /// Multipart: something unexpected stands before the boundary parameter, or it has no value.
    MultipartBoundaryMalformed,
    /// Multipart: the name of the boundary parameter does not end after `boundary`.
    MultipartBoundaryParameter,
    /// Multipart: the boundary has a quote on one side only.
    MultipartBoundaryQuote,
    /// Multipart: the boundary is empty.
    MultipartBoundaryEmpty,
    /// Multipart: the boundary holds characters that RFC 2046 does not allow.
    MultipartBoundaryCharacters,
    /// Multipart: a boundary line goes on after the boundary.
    MultipartBoundaryLine,
    /// Multipart: the boundary of a boundary line is quoted.
    MultipartBoundaryLineQuotes,
    /// Multipart: white space stands before the boundary of a boundary line.
    MultipartBoundaryLineWhitespace,
    /// Multipart: there is no boundary in the body.
    MultipartNoParts,
    /// Multipart: the final boundary is missing.
    MultipartIncomplete,
    /// Multipart: a part's header holds a NUL.
    MultipartHeaderNul,
    /// Multipart: a part's header line has no colon.
    MultipartHeaderColon,
    /// Multipart: a part's header line starts with a colon.
    MultipartHeaderName,
    /// Multipart: the name of a part's header holds a character that none may have.
    MultipartHeaderCharacter,
    /// Multipart: a part's first header line is folded.
    MultipartHeaderFolding,
    /// Multipart: a part's header line is longer than 4096 bytes.
    MultipartHeaderTooLong,
    /// Multipart: a part has the same header twice.
    MultipartDuplicateHeader,
    /// Multipart: a part has no Content-Disposition header.
    MultipartNoDisposition,
    /// Multipart: a Content-Disposition header is malformed.
    MultipartDisposition(DispositionError),
    /// Multipart: a part has a file name that parsers which look for `filename=` might not see.
    MultipartHiddenFilename,
    /// Multipart: a part has no name.
    MultipartNoName,
}

impl BodyError {
    /// Whether the error is that `body` ends too early, as one does of which only the first part is inspected.
    #[must_use]
    pub fn is_cut(self, body: &[u8]) -> bool {
        match self {
            Self::JsonIncomplete
            | Self::XmlUnclosed
            | Self::XmlNoRoot
            | Self::MultipartIncomplete
            | Self::MultipartNoParts => true,
            // Within a tag.
            Self::XmlSyntax(_) => memchr::memrchr(b'<', body).is_some_and(|start| {
                body.get(start..).is_some_and(|rest| memchr::memchr(b'>', rest).is_none())
            }),
            _ => false,
        }
    }
}

/// What is wrong with the Content-Disposition header of a part. The numbers are those that ModSecurity reports:
/// `Multipart::parse_content_disposition`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DispositionError {
    /// The type is not `form-data`.
    Type = -1,
    /// Something else than a semicolon follows the type.
    TypeEnd = -2,
    /// There is no parameter after a semicolon.
    NoParameter = -3,
    /// A parameter ends with its name.
    NoEquals = -4,
    /// A parameter ends with white space after its name.
    NoEqualsAfterSpace = -5,
    /// A parameter ends with its equals sign.
    NoValue = -6,
    /// A value ends with its opening quote, or has no closing one.
    Unclosed = -7,
    /// A quoted value ends with a backslash.
    Escape = -8,
    /// A parameter that is not `name`, `filename` or `filename*`.
    Unknown = -11,
    /// Something else than a semicolon follows a value.
    ValueEnd = -12,
    /// Something else than an equals sign follows a parameter's name.
    Equals = -13,
    /// There are several names.
    DuplicateName = -14,
    /// There are several file names.
    DuplicateFilename = -15,
    /// `filename*` does not start with a character set and a single quote.
    Charset = -16,
    /// `filename*` has no single quote after the language.
    Language = -17,
    /// `filename*` has a percent sign without two hexadecimal digits.
    Percent = -18,
    /// `filename*` holds a character that has to be percent-encoded.
    Character = -19,
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
            Self::XmlSyntax(at) => {
                return write!(f, "XML: Failed parsing document, not well formed at offset {at}.");
            }
            Self::XmlNoRoot => "XML: Failed parsing document, no root element.",
            Self::XmlUnclosed => "XML: Failed parsing document, an element is not closed.",
            Self::XmlOutsideRoot => "XML: Failed parsing document, content outside the root element.",
            Self::XmlEncoding => "XML: Failed parsing document, its encoding is no superset of ASCII.",
            Self::XmlTooLarge => "XML: Failed parsing document, it has too many nodes for XPath.",
            Self::XmlEntity => "XML: Failed parsing document, undeclared entity.",
            Self::MultipartNoContentType => "Multipart: Content-Type header not available.",
            Self::MultipartContentTypeTooLong => "Multipart: Invalid boundary in C-T (length).",
            Self::MultipartContentType => "Multipart: Invalid MIME type.",
            Self::MultipartNoBoundary => "Multipart: Boundary not found in C-T.",
            Self::MultipartBoundaryCase => "Multipart: Invalid boundary in C-T (case sensitivity).",
            Self::MultipartManyBoundaries => "Multipart: Multiple boundary parameters in C-T.",
            Self::MultipartBoundaryMalformed => "Multipart: Invalid boundary in C-T (malformed).",
            Self::MultipartBoundaryParameter => "Multipart: Invalid boundary in C-T (parameter name).",
            Self::MultipartBoundaryQuote => "Multipart: Invalid boundary in C-T (quote).",
            Self::MultipartBoundaryEmpty => "Multipart: Invalid boundary in C-T (empty).",
            Self::MultipartBoundaryCharacters => "Multipart: Invalid boundary in C-T (characters).",
            Self::MultipartBoundaryLine => "Multipart: Invalid boundary: more follows on its line.",
            Self::MultipartBoundaryLineQuotes => "Multipart: Invalid boundary (quotes).",
            Self::MultipartBoundaryLineWhitespace => "Multipart: Invalid boundary (whitespace).",
            Self::MultipartNoParts => "Multipart: No boundaries found in payload.",
            Self::MultipartIncomplete => "Multipart: Final boundary missing.",
            Self::MultipartHeaderNul => "Multipart: Nul byte in part headers.",
            Self::MultipartHeaderColon => "Multipart: Invalid part header (colon missing).",
            Self::MultipartHeaderName => "Multipart: Invalid part header (header name missing).",
            Self::MultipartHeaderCharacter => "Multipart: Invalid part header (contains invalid character).",
            Self::MultipartHeaderFolding => "Multipart: Invalid part header (folding error).",
            Self::MultipartHeaderTooLong => "Multipart: Part header too long.",
            Self::MultipartDuplicateHeader => "Multipart: Duplicate part header.",
            Self::MultipartNoDisposition => "Multipart: Part missing Content-Disposition header.",
            Self::MultipartDisposition(error) => {
                let number = *error as i8;
                return write!(f, "Multipart: Invalid Content-Disposition header ({number}): {error}.");
            }
            Self::MultipartHiddenFilename => "Multipart: Invalid Content-Disposition header (filename).",
            Self::MultipartNoName => "Multipart: Content-Disposition header missing name field.",
        })
    }
}

impl From<XmlError> for BodyError {
    fn from(error: XmlError) -> Self {
        match error {
            XmlError::Stopped => Self::Stopped,
            XmlError::TooManyBytes => Self::TooManyBytes,
            XmlError::TooDeep => Self::TooDeep,
            XmlError::Syntax(at) => Self::XmlSyntax(at),
            XmlError::NoRoot => Self::XmlNoRoot,
            XmlError::Unclosed => Self::XmlUnclosed,
            XmlError::OutsideRoot => Self::XmlOutsideRoot,
            XmlError::Encoding => Self::XmlEncoding,
            XmlError::Entity => Self::XmlEntity,
        }
    }
}

impl std::error::Error for BodyError {}

impl fmt::Display for DispositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Type => "not form-data",
            Self::TypeEnd => "no semicolon after form-data",
            Self::NoParameter => "nothing after a semicolon",
            Self::NoEquals | Self::NoEqualsAfterSpace => "parameter without equals sign",
            Self::NoValue => "parameter without value",
            Self::Unclosed => "quote not closed",
            Self::Escape => "backslash at the end",
            Self::Unknown => "unknown parameter",
            Self::ValueEnd => "no semicolon after a value",
            Self::Equals => "no equals sign after a parameter's name",
            Self::DuplicateName => "Duplicate Content-Disposition name",
            Self::DuplicateFilename => "Duplicate Content-Disposition filename",
            Self::Charset => "filename* without character set",
            Self::Language => "filename* without quote after the language",
            Self::Percent => "filename* with an incomplete percent-encoding",
            Self::Character => "filename* with a character that is not percent-encoded",
        })
    }
}
