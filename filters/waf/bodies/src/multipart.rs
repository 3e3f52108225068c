//! `multipart/form-data` bodies, strictly, with the flags that the `MULTIPART_*` variables show.
//!
//! Source: ModSecurity v3, `multipart.cc`; RFC 7578; RFC 2046, section 5.1. Departures:
//! - `MULTIPART_UNMATCHED_BOUNDARY` is 2 only if an unmatched boundary was seen before a matching one; ModSecurity sets
//!   it for every complete body with two boundaries.
//! - The parts before an error are reported, and what has been read of the one that has it.

mod content_disposition;
mod content_type;

use std::borrow::Cow;
use std::fmt;
use std::ops::ControlFlow;

use memchr::memmem;

use crate::{ArgumentSink, BodyError, Budget, Limits, is_space, stopped};

/// The longest header line of a part, ModSecurity's `MULTIPART_BUF_SIZE`.
const MAX_HEADER_LINE: usize = 4096;

/// Takes what a multipart body holds, in the order of the body.
pub trait MultipartSink: ArgumentSink {
    /// Something that is wrong, but tolerated, and shown by no variable.
    fn note(&mut self, note: MultipartNote);
    /// A part with a file name: `FILES`, `FILES_NAMES`, `FILES_SIZES`, `FILES_TMP_CONTENT`.
    fn file(&mut self, file: File<'_>) -> ControlFlow<()>;
    /// A header line of the part called `part`, folded lines joined: `MULTIPART_PART_HEADERS`. The name is empty if
    /// the part has none.
    fn part_header(&mut self, part: &[u8], line: &[u8]) -> ControlFlow<()>;
    /// A `name` parameter: `MULTIPART_NAME`. `at`: its offset in the body, as ModSecurity counts it, if its header is not folded.
    fn part_name(&mut self, name: &[u8], at: Option<usize>) -> ControlFlow<()>;
    /// A `filename` parameter: `MULTIPART_FILENAME`.
    fn part_filename(&mut self, filename: &[u8], at: Option<usize>) -> ControlFlow<()>;
}

/// A part with a file name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File<'a> {
    /// The part's name.
    pub name: &'a [u8],
    /// The file's name, as the client wrote it.
    pub filename: &'a [u8],
    /// The file's content; its length is its size.
    pub content: &'a [u8],
}

/// What is wrong, but common. The text is what ModSecurity writes to its debug log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MultipartNote {
    /// A parameter follows the boundary in the Content-Type header.
    ParameterAfterBoundary,
    /// A part's file name is only written as `filename*`.
    OnlyExtendedFilename,
}

impl fmt::Display for MultipartNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ParameterAfterBoundary => "Invalid parameter after boundary in C-T (tolerated)",
            Self::OnlyExtendedFilename => "Warning: no filename= but filename*",
        })
    }
}

/// What the parser noticed; each is the variable of the same name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct MultipartFlags {
    pub boundary_quoted: bool,
    pub boundary_whitespace: bool,
    pub data_before: bool,
    pub data_after: bool,
    pub header_folding: bool,
    pub invalid_header_folding: bool,
    pub invalid_part: bool,
    pub invalid_quoting: bool,
    pub lf_line: bool,
    /// A line that ends in CRLF, which is as it should be; shown only by [`MultipartFlags::crlf_lf_lines`].
    pub crlf_line: bool,
    pub missing_semicolon: bool,
    pub file_limit_exceeded: bool,
    pub unmatched_boundary: UnmatchedBoundary,
    /// The body has an error, which no other flag stands for.
    pub error: bool,
}

/// `MULTIPART_UNMATCHED_BOUNDARY`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum UnmatchedBoundary {
    /// Nothing looks like a boundary but the boundaries.
    #[default]
    None = 0,
    /// Something looks like a boundary and is none.
    Seen = 1,
    /// The same, but real boundaries enclose it, as they do a file that holds such lines.
    Enclosed = 2,
}

impl MultipartFlags {
    /// `MULTIPART_CRLF_LF_LINES`: lines end in both ways.
    #[must_use]
    pub fn crlf_lf_lines(&self) -> bool {
        self.crlf_line && self.lf_line
    }

