//! Patterns with PCRE's syntax: everything that is done with one before it is compared with anything.
//!
//! [`parse`](mod@parse) reads a pattern into a [tree](ast), from which follow what every matching input must have
//! ([`required`]), the [program] of a backtracking matcher, and the [NFA](nfa) of a regular pattern. The matchers
//! themselves are the engine's.
//!
//! A crate of its own because none of this runs for a request, or once for many: it is compiled for size, the engine for speed.

pub mod ast;
mod byte_set;
mod class;
pub mod empty;
mod error;
pub mod nfa;
pub mod parse;
pub mod program;
pub mod required;
mod requirement;

pub use byte_set::ByteSet;
pub use class::is_word;
pub use error::{PatternError, PatternErrorKind};
pub use requirement::{Requirement, byte_frequency};
