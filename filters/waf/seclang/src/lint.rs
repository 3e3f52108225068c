//! What is legal but wrong, or what only the whole rule set shows.
//!
//! [`check`] looks at a complete rule set: a single file of a larger one has markers and rules elsewhere.

mod bodies;
mod contradiction;
mod phases;
mod rule;

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use crate::{
    ast::{ActionKind, Condition, Directive, IdSelection, Phase, Rule, Ruleset},
    diagnostic::Diagnostic,
    source::Span,
};

/// One finding and its place.
pub type Lint = Diagnostic<LintKind>;

/// All findings, in the order of evaluation of what they are about.
pub fn check(ruleset: &Ruleset) -> Vec<Lint> {
    let mut linter = Linter { ruleset, lints: Vec::new() };
    linter.identities();
    linter.default_actions();
    linter.skips();
    linter.unreachable();
    linter.references();
    linter.bodies();
    for (rule, span) in ruleset.rules() {
        linter.chain(rule, span);
        linter.contradictions(rule);
        linter.rule(rule, rule, span);
        for link in &rule.links {
            linter.rule(link, rule, link.span);
        }
    }
    linter.lints
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It loads, but does not do what it seems to.
    Warning,
    /// ModSecurity v3 or Coraza refuse it, and so should whoever loads the rule set.
    Error,
}

/// One variant for each kind of finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LintKind {
    /// A `SecRule` without `id`. ModSecurity v3 and Coraza refuse it.
    MissingId,
    /// A `SecAction` or `SecRuleScript` without `id`. Coraza refuses it, ModSecurity v3 does not.
    UnidentifiedAction,
    /// An `id` that another rule has. ModSecurity v3 and Coraza refuse it.
    DuplicateId {
        /// The id.
        id: u64,
        /// Where the other rule stands, as `file:line:column`.
        first: String,
    },
    /// A second `SecDefaultAction` for a phase. ModSecurity v3 and Coraza refuse it.
    RepeatedDefaultAction {
        /// The phase.
        phase: Phase,
    },
    /// `SecDefaultAction` without a phase. Coraza refuses it; ModSecurity v3 takes phase 1.
    DefaultActionWithoutPhase,
    /// A disruptive action other than `block` in a link of a chain. ModSecurity v3 and Coraza refuse it.
    DisruptiveInChain {
        /// The action.
        action: &'static str,
    },
    /// `chain`, and no rule follows: the rule never matches.
    ChainWithoutLink,
    /// An action in a link of a chain that counts only in its starter.
    StarterActionInChain {
        /// The action.
        action: &'static str,
    },
    /// A rule without `phase` runs in phase 2.
    MissingPhase,
    /// Two disruptive actions: only the last one counts.
    SeveralDisruptive {
        /// The action that does not count.
        action: &'static str,
    },
    /// `skipAfter` with a marker or rule that does not come after the rule: the rest of the phase is skipped.
    UnknownMarker {
        /// The marker.
        marker: String,
    },
    /// A rule that a `SecAction` before it always skips.
    Unreachable {
        /// Where the `skipAfter` stands, as `file:line:column`.
        skip: String,
    },
    /// A removal or update of a rule that does not exist.
    UnknownRule {
        /// The id.
        id: u64,
    },
    /// An `Include` that finds no file.
    EmptyInclude,
    /// A list with nothing but exclusions: there is nothing to match.
    OnlyExclusions,
    /// An exclusion from a variable that the list does not have before it.
    ExclusionWithoutEffect {
        /// The variable.
        variable: &'static str,
    },
    /// An exclusion whose key begins with `/` and does not end with it.
    UnclosedPattern {
        /// The key.
        key: String,
    },
    /// A variable that is empty in the phase of the rule.
    VariableNotAvailable {
        /// The variable.
        variable: &'static str,
        /// The first phase that has it.
        from: Phase,
    },
    /// A transformation that a later `t:none` drops.
    TransformationDropped {
        /// The transformation.
        transformation: &'static str,
    },
    /// A transformation of the case before an operator that has no regard to case.
    TransformationWithoutEffect {
        /// The transformation.
        transformation: &'static str,
        /// The operator.
        operator: &'static str,
    },
    /// Two links of a chain that no value satisfies.
    Contradiction {
        /// The variable that both look at.
        variable: &'static str,
        /// The operator before it, as `file:line:column`.
        other: String,
    },
    /// A rule on a body that is not read.
    BodyNotRead {
        /// The directive that would have it read.
        directive: &'static str,
    },
    /// Text that can't occur: capitals after `t:lowercase`, or the other way round.
    ArgumentNeverMatches {
        /// The transformation.
        transformation: &'static str,
    },
}

impl LintKind {
    /// How bad it is.
    pub fn level(&self) -> Level {
        use LintKind as K;
        match self {
            K::MissingId
            | K::DuplicateId { .. }
            | K::RepeatedDefaultAction { .. }
            | K::DisruptiveInChain { .. } => Level::Error,
            _ => Level::Warning,
        }
    }
}