    /// `MULTIPART_STRICT_ERROR`.
    #[must_use]
    pub fn strict_error(&self) -> bool {
        self.error
            || self.boundary_quoted
            || self.boundary_whitespace
            || self.data_before
            || self.data_after
            || self.header_folding
            || self.lf_line
            || self.missing_semicolon
            || self.invalid_quoting
            || self.invalid_part
            || self.invalid_header_folding
            || self.file_limit_exceeded
    }
}

/// Hands the parts of `body` to `sink` and what it noticed to `flags`. An empty body holds none.
///
/// Values and files are slices of `body`; names are copied only if they hold escapes.
///
/// # Errors
///
/// The body or `content_type`, the value of the Content-Type header, is malformed, a limit is exceeded, or the sink
/// stopped the parser. `flags` tells then what was noticed before.
#[inline(never)]
pub fn parse(
    content_type: &[u8],
    body: &[u8],
    limits: &Limits,
    flags: &mut MultipartFlags,
    sink: &mut dyn MultipartSink,
) -> Result<(), BodyError> {
    *flags = MultipartFlags::default();
    let result = match content_type::boundary(content_type, flags) {
        Ok((boundary, has_parameter)) => {
            if has_parameter {
                sink.note(MultipartNote::ParameterAfterBoundary);
            }
            let mut parser = Parser {
                body,
                at: 0,
                delimiter: [b"--", boundary].concat(),
                boundaries: 0,
                complete: false,
                part: None,
                files: 0,
                max_files: limits.files,
                budget: Budget::new(limits, body.len()),
                flags,
                sink,
            };
            parser.parse()
        }
        Err(error) => Err(error),
    };
    flags.error |= !matches!(
        result,
        Ok(())
            | Err(BodyError::MultipartIncomplete | BodyError::MultipartNoParts)
            | Err(BodyError::Stopped | BodyError::TooManyArguments | BodyError::TooManyBytes)
    );
    result
}

struct Parser<'b, 'p> {
    body: &'b [u8],
    /// Where the current line starts.
    at: usize,
    /// The boundary with its two hyphens.
    delimiter: Vec<u8>,
    boundaries: usize,
    complete: bool,
    part: Option<Part<'b>>,
    files: usize,
    max_files: usize,
    budget: Budget,
    flags: &'p mut MultipartFlags,
    sink: &'p mut dyn MultipartSink,
}

#[derive(Default)]
struct Part<'b> {
    /// Header lines without their ends, folded lines joined.
    headers: Vec<Cow<'b, [u8]>>,
    /// Hashes of their names, by their first five bits, in order: a body can have thousands.
    names: [Vec<u64>; 32],
    name: Vec<u8>,
    filename: Vec<u8>,
    /// Where its data starts, once its headers have ended.
    data: Option<usize>,
}

