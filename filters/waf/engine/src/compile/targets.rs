//! The variables of a rule.

use portcullis_seclang::ast::{self, Selector, Spanned, VariableName};
use portcullis_seclang::source::Span;

use super::Compiler;
use crate::error::CompileErrorKind;
use crate::plan::{ChainId, Group, GroupId, Select, Source, Target};

impl Compiler<'_> {
    pub(super) fn targets(
        &mut self,
        variables: &[Spanned<ast::Variable>],
        chain: ChainId,
        multi_match: bool,
    ) -> Vec<Target> {
        let mut targets = Vec::new();
        for variable in variables.iter().filter(|variable| !variable.exclude) {
            if let Some(reason) = unsupported(variable.name) {
                self.unsupported(variable.span, variable.name.as_str(), reason);
                continue;
            }
            let Some(select) = self.select(&variable.selector, variable.span) else { continue };
            if variable.name == VariableName::Tx
                && let Select::Key(name) = &select
            {
                self.tx.intern(name);
            }
            let mut exclude = Vec::new();
            let mut dropped = false;
            for excluded in variables.iter().filter(|other| other.exclude && other.name == variable.name) {
                match self.select(&excluded.selector, excluded.span) {
                    Some(Select::All) => dropped = true,
                    Some(select) => exclude.push(select),
                    None => {}
                }
            }
            if dropped {
                continue;
            }
            let source = Source { variable: variable.name, select, exclude };
            let is_static = source.is_static();
            let source = self.sources.intern(source);
            let group =
                (is_static && !variable.count).then(|| self.group(Group { source, chain, multi_match }));
            targets.push(Target { source, count: variable.count, group });
        }
        targets
    }

    fn group(&mut self, group: Group) -> GroupId {
        *self.group_index.entry(group).or_insert_with(|| {
            self.groups.push(group);
            self.groups.len() as GroupId - 1
        })
    }

    pub(super) fn select(&mut self, selector: &Selector, span: Span) -> Option<Select> {
        Some(match selector {
            Selector::All => Select::All,
            Selector::Key(text) => Select::Key(text.value.to_ascii_lowercase().into()),
            Selector::XPath(text) if matches!(text.value.as_slice(), b"/*" | b"//@*") => {
                Select::XPath(text.value.as_slice().into())
            }
            Selector::XPath(text) => {
                let name = format!("XML:{}", String::from_utf8_lossy(&text.value));
                self.unsupported(span, name, "only XML:/* (all text) and XML://@* (all attributes) are");
                return None;
            }
            Selector::Regex(text) => match Select::pattern(&text.value) {
                Ok(select) => select,
                Err(error) => {
                    let pattern = String::from_utf8_lossy(&text.value).into_owned();
                    self.error(span, CompileErrorKind::Pattern { pattern, problem: error.to_string() });
                    return None;
                }
            },
        })
    }
}

/// Why a variable can't exist here.
pub(super) fn unsupported(variable: VariableName) -> Option<&'static str> {
    use VariableName as V;
    match variable {
        V::Geo => Some("there is no GeoIP database in a filter"),
        V::WebserverErrorLog => Some("a filter can't read Envoy's log"),
        V::FilesTmpNames => Some("uploaded files are not stored"),
        _ => None,
    }
}
