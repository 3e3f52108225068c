//! Request body processors: bytes in, named values out. Those of JSON and of forms are here; multipart bodies and what all have in common
//! are in `portcullis-bodies`, XML is in `portcullis-xml`.

mod json;
mod urlencoded;

#[cfg(test)]
mod tests;

pub use json::parse as json;
pub use portcullis_bodies::{
    ArgumentSink, BodyError, DispositionError, File, Limits, MultipartFlags, MultipartNote, MultipartSink,
    UnmatchedBoundary, multipart,
};
pub(crate) use portcullis_bodies::{Budget, offset_in};
pub use portcullis_xml::{XPath, XPathError, XPathProblem, XmlSink, XmlTree};
pub use urlencoded::{parse as urlencoded, raw as urlencoded_raw};

/// Hands the text and the attributes of an XML body to `sink`. An empty body holds none.
///
/// # Errors
///
/// The body is not well formed, a limit is exceeded, or the sink stopped the parser.
pub fn xml(input: &[u8], limits: &Limits, sink: &mut dyn XmlSink) -> Result<(), BodyError> {
    Ok(portcullis_xml::parse(input, &limits.of_xml(), sink)?)
}
