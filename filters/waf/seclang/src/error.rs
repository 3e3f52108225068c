//! What can be wrong with a document.

use std::fmt;

use crate::{diagnostic::Diagnostic, loader::LoadError};

/// One violation and its place.
pub type ParseError = Diagnostic<ParseErrorKind>;

/// All that is wrong with a document and what it includes, in the order of the text. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseErrors(pub Vec<ParseError>);

impl fmt::Display for ParseErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ParseErrors {}

/// A set of names, of which a document used one that is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameKind {
    /// `SecRule`, `Include`...
    Directive,
    /// `ARGS`, `TX`...
    Variable,
    /// `@rx`, `@pm`...
    Operator,
    /// `deny`, `setvar`...
    Action,
    /// `t:lowercase`...
    Transformation,
    /// `ctl:ruleEngine`...
    CtlOption,
    /// The collections that rules write to: `tx`, `ip`...
    Collection,
    /// The variable of a `%{...}`.
    Macro,
}

/// One variant for each violation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParseErrorKind {
    /// A name that does not exist.
    UnknownName {
        /// What was expected.
        kind: NameKind,
        /// What stands there.
        name: String,
        /// The name that was probably meant.
        suggestion: Option<&'static str>,
    },
    /// A variable of ModSecurity v2 that v3 does not have: its name, and what to use instead.
    Version2Variable {
        /// The variable.
        name: &'static str,
        /// Why, or what to use instead.
        instead: &'static str,
    },
    /// The directive ends too early.
    MissingArgument {
        /// What is missing.
        expected: &'static str,
    },
    /// Text after the last argument.
    UnexpectedArgument,
    /// An argument starts with a quote that nothing closes.
    UnclosedQuote,
    /// The block of a `SecDataset` is not closed by a line that starts with a backtick.
    UnclosedBacktick,
    /// A value is not one of those that are possible.
    InvalidValue {
        /// What stands there.
        value: String,
        /// What is possible.
        expected: String,
    },
    /// The path of a file is not UTF-8.
    PathNotUtf8,

    /// Nothing between two separators of a list of variables.
    EmptyVariable,
    /// A `:` without a key.
    EmptySelector,
    /// A key for a variable that has no members.
    NotACollection {
        /// The variable.
        variable: &'static str,
    },
    /// `ARGS:/pattern` or `ARGS:'key` without its end.
    UnclosedSelector,
    /// Text after the end of a variable.
    TextAfterVariable,
    /// `!&ARGS`: a count can't be taken out of a list.
    CountedExclusion,

    /// Nothing between two commas of a list of actions.
    EmptyAction,
    /// An action without the value that it needs.
    MissingActionValue {
        /// The action.
        action: &'static str,
    },
    /// A value for an action that takes none.
    UnexpectedActionValue {
        /// The action.
        action: &'static str,
    },
    /// Text between the closing quote of an action's value and the next comma.
    TextAfterQuote,
    /// An action in `SecDefaultAction` that belongs to a single rule.
    NotADefaultAction {
        /// The action.
        action: &'static str,
    },
    /// `SecDefaultAction` without an action that says what `block` does.
    DefaultActionNotDisruptive,

    /// `Include` of a file that can't be had.
    Include {
        /// The path as written, or the file that the glob named.
        path: String,
        /// Why.
        error: LoadError,
    },
    /// A file that includes itself.
    IncludeCycle {
        /// The file.
        file: String,
    },
    /// More nested includes than [`Limits::include_depth`](crate::Limits).
    IncludeTooDeep {
        /// The limit.
        limit: usize,
    },
    /// More files than [`Limits::files`](crate::Limits).
    TooManyFiles {
        /// The limit.
        limit: usize,
    },
    /// More bytes than [`Limits::total_bytes`](crate::Limits).
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// More errors than [`Limits::errors`](crate::Limits); the rest was not looked at.
    TooManyErrors {
        /// The limit.
        limit: usize,
    },
}

impl fmt::Display for ParseErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use ParseErrorKind as K;
        match self {
            K::UnknownName { kind, name, suggestion } => {
                let (what, mark) = match kind {
                    NameKind::Directive => ("directive", ""),
                    NameKind::Variable => ("variable", ""),
                    NameKind::Operator => ("operator", "@"),
                    NameKind::Action => ("action", ""),
                    NameKind::Transformation => ("transformation", "t:"),
                    NameKind::CtlOption => ("option", "ctl:"),
                    NameKind::Collection => ("collection", ""),
                    NameKind::Macro => ("variable in macro", ""),
                };
                write!(f, "unknown {what} `{mark}{name}`")?;
                match suggestion {
                    Some(suggestion) => write!(f, "; did you mean `{mark}{suggestion}`?"),
                    None => Ok(()),
                }
            }
            K::Version2Variable { name, instead } => {
                write!(f, "{name} is not supported: ModSecurity v3 does not have it; {instead}")
            }
            K::MissingArgument { expected } => {
                write!(f, "expected {expected}, found the end of the directive")
            }
            K::UnexpectedArgument => f.write_str("unexpected text after the last argument"),
            K::UnclosedQuote => f.write_str("this quote is never closed"),
            K::UnclosedBacktick => f.write_str("the block is not closed by a line with a backtick"),
            K::InvalidValue { value, expected } => write!(f, "found `{value}`, expected {expected}"),
            K::PathNotUtf8 => f.write_str("the path is not UTF-8"),
            K::EmptyVariable => f.write_str("expected a variable"),
            K::EmptySelector => f.write_str("expected a key after `:`"),
            K::NotACollection { variable } => write!(f, "`{variable}` has no members: it takes no key"),
            K::UnclosedSelector => f.write_str("the key starts with a `/` or a quote that is never closed"),
            K::TextAfterVariable => {
                f.write_str("unexpected text after a variable; variables are separated by `|`")
            }
            K::CountedExclusion => {
                f.write_str("`!` and `&` exclude each other: a count can not be taken out")
            }
            K::EmptyAction => f.write_str("expected an action"),
            K::MissingActionValue { action } => write!(f, "action `{action}` needs a value: `{action}:...`"),
            K::UnexpectedActionValue { action } => write!(f, "action `{action}` takes no value"),
            K::TextAfterQuote => {
                f.write_str("unexpected text after a quoted value; actions are separated by `,`")
            }
            K::NotADefaultAction { action } => write!(f, "action `{action}` can not be a default"),
            K::DefaultActionNotDisruptive => f.write_str(
                "expected a disruptive action other than `block`, which is what this directive defines",
            ),
            K::Include { path, error } => write!(f, "can not include `{path}`: {error}"),
            K::IncludeCycle { file } => write!(f, "`{file}` includes itself"),
            K::IncludeTooDeep { limit } => write!(f, "includes are nested more than {limit} deep"),
            K::TooManyFiles { limit } => write!(f, "more than {limit} files are included"),
            K::TooLarge { limit } => write!(f, "the files have more than {limit} bytes together"),
            K::TooManyErrors { limit } => write!(f, "more than {limit} errors; the rest was not checked"),
        }
    }
}
