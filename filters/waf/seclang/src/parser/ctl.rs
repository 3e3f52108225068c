//! Values of the `ctl` action: `option=value`.

use super::{
    Context,
    arguments::{AUDIT_LOG_PARTS, are_audit_log_parts, ids},
};
use crate::{
    NameKind,
    ast::{Ctl, CtlName, PartsChange, Spanned, Variable},
    lexer::Value,
};

impl Context {
    pub(super) fn ctl(&mut self, value: &Value<'_>) -> Option<Ctl> {
        let end = value.bytes.len();
        let equals = value.bytes.iter().position(|&byte| byte == b'=').unwrap_or(end);
        let name = value.bytes.get(..equals).unwrap_or_default();
        let Some(known) = CtlName::from_name(name) else {
            let names = CtlName::ALL.iter().map(|name| name.as_str());
            self.unknown(NameKind::CtlOption, name, names, value.span_of(0..equals));
            return None;
        };
        if equals + 1 >= end {
            return self.invalid(value, 0..end, "`option=value`");
        }
        let from = equals + 1;
        let bytes = || value.bytes.get(from..).unwrap_or_default().to_vec();
        Some(match known {
            CtlName::AuditEngine => Ctl::AuditEngine(self.vocabulary_in(value, from..end)?),
            CtlName::AuditLogParts => {
                let (change, from) = match value.bytes.get(from) {
                    Some(b'+') => (PartsChange::Add, from + 1),
                    Some(b'-') => (PartsChange::Remove, from + 1),
                    _ => (PartsChange::Replace, from),
                };
                Ctl::AuditLogParts(change, self.audit_log_parts(value, from)?)
            }
            CtlName::DebugLogLevel => {
                let level: u8 = self.number_in(value, from..end, "a level from 0 to 9")?;
                match level {
                    0..=9 => Ctl::DebugLogLevel(level),
                    _ => return self.invalid(value, from..end, "a level from 0 to 9"),
                }
            }
            CtlName::ForceRequestBodyVariable => {
                Ctl::ForceRequestBodyVariable(self.vocabulary_in(value, from..end)?)
            }
            CtlName::ForceResponseBodyVariable => {
                Ctl::ForceResponseBodyVariable(self.vocabulary_in(value, from..end)?)
            }
            CtlName::HashEnforcement => Ctl::HashEnforcement(self.vocabulary_in(value, from..end)?),
            CtlName::HashEngine => Ctl::HashEngine(self.vocabulary_in(value, from..end)?),
            CtlName::ParseXmlIntoArgs => Ctl::ParseXmlIntoArgs(self.vocabulary_in(value, from..end)?),
            CtlName::RequestBodyAccess => Ctl::RequestBodyAccess(self.vocabulary_in(value, from..end)?),
            CtlName::RequestBodyLimit => {
                Ctl::RequestBodyLimit(self.number_in(value, from..end, "a number of bytes")?)
            }
            CtlName::RequestBodyProcessor => Ctl::RequestBodyProcessor(self.vocabulary_in(value, from..end)?),
            CtlName::ResponseBodyAccess => Ctl::ResponseBodyAccess(self.vocabulary_in(value, from..end)?),
            CtlName::ResponseBodyLimit => {
                Ctl::ResponseBodyLimit(self.number_in(value, from..end, "a number of bytes")?)
            }
            CtlName::ResponseBodyProcessor => {
                Ctl::ResponseBodyProcessor(self.vocabulary_in(value, from..end)?)
            }
            CtlName::RuleEngine => Ctl::RuleEngine(self.vocabulary_in(value, from..end)?),
            CtlName::RuleRemoveById => Ctl::RuleRemoveById(ids(self, value, from..end)?),
            CtlName::RuleRemoveByMsg => Ctl::RuleRemoveByMsg(bytes()),
            CtlName::RuleRemoveByTag => Ctl::RuleRemoveByTag(bytes()),
            CtlName::RuleRemoveTargetById => {
                let (semicolon, targets) = self.targets(value, from)?;
                Ctl::RuleRemoveTargetById(ids(self, value, from..semicolon)?, targets)
            }
            CtlName::RuleRemoveTargetByMsg => {
                let (semicolon, targets) = self.targets(value, from)?;
                Ctl::RuleRemoveTargetByMsg(value.bytes.get(from..semicolon)?.to_vec(), targets)
            }
            CtlName::RuleRemoveTargetByTag => {
                let (semicolon, targets) = self.targets(value, from)?;
                Ctl::RuleRemoveTargetByTag(value.bytes.get(from..semicolon)?.to_vec(), targets)
            }
        })
    }

    /// Letters of audit log parts, from this offset to the end.
    fn audit_log_parts(&mut self, value: &Value<'_>, from: usize) -> Option<Vec<u8>> {
        let parts = value.bytes.get(from..).unwrap_or_default();
        if !are_audit_log_parts(parts) {
            return self.invalid(value, from..value.bytes.len(), AUDIT_LOG_PARTS);
        }
        Some(parts.to_vec())
    }

    /// The variables after the `;`, and where that stands.
    fn targets(&mut self, value: &Value<'_>, from: usize) -> Option<(usize, Vec<Spanned<Variable>>)> {
        let semicolon = value.bytes.iter().skip(from).position(|&byte| byte == b';');
        let Some(semicolon) = semicolon.map(|offset| from + offset).filter(|&semicolon| semicolon > from)
        else {
            return self.invalid(value, from..value.bytes.len(), "`rules;variable`");
        };
        Some((semicolon, self.excluded(value, semicolon + 1)))
    }
}
