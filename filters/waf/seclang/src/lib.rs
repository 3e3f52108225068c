//! SecLang: lexer, parser, syntax tree, printer and lints of ModSecurity rules.
//!
//! [`parse`] turns a document, and what it includes through a [`Loader`], into a [`Ruleset`], or into all the errors
//! in it. [`print`] turns it back into text. [`lint`] finds what is legal but wrong.
//!
//! What the text means follows ModSecurity v3 (`src/parser/seclang-scanner.ll` and `seclang-parser.yy`) and, where
//! that is stricter or silent, Coraza (`internal/seclang`). The module that reads a piece of syntax says where the
//! two differ and what is done here.

pub mod ast;
pub mod diagnostic;
pub mod error;
mod lexer;
pub mod lint;
pub mod loader;
mod parser;
pub mod print;
pub mod source;
mod suggest;

pub use ast::Ruleset;
pub use error::{NameKind, ParseError, ParseErrorKind, ParseErrors};
pub use loader::Loader;
pub use parser::Parser;

/// How to parse.
#[derive(Debug, Clone, Copy, Default)]
pub struct ParseOptions {
    /// Keep comments and blank lines in [`Ruleset::trivia`], to print a file with them.
    pub keep_trivia: bool,
    /// Limits.
    pub limits: Limits,
}

/// Limits of a parse. Passing one is an error.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Nested includes: 16.
    pub include_depth: usize,
    /// Files: 1,000.
    pub files: usize,
    /// Bytes of all files together: 32 MiB.
    pub total_bytes: usize,
    /// Errors after which parsing stops: 100.
    pub errors: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { include_depth: 16, files: 1000, total_bytes: 32 << 20, errors: 100 }
    }
}

/// Parses one document. `name` stands for it in messages and is where its relative paths start.
pub fn parse(
    name: &str,
    text: &[u8],
    loader: &dyn Loader,
    options: ParseOptions,
) -> Result<Ruleset, ParseErrors> {
    let mut parser = Parser::new(loader, options);
    parser.document(name, text);
    parser.finish()
}

#[cfg(test)]
mod tests;
