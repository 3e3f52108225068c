//! The variables of a rule.

use portcullis_seclang::ast::{self, Selector, VariableName};
use portcullis_seclang::source::Span;

use portcullis_seclang::Loader;

use super::Compiler;
use super::draft::DraftLink;
use crate::body::XPath;
use crate::error::CompileErrorKind;
use crate::plan::{ChainId, Group, GroupId, Select, Source, Target, is_fixed_xpath};
use crate::support;
use portcullis_collections::hash;

impl<L: Loader + ?Sized> Compiler<'_, L> {
    #[inline(never)]
    pub(super) fn targets(&mut self, link: &DraftLink<'_>, chain: ChainId, multi_match: bool) -> Vec<Target> {
        let variables = &link.variables;
        let mut targets = Vec::new();
        for variable in variables.iter().filter(|variable| !variable.exclude) {
            if let Some(reason) = support::variable(variable.name).refused() {
                self.unsupported(variable.span, variable.name.as_str(), reason);
                continue;
            }
            let Some(select) = self.select(&variable.selector, variable.span) else { continue };
            if let Select::XPath(expression) = &select {
                self.xpath(expression, link, variable.span);
            }
            if variable.name == VariableName::Tx
                && let Select::Key(name) = &select
            {
                self.tx.intern(name);
            }
            let mut exclude = Vec::new();
            let mut dropped = false;
            for excluded in variables.iter().filter(|other| other.exclude && other.name == variable.name) {
                match self.excluded(&excluded.selector, excluded.span) {
                    // As in ModSecurity v3 `!ARGS` is not `!ARGS:a`.
                    Some(Select::All) => dropped |= matches!(select, Select::All),
                    Some(select) => exclude.push(select),
                    None => {}
                }
            }
            if dropped {
                continue;
            }
            let source = Source { variable: variable.name, select, exclude, slots: Vec::new() };
            let is_static = source.is_static();
            let source = self.sources.intern(source);
            let group =
                (is_static && !variable.count).then(|| self.group(Group { source, chain, multi_match }));
            targets.push(Target { source, count: variable.count, group });
        }
        targets
    }

    fn group(&mut self, group: Group) -> GroupId {
        let Group { source, chain, multi_match } = group;
        let hash = hash(&[source.0, chain.0.into(), multi_match.into()].map(u32::to_le_bytes).concat());
        let found = self.group_index.find(hash, |place| self.groups.get(place) == Some(&group));
        if found.is_none() {
            self.group_index.add(hash);
            self.groups.push(group);
        }
        found.unwrap_or(self.groups.len() - 1) as GroupId
    }

    /// What an exclusion selects.
    pub(super) fn excluded(&mut self, selector: &Selector, span: Span) -> Option<Select> {
        let select = self.select(selector, span)?;
        if let Select::XPath(expression) = &select {
            self.excluded_xpaths.push((self.directive, span, expression.to_vec()));
        }
        Some(select)
    }

    /// Exclusions compare expressions as they are written.
    pub(super) fn check_excluded_xpaths(&mut self) {
        for (directive, span, expression) in std::mem::take(&mut self.excluded_xpaths) {
            if !is_fixed_xpath(&expression) && !self.xpaths.iter().any(|(known, _)| *known == expression) {
                self.directive = directive;
                let expression = String::from_utf8_lossy(&expression).into_owned();
                let problem = "no rule has this expression, so nothing is excluded".into();
                self.warn(span, CompileErrorKind::XPath { expression, problem });
            }
        }
    }

    /// Has the XML processor evaluate an expression.
    fn xpath(&mut self, expression: &[u8], link: &DraftLink<'_>, span: Span) {
        let namespaces = link.actions.iter().filter_map(|action| match &action.kind {
            ast::ActionKind::XmlNs(xmlns) => Some((xmlns.prefix.as_slice(), xmlns.uri.as_slice())),
            _ => None,
        });
        let namespaces: Vec<_> = namespaces.collect();
        for (prefix, uri) in &namespaces {
            let name = |bytes| String::from_utf8_lossy(bytes);
            let line = format!("Registered XML namespace href \"{}\" prefix \"{}\"", name(uri), name(prefix));
            self.namespaces.push((expression.to_vec(), line));
        }
        if is_fixed_xpath(expression) {
            return;
        }
        let problem = match XPath::compile(expression, &namespaces) {
            Ok(xpath) => match self.xpaths.iter().find(|(known, _)| known == expression) {
                None => return self.xpaths.push((expression.to_vec(), xpath)),
                Some((_, known)) if *known == xpath => return,
                Some(_) => {
                    "another rule has the same expression with other namespaces: use other prefixes".into()
                }
            },
            Err(error) => error.to_string(),
        };
        let expression = String::from_utf8_lossy(expression).into_owned();
        self.error(span, CompileErrorKind::XPath { expression, problem });
    }

    pub(super) fn select(&mut self, selector: &Selector, span: Span) -> Option<Select> {
        Some(match selector {
            Selector::All => Select::All,
            Selector::Key(text) => Select::Key(text.value.to_ascii_lowercase().into()),
            Selector::XPath(text) => Select::XPath(text.value.as_slice().into()),
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