impl fmt::Display for LintKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use LintKind as K;
        match self {
            K::MissingId | K::UnidentifiedAction => f.write_str("the rule has no `id`"),
            K::DuplicateId { id, first } => write!(f, "id {id} is already that of the rule at {first}"),
            K::RepeatedDefaultAction { phase } => write!(f, "phase {phase} has its default actions already"),
            K::DefaultActionWithoutPhase => f.write_str("expected a `phase`"),
            K::DisruptiveInChain { action } => {
                write!(
                    f,
                    "disruptive action `{action}` in a chain: only the first rule of a chain can have one"
                )
            }
            K::ChainWithoutLink => f.write_str("no rule follows the `chain`, so the rule never matches"),
            K::StarterActionInChain { action } => {
                write!(f, "action `{action}` has no effect here: only that of the chain's first rule counts")
            }
            K::MissingPhase => f.write_str("the rule names no `phase` and runs in phase 2"),
            K::SeveralDisruptive { action } => {
                write!(f, "disruptive action `{action}` has no effect: a later one replaces it")
            }
            K::UnknownMarker { marker } => {
                write!(f, "no `SecMarker {marker}` follows, so all the rest of the phase is skipped")
            }
            K::Unreachable { skip } => {
                write!(f, "the rule never runs: the `skipAfter` at {skip} always skips it")
            }
            K::UnknownRule { id } => write!(f, "there is no rule with id {id}"),
            K::EmptyInclude => f.write_str("no file matches"),
            K::OnlyExclusions => {
                f.write_str("the variables are all taken out with `!`, so the rule never matches")
            }
            K::ExclusionWithoutEffect { variable } => {
                write!(f, "`!{variable}` has no effect: no `{variable}` stands before it")
            }
            K::UnclosedPattern { key } => {
                write!(
                    f,
                    "`{key}` is no pattern without a `/` at its end: what has this name is excluded, nothing else"
                )
            }
            K::VariableNotAvailable { variable, from } => {
                write!(f, "`{variable}` is empty before phase {from}")
            }
            K::TransformationDropped { transformation } => {
                write!(f, "`t:{transformation}` has no effect: a later `t:none` drops it")
            }
            K::TransformationWithoutEffect { transformation, operator } => {
                write!(f, "`t:{transformation}` has no effect: `@{operator}` has no regard to case")
            }
            K::Contradiction { variable, other } => {
                write!(
                    f,
                    "the chain never matches: no `{variable}` satisfies this and the operator at {other}"
                )
            }
            K::BodyNotRead { directive } => {
                write!(f, "the rule never matches: without `{directive} On` there is no body to look at")
            }
            K::ArgumentNeverMatches { transformation } => {
                write!(f, "the operator can never match: no such text is left after `t:{transformation}`")
            }
        }
    }
}

struct Linter<'r> {
    ruleset: &'r Ruleset,
    lints: Vec<Lint>,
}

