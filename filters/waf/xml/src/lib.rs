//! XML bodies: all text for `XML:/*`, all attribute values for `XML://@*`, the elements around them for [`XPath`], and
//! whether they break a [DTD](Dtd).
//!
//! Nothing outside the document is ever read. Entities that it declares itself are expanded, within limits, as libxml2
//! does where ModSecurity asks it for a node's text; external ones stand for nothing. A document that is not UTF-8 is read as
//! Latin-1 if it declares an encoding that extends ASCII; one in another encoding, such as UTF-16, is refused. Source: ModSecurity v3, `xml.cc`;
//! XML 1.0 (Fifth Edition).
//!
//! A crate of its own because few requests have such a body: it is compiled for size, the engine for speed.

pub mod dtd;
mod entities;
mod error;
mod parse;
mod xpath;

pub use dtd::{Dtd, DtdError};
pub use error::XmlError;
pub use parse::{XmlSink, parse};
pub use xpath::{XPath, XPathError, XPathProblem, XmlTree};

/// Bounds on what one document may yield.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The deepest nesting of elements. Default 512.
    pub depth: usize,
    /// The most bytes in all names, values and text together, beyond as many as the document itself has: it can spell out an entity
    /// again and again. Default 64 KiB.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 512, bytes: 64 << 10 }
    }
}
