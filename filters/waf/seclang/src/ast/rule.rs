//! Rules: variables, an operator, actions, and the links of a chain.

use super::{Action, ActionKind, OperatorName, Phase, Quote, Spanned, Template, Text, VariableName};

/// `SecRule`, `SecAction` or `SecRuleScript`, with the rest of its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// When its actions run.
    pub condition: Condition,
    /// The actions in the order that they were written in. Empty when there are none.
    pub actions: Vec<Spanned<Action>>,
    /// The quotes around the whole list of actions.
    pub actions_quote: Quote,
    /// The rules that follow a `chain` action, in order. A link has no links of its own: they all stand in the
    /// starter.
    pub links: Vec<Spanned<Rule>>,
}

impl Rule {
    /// `SecRule`, `SecAction` or `SecRuleScript`.
    pub fn directive_name(&self) -> &'static str {
        match self.condition {
            Condition::Match { .. } => "SecRule",
            Condition::Always => "SecAction",
            Condition::Script(_) => "SecRuleScript",
        }
    }

    /// The rule's id, if it has one.
    pub fn id(&self) -> Option<u64> {
        self.actions.iter().find_map(|action| match action.kind {
            ActionKind::Id(id) => Some(id),
            _ => None,
        })
    }

    /// The phase that it names, if it names one. The last one counts, as in ModSecurity v3.
    pub fn phase(&self) -> Option<Phase> {
        self.actions.iter().rev().find_map(|action| match action.kind {
            ActionKind::Phase(phase) => Some(phase),
            _ => None,
        })
    }

    /// Whether the next rule is a link of its chain.
    pub fn has_chain(&self) -> bool {
        self.actions.iter().any(|action| matches!(action.kind, ActionKind::Chain))
    }
}

/// What decides whether a rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// `SecRule VARIABLES OPERATOR`
    Match {
        /// The variables, in order.
        variables: Vec<Spanned<Variable>>,
        /// The quotes around the list of variables.
        quote: Quote,
        /// The operator.
        operator: Spanned<Operator>,
    },
    /// `SecAction`: always.
    Always,
    /// `SecRuleScript PATH`: what the Lua script says.
    Script(Spanned<Text>),
}

/// One member of a list of variables: `REQUEST_HEADERS:User-Agent`, `&ARGS`, `!ARGS:/^x/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// `!`: take this out of the members before it.
    pub exclude: bool,
    /// `&`: the number of members instead of their values.
    pub count: bool,
    /// The variable or collection.
    pub name: VariableName,
    /// Which members of a collection.
    pub selector: Selector,
}

/// Which members of a collection a [`Variable`] means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selector {
    /// All of them.
    All,
    /// The member of this name, which is compared without regard to case. The bytes are those written, without
    /// quotes.
    Key(Text),
    /// The members whose name the pattern finds: `ARGS:/^id_/` or `ARGS:'/^id_/'`. The bytes are those between
    /// the slashes.
    Regex(Text),
    /// `XML:/*`, `XML://@*`: an XPath expression. Only for `XML`.
    XPath(Text),
}

/// `!@name argument`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// `!`: the rule matches where the operator does not.
    pub negated: bool,
    /// The operator; [`OperatorName::Rx`] where none is written.
    pub name: OperatorName,
    /// False where no name is written and `@rx` is meant.
    pub explicit: bool,
    /// What follows the name, without the white space between. Trailing white space belongs to it.
    pub argument: Template,
    /// The quotes around the operator.
    pub quote: Quote,
}
