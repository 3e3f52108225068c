//! Actions that run when a rule has matched. Metadata (`id`, `msg`, `tag`, …) is in [`Meta`](crate::plan::Meta),
//! disruptive actions are in [`Disruptive`](crate::plan::Disruptive), `chain`, `capture`, `multiMatch` and `t`
//! shape the rule itself.

mod ctl;
mod deprecatevar;
mod initcol;
mod sanitise;
mod setenv;
mod setvar;

pub(crate) use ctl::{Ctl, TargetRemoval};
pub(crate) use deprecatevar::DeprecateVar;
pub(crate) use initcol::{ExpireVar, InitCol};
pub use sanitise::Sanitised;
pub(crate) use setenv::SetEnv;
pub(crate) use setvar::{SetVar, SetVarOp, number};

use crate::plan::{Plan, Text};
use crate::transaction::{RuleState, Transaction};

/// An action that runs once, after the whole chain has matched.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    AuditLog,
    Ctl(Ctl),
    DeprecateVar(DeprecateVar),
    ExpireVar(ExpireVar),
    InitCol(InitCol),
    Log,
    NoAuditLog,
    NoLog,
    Sanitise(Sanitised),
    SanitiseMatched,
    /// Bytes to leave at the start and at the end.
    SanitiseMatchedBytes(usize, usize),
    SetEnv(SetEnv),
    SetRsc(Text),
    SetSid(Text),
    SetUid(Text),
    SetVar(SetVar),
    Skip(u32),
    /// The place in its phase to go on at; the end of the phase where the marker is not found after the rule.
    SkipTo(usize),
    Status(u16),
    Tag(Text),
}

impl Action {
    /// What may have macros.
    pub(crate) fn texts(&self) -> Vec<&Text> {
        match self {
            Action::SetVar(set_var) => set_var.texts().collect(),
            Action::InitCol(InitCol { key, .. }) | Action::DeprecateVar(DeprecateVar { key, .. }) => {
                vec![key]
            }
            Action::ExpireVar(ExpireVar { key, seconds, .. }) => vec![key, seconds],
            Action::SetEnv(SetEnv { name, value }) => std::iter::once(name).chain(value).collect(),
            Action::SetRsc(text) | Action::SetSid(text) | Action::SetUid(text) | Action::Tag(text) => {
                vec![text]
            }
            Action::AuditLog
            | Action::Ctl(_)
            | Action::Log
            | Action::NoAuditLog
            | Action::NoLog
            | Action::Sanitise(_)
            | Action::SanitiseMatched
            | Action::SanitiseMatchedBytes(..)
            | Action::Skip(_)
            | Action::SkipTo(_)
            | Action::Status(_) => Vec::new(),
        }
    }

    pub(crate) fn run(&self, tx: &mut Transaction, plan: &Plan, state: &mut RuleState) {
        match self {
            Action::AuditLog => {
                state.audit_log = true;
                state.log = true;
            }
            Action::Ctl(ctl) => ctl.run(tx, plan),
            Action::DeprecateVar(action) => action.run(tx, plan),
            Action::ExpireVar(action) => action.run(tx, plan),
            Action::InitCol(action) => action.run(tx, plan),
            Action::Log => state.log = true,
            Action::NoAuditLog => state.audit_log = false,
            Action::NoLog => {
                state.log = false;
                state.audit_log = false;
            }
            Action::Sanitise(what) => tx.sanitise(what.clone()),
            Action::SanitiseMatched => sanitise::matched(tx, state),
            Action::SanitiseMatchedBytes(first, last) => sanitise::matched_bytes(tx, state, *first, *last),
            Action::SetEnv(action) => action.run(tx, plan),
            Action::SetRsc(key) => {
                tx.set_collection_key(plan, "setrsc", portcullis_seclang::ast::Collection::Resource, key)
            }
            Action::SetSid(key) => {
                tx.set_collection_key(plan, "setsid", portcullis_seclang::ast::Collection::Session, key)
            }
            Action::SetUid(key) => {
                tx.set_collection_key(plan, "setuid", portcullis_seclang::ast::Collection::User, key)
            }
            Action::SetVar(action) => action.run(tx, plan),
            Action::Skip(count) => {
                crate::transaction::debug!(tx, 5, "Skipping the next {count} rules.");
                state.skip = *count;
            }
            Action::SkipTo(place) => state.skip_to = Some(*place),
            Action::Status(status) => state.status = Some(*status),
            Action::Tag(tag) => {
                let tag = tx.expand(plan, tag);
                state.texts().tags.push(tag);
            }
        }
    }

    /// The name in the reference manual.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Action::AuditLog => "auditlog",
            Action::Ctl(_) => "ctl",
            Action::DeprecateVar(_) => "deprecatevar",
            Action::ExpireVar(_) => "expirevar",
            Action::InitCol(_) => "initcol",
            Action::Log => "log",
            Action::NoAuditLog => "noauditlog",
            Action::NoLog => "nolog",
            Action::Sanitise(Sanitised::Argument(_)) => "sanitiseArg",
            Action::Sanitise(Sanitised::RequestHeader(_)) => "sanitiseRequestHeader",
            Action::Sanitise(Sanitised::ResponseHeader(_)) => "sanitiseResponseHeader",
            Action::SanitiseMatched => "sanitiseMatched",
            Action::Sanitise(Sanitised::Text { .. }) | Action::SanitiseMatchedBytes(..) => {
                "sanitiseMatchedBytes"
            }
            Action::SetEnv(_) => "setenv",
            Action::SetRsc(_) => "setrsc",
            Action::SetSid(_) => "setsid",
            Action::SetUid(_) => "setuid",
            Action::SetVar(_) => "setvar",
            Action::Skip(_) => "skip",
            Action::SkipTo(_) => "skipAfter",
            Action::Status(_) => "status",
            Action::Tag(_) => "tag",
        }
    }
}
