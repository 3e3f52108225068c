//! Why a rule set is refused.

use std::fmt;

use portcullis_seclang::ParseErrorKind;
use portcullis_seclang::diagnostic::Diagnostic;

/// One thing that is wrong with a rule set, with its file, line and column. Loading collects all of them.
pub type CompileError = Diagnostic<CompileErrorKind>;

/// What is wrong with a rule set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompileErrorKind {
    /// The text is no SecLang.
    Syntax(ParseErrorKind),
    /// The directive, variable, operator or action can't exist in a proxy filter: its name and the reason.
    Unsupported {
        /// Such as `@inspectFile` or `exec`.
        name: String,
        /// Such as `there is no file system`.
        reason: &'static str,
    },
    /// An operator's argument is wrong: the operator and what is wrong.
    Operator {
        /// The operator, with `@`.
        name: String,
        /// What is wrong with the argument.
        problem: String,
    },
    /// A pattern that is not an operator's does not compile: the pattern and why.
    Pattern {
        /// The pattern.
        pattern: String,
        /// The regex compiler's message.
        problem: String,
    },
    /// An XPath expression is wrong, or uses more of XPath than is supported: the expression, and where and why.
    XPath {
        /// The expression.
        expression: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Two rules have this id.
    DuplicateId(u64),
    /// A rule without `id`, which all must have since ModSecurity 2.7.
    MissingId,
    /// `chain` without a rule after it. A warning: ModSecurity takes it, and the rule never matches.
    OpenChain,
    /// An action that only the first rule of a chain may have: its name.
    ChainedAction(&'static str),
    /// `SecDefaultAction` without a phase. A warning: they are those of phase 1, as in ModSecurity v3.
    DefaultActionPhase,
    /// A second `SecDefaultAction` for the phase.
    DefaultActionTwice(u8),
    /// The value is outside of its range: the value and the range.
    Range {
        /// The value as written.
        value: String,
        /// What would be right.
        expected: &'static str,
    },
    /// More rules, transformations or literals than the engine can number.
    TooLarge(&'static str),
}

impl fmt::Display for CompileErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use CompileErrorKind as K;
        match self {
            K::Syntax(kind) => kind.fmt(f),
            K::Unsupported { name, reason } => write!(f, "{name} is not supported: {reason}"),
            K::Operator { name, problem } => write!(f, "{name}: {problem}"),
            K::Pattern { pattern, problem } => write!(f, "pattern /{pattern}/: {problem}"),
            K::XPath { expression, problem } => write!(f, "XPath {expression}: {problem}"),
            K::DuplicateId(id) => write!(f, "rule id {id} is duplicated"),
            K::MissingId => f.write_str("the rule has no id action, or the id 0"),
            K::OpenChain => f.write_str("the rule has a chain action, but no rule follows: it never matches"),
            K::ChainedAction(name) => write!(f, "{name} is only allowed in the first rule of a chain"),
            K::DefaultActionPhase => f.write_str("no phase: these are the default actions of phase 1"),
            K::DefaultActionTwice(phase) => {
                write!(f, "SecDefaultActions can only be placed once per phase; phase {phase} has one")
            }
            K::Range { value, expected } => write!(f, "{value} is out of range: expected {expected}"),
            K::TooLarge(what) => write!(f, "the rule set has too many {what}"),
        }
    }
}
