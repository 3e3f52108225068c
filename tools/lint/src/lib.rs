//! Finds the filters' configurations in any text, and what is wrong with them.
//!
//! [`Source::read`] finds them: in manifests, in Envoy's configuration, in rule files. They are loaded as the modules load
//! them, so that this can never disagree with the modules. It reads no files itself: what rules include comes from a
//! [`Loader`](portcullis_seclang::Loader) of the caller's.

mod check;
mod diagnostic;
mod doubts;
mod filter;
mod find;
mod render;
pub mod seclang;
mod source;
mod text;
mod tree;
mod variables;

pub use diagnostic::{Diagnostic, Severity};
pub use filter::Filter;
pub use render::render;
pub use source::{Config, Found, MAX_FILE_BYTES, ReadOptions, Source};
pub use text::Text;
pub use tree::{MAX_DEPTH, MAX_VALUES, Node, Style, Value};
pub use variables::Variables;

#[cfg(test)]
mod tests;
