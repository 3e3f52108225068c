//! Drafts: rules as written, with the updates that other directives make.

use portcullis_seclang::ast::{self, ActionKind as A, Condition, Phase, Spanned};
use portcullis_seclang::source::Span;

use portcullis_seclang::Loader;

use super::{Compiler, Placed, phase_of};
use crate::error::CompileErrorKind;

/// A rule that may still be changed.
pub(super) struct Draft<'a> {
    pub(super) id: u64,
    pub(super) phase: Phase,
    pub(super) directive: &'static str,
    /// The last link announces another one.
    pub(super) open: bool,
    pub(super) links: Vec<DraftLink<'a>>,
}

/// A rule of a chain.
pub(super) struct DraftLink<'a> {
    pub(super) span: Span,
    pub(super) condition: &'a Condition,
    pub(super) variables: Vec<&'a Spanned<ast::Variable>>,
    pub(super) actions: Vec<&'a Spanned<ast::Action>>,
}

impl Draft<'_> {
    /// The tags of the starter, as written.
    pub(super) fn has_tag(&self, tag: &[u8]) -> bool {
        self.starter_actions().any(|action| matches!(&action.kind, A::Tag(text) if text.raw == tag))
    }

    pub(super) fn has_msg(&self, msg: &[u8]) -> bool {
        self.starter_actions().any(|action| matches!(&action.kind, A::Msg(text) if text.raw == msg))
    }

    fn starter_actions(&self) -> impl Iterator<Item = &Spanned<ast::Action>> {
        self.links.first().into_iter().flat_map(|link| link.actions.iter().copied())
    }
}

impl<'a, L: Loader + ?Sized> Compiler<'a, L> {
    #[inline(never)]
    pub(super) fn draft(&mut self, rule: &'a ast::Rule, span: Span) -> Draft<'a> {
        let mut links = vec![link(rule, span)];
        links.extend(rule.links.iter().map(|spanned| link(&spanned.node, spanned.span)));
        let id = rule.actions.iter().find_map(|action| match action.kind {
            A::Id(id) => Some(id),
            _ => None,
        });
        // ModSecurity v3 lets SecAction go without.
        if id.is_none_or(|id| id == 0) && !matches!(rule.condition, Condition::Always) {
            self.error(span, CompileErrorKind::MissingId);
        }
        for spanned in &rule.links {
            for action in &spanned.actions {
                if let Some(name) = starter_only(&action.kind) {
                    self.error(action.span, CompileErrorKind::ChainedAction(name));
                }
            }
        }
        let mut open = false;
        let chains = |rule: &ast::Rule| rule.actions.iter().any(|action| matches!(action.kind, A::Chain));
        let last = rule.links.last().map_or(rule, |spanned| &spanned.node);
        if chains(last) {
            self.warn(span, CompileErrorKind::OpenChain);
            open = true;
        }
        Draft {
            id: id.unwrap_or(0),
            phase: phase_of(&rule.actions).unwrap_or(Phase::RequestBody),
            directive: self.directive,
            open,
            links,
        }
    }

    /// Second pass: `SecRuleRemove…` and `SecRuleUpdate…`.
    #[inline(never)]
    pub(super) fn apply_updates(&mut self) {
        use ast::Directive as D;
        for update in std::mem::take(&mut self.updates) {
            match &update.node {
                // Named as ModSecurity's debug log does.
                D::RuleRemoveById(ids) => self.remove("an SecRuleRemove", |draft| ids.contains(draft.id)),
                D::RuleRemoveByMsg(msg) => {
                    self.remove("a SecRuleRemoveByMsg", |draft| draft.has_msg(&msg.value))
                }
                D::RuleRemoveByTag(tag) => {
                    self.remove("a SecRuleRemoveByTag", |draft| draft.has_tag(&tag.value))
                }
                D::RuleUpdateActionById(update) => {
                    for draft in self.drafts().filter(|draft| draft.id == update.id) {
                        if let Some(link) = draft.links.get_mut(update.chain_offset as usize) {
                            link.update_actions(&update.actions.value);
                        }
                    }
                }
                D::RuleUpdateTargetById(update) => {
                    let replaced = update.replaced.as_ref().map(|replaced| replaced.value.as_slice());
                    for draft in self.drafts().filter(|draft| update.selection.contains(draft.id)) {
                        draft.update_targets(&update.variables.value, replaced);
                    }
                }
                D::RuleUpdateTargetByMsg(update) => {
                    let replaced = update.replaced.as_ref().map(|replaced| replaced.value.as_slice());
                    for draft in self.drafts().filter(|draft| draft.has_msg(&update.selection.value)) {
                        draft.update_targets(&update.variables.value, replaced);
                    }
                }
                D::RuleUpdateTargetByTag(update) => {
                    let replaced = update.replaced.as_ref().map(|replaced| replaced.value.as_slice());
                    for draft in self.drafts().filter(|draft| draft.has_tag(&update.selection.value)) {
                        draft.update_targets(&update.variables.value, replaced);
                    }
                }
                _ => {}
            }
        }
    }

    fn remove(&mut self, directive: &'static str, unwanted: impl Fn(&Draft<'_>) -> bool) {
        for placed in &mut self.order {
            if let Placed::Rule(draft) = placed
                && unwanted(draft)
            {
                *placed = Placed::Removed(draft.id, draft.phase, directive);
            }
        }
    }

