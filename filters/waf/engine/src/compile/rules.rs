//! From drafts to rules.

use portcullis_seclang::ast::{self, Condition as AstCondition, IdSelection, OperatorName, Spanned};
use portcullis_seclang::source::Span;

use portcullis_seclang::Loader;

use super::Compiler;
use super::draft::{Draft, DraftLink};
use super::resources::Resources;
use crate::error::CompileErrorKind;
use crate::operators::Operator;
use crate::plan::{ChainId, Condition, Disruptive, Link, Operation, Rule, RuleId, Text};

/// The rules by what `ctl:ruleRemove…` names them by.
pub(super) struct Index<'d>(pub(super) &'d [Draft<'d>]);

impl Index<'_> {
    pub(super) fn by_id(&self, ids: &IdSelection) -> Vec<RuleId> {
        self.find(|rule| ids.contains(rule.id))
    }

    pub(super) fn by_msg(&self, msg: &[u8]) -> Vec<RuleId> {
        self.find(|rule| rule.has_msg(msg))
    }

    pub(super) fn by_tag(&self, tag: &[u8]) -> Vec<RuleId> {
        self.find(|rule| rule.has_tag(tag))
    }

    fn find(&self, wanted: impl Fn(&Draft<'_>) -> bool) -> Vec<RuleId> {
        let found = self.0.iter().enumerate().filter(|(_, rule)| wanted(rule));
        found.map(|(rule, _)| rule as RuleId).collect()
    }
}

/// Where `skipAfter` of a rule may go.
pub(super) struct Skips<'a> {
    /// Markers and rule ids of the phase, each with the place after it.
    pub(super) markers: &'a [(Vec<u8>, usize)],
    /// The place after the rule.
    pub(super) from: usize,
    /// The end of the phase.
    pub(super) end: usize,
}

impl Skips<'_> {
    /// The place after the first marker of this name that stands after the rule. Without one the rest of the phase is
    /// skipped; ModSecurity v3 would then go on to skip the next phases too, up to the marker.
    pub(super) fn place(&self, marker: &[u8]) -> usize {
        let after = self.markers.iter().filter(|(_, place)| *place > self.from);
        let mut named = after.filter(|(name, _)| name == marker);
        named.next().map_or(self.end, |(_, place)| *place)
    }
}

impl<L: Loader + ?Sized> Compiler<'_, L> {
    pub(super) fn rule(&mut self, draft: &Draft<'_>, index: &Index<'_>, skips: &Skips<'_>) -> Rule {
        let mut disruptive = None;
        let mut links: Vec<Link> =
            draft.links.iter().map(|link| self.link(draft, link, index, skips, &mut disruptive)).collect();
        // ModSecurity v3 lets any link of a chain have it; what the first one says itself comes last and so counts.
        if let [first, rest @ ..] = links.as_mut_slice() {
            let has_it = rest.iter_mut().fold(false, |has_it, link| std::mem::take(&mut link.block) | has_it);
            first.block |= has_it && disruptive.is_none();
        }
        Rule {
            id: draft.id,
            phase: draft.phase,
            disruptive,
            open: draft.open,
            silent: false,
            quick: None,
            quiet: None,
            listed: None,
            prepared: None,
            links,
        }
    }

    #[inline(never)]
    fn link(
        &mut self,
        draft: &Draft<'_>,
        from: &DraftLink<'_>,
        index: &Index<'_>,
        skips: &Skips<'_>,
        disruptive: &mut Option<Disruptive>,
    ) -> Link {
        let mut link = Link {
            file: from.span.file.0,
            line: self.line(from.span),
            condition: None,
            multi_match: false,
            capture: false,
            captures_last: false,
            sets_last: false,
            block: false,
            for_each_match: Vec::new(),
            set_vars: Vec::new(),
            actions: Vec::new(),
            meta: Box::default(),
        };
        for action in from.actions.iter() {
            self.action(action, &mut link, disruptive, index, skips);
        }
        match from.condition {
            AstCondition::Always => {}
            AstCondition::Script(path) => {
                self.unsupported(path.span, "SecRuleScript", "there is no Lua interpreter in the filter");
            }
            AstCondition::Match { operator, .. } => {
                let chain = self.chain(draft, from);
                let targets = self.targets(from, chain, link.multi_match);
                let argument = self.text(&operator.argument);
                let operation = self.operation(operator, &argument, from.span);
                link.condition = operation.map(|operation| Condition {
                    targets,
                    chain,
                    operation,
                    known: None,
                    negated: operator.negated,
                    operator_name: modsecurity_name(operator.name),
                    match_message: match_message(operator.name),
                    argument,
                    check: None,
                    number: None,
                });
            }
        }
        link.find_captures(&self.sources);
        link.find_sets(&self.sources, &self.tx);
        link
    }

    /// The transformations of a link. Those of `SecDefaultAction` come first, unless the rule has `t:none`.
    #[inline(never)]
    fn chain(&mut self, draft: &Draft<'_>, link: &DraftLink<'_>) -> ChainId {
        let defaults =
            self.defaults.get(draft.phase as usize).and_then(|defaults| defaults.actions).unwrap_or(&[]);
        let mut all = Vec::new();
        for action in defaults.iter().chain(link.actions.iter().copied()) {
            if let ast::ActionKind::Transformation(transformation) = action.kind {
                all.push(transformation);
            }
        }
        if let Some(none) = all.iter().rposition(|name| *name == ast::Transformation::None) {
            all.drain(..=none);
        }
        match self.chains.intern(&all, self.unicode_map) {
            Some(chain) => chain,
            None => {
                self.error(link.span, CompileErrorKind::TooLarge("transformation chains"));
                ChainId(0)
            }
        }
    }

    #[inline(never)]
    fn operation(
        &mut self,
        operator: &Spanned<ast::Operator>,
        argument: &Text,
        rule: Span,
    ) -> Option<Operation> {
        let name = operator.name;
        let Some(literal) = argument.as_literal() else {
            let index = self.dynamic_count;
            self.dynamic_count += 1;
            return Some(Operation::Dynamic { index, name });
        };
        let from = self.files.get(rule.file.0 as usize).cloned().unwrap_or_default();
        let known_patterns = self.options.known_patterns;
        let resources =
            Resources { loader: self.loader, from: &from, known_patterns, datasets: &self.datasets };
        match Operator::compile(name.as_str(), literal, &resources) {
            Ok(compiled) => {
                self.validates_xml |= compiled.dtd().is_some();
                Some(Operation::Fixed(Box::new(compiled)))
            }
            Err(error) => {
                self.error(
                    operator.span,
                    CompileErrorKind::Operator { name: format!("@{name}"), problem: error.to_string() },
                );
                None
            }
        }
    }
}

