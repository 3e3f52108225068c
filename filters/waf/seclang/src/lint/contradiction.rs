//! Chains that nothing can match: two links that no value satisfies.

use super::{LintKind, Linter};
use crate::ast::{
    ActionKind, Condition, Operator, OperatorName, Rule, Selector, Spanned, Transformation, VariableName,
};

/// What a link asks of a value that all links of a chain find the same.
struct Demand<'r> {
    variable: (VariableName, Option<Vec<u8>>),
    transformations: Vec<Transformation>,
    operator: &'r Spanned<Operator>,
}

impl Linter<'_> {
    /// Says where a link contradicts one before it.
    pub(super) fn contradictions(&mut self, starter: &Rule) {
        let links = starter.links.iter().map(|link| &link.node);
        let demands: Vec<Demand<'_>> = std::iter::once(starter).chain(links).filter_map(demand).collect();
        for (index, demand) in demands.iter().enumerate() {
            let mut before = demands.iter().take(index);
            let Some(other) = before.find(|other| contradict(other, demand)) else { continue };
            let kind = LintKind::Contradiction {
                variable: demand.variable.0.as_str(),
                other: self.ruleset.sources.locate(other.operator.span).to_string(),
            };
            self.report(kind, "SecRule", demand.operator.span);
        }
    }
}

/// Of a rule with one variable that has one value, which no rule changes.
fn demand(rule: &Rule) -> Option<Demand<'_>> {
    let Condition::Match { variables, operator, .. } = &rule.condition else { return None };
    let [variable] = variables.as_slice() else { return None };
    let key = match &variable.selector {
        Selector::All => None,
        Selector::Key(key) => Some(key.value.to_ascii_lowercase()),
        Selector::Regex(_) | Selector::XPath(_) => return None,
    };
    let is_one = if variable.count { is_collection(variable.name) } else { is_scalar(variable.name) };
    let transformations = rule.actions.iter().filter_map(|action| match action.kind {
        ActionKind::Transformation(transformation) => Some(transformation),
        _ => None,
    });
    (is_one && !variable.exclude).then(|| Demand {
        variable: (variable.name, key),
        transformations: transformations.collect(),
        operator,
    })
}

fn is_scalar(name: VariableName) -> bool {
    use VariableName as V;
    matches!(
        name,
        V::QueryString
            | V::RemoteAddr
            | V::RemotePort
            | V::RequestBasename
            | V::RequestFilename
            | V::RequestLine
            | V::RequestMethod
            | V::RequestProtocol
            | V::RequestUri
            | V::RequestUriRaw
            | V::ResponseStatus
            | V::ServerAddr
            | V::ServerPort
    )
}

/// Collections that the request fills, and no rule.
fn is_collection(name: VariableName) -> bool {
    use VariableName as V;
    matches!(
        name,
        V::Args
            | V::ArgsGet
            | V::ArgsGetRaw
            | V::ArgsPost
            | V::ArgsPostRaw
            | V::ArgsRaw
            | V::Files
            | V::RequestCookies
            | V::RequestHeaders
            | V::ResponseHeaders
    )
}

fn contradict(one: &Demand<'_>, other: &Demand<'_>) -> bool {
    if one.variable != other.variable || one.transformations != other.transformations {
        return false;
    }
    let (one, other) = (&one.operator.node, &other.operator.node);
    let (Some(text), Some(other_text)) = (one.argument.as_literal(), other.argument.as_literal()) else {
        return false;
    };
    if one.name == other.name && text == other_text {
        return one.negated != other.negated;
    }
    if let (Some((from, to)), Some((other_from, other_to))) = (range(one), range(other)) {
        return from.max(other_from) > to.min(other_to);
    }
    let refuses = |exact: &Operator, value: &[u8], operator: &Operator| {
        exact.name == OperatorName::StrEq && !exact.negated && holds(operator, value) == Some(false)
    };
    let starts = |operator: &Operator| operator.name == OperatorName::BeginsWith && !operator.negated;
    let begins_differ = !text.starts_with(other_text) && !other_text.starts_with(text);
    refuses(one, text, other)
        || refuses(other, other_text, one)
        || starts(one) && starts(other) && begins_differ
}

/// Whether an operator matches a value. `None` for those that are not looked into.
fn holds(operator: &Operator, value: &[u8]) -> Option<bool> {
    let argument = operator.argument.as_literal()?;
    let contains =
        |text: &[u8], part: &[u8]| part.is_empty() || text.windows(part.len()).any(|found| found == part);
    let matches = match operator.name {
        OperatorName::StrEq => value == argument,
        OperatorName::BeginsWith => value.starts_with(argument),
        OperatorName::EndsWith => value.ends_with(argument),
        OperatorName::Contains => contains(value, argument),
        OperatorName::Within => contains(argument, value),
        _ => return None,
    };
    Some(matches != operator.negated)
}

/// The numbers that an operator matches, from the least to the greatest.
fn range(operator: &Operator) -> Option<(i64, i64)> {
    use OperatorName as O;
    let text = std::str::from_utf8(operator.argument.as_literal()?).ok()?;
    let number: i64 = text.trim().parse::<i32>().ok()?.into();
    Some(match (operator.name, operator.negated) {
        (O::Eq, false) => (number, number),
        (O::Ge, false) | (O::Lt, true) => (number, i64::MAX),
        (O::Gt, false) | (O::Le, true) => (number + 1, i64::MAX),
        (O::Le, false) | (O::Gt, true) => (i64::MIN, number),
        (O::Lt, false) | (O::Ge, true) => (i64::MIN, number - 1),
        _ => return None,
    })
}
