//! Text with macros: names become numbers.

use std::sync::Arc;

use portcullis_seclang::ast::{self, Template, VariableName};

use portcullis_seclang::Loader;

use super::Compiler;
use crate::plan::{KeyName, Part, Select, Source, Text};

impl<L: Loader + ?Sized> Compiler<'_, L> {
    pub(super) fn text(&mut self, template: &Template) -> Text {
        if let Some(literal) = template.as_literal() {
            if let Some(shared) = self.literals.key(literal) {
                return Text::Literal(Arc::clone(shared));
            }
            let literal: Arc<[u8]> = literal.into();
            self.literals.add(Arc::clone(&literal), ());
            return Text::Literal(literal);
        }
        let mut parts = Vec::with_capacity(template.parts.len());
        let mut after_macro = false;
        for part in &template.parts {
            match part {
                ast::Part::Macro(found) => parts.push(self.part(found)),
                ast::Part::Literal(text) => {
                    // ModSecurity v3's scanner ends a macro with `}` or `}%`.
                    let text = match text.as_slice() {
                        [b'%', rest @ ..] if after_macro => rest,
                        text => text,
                    };
                    if !text.is_empty() {
                        parts.push(Part::Literal(text.into()));
                    }
                }
            }
            after_macro = matches!(part, ast::Part::Macro(_));
        }
        Text::Macro(parts.into())
    }

    fn part(&mut self, found: &ast::Macro) -> Part {
        match (found.variable, &found.key) {
            (VariableName::Tx, Some(key)) if !key.starts_with(b"/") => Part::Tx(self.tx.intern(key)),
            (VariableName::Rule, Some(key)) => Part::Rule(key.to_ascii_lowercase().into()),
            (variable, key) => {
                let select = match key.as_deref() {
                    None => Select::All,
                    // `%{ARGS:/^id/}`. What is no pattern is a name, however it looks.
                    Some([b'/', pattern @ .., b'/']) => Select::pattern(pattern)
                        .unwrap_or_else(|_| Select::Key(pattern.to_ascii_lowercase().into())),
                    Some(key) => Select::Key(key.to_ascii_lowercase().into()),
                };
                Part::Variable(self.sources.intern(Source {
                    variable,
                    select,
                    exclude: Vec::new(),
                    slots: Vec::new(),
                }))
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
