//! The syntax tree of SecLang.
//!
//! The tree holds what a rule means, and as much of how it was written (quotes, an implicit `@rx`) as the
//! printer needs to give back the same text. Values are bytes: a rule file need not be UTF-8.
//! Names are those of the ModSecurity v3 reference manual; where Coraza has more, the item says so.

mod action;
mod directive;
mod keywords;
mod names;
mod rule;
mod template;

pub use action::{
    Action, ActionKind, AllowScope, Ctl, DeprecateVar, ExpireVar, InitCol, PartsChange, SetEnv, SetVar,
    SetVarOp, XmlNs,
};
pub use directive::{
    Dataset, Directive, DirectiveName, FileMode, IdRange, IdSelection, Include, Quoted, TargetUpdate,
    UnicodeMap, UpdateAction,
};
pub use keywords::{ActionName, CtlName};
pub use names::{
    AuditEngine, AuditLogFormat, AuditLogType, BodyProcessor, Collection, EngineMode, FailAction,
    LimitAction, OnOff, OperatorName, ParseXml, Phase, Severity, Transformation, UploadKeep,
    VERSION_2_VARIABLES, VariableName, Vocabulary,
};
pub use rule::{Condition, Operator, Rule, Selector, Variable};
pub use template::{Macro, Part, Template};

use crate::source::{Sources, Span};

/// A parsed rule set: the directives of a document and of all that it includes, in the order of evaluation.
#[derive(Debug, Default)]
pub struct Ruleset {
    /// All directives in order. Those of an included file stand after its [`Directive::Include`] and differ from
    /// it in `span.file`. The links of a chain are not here but in [`Rule::links`] of its starter.
    pub directives: Vec<Spanned<Directive>>,
    /// Comments and blank lines, kept only if `ParseOptions::keep_trivia` is set.
    pub trivia: Vec<Spanned<Vec<u8>>>,
    /// The files that were read, to turn a span into file, line and column.
    pub sources: Sources,
}

impl Ruleset {
    /// The rules (`SecRule`, `SecAction`, `SecRuleScript`) in order, each with the links of its chain inside.
    pub fn rules(&self) -> impl Iterator<Item = (&Rule, Span)> {
        self.directives.iter().filter_map(|directive| match &directive.node {
            Directive::Rule(rule) => Some((&**rule, directive.span)),
            _ => None,
        })
    }

    /// Gives its memory back. As `drop` does, whose code would be there once more in the caller's crate.
    #[inline(never)]
    pub fn discard(self) {}
}

/// A node and where it stands.
///
/// Two of them are equal when their nodes are: a tree that is printed and parsed again equals the first one,
/// although every offset has moved.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    /// The node.
    pub node: T,
    /// The bytes of the file that it was read from.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Joins a node with its place.
    pub fn new(node: T, span: Span) -> Self {
        Spanned { node, span }
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.node
    }
}

/// The quotes that an argument or an action's value was written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Quote {
    /// None.
    #[default]
    None,
    /// `'value'`
    Single,
    /// `"value"`
    Double,
}

impl Quote {
    /// The character.
    pub fn mark(self) -> Option<u8> {
        match self {
            Quote::None => None,
            Quote::Single => Some(b'\''),
            Quote::Double => Some(b'"'),
        }
    }
}

/// Literal text with the quotes that it was written in. The value is without them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    /// The text, unescaped.
    pub value: Vec<u8>,
    /// How it was quoted.
    pub quote: Quote,
}
