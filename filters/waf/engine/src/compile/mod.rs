//! From the syntax tree to the plan.
//!
//! Three passes: directives are sorted into settings and drafts of rules; `SecRuleRemove…` and `SecRuleUpdate…` are
//! applied to the drafts, wherever they stand, as ModSecurity v3 does; the remaining drafts become rules, with every
//! name resolved.

mod actions;
mod draft;
mod resources;
mod rules;
mod settings;
mod targets;
mod text;

use std::sync::Arc;

use portcullis_seclang::ast::{OnOff, Phase, Ruleset};
use portcullis_seclang::source::Span;
use portcullis_seclang::{Loader, ast};

use crate::body::XPath;
use crate::error::{CompileError, CompileErrorKind};
use crate::options::Options;
use crate::persistent::Persistent;
use crate::plan::{Chains, Entry, Group, PhasePlan, Plan, Prefilter, Settings, Sources, TxNames};
use crate::transaction::RAW_ARGUMENTS;
use crate::transformations::UnicodeMap;
use draft::Draft;
use portcullis_collections::{Index, Map};

/// Compiles a parsed rule set, but for the scan.
#[inline(never)]
pub(crate) fn compile<L: Loader + ?Sized>(
    ruleset: &Ruleset,
    loader: &L,
    options: &Options,
) -> Result<Unlinked, Vec<CompileError>> {
    let mut compiler = Compiler::new(ruleset, loader, options);
    compiler.collect();
    compiler.apply_updates();
    let plan = compiler.build()?;
    let kind = CompileErrorKind::TooLarge("literals");
    let too_large = CompileError::new(kind, "", Span::default(), &ruleset.sources);
    Ok(Unlinked { plan, prefilter: options.prefilter, too_large })
}

/// A plan whose scan is still to be built, for which the rule set need not be there any more.
pub(crate) struct Unlinked {
    plan: Plan,
    prefilter: bool,
    /// What is wrong if there can't be a scan.
    too_large: CompileError,
}

impl Unlinked {
    /// Builds the scan.
    #[inline(never)]
    pub(crate) fn link(mut self) -> Result<Plan, Vec<CompileError>> {
        match self.plan.link(self.prefilter) {
            Some(()) => Ok(self.plan),
            None => Err(vec![self.too_large]),
        }
    }
}

