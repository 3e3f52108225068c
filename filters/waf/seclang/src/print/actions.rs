//! Actions and their values.

use super::Writer;
use crate::ast::{
    Action, ActionKind, AllowScope, Collection, Ctl, PartsChange, SetVar, SetVarOp, Spanned, Variable,
};

impl Writer {
    pub(super) fn actions(&mut self, actions: &[Spanned<Action>]) {
        for (index, action) in actions.iter().enumerate() {
            if index > 0 {
                self.byte(b',');
            }
            self.bytes(action.kind.name());
            let mut value = Writer::default();
            if value.action_value(&action.kind) {
                self.byte(b':');
                self.quoted(&value.0, action.quote);
            }
        }
    }

    /// Writes the value of an action; false if it has none.
    fn action_value(&mut self, action: &ActionKind) -> bool {
        use ActionKind as A;
        match action {
            A::AuditLog | A::Block | A::Capture | A::Chain | A::Deny | A::Drop | A::Log | A::MultiMatch => {
                false
            }
            A::NoAuditLog | A::NoLog | A::Pass | A::SanitiseMatched | A::SanitiseMatchedBytes(None) => false,
            A::Allow(AllowScope::Transaction) => false,
            A::Allow(AllowScope::Phase) => self.value("phase"),
            A::Allow(AllowScope::Request) => self.value("request"),
            A::Accuracy(number) | A::Maturity(number) => self.value(number.to_string()),
            A::Id(id) => self.value(id.to_string()),
            A::Skip(count) => self.value(count.to_string()),
            A::Status(status) => self.value(status.to_string()),
            A::Phase(phase) => self.value(phase.as_str()),
            A::Severity(severity) => self.value(severity.as_str()),
            A::Transformation(transformation) => self.value(transformation.as_str()),
            A::Append(text) | A::LogData(text) | A::Msg(text) | A::Pause(text) | A::Prepend(text) => {
                self.value(&text.raw)
            }
            A::Proxy(text) | A::Redirect(text) | A::SetRsc(text) | A::SetSid(text) | A::SetUid(text) => {
                self.value(&text.raw)
            }
            A::Tag(text) => self.value(&text.raw),
            A::Exec(text) | A::Rev(text) | A::SanitiseArg(text) | A::SkipAfter(text) | A::Ver(text) => {
                self.value(text)
            }
            A::SanitiseRequestHeader(text) | A::SanitiseResponseHeader(text) => self.value(text),
            A::SanitiseMatchedBytes(Some((start, end))) => self.value(format!("{start}/{end}")),
            A::Ctl(ctl) => {
                self.bytes(ctl.name());
                self.byte(b'=');
                self.ctl_value(ctl);
                true
            }
            A::DeprecateVar(var) => {
                self.member(var.collection, var.uppercase, &var.key.raw);
                self.value(format!("={}/{}", var.amount, var.seconds))
            }
            A::ExpireVar(var) => {
                self.member(var.collection, var.uppercase, &var.key.raw);
                if let Some(seconds) = &var.seconds {
                    self.assigned("=", &seconds.raw);
                }
                true
            }
            A::InitCol(init) => {
                self.collection(init.collection, init.uppercase);
                self.assigned("=", &init.key.raw)
            }
            A::SetEnv(env) => {
                self.bytes(&env.name.raw);
                if let Some(value) = &env.value {
                    self.assigned("=", &value.raw);
                }
                true
            }
            A::SetVar(var) => self.set_var(var),
            A::XmlNs(ns) => {
                self.bytes(&ns.prefix);
                self.byte(b'=');
                // Not escaped: it is read up to the last quote.
                let mark = ns.uri_quote.mark();
                self.bytes(mark.as_slice());
                self.bytes(&ns.uri);
                self.value(mark.as_slice())
            }
        }
    }

    fn set_var(&mut self, var: &SetVar) -> bool {
        if var.op == SetVarOp::Unset {
            self.byte(b'!');
        }
        self.member(var.collection, var.uppercase, &var.key.raw);
        match &var.op {
            SetVarOp::SetOne | SetVarOp::Unset => true,
            SetVarOp::Set(value) => self.assigned("=", &value.raw),
            SetVarOp::Add(value) => self.assigned("=+", &value.raw),
            SetVarOp::Subtract(value) => self.assigned("=-", &value.raw),
        }
    }

    fn ctl_value(&mut self, ctl: &Ctl) {
        match ctl {
            Ctl::AuditEngine(mode) => self.bytes(mode.as_str()),
            Ctl::AuditLogParts(change, parts) => {
                self.bytes(match change {
                    PartsChange::Add => "+",
                    PartsChange::Remove => "-",
                    PartsChange::Replace => "",
                });
                self.bytes(parts);
            }
            Ctl::DebugLogLevel(level) => self.bytes(level.to_string()),
            Ctl::ForceRequestBodyVariable(switch)
            | Ctl::ForceResponseBodyVariable(switch)
            | Ctl::HashEnforcement(switch)
            | Ctl::HashEngine(switch)
            | Ctl::RequestBodyAccess(switch)
            | Ctl::ResponseBodyAccess(switch) => self.bytes(switch.as_str()),
            Ctl::ParseXmlIntoArgs(mode) => self.bytes(mode.as_str()),
            Ctl::RequestBodyLimit(limit) | Ctl::ResponseBodyLimit(limit) => self.bytes(limit.to_string()),
            Ctl::RequestBodyProcessor(processor) | Ctl::ResponseBodyProcessor(processor) => {
                self.bytes(processor.as_str());
            }
            Ctl::RuleEngine(mode) => self.bytes(mode.as_str()),
            Ctl::RuleRemoveById(ids) => self.ids(ids),
            Ctl::RuleRemoveByMsg(text) | Ctl::RuleRemoveByTag(text) => self.bytes(text),
            Ctl::RuleRemoveTargetById(ids, targets) => {
                self.ids(ids);
                self.targets(targets);
            }
            Ctl::RuleRemoveTargetByMsg(text, targets) | Ctl::RuleRemoveTargetByTag(text, targets) => {
                self.bytes(text);
                self.targets(targets);
            }
        }
    }

    fn targets(&mut self, targets: &[Spanned<Variable>]) {
        self.byte(b';');
        self.variables(targets);
    }

    fn collection(&mut self, collection: Collection, uppercase: bool) {
        match uppercase {
            true => self.bytes(collection.as_str().to_ascii_uppercase()),
            false => self.bytes(collection.as_str()),
        }
    }

    fn member(&mut self, collection: Collection, uppercase: bool, key: &[u8]) {
        self.collection(collection, uppercase);
        self.byte(b'.');
        self.bytes(key);
    }

    fn assigned(&mut self, sign: &str, value: &[u8]) -> bool {
        self.bytes(sign);
        self.value(value)
    }

    /// Writes the last part of a value.
    fn value(&mut self, text: impl AsRef<[u8]>) -> bool {
        self.bytes(text);
        true
    }
}
