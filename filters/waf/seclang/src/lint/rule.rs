//! Lints of a single rule.

use super::{LintKind, Linter, phases::first_phase};
use crate::{
    ast::{
        ActionKind, Condition, Ctl, Operator, OperatorName, Phase, Quote, Rule, Selector, Spanned,
        Transformation, Variable,
    },
    source::Span,
};

impl Linter<'_> {
    /// `starter` is the first rule of the chain that the rule is in, perhaps itself.
    pub(super) fn rule(&mut self, rule: &Rule, starter: &Rule, span: Span) {
        let is_starter = std::ptr::eq(rule, starter);
        if is_starter && rule.phase().is_none() {
            self.report(LintKind::MissingPhase, rule.directive_name(), span);
        }
        if is_starter {
            self.disruptive(rule);
        }
        let transformations = self.transformations(rule);
        for action in &rule.actions {
            let ActionKind::Ctl(ctl) = &action.kind else { continue };
            if let Ctl::RuleRemoveTargetById(_, targets)
            | Ctl::RuleRemoveTargetByMsg(_, targets)
            | Ctl::RuleRemoveTargetByTag(_, targets) = ctl
            {
                self.excluded(targets, rule.directive_name());
            }
        }
        if let Condition::Match { variables, operator, .. } = &rule.condition {
            self.excluded(variables, rule.directive_name());
            self.variables(variables, starter.phase().unwrap_or(Phase::RequestBody), span);
            self.operator(operator, transformations);
        }
    }

    /// Keys that look like the beginning of a pattern, which the parser lets stand in exclusions only.
    pub(super) fn excluded(&mut self, variables: &[Spanned<Variable>], directive: &str) {
        for variable in variables {
            if let Selector::Key(key) = &variable.selector
                && key.quote == Quote::None
                && key.value.starts_with(b"/")
            {
                let key = String::from_utf8_lossy(&key.value).into_owned();
                self.report(LintKind::UnclosedPattern { key }, directive, variable.span);
            }
        }
    }

    fn disruptive(&mut self, rule: &Rule) {
        // `pause` goes with another one.
        let counts = |kind: &ActionKind| kind.is_disruptive() && !matches!(kind, ActionKind::Pause(_));
        let mut found: Vec<_> = rule.actions.iter().filter(|action| counts(&action.kind)).collect();
        found.pop();
        for action in found {
            let kind = LintKind::SeveralDisruptive { action: action.kind.name() };
            self.report(kind, rule.directive_name(), action.span);
        }
    }

    /// The transformations that are in force, after `t:none` has dropped those before it.
    fn transformations(&mut self, rule: &Rule) -> Vec<(Transformation, Span)> {
        let all = rule.actions.iter().filter_map(|action| match action.kind {
            ActionKind::Transformation(transformation) => Some((transformation, action.span)),
            _ => None,
        });
        let mut in_force: Vec<(Transformation, Span)> = Vec::new();
        for (transformation, span) in all {
            if transformation != Transformation::None {
                in_force.push((transformation, span));
                continue;
            }
            for (dropped, span) in in_force.drain(..) {
                let kind = LintKind::TransformationDropped { transformation: dropped.as_str() };
                self.report(kind, rule.directive_name(), span);
            }
        }
        in_force
    }

    fn variables(&mut self, variables: &[Spanned<Variable>], phase: Phase, span: Span) {
        if variables.iter().all(|variable| variable.exclude) {
            return self.report(LintKind::OnlyExclusions, "SecRule", span);
        }
        for (index, variable) in variables.iter().enumerate() {
            let name = variable.name.as_str();
            if variable.exclude {
                let mut before = variables.iter().take(index);
                if !before.any(|other| !other.exclude && other.name == variable.name) {
                    self.report(
                        LintKind::ExclusionWithoutEffect { variable: name },
                        "SecRule",
                        variable.span,
                    );
                }
            } else if first_phase(variable.name) > phase {
                let kind =
                    LintKind::VariableNotAvailable { variable: name, from: first_phase(variable.name) };
                self.report(kind, "SecRule", variable.span);
            }
        }
    }

    fn operator(&mut self, operator: &Spanned<Operator>, mut transformations: Vec<(Transformation, Span)>) {
        let Some((last, span)) = transformations.pop() else { return };
        let gone: fn(&u8) -> bool = match last {
            Transformation::Lowercase => u8::is_ascii_uppercase,
            Transformation::Uppercase => u8::is_ascii_lowercase,
            _ => return,
        };
        let transformation = last.as_str();
        let kind = match operator.name {
            OperatorName::Pm | OperatorName::PmFromFile | OperatorName::PmFromDataset => {
                LintKind::TransformationWithoutEffect { transformation, operator: operator.name.as_str() }
            }
            OperatorName::StrEq
            | OperatorName::BeginsWith
            | OperatorName::EndsWith
            | OperatorName::Contains
            | OperatorName::StrMatch
                if operator.argument.as_literal().is_some_and(|text| text.iter().any(gone)) =>
            {
                return self.report(
                    LintKind::ArgumentNeverMatches { transformation },
                    "SecRule",
                    operator.span,
                );
            }
            _ => return,
        };
        self.report(kind, "SecRule", span);
    }
}