/// What ModSecurity v3 says of a match instead of operator, parameter and value.
fn match_message(name: OperatorName) -> Option<&'static str> {
    match name {
        OperatorName::DetectSqli => Some("detected SQLi using libinjection."),
        OperatorName::DetectXss => Some("detected XSS using libinjection."),
        _ => None,
    }
}

/// The name of the operator's class in ModSecurity v3, which its logs print.
fn modsecurity_name(name: OperatorName) -> &'static str {
    use OperatorName as O;
    match name {
        O::BeginsWith => "BeginsWith",
        O::Contains => "Contains",
        O::ContainsWord => "ContainsWord",
        O::DetectSqli => "DetectSQLi",
        O::DetectXss => "DetectXSS",
        O::EndsWith => "EndsWith",
        O::Eq => "Eq",
        O::FuzzyHash => "FuzzyHash",
        O::Ge => "Ge",
        O::GeoLookup => "GeoLookup",
        O::GsbLookup => "GsbLookup",
        O::Gt => "Gt",
        O::InspectFile => "InspectFile",
        O::IpMatch => "IpMatch",
        O::IpMatchFromDataset => "IpMatchFromDataset",
        O::IpMatchFromFile => "IpMatchFromFile",
        O::Le => "Le",
        O::Lt => "Lt",
        O::NoMatch => "NoMatch",
        O::Pm => "Pm",
        O::PmFromDataset => "PmFromDataset",
        O::PmFromFile => "PmFromFile",
        O::Rbl => "Rbl",
        O::RestPath => "RestPath",
        O::Rsub => "Rsub",
        O::Rx => "Rx",
        O::RxGlobal => "RxGlobal",
        O::StrEq => "StrEq",
        O::StrMatch => "StrMatch",
        O::UnconditionalMatch => "UnconditionalMatch",
        O::ValidateByteRange => "ValidateByteRange",
        O::ValidateDtd => "ValidateDTD",
        O::ValidateHash => "ValidateHash",
        O::ValidateNid => "ValidateNid",
        O::ValidateSchema => "ValidateSchema",
        O::ValidateUrlEncoding => "ValidateUrlEncoding",
        O::ValidateUtf8Encoding => "ValidateUtf8Encoding",
        O::VerifyCc => "VerifyCC",
        O::VerifyCpf => "VerifyCPF",
        O::VerifySsn => "VerifySSN",
        O::VerifySvnr => "VerifySVNR",
        O::Within => "Within",
    }
}