impl<'b> Parser<'b, '_> {
    fn parse(&mut self) -> Result<(), BodyError> {
        while !self.complete
            && let Some(line) = self.next_line()
        {
            if !self.boundary(line)? {
                match &self.part {
                    None => self.flags.data_before = true,
                    Some(part) if part.data.is_some() => {}
                    Some(_) => self.header_line(line)?,
                }
            }
            self.at += line.len();
        }
        let rest = self.body.get(self.at..).unwrap_or_default();
        if self.complete {
            self.flags.data_after = !rest.is_empty();
            return Ok(());
        }
        if self.boundaries > 0 && rest.strip_prefix(self.delimiter.as_slice()) == Some(b"--") {
            return self.end_part(true);
        }
        self.at = self.body.len();
        self.end_part(false)?;
        match (self.body.is_empty(), self.boundaries) {
            (true, _) => Ok(()),
            (false, 0) => Err(BodyError::MultipartNoParts),
            (false, _) => Err(BodyError::MultipartIncomplete),
        }
    }

    /// The current line with its end; `None` if it has none.
    fn next_line(&self) -> Option<&'b [u8]> {
        let rest = self.body.get(self.at..)?;
        rest.get(..=memchr::memchr(b'\n', rest)?)
    }

    /// Looks for a boundary; returns whether `line` is one.
    #[inline(never)]
    fn boundary(&mut self, line: &[u8]) -> Result<bool, BodyError> {
        let Some(after) = line.strip_prefix(b"--").filter(|_| line.len() > 3) else {
            if memmem::find(line, &self.delimiter).is_some() {
                self.flags.unmatched_boundary = UnmatchedBoundary::Seen;
            }
            return Ok(false);
        };
        let boundary = self.delimiter.get(2..).unwrap_or_default();
        let Some(end) = after.strip_prefix(boundary) else {
            let quoted = self.flags.boundary_quoted
                && after.strip_prefix(b"\"").is_some_and(|after| after.starts_with(boundary));
            let spaces = after.iter().take_while(|&&byte| is_space(byte)).count();
            let indented = spaces > 0 && after.get(spaces..).unwrap_or_default().starts_with(boundary);
            if quoted {
                return Err(BodyError::MultipartBoundaryLineQuotes);
            }
            if indented {
                return Err(BodyError::MultipartBoundaryLineWhitespace);
            }
            self.flags.unmatched_boundary = UnmatchedBoundary::Seen;
            return Ok(false);
        };
        if self.boundaries > 0 && self.flags.unmatched_boundary == UnmatchedBoundary::Seen {
            self.flags.unmatched_boundary = UnmatchedBoundary::Enclosed;
        }
        let (last, end) = match end.strip_prefix(b"--") {
            Some(end) => (true, end),
            None => (false, end),
        };
        match end {
            b"\r\n" => self.flags.crlf_line = true,
            b"\n" => self.flags.lf_line = true,
            _ => return Err(BodyError::MultipartBoundaryLine),
        }
        self.end_part(true)?;
        self.boundaries += 1;
        self.complete = last;
        self.part = (!last).then(Part::default);
        Ok(true)
    }

    #[inline(never)]
    fn header_line(&mut self, line: &'b [u8]) -> Result<(), BodyError> {
        let Some(part) = &mut self.part else { return Ok(()) };
        if line.len() >= MAX_HEADER_LINE {
            return self.refuse(BodyError::MultipartHeaderTooLong);
        }
        let text = match line.strip_suffix(b"\r\n") {
            Some(text) => {
                self.flags.crlf_line = true;
                text
            }
            None => {
                self.flags.lf_line = true;
                line.strip_suffix(b"\n").unwrap_or(line)
            }
        };
        if text.is_empty() {
            return self.end_headers(line.len());
        }
        if memchr::memchr(0, text).is_some() {
            part.headers.push(Cow::Borrowed(text));
            return self.refuse(BodyError::MultipartHeaderNul);
        }
        let blanks = text.iter().take_while(|&&byte| is_space(byte)).count();
        let (prefix, folded) = text.split_at_checked(blanks).unwrap_or_default();
        if !prefix.is_empty() {
            self.flags.header_folding = true;
            // RFC 5322 folds with spaces and tabs; PHP takes any white space, so that is read too, with a flag.
            self.flags.invalid_header_folding |= prefix.iter().any(|byte| !matches!(byte, b' ' | b'\t'));
            let Some(header) = part.headers.last_mut() else {
                return self.refuse(BodyError::MultipartHeaderFolding);
            };
            if header.len() + folded.len() >= MAX_HEADER_LINE {
                return self.refuse(BodyError::MultipartHeaderTooLong);
            }
            let header = header.to_mut();
            header.push(b' ');
            header.extend_from_slice(folded);
            return Ok(());
        }
        let is_duplicate = name_of(text).is_some_and(|name| part.has_header(name));
        part.headers.push(Cow::Borrowed(text));
        match name_of(text) {
            None => return self.refuse(BodyError::MultipartHeaderColon),
            Some([]) => return self.refuse(BodyError::MultipartHeaderName),
            Some(name) if !name.iter().all(|byte| matches!(byte, 33..=126)) => {
                return self.refuse(BodyError::MultipartHeaderCharacter);
            }
            Some(_) => {}
        }
        if is_duplicate { self.refuse(BodyError::MultipartDuplicateHeader) } else { Ok(()) }
    }

    /// The empty line after a part's headers.
    #[inline(never)]
    fn end_headers(&mut self, length: usize) -> Result<(), BodyError> {
        let Some(part) = &mut self.part else { return Ok(()) };
        let disposition = part.headers.iter().find(|header| is_named(header, b"Content-Disposition"));
        let Some(value) = disposition.and_then(|header| value_of(header)) else {
            return self.refuse(BodyError::MultipartNoDisposition);
        };
        let value_at = offset_in(self.body, value);
        let found = content_disposition::parse(value, self.flags);
        if found.only_extended {
            self.sink.note(MultipartNote::OnlyExtendedFilename);
        }
        (part.name, part.filename) = (found.name, found.filename);
        for (name, end) in found.names {
            self.budget.spend(name.len())?;
            let at = value_at.map(|at| at + end.saturating_sub(name.len()));
            stopped(self.sink.part_name(&name, at))?;
        }
        for (filename, end) in found.filenames {
            self.budget.spend(filename.len())?;
            let at = value_at.map(|at| at + end.saturating_sub(filename.len()));
            stopped(self.sink.part_filename(&filename, at))?;
        }
        if let Err(error) = found.result {
            return self.refuse(error);
        }
        if part.name.is_empty() {
            return self.refuse(BodyError::MultipartNoName);
        }
        part.data = Some(self.at + length);
        Ok(())
    }

    /// Reports what is there of the part that has an error.
    fn refuse(&mut self, error: BodyError) -> Result<(), BodyError> {
        self.end_part(false)?;
        Err(error)
    }

    /// Reports the part that ends here. `at_boundary`: its last line end belongs to the boundary.
    #[inline(never)]
    fn end_part(&mut self, at_boundary: bool) -> Result<(), BodyError> {
        let Some(part) = self.part.take() else { return Ok(()) };
        for line in &part.headers {
            self.budget.spend(line.len())?;
            stopped(self.sink.part_header(&part.name, line))?;
        }
        if part.name.is_empty() {
            self.flags.invalid_part = true;
            return Ok(());
        }
        let Some(data) = part.data.and_then(|start| self.body.get(start..self.at)) else { return Ok(()) };
        let content = match data {
            [content @ .., b'\r', b'\n'] | [content @ .., b'\n'] if at_boundary => content,
            content => content,
        };
        if part.filename.is_empty() {
            return self.budget.argument(self.sink, &part.name, content);
        }
        self.files += 1;
        self.flags.file_limit_exceeded |= self.files > self.max_files;
        self.budget.spend(part.name.len() + part.filename.len())?;
        stopped(self.sink.file(File { name: &part.name, filename: &part.filename, content }))
    }
}

