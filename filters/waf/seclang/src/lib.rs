//! SecLang: lexer, parser and syntax tree of ModSecurity rules.

pub mod ast;
pub mod source;
