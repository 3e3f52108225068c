//! Rules on bodies that are not read.

use super::{LintKind, Linter};
use crate::ast::{ActionKind, Condition, Ctl, Directive, OnOff, Rule, Spanned, Variable, VariableName};

impl Linter<'_> {
    /// Says which rules look at nothing but a body that no directive has read. ModSecurity v3 reads requests' bodies unless told not to, and
    /// responses' only where told to.
    pub(super) fn bodies(&mut self) {
        let ruleset = self.ruleset;
        let (mut request, mut response, mut is_whole) = (true, None, false);
        for directive in &ruleset.directives {
            match &directive.node {
                Directive::RequestBodyAccess(value) => request = *value == OnOff::On,
                Directive::ResponseBodyAccess(value) => response = Some(*value == OnOff::On),
                Directive::RuleEngine(_) => is_whole = true,
                _ => {}
            }
        }
        // A file of rules alone may be part of a set that says it.
        let response = response.unwrap_or(!is_whole);
        let is_set_later = |is_it: &dyn Fn(&Ctl) -> bool| {
            let actions = ruleset.rules().flat_map(|(rule, _)| all_actions(rule));
            actions.into_iter().any(|action| matches!(action, ActionKind::Ctl(ctl) if is_it(ctl)))
        };
        let missing = [
            ("SecRequestBodyAccess", request || is_set_later(&|it| matches!(it, Ctl::RequestBodyAccess(_)))),
            (
                "SecResponseBodyAccess",
                response || is_set_later(&|it| matches!(it, Ctl::ResponseBodyAccess(_))),
            ),
        ];
        for (index, (directive, _)) in missing.into_iter().enumerate().filter(|(_, (_, is_read))| !is_read) {
            let of_body = if index == 0 { of_request } else { of_response };
            for (rule, span) in ruleset.rules() {
                let links = rule.links.iter().map(|link| (&link.node, link.span));
                for (rule, span) in std::iter::once((rule, span)).chain(links) {
                    if looks_only_at(rule, of_body) {
                        self.report(LintKind::BodyNotRead { directive }, "SecRule", span);
                    }
                }
            }
        }
    }
}

fn all_actions(rule: &Rule) -> Vec<&ActionKind> {
    let links = rule.links.iter().map(|link| &link.node);
    std::iter::once(rule).chain(links).flat_map(|rule| &rule.actions).map(|action| &action.kind).collect()
}

/// Whether the rule has nothing to look at without that body. To count what is not there is something.
fn looks_only_at(rule: &Rule, of_body: fn(VariableName) -> bool) -> bool {
    let Condition::Match { variables, .. } = &rule.condition else { return false };
    let fits = |variable: &&Spanned<Variable>| !variable.count && of_body(variable.name);
    let mut included = variables.iter().filter(|variable| !variable.exclude).peekable();
    included.peek().is_some() && included.all(|variable| fits(&variable))
}

fn of_request(name: VariableName) -> bool {
    use VariableName as V;
    matches!(
        name,
        V::ArgsPost
            | V::ArgsPostNames
            | V::ArgsPostNamesRaw
            | V::ArgsPostRaw
            | V::Files
            | V::FilesNames
            | V::FilesTmpContent
            | V::MultipartFilename
            | V::MultipartName
            | V::RequestBody
            | V::Xml
    )
}

fn of_response(name: VariableName) -> bool {
    name == VariableName::ResponseBody
}
