//! Text with macros: names become numbers.

use portcullis_seclang::ast::{self, Template, VariableName};

use super::Compiler;
use crate::plan::{KeyName, Part, Select, Source, Text};

impl Compiler<'_> {
    pub(super) fn text(&mut self, template: &Template) -> Text {
        if let Some(literal) = template.as_literal() {
            return Text::Literal(literal.into());
        }
        let parts = template.parts.iter().map(|part| match part {
            ast::Part::Literal(text) => Part::Literal(text.as_slice().into()),
            ast::Part::Macro(found) => self.part(found),
        });
        Text::Macro(parts.collect())
    }

    fn part(&mut self, found: &ast::Macro) -> Part {
        match (found.variable, &found.key) {
            (VariableName::Tx, Some(key)) => Part::Tx(self.tx.intern(key)),
            (VariableName::Rule, Some(key)) => Part::Rule(key.to_ascii_lowercase().into()),
            (variable, key) => {
                let select =
                    key.as_ref().map_or(Select::All, |key| Select::Key(key.to_ascii_lowercase().into()));
                Part::Variable(self.sources.intern(Source { variable, select, exclude: Vec::new() }))
            }
        }
    }

    /// The key of `setvar` and its kin.
    pub(super) fn key(&mut self, collection: ast::Collection, template: &Template) -> KeyName {
        match template.as_literal() {
            Some(name) if collection == ast::Collection::Tx => KeyName::Slot(self.tx.intern(name)),
            _ => KeyName::Text(self.text(template)),
        }
    }
}
