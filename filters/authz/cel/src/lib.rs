//! A part of the Common Expression Language (github.com/google/cel-spec, "Language Definition") for conditions on requests:
//! compiled and checked once, evaluated on borrowed values, and bounded in what it costs.
//!
//! There is: `? :`, `||`, `&&`, `!`, comparisons, `in`, `+ - * / %`, lists, indexing and selection; whole numbers, doubles,
//! strings, booleans, null, timestamps, durations; `has`, `exists`, `all`, `exists_one`; `size`, `contains`, `startsWith`,
//! `endsWith`, `matches`, `lowerAscii`, `upperAscii`, `trim`, `split`, `int`, `double`, `string`, `timestamp`, `duration`, and what
//! timestamps are made of (`getHours` and its kin).
//!
//! There is not: messages, map literals, `bytes`, `type`, `map` and `filter`, optional values. Departures:
//!
//! - Strings are bytes, as headers are. `size` counts code points where they are UTF-8, and bytes where not.
//! - Whole numbers have 64 bits with a sign; `1u` is `1`.
//! - The pattern of `matches` is a literal, compiled at load: the syntax of the crate regex-lite, which is that of RE2
//!   without Unicode classes. Its subject has at most 8 KiB.
//! - Time zones are `UTC` or an offset: there is no table of zones.
//!
//! An operation on what is not there, or of another type, is an error, as in CEL: `false && error` is false, `true || error`
//! is true, from either side. What an error means is for the caller to say.

mod check;
mod eval;
mod functions;
mod lexer;
mod parser;
mod time;
mod value;

pub use check::{Expression, MAX_COST, Type};
pub use eval::{EvalError, MAX_STEPS, MAX_SUBJECT_BYTES, Scope};
pub use lexer::SyntaxError;
pub use parser::{MAX_DEPTH, MAX_EXPRESSION_BYTES};
pub use value::Value;

#[cfg(test)]
mod tests;
