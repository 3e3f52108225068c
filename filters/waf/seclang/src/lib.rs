//! SecLang: lexer, parser and syntax tree of ModSecurity rules.