    fn drafts(&mut self) -> impl Iterator<Item = &mut Draft<'a>> {
        self.order.iter_mut().filter_map(|placed| match placed {
            Placed::Rule(draft) => Some(&mut **draft),
            _ => None,
        })
    }
}

fn link(rule: &ast::Rule, span: Span) -> DraftLink<'_> {
    let variables = match &rule.condition {
        Condition::Match { variables, .. } => variables.as_slice(),
        _ => &[],
    };
    DraftLink {
        span,
        condition: &rule.condition,
        variables: variables.iter().collect(),
        actions: rule.actions.iter().collect(),
    }
}

impl<'a> Draft<'a> {
    /// The starter's targets only, as in ModSecurity v3.
    fn update_targets(
        &mut self,
        changes: &'a [Spanned<ast::Variable>],
        replaced: Option<&[Spanned<ast::Variable>]>,
    ) {
        let Some(link) = self.links.first_mut() else { return };
        if !matches!(link.condition, Condition::Match { .. }) {
            return;
        }
        let variables = &mut link.variables;
        if let Some(replaced) = replaced {
            variables.retain(|variable| !replaced.iter().any(|old| old.node == variable.node));
        }
        variables.extend(changes);
    }
}

impl<'a> DraftLink<'a> {
    fn update_actions(&mut self, changes: &'a [Spanned<ast::Action>]) {
        let actions = &mut self.actions;
        if changes.iter().any(|change| change.kind.is_disruptive()) {
            actions.retain(|action| !action.kind.is_disruptive());
        }
        for change in changes {
            if is_single(&change.kind) {
                let kind = std::mem::discriminant(&change.kind);
                actions.retain(|action| std::mem::discriminant(&action.kind) != kind);
            }
            if !matches!(change.kind, A::Id(_) | A::Phase(_) | A::Chain) {
                actions.push(change);
            }
        }
    }
}

/// Actions of which a rule has one: a later one replaces it.
fn is_single(kind: &A) -> bool {
    matches!(
        kind,
        A::Accuracy(_)
            | A::LogData(_)
            | A::Maturity(_)
            | A::Msg(_)
            | A::Rev(_)
            | A::Severity(_)
            | A::Status(_)
            | A::Ver(_)
            | A::Skip(_)
            | A::SkipAfter(_)
    )
}

/// The name of an action that only the first rule of a chain may have. ModSecurity v3 reference, "chain".
fn starter_only(kind: &A) -> Option<&'static str> {
    Some(match kind {
        A::Allow(_) => "allow",
        A::Deny => "deny",
        A::Drop => "drop",
        A::Pass => "pass",
        A::Pause(_) => "pause",
        A::Proxy(_) => "proxy",
        A::Redirect(_) => "redirect",
        _ => return None,
    })
}
