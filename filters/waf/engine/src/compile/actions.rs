//! Actions of rules and of `SecDefaultAction`.

use std::sync::Arc;

use portcullis_seclang::ast::{self, ActionKind as A, Collection, Ctl as AstCtl, Spanned};
use portcullis_seclang::source::Span;

use portcullis_seclang::Loader;

use super::rules::{Index, Skips};
use super::{Compiler, on};
use crate::actions::{
    Action, Ctl, DeprecateVar, ExpireVar, InitCol, Sanitised, SetEnv, SetVar, SetVarOp, TargetRemoval,
};
use crate::error::CompileErrorKind;
use crate::plan::{Disruptive, Link, PhasePlan, RuleId, Text};
use crate::support;

impl<L: Loader + ?Sized> Compiler<'_, L> {
    /// Adds an action to a link. Disruptive ones go to `disruptive`.
    pub(super) fn action(
        &mut self,
        action: &Spanned<ast::Action>,
        link: &mut Link,
        disruptive: &mut Option<Disruptive>,
        index: &Index<'_>,
        skips: &Skips<'_>,
    ) {
        let meta = &mut link.meta;
        match &action.kind {
            A::Accuracy(value) => meta.accuracy = *value,
            A::Maturity(value) => meta.maturity = *value,
            A::Rev(value) => meta.rev = value.as_slice().into(),
            A::Ver(value) => meta.ver = value.as_slice().into(),
            A::Severity(value) => meta.severity = Some(*value),
            A::Msg(text) => meta.msg = Some(self.text(text)),
            A::LogData(text) => meta.log_data = Some(self.text(text)),
            A::Tag(text) => {
                let text = self.text(text);
                link.meta.tags.push(text);
            }
            A::Id(_) | A::Phase(_) | A::Chain | A::Transformation(_) => {}
            A::Capture => link.capture = true,
            A::MultiMatch => link.multi_match = true,
            A::Block => link.block = true,
            A::SetVar(set_var) => {
                let set_var = self.set_var(set_var);
                link.set_vars.push(set_var);
            }
            A::Skip(count) => link.actions.push(Action::Skip(*count)),
            A::SkipAfter(marker) => link.actions.push(Action::SkipTo(skips.place(marker))),
            kind if kind.is_disruptive() => {
                if let Some(compiled) = self.disruptive(kind, action.span) {
                    *disruptive = Some(compiled);
                }
            }
            kind => match self.plain_action(kind, action.span, index) {
                Some(
                    compiled @ (Action::InitCol(_)
                    | Action::SetRsc(_)
                    | Action::SetSid(_)
                    | Action::SetUid(_)
                    | Action::SanitiseMatched
                    | Action::SanitiseMatchedBytes(..)),
                ) => link.for_each_match.push(compiled),
                Some(compiled) => link.actions.push(compiled),
                None => {}
            },
        }
    }

    /// The actions that every rule of a phase runs.
    #[inline(never)]
    pub(super) fn default_actions(
        &mut self,
        actions: &[Spanned<ast::Action>],
        index: &Index<'_>,
        phase: &mut PhasePlan,
    ) {
        for action in actions {
            match &action.kind {
                A::Phase(_) | A::Block | A::Transformation(_) | A::Capture | A::MultiMatch => {}
                A::Tag(text) => phase.default_actions.push(Action::Tag(self.text(text))),
                A::SetVar(set_var) => phase.default_actions.push(Action::SetVar(self.set_var(set_var))),
                kind if kind.is_disruptive() => phase.default_disruptive = self.disruptive(kind, action.span),
                kind => {
                    if let Some(compiled) = self.plain_action(kind, action.span, index) {
                        phase.default_actions.push(compiled);
                    }
                }
            }
        }
    }

    fn disruptive(&mut self, kind: &A, span: Span) -> Option<Disruptive> {
        Some(match kind {
            A::Allow(scope) => Disruptive::Allow(*scope),
            A::Deny => Disruptive::Deny,
            A::Drop => Disruptive::Drop,
            A::Pass => Disruptive::Pass,
            A::Redirect(url) => Disruptive::Redirect(self.text(url)),
            other => {
                if let Some(reason) = support::action(other.action_name()).refused() {
                    self.unsupported(span, other.name(), reason);
                }
                return None;
            }
        })
    }

    #[inline(never)]
    fn set_var(&mut self, set_var: &ast::SetVar) -> SetVar {
        let key = self.key(set_var.collection, &set_var.key);
        let op = match &set_var.op {
            ast::SetVarOp::SetOne => SetVarOp::Set(Text::Literal(b"1".as_slice().into())),
            ast::SetVarOp::Set(text) => SetVarOp::Set(self.text(text)),
            ast::SetVarOp::Add(text) => SetVarOp::Add(self.text(text)),
            ast::SetVarOp::Subtract(text) => SetVarOp::Subtract(self.text(text)),
            ast::SetVarOp::Unset => SetVarOp::Unset,
        };
        SetVar { collection: set_var.collection, key, op }
    }

    fn plain_action(&mut self, kind: &A, span: Span, index: &Index<'_>) -> Option<Action> {
        if let Some(reason) = support::action(kind.action_name()).refused() {
            self.unsupported(span, kind.name(), reason);
            return None;
        }
        let name = |name: &[u8]| name.to_ascii_lowercase();
        Some(match kind {
            A::AuditLog => Action::AuditLog,
            A::Log => Action::Log,
            A::NoAuditLog => Action::NoAuditLog,
            A::NoLog => Action::NoLog,
            A::Status(status) => {
                if !(100..=599).contains(status) {
                    let value = status.to_string();
                    self.error(span, CompileErrorKind::Range { value, expected: "a status from 100 to 599" });
                }
                Action::Status(*status)
            }
            A::Ctl(ctl) => Action::Ctl(self.ctl(ctl, span, index)?),
            A::DeprecateVar(deprecate) => {
                if deprecate.collection == Collection::Tx {
                    let expected = "a persistent collection: ip, global, resource, session or user";
                    self.error(span, CompileErrorKind::Range { value: "tx".to_owned(), expected });
                    return None;
                }
                Action::DeprecateVar(DeprecateVar {
                    collection: deprecate.collection,
                    key: self.text(&deprecate.key),
                    amount: deprecate.amount,
                    seconds: deprecate.seconds.max(1),
                })
            }
            A::SanitiseArg(arg) => Action::Sanitise(Sanitised::Argument(name(arg))),
            A::SanitiseMatched => Action::SanitiseMatched,
            A::SanitiseMatchedBytes(left) => {
                let (first, last) = left.unwrap_or_default();
                Action::SanitiseMatchedBytes(first as usize, last as usize)
            }
            A::SanitiseRequestHeader(header) => Action::Sanitise(Sanitised::RequestHeader(name(header))),
            A::SanitiseResponseHeader(header) => Action::Sanitise(Sanitised::ResponseHeader(name(header))),
            A::ExpireVar(expire) => Action::ExpireVar(ExpireVar {
                collection: expire.collection,
                key: self.text(&expire.key),
                seconds: expire.seconds.as_ref().map_or_else(Text::empty, |seconds| self.text(seconds)),
            }),
            A::InitCol(init) => {
                Action::InitCol(InitCol { collection: init.collection, key: self.text(&init.key) })
            }
            A::SetEnv(set) => Action::SetEnv(SetEnv {
                name: self.text(&set.name),
                value: set.value.as_ref().map(|value| self.text(value)),
            }),
            A::SetRsc(text) => Action::SetRsc(self.text(text)),
            A::SetSid(text) => Action::SetSid(self.text(text)),
            A::SetUid(text) => Action::SetUid(self.text(text)),
            // For the XPath of the same rule: see targets.
            A::XmlNs(_) => return None,
            _ => return None,
        })
    }

    #[inline(never)]
    fn ctl(&mut self, ctl: &AstCtl, span: Span, index: &Index<'_>) -> Option<Ctl> {
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Some(match ctl {
            AstCtl::AuditEngine(engine) => Ctl::AuditEngine(*engine),
            AstCtl::AuditLogParts(change, parts) => Ctl::AuditLogParts(*change, parts.as_slice().into()),
            AstCtl::DebugLogLevel(level) => Ctl::DebugLogLevel(*level),
            AstCtl::ForceRequestBodyVariable(value) => Ctl::ForceRequestBodyVariable(on(*value)),
            AstCtl::ParseXmlIntoArgs(mode) => Ctl::ParseXmlIntoArgs(*mode),
            AstCtl::RequestBodyAccess(value) => Ctl::RequestBodyAccess(on(*value)),
            AstCtl::RequestBodyLimit(bytes) => Ctl::RequestBodyLimit(size(*bytes)),
            AstCtl::RequestBodyProcessor(processor) => Ctl::RequestBodyProcessor(*processor),
            AstCtl::ResponseBodyAccess(value) => Ctl::ResponseBodyAccess(on(*value)),
            AstCtl::ResponseBodyLimit(bytes) => Ctl::ResponseBodyLimit(size(*bytes)),
            AstCtl::RuleEngine(mode) => Ctl::RuleEngine(*mode),
            AstCtl::RuleRemoveById(ids) => Ctl::RemoveRules(index.by_id(ids).into(), "ruleRemoveById"),
            AstCtl::RuleRemoveByMsg(msg) => Ctl::RemoveRules(index.by_msg(msg).into(), "ruleRemoveByMsg"),
            AstCtl::RuleRemoveByTag(tag) => Ctl::RemoveRules(index.by_tag(tag).into(), "ruleRemoveByTag"),
            AstCtl::RuleRemoveTargetById(ids, target) => self.removal(index.by_id(ids), target)?,
            AstCtl::RuleRemoveTargetByMsg(msg, target) => self.removal(index.by_msg(msg), target)?,
            AstCtl::RuleRemoveTargetByTag(tag, target) => self.removal(index.by_tag(tag), target)?,
            AstCtl::HashEnforcement(_)
            | AstCtl::HashEngine(_)
            | AstCtl::ForceResponseBodyVariable(_)
            | AstCtl::ResponseBodyProcessor(_) => {
                if let Some(reason) = support::ctl(ctl.ctl_name()).refused() {
                    self.unsupported(span, format!("ctl:{}", ctl.name()), reason);
                }
                return None;
            }
        })
    }

    fn removal(&mut self, rules: Vec<RuleId>, targets: &[Spanned<ast::Variable>]) -> Option<Ctl> {
        let rules: Arc<[RuleId]> = rules.into();
        let mut removals = Vec::new();
        for target in targets {
            let select = self.excluded(&target.selector, target.span)?;
            let rules = Arc::clone(&rules);
            removals.push(Arc::new(TargetRemoval { rules, variable: target.name, select }));
        }
        Some(Ctl::RemoveTargets(removals.into()))
    }
}