/// Where a part of a text that is a slice of it starts.
#[must_use]
pub fn offset_in(text: &[u8], part: &[u8]) -> Option<usize> {
    let offset = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    (offset + part.len() <= text.len()).then_some(offset)
}

fn name_of(header: &[u8]) -> Option<&[u8]> {
    header.get(..memchr::memchr(b':', header)?)
}

impl Part<'_> {
    /// Whether a header of that name came before. From now on one did.
    fn has_header(&mut self, name: &[u8]) -> bool {
        // FNV-1a.
        let add = |hash: u64, byte: &u8| {
            (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x100_0000_01b3)
        };
        let hash = name.iter().fold(0xcbf2_9ce4_8422_2325, add);
        let Some(known) = self.names.get_mut((hash >> 59) as usize) else { return false };
        match known.binary_search(&hash) {
            Ok(_) => self.headers.iter().any(|header| is_named(header, name)),
            Err(at) => {
                known.insert(at, hash);
                false
            }
        }
    }
}

fn is_named(header: &[u8], name: &[u8]) -> bool {
    name_of(header).is_some_and(|found| found.eq_ignore_ascii_case(name))
}

fn value_of(header: &[u8]) -> Option<&[u8]> {
    let value = header.get(memchr::memchr(b':', header)? + 1..)?;
    let blanks = value.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    value.get(blanks..)
}
