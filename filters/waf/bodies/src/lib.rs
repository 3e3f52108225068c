//! What request body processors have in common, and the processor of `multipart/form-data`. Those of JSON and forms are the engine's, that
//! of XML is `portcullis-xml`.
//!
//! Each takes the whole body as one slice and hands what it finds to a sink, in the order of the body, without storing
//! it. What was found before an error has been handed over: an error never hides it from the rules.
//!
//! Source of the semantics: ModSecurity v3, `src/request_body_processor/` and `Transaction::extractArguments`.
//!
//! A crate of its own because few requests have such a body: it is compiled for size, the engine for speed. What is `#[inline]` here is compiled with
//! the engine.

mod error;
mod multipart;

use std::ops::ControlFlow;

use portcullis_collections::find::is_space;

pub use error::{BodyError, DispositionError};
pub use multipart::{
    File, MultipartFlags, MultipartNote, MultipartSink, UnmatchedBoundary, offset_in, parse as multipart,
};

/// Takes the arguments of a body or a query string.
pub trait ArgumentSink {
    /// One argument. Both slices are only valid during the call. `Break` ends the parsing with
    /// [`BodyError::Stopped`].
    fn argument(&mut self, name: &[u8], value: &[u8]) -> ControlFlow<()>;
}

/// Bounds on what one body may yield.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most arguments (for XML, text pieces and attributes are no arguments). Default 1000, the
    /// `SecArgumentsLimit` that ModSecurity recommends.
    pub arguments: usize,
    /// The deepest nesting of JSON containers or XML elements. Default 512, the `SecRequestBodyJsonDepthLimit` that
    /// ModSecurity recommends.
    pub depth: usize,
    /// The most bytes in all names and values together, beyond as many as the body itself has: JSON can spell out a long
    /// name again and again, XML an entity. Default 64 KiB, 64 bytes for each argument.
    pub bytes: usize,
    /// The most files in a multipart body before `MULTIPART_FILE_LIMIT_EXCEEDED` is set. Default 100, as
    /// `SecUploadFileLimit`.
    pub files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { arguments: 1000, depth: 512, bytes: 64 << 10, files: 100 }
    }
}

impl Limits {
    /// Those of XML.
    #[must_use]
    pub fn of_xml(&self) -> portcullis_xml::Limits {
        portcullis_xml::Limits { depth: self.depth, bytes: self.bytes }
    }
}

/// Counts against the limits on the way to a sink.
#[derive(Debug)]
pub struct Budget {
    arguments: usize,
    bytes: usize,
}

impl Budget {
    /// For a body of so many bytes.
    #[inline]
    #[must_use]
    pub fn new(limits: &Limits, body: usize) -> Self {
        Self { arguments: limits.arguments, bytes: limits.bytes.saturating_add(body) }
    }

    /// Hands an argument over.
    ///
    /// # Errors
    ///
    /// It is one too many, or the sink asked to stop.
    #[inline]
    pub fn argument(
        &mut self,
        sink: &mut (impl ArgumentSink + ?Sized),
        name: &[u8],
        value: &[u8],
    ) -> Result<(), BodyError> {
        self.arguments = self.arguments.checked_sub(1).ok_or(BodyError::TooManyArguments)?;
        self.spend(name.len().saturating_add(value.len()))?;
        stopped(sink.argument(name, value))
    }

    #[inline]
    fn spend(&mut self, bytes: usize) -> Result<(), BodyError> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or(BodyError::TooManyBytes)?;
        Ok(())
    }
}

#[inline]
fn stopped(flow: ControlFlow<()>) -> Result<(), BodyError> {
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(BodyError::Stopped),
    }
}
