use super::Compiler;
use crate::expressions::{self, Variable};
use crate::matcher::{Condition, Matcher};
use sdk_shim_config::Path;

impl Compiler<'_> {
    /// A condition in CEL, compiled.
    pub(super) fn expression(&mut self, text: &str, path: &Path) -> Option<Condition> {
        let expression = match expressions::compile(text) {
            Ok(expression) => expression,
            Err(error) => {
                self.errors.add(path, format!("`{text}`, {error}"), "an expression in CEL");
                return None;
            }
        };
        for variable in expressions::used(&expression) {
            match variable {
                Variable::Claims => self.check_tokens("claims", path),
                Variable::ConsumerName | Variable::ConsumerGroups if self.known.consumers.is_empty() => {
                    let expected = "another variable, as no credentials are configured";
                    self.errors.add(path, "consumer", expected);
                }
                _ => {}
            }
        }
        Some(Condition { matcher: Matcher::Expression(expression.into()).into(), negated: false })
    }
}
