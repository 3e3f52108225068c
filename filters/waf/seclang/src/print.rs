//! The printer: the tree as text again.
//!
//! What is printed is what was written, after this normalisation:
//! - a directive stands on one line: continuations are joined as the lexer joins them;
//! - one space between arguments, none around the commas of actions and the separators of variables;
//! - names of directives, variables, operators, actions, transformations and keywords are spelled as in the reference
//!   manual, aliases replaced by the preferred name, `,` between variables and `.` before a key by `|` and `:`;
//! - numbers and keywords have no quotes, phases are numbers, severities names, file modes have four digits;
//! - quotes inside quotes are escaped.
//!
//! Every directive of the OWASP CRS is printed byte for byte as it is written, its continuations apart.

mod actions;
mod arguments;

pub(crate) use arguments::WriteArgument;

use crate::{
    ast::{Condition, Directive, Operator, Quote, Rule, Ruleset, Selector, Spanned, Text, Variable},
    source::{FileId, Span},
};

/// A directive on one line, without the line's end. The links of a rule's chain follow it, each on a line.
pub fn directive(directive: &Directive) -> Vec<u8> {
    let mut out = Writer::default();
    match directive {
        Directive::Rule(starter) => {
            out.rule(starter);
            for link in &starter.links {
                out.byte(b'\n');
                out.rule(link);
            }
        }
        _ => out.directive(directive),
    }
    out.0
}

/// A file as it stands in the rule set, without what it includes: its directives, each on a line, and the comments
/// and blank lines between them if they were kept.
pub fn file(ruleset: &Ruleset, file: FileId) -> Vec<u8> {
    let mut pieces: Vec<(u32, Vec<u8>)> = Vec::new();
    let mut add = |span: Span, text: Vec<u8>| {
        if span.file == file {
            pieces.push((span.start, text));
        }
    };
    for trivia in &ruleset.trivia {
        add(trivia.span, trivia.node.clone());
    }
    for found in &ruleset.directives {
        let mut out = Writer::default();
        match &found.node {
            Directive::Rule(starter) => {
                out.rule(starter);
                for link in &starter.links {
                    let mut out = Writer::default();
                    out.rule(link);
                    out.byte(b'\n');
                    add(link.span, out.0);
                }
            }
            other => out.directive(other),
        }
        out.byte(b'\n');
        add(found.span, out.0);
    }
    pieces.sort_by_key(|(start, _)| *start);
    pieces.into_iter().flat_map(|(_, text)| text).collect()
}

/// Collects text.
#[derive(Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(crate) fn bytes(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.extend_from_slice(bytes.as_ref());
    }

    /// Text in quotes, with the quotes inside it escaped.
    pub(crate) fn quoted(&mut self, text: &[u8], quote: Quote) {
        let Some(mark) = quote.mark() else { return self.bytes(text) };
        self.byte(mark);
        for &byte in text {
            if byte == mark {
                self.byte(b'\\');
            }
            self.byte(byte);
        }
        self.byte(mark);
    }

    /// What `write` writes, in quotes.
    pub(crate) fn quoting(&mut self, quote: Quote, write: impl FnOnce(&mut Writer)) {
        let mut inner = Writer::default();
        write(&mut inner);
        self.quoted(&inner.0, quote);
    }

    pub(crate) fn text(&mut self, text: &Text) {
        self.quoted(&text.value, text.quote);
    }

    fn directive(&mut self, directive: &Directive) {
        self.bytes(directive.name());
        self.byte(b' ');
        directive.write_arguments(self);
        if self.0.last() == Some(&b' ') {
            self.0.pop();
        }
    }

    fn rule(&mut self, rule: &Rule) {
        self.bytes(rule.directive_name());
        match &rule.condition {
            Condition::Match { variables, quote, operator } => {
                self.byte(b' ');
                self.quoting(*quote, |out| out.variables(variables));
                self.byte(b' ');
                self.operator(operator);
            }
            Condition::Always => {}
            Condition::Script(path) => {
                self.byte(b' ');
                self.text(path);
            }
        }
        if !rule.actions.is_empty() || rule.actions_quote != Quote::None {
            self.byte(b' ');
            self.quoting(rule.actions_quote, |out| out.actions(&rule.actions));
        }
    }

    fn operator(&mut self, operator: &Operator) {
        self.quoting(operator.quote, |out| {
            if operator.negated {
                out.byte(b'!');
            }
            if operator.explicit {
                out.byte(b'@');
                out.bytes(operator.name.as_str());
                if !operator.argument.raw.is_empty() {
                    out.byte(b' ');
                }
            }
            out.bytes(&operator.argument.raw);
        });
    }

    fn variables(&mut self, variables: &[Spanned<Variable>]) {
        for (index, variable) in variables.iter().enumerate() {
            if index > 0 {
                self.byte(b'|');
            }
            self.variable(variable);
        }
    }

    fn variable(&mut self, variable: &Variable) {
        if variable.exclude {
            self.byte(b'!');
        }
        if variable.count {
            self.byte(b'&');
        }
        self.bytes(variable.name.as_str());
        let slashes: &[u8] = if matches!(variable.selector, Selector::Regex(_)) { b"/" } else { b"" };
        match &variable.selector {
            Selector::All => {}
            Selector::Key(text) | Selector::Regex(text) | Selector::XPath(text) => {
                let mark: &[u8] = if text.quote == Quote::None { b"" } else { b"'" };
                for part in [b":", mark, slashes, &text.value, slashes, mark] {
                    self.bytes(part);
                }
            }
        }
    }
}