/// Generic so that it is compiled in the crate that names the loader, for size where that one is.
struct Compiler<'a, L: ?Sized> {
    ruleset: &'a Ruleset,
    loader: &'a L,
    options: &'a Options,
    errors: Vec<CompileError>,
    warnings: Vec<CompileError>,
    /// The directive that is being compiled, for messages.
    directive: &'static str,
    settings: Settings,
    collection_timeout: u64,
    unicode_map: UnicodeMap,
    datasets: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
    order: Vec<Placed<'a>>,
    updates: Vec<&'a ast::Spanned<ast::Directive>>,
    defaults: [Defaults<'a>; 5],
    sources: Sources,
    chains: Chains,
    groups: Vec<Group>,
    group_index: Index,
    xpaths: Vec<(Vec<u8>, XPath)>,
    namespaces: Vec<(Vec<u8>, String)>,
    /// Expressions in exclusions, with directive and place.
    excluded_xpaths: Vec<(&'static str, Span, Vec<u8>)>,
    validates_xml: bool,
    tx: TxNames,
    /// Texts without macros, to have each of them once.
    literals: Map<Arc<[u8]>, ()>,
    dynamic_count: u32,
    files: Vec<Arc<str>>,
    /// Where each file's lines start, to turn an offset into a line without reading the file again.
    lines: Vec<Vec<u32>>,
}

/// What stands in the order of the rules.
enum Placed<'a> {
    Rule(Box<Draft<'a>>),
    Marker(&'a [u8]),
    /// A rule that a directive took out: its id and phase, and the directive.
    Removed(u64, Phase, &'static str),
}

/// `SecDefaultAction` of a phase.
#[derive(Default)]
struct Defaults<'a> {
    actions: Option<&'a [ast::Spanned<ast::Action>]>,
}

impl<'a, L: Loader + ?Sized> Compiler<'a, L> {
    #[inline(never)]
    fn new(ruleset: &'a Ruleset, loader: &'a L, options: &'a Options) -> Self {
        Compiler {
            ruleset,
            loader,
            options,
            errors: Vec::new(),
            warnings: Vec::new(),
            directive: "",
            settings: settings::defaults(),
            collection_timeout: 3600,
            unicode_map: UnicodeMap::default(),
            datasets: Vec::new(),
            order: Vec::new(),
            updates: Vec::new(),
            defaults: Default::default(),
            sources: Sources::default(),
            chains: Chains::new(),
            groups: Vec::new(),
            group_index: Index::default(),
            xpaths: Vec::new(),
            namespaces: Vec::new(),
            excluded_xpaths: Vec::new(),
            validates_xml: false,
            tx: TxNames::new(),
            literals: Map::default(),
            dynamic_count: 0,
            files: ruleset.sources.iter().map(|(_, source)| Arc::from(source.name.as_str())).collect(),
            lines: ruleset
                .sources
                .iter()
                .map(|(_, source)| memchr::memchr_iter(b'\n', &source.text).map(|at| at as u32).collect())
                .collect(),
        }
    }

    fn error(&mut self, span: Span, kind: CompileErrorKind) {
        self.errors.push(CompileError::new(kind, self.directive, span, &self.ruleset.sources));
    }

    fn warn(&mut self, span: Span, kind: CompileErrorKind) {
        self.warnings.push(CompileError::new(kind, self.directive, span, &self.ruleset.sources));
    }

    fn unsupported(&mut self, span: Span, name: impl Into<String>, reason: &'static str) {
        self.error(span, CompileErrorKind::Unsupported { name: name.into(), reason });
    }

    fn line(&self, span: Span) -> u32 {
        let newlines = self.lines.get(span.file.0 as usize).map_or(&[][..], Vec::as_slice);
        newlines.partition_point(|newline| *newline < span.start) as u32 + 1
    }

    /// First pass.
    #[inline(never)]
    fn collect(&mut self) {
        let ruleset = self.ruleset;
        let mut seen = Map::default();
        for directive in &ruleset.directives {
            self.directive = directive.node.name();
            match &directive.node {
                ast::Directive::Rule(rule) => {
                    let draft = self.draft(rule, directive.span);
                    let id = draft.id;
                    if id != 0 && !seen.add(id.to_le_bytes(), ()) {
                        self.error(directive.span, CompileErrorKind::DuplicateId(id));
                    }
                    self.order.push(Placed::Rule(Box::new(draft)));
                }
                ast::Directive::Marker(name) => self.order.push(Placed::Marker(&name.value)),
                ast::Directive::RuleRemoveById(_)
                | ast::Directive::RuleRemoveByMsg(_)
                | ast::Directive::RuleRemoveByTag(_)
                | ast::Directive::RuleUpdateActionById(_)
                | ast::Directive::RuleUpdateTargetById(_)
                | ast::Directive::RuleUpdateTargetByMsg(_)
                | ast::Directive::RuleUpdateTargetByTag(_) => self.updates.push(directive),
                ast::Directive::DefaultAction(actions) => self.default_action(&actions.value, directive.span),
                other => self.setting(other, directive.span),
            }
        }
    }

    /// What a `SecDefaultAction` may hold the parser has checked.
    #[inline(never)]
    fn default_action(&mut self, actions: &'a [ast::Spanned<ast::Action>], span: Span) {
        // ModSecurity v3 takes the first; v2 took the second, and Coraza refuses it.
        let phase = phase_of(actions).unwrap_or_else(|| {
            self.warn(span, CompileErrorKind::DefaultActionPhase);
            Phase::RequestHeaders
        });
        let Some(slot) = self.defaults.get_mut(phase as usize) else { return };
        if slot.actions.is_some() {
            return self.error(span, CompileErrorKind::DefaultActionTwice(phase.number()));
        }
        slot.actions = Some(actions);
    }

    /// Third pass.
    #[inline(never)]
    fn build(mut self) -> Result<Plan, Vec<CompileError>> {
        let order = std::mem::take(&mut self.order);
        let mut drafts = Vec::new();
        let mut phases: [PhasePlan; 5] = Default::default();
        // Where each marker stands in each phase.
        let mut markers: [Vec<(Vec<u8>, usize)>; 5] = Default::default();
        for placed in order {
            match placed {
                Placed::Marker(name) => {
                    for (phase, markers) in phases.iter_mut().zip(markers.iter_mut()) {
                        phase.entries.push(Entry::Marker);
                        markers.push((name.to_vec(), phase.entries.len()));
                    }
                }
                Placed::Removed(id, phase, directive) => {
                    if let Some(phase) = phases.get_mut(phase as usize) {
                        phase.removed.push((id, directive));
                    }
                }
                Placed::Rule(draft) => {
                    if let Some(phase) = phases.get_mut(draft.phase as usize) {
                        phase.entries.push(Entry::Rule(drafts.len() as u32));
                        if let Some(markers) = markers.get_mut(draft.phase as usize) {
                            markers.push((draft.id.to_string().into_bytes(), phase.entries.len()));
                        }
                    }
                    drafts.push(*draft);
                }
            }
        }
        let index = rules::Index(&drafts);
        let mut places: [usize; 5] = [0; 5];
        let mut rules = Vec::with_capacity(drafts.len());
        for draft in &drafts {
            self.directive = draft.directive;
            // The place after the rule in its phase: markers before it are no targets of skipAfter.
            let (Some(phase), Some(from), Some(markers)) = (
                phases.get(draft.phase as usize),
                places.get_mut(draft.phase as usize),
                markers.get(draft.phase as usize),
            ) else {
                continue;
            };
            let wanted = rules.len() as u32;
            let position = phase.entries.get(*from..).and_then(|entries| {
                entries.iter().position(|entry| matches!(entry, Entry::Rule(rule) if *rule == wanted))
            });
            *from += position.unwrap_or(0) + 1;
            let skips = rules::Skips { markers, from: *from, end: phase.entries.len() };
            rules.push(self.rule(draft, &index, &skips));
        }
        for (number, phase) in phases.iter_mut().enumerate() {
            let actions = self.defaults.get(number).and_then(|defaults| defaults.actions).unwrap_or(&[]);
            self.directive = "SecDefaultAction";
            self.default_actions(actions, &index, phase);
        }
        self.check_excluded_xpaths();
        if !self.errors.is_empty() {
            return Err(self.errors);
        }
        let uses_raw_arguments = RAW_ARGUMENTS.iter().any(|variable| self.sources.use_variable(*variable));
        Ok(Plan {
            warnings: self.warnings,
            settings: self.settings,
            phases,
            rules,
            files: self.files,
            sources: self.sources,
            chains: self.chains,
            groups: self.groups,
            xpaths: self.xpaths,
            namespaces: self.namespaces,
            validates_xml: self.validates_xml,
            uses_raw_arguments,
            tx: self.tx,
            prefilter: Prefilter::default(),
            group_checks: Vec::new(),
            prepared: Vec::new(),
            constants: Default::default(),
            relied: Vec::new(),
            client: crate::plan::ClientUse::Always,
            preset: Vec::new(),
            check_places: Vec::new(),
            recurrence: Default::default(),
            recall: Default::default(),
            limits: self.options.limits.clone(),
            persistent: Persistent::new(std::time::Duration::from_secs(self.collection_timeout)),
            clock: self.options.clock,
            transactions: Default::default(),
        })
    }
}

fn on(value: OnOff) -> bool {
    value == OnOff::On
}

fn phase_of(actions: &[ast::Spanned<ast::Action>]) -> Option<Phase> {
    actions.iter().rev().find_map(|action| match action.kind {
        ast::ActionKind::Phase(phase) => Some(phase),
        _ => None,
    })
}