impl Linter<'_> {
    fn report(&mut self, kind: LintKind, directive: &str, span: Span) {
        self.lints.push(Lint::new(kind, directive, span, &self.ruleset.sources));
    }

    fn identities(&mut self) {
        let ruleset = self.ruleset;
        let mut seen: HashMap<u64, Span> = HashMap::new();
        for (rule, span) in ruleset.rules() {
            let Some(id) = rule.id() else {
                let kind = match rule.condition {
                    Condition::Match { .. } => LintKind::MissingId,
                    _ => LintKind::UnidentifiedAction,
                };
                self.report(kind, rule.directive_name(), span);
                continue;
            };
            let action = rule.actions.iter().find(|action| action.kind == ActionKind::Id(id));
            let span = action.map_or(span, |action| action.span);
            match seen.get(&id) {
                Some(first) => {
                    let first = ruleset.sources.locate(*first).to_string();
                    self.report(LintKind::DuplicateId { id, first }, rule.directive_name(), span);
                }
                None => drop(seen.insert(id, span)),
            }
        }
    }

    fn default_actions(&mut self) {
        let mut seen = HashSet::new();
        for directive in &self.ruleset.directives {
            let Directive::DefaultAction(actions) = &directive.node else { continue };
            let phase = actions.value.iter().find_map(|action| match action.kind {
                ActionKind::Phase(phase) => Some(phase),
                _ => None,
            });
            if phase.is_none() {
                self.report(LintKind::DefaultActionWithoutPhase, directive.name(), directive.span);
            }
            let phase = phase.unwrap_or(Phase::RequestHeaders);
            if !seen.insert(phase) {
                self.report(LintKind::RepeatedDefaultAction { phase }, directive.name(), directive.span);
            }
        }
    }

    /// Every `skipAfter` must find its marker, or the rule of its id, further down.
    fn skips(&mut self) {
        let ruleset = self.ruleset;
        let mut below: HashSet<Vec<u8>> = HashSet::new();
        let mut missing = Vec::new();
        for directive in ruleset.directives.iter().rev() {
            match &directive.node {
                Directive::Marker(name) => drop(below.insert(name.value.to_ascii_lowercase())),
                Directive::Rule(starter) => {
                    let links = starter.links.iter().map(|link| &link.node);
                    for rule in std::iter::once(&**starter).chain(links) {
                        for action in &rule.actions {
                            let ActionKind::SkipAfter(marker) = &action.kind else { continue };
                            if !below.contains(&marker.to_ascii_lowercase()) {
                                missing.push((
                                    String::from_utf8_lossy(marker).into_owned(),
                                    rule,
                                    action.span,
                                ));
                            }
                        }
                    }
                    below.extend(starter.id().map(|id| id.to_string().into_bytes()));
                }
                _ => {}
            }
        }
        for (marker, rule, span) in missing.into_iter().rev() {
            self.report(LintKind::UnknownMarker { marker }, rule.directive_name(), span);
        }
    }

    /// What stands between a `skipAfter` that always happens and its marker does not run in that phase.
    fn unreachable(&mut self) {
        let ruleset = self.ruleset;
        // For each phase the marker that ends the skip, and where that begins.
        let mut skipping: HashMap<Phase, (Vec<u8>, Span)> = HashMap::new();
        for directive in &ruleset.directives {
            match &directive.node {
                Directive::Marker(name) => {
                    skipping.retain(|_, (marker, _)| !marker.eq_ignore_ascii_case(&name.value));
                }
                Directive::Rule(rule) => {
                    let phase = rule.phase().unwrap_or(Phase::RequestBody);
                    if let Some((marker, skip)) = skipping.get(&phase) {
                        // Rules may name a rule in place of a marker; where exactly they go on, engines differ.
                        if rule.id().is_some_and(|id| id.to_string().as_bytes() == marker.as_slice()) {
                            skipping.remove(&phase);
                            continue;
                        }
                        let skip = ruleset.sources.locate(*skip).to_string();
                        self.report(LintKind::Unreachable { skip }, rule.directive_name(), directive.span);
                        continue;
                    }
                    let skip = rule.actions.iter().find_map(|action| match &action.kind {
                        ActionKind::SkipAfter(marker) => Some((marker.clone(), action.span)),
                        _ => None,
                    });
                    if let (Condition::Always, true, Some(skip)) =
                        (&rule.condition, rule.links.is_empty(), skip)
                    {
                        skipping.insert(phase, skip);
                    }
                }
                _ => {}
            }
        }
    }

    /// Removals and updates must name rules that exist. Ranges may be empty.
    fn references(&mut self) {
        let ruleset = self.ruleset;
        let known: HashSet<u64> = ruleset.rules().filter_map(|(rule, _)| rule.id()).collect();
        let single = |ids: &IdSelection| -> Vec<u64> {
            ids.0.iter().filter(|range| range.first == range.last).map(|range| range.first).collect()
        };
        for directive in &ruleset.directives {
            let ids = match &directive.node {
                Directive::RuleRemoveById(ids) => single(ids),
                Directive::RuleUpdateTargetById(update) => {
                    self.excluded(&update.variables.value, directive.name());
                    single(&update.selection)
                }
                Directive::RuleUpdateTargetByMsg(update) | Directive::RuleUpdateTargetByTag(update) => {
                    self.excluded(&update.variables.value, directive.name());
                    continue;
                }
                Directive::RuleUpdateActionById(update) => vec![update.id],
                Directive::Include(include) if include.files.is_empty() => {
                    self.report(LintKind::EmptyInclude, directive.name(), directive.span);
                    continue;
                }
                _ => continue,
            };
            for id in ids.into_iter().filter(|id| !known.contains(id)) {
                self.report(LintKind::UnknownRule { id }, directive.name(), directive.span);
            }
        }
    }

    fn chain(&mut self, starter: &Rule, span: Span) {
        let last = starter.links.last().map_or(starter, |link| &link.node);
        if last.has_chain() {
            let span = starter.links.last().map_or(span, |link| link.span);
            self.report(LintKind::ChainWithoutLink, last.directive_name(), span);
        }
        for link in &starter.links {
            for action in &link.actions {
                let name = action.kind.name();
                if action.kind.is_disruptive() && action.kind != ActionKind::Block {
                    self.report(
                        LintKind::DisruptiveInChain { action: name },
                        link.directive_name(),
                        action.span,
                    );
                } else if matches!(
                    action.kind,
                    ActionKind::Id(_) | ActionKind::Phase(_) | ActionKind::SkipAfter(_)
                ) {
                    self.report(
                        LintKind::StarterActionInChain { action: name },
                        link.directive_name(),
                        action.span,
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
