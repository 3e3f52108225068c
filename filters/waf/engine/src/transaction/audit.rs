//! What an audit log needs to know of a transaction. ModSecurity v3 reference, "SecAuditLogParts".

use portcullis_seclang::ast::{AuditEngine, BodyProcessor, PartsChange, VariableName};

use super::Transaction;
use crate::plan::{Plan, RuleId};

/// A file of a multipart body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadedFile<'t> {
    /// The name of its field.
    pub field: &'t [u8],
    /// Its name, as the client wrote it.
    pub name: &'t [u8],
    /// Bytes.
    pub size: u64,
}

/// A rule that matched, whether or not it is to be logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FiredRule<'t> {
    /// `id`; 0 if it has none.
    pub id: u64,
    /// Where it stands.
    pub file: &'t str,
    /// The line that it starts on.
    pub line: u32,
}

impl Transaction {
    /// Whether an audit log entry should be written: `SecAuditEngine`, `SecAuditLogRelevantStatus` and the matches
    /// decide. `status` is that of the response.
    pub fn audit_log_wanted(&self, status: u16) -> bool {
        match self.audit_engine() {
            AuditEngine::On => true,
            AuditEngine::Off => false,
            AuditEngine::RelevantOnly => {
                let relevant = &self.plan.settings.audit_log_relevant_status;
                self.audit_relevant
                    || relevant
                        .as_ref()
                        .is_some_and(|pattern| pattern.evaluate(status.to_string().as_bytes(), None))
            }
        }
    }

    /// The letters of `SecAuditLogParts`, or what `ctl:auditLogParts` made of them.
    pub fn audit_log_parts(&self) -> &[u8] {
        self.overrides.audit_parts.as_deref().unwrap_or(&self.plan.settings.audit_log_parts)
    }

    /// The request body as far as it was inspected, where the parts `C` or `I` were wanted when it came.
    pub fn audit_request_body(&self) -> Option<&[u8]> {
        self.audit_request_body.map(|body| self.memory.values.bytes(body))
    }

    /// The response body as far as it was inspected, where the part `E` was wanted when it came.
    pub fn audit_response_body(&self) -> Option<&[u8]> {
        self.audit_response_body.map(|body| self.memory.values.bytes(body))
    }

    /// What read the request body, if anything did.
    pub fn body_processor(&self) -> Option<BodyProcessor> {
        self.body_processor
    }

    /// All arguments, names and values: those of the query, then those of the body.
    pub fn arguments(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.named(VariableName::Args)
    }

    /// The arguments of the body.
    pub fn body_arguments(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.named(VariableName::ArgsPost)
    }

    /// The files of a multipart body.
    pub fn files(&self) -> impl Iterator<Item = UploadedFile<'_>> {
        let sizes = self.members(VariableName::FilesSizes).iter().map(|member| member.value);
        let size = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse().ok();
        self.named(VariableName::Files).zip(sizes).map(move |((field, name), digits)| UploadedFile {
            field,
            name,
            size: size(self.memory.values.bytes(digits)).unwrap_or_default(),
        })
    }

    /// The rules that have matched since the part `K` was wanted, at most
    /// [`Limits::matched_rules`](crate::Limits::matched_rules).
    pub fn fired_rules(&self) -> impl Iterator<Item = FiredRule<'_>> {
        self.fired.iter().filter_map(|rule| {
            let rule = self.plan.rules.get(*rule as usize)?;
            let starter = rule.links.first()?;
            let file = self.plan.files.get(starter.file as usize)?;
            Some(FiredRule { id: rule.id, file, line: starter.line })
        })
    }

    /// Notes a rule that matched, where the audit log is to list them.
    pub(crate) fn note_fired(&mut self, plan: &Plan) {
        if let Some((rule, _)) = self.current {
            self.note_all_fired(plan, &[rule]);
        }
    }

    pub(crate) fn note_all_fired(&mut self, plan: &Plan, rules: &[RuleId]) {
        if self.audits(b"K") {
            let room = plan.limits.matched_rules.saturating_sub(self.fired.len());
            self.fired.extend(rules.iter().take(room));
        }
    }

    pub(crate) fn keep_request_body(&mut self, body: &[u8]) {
        if !body.is_empty() && self.audits(b"CI") {
            self.audit_request_body = Some(self.memory.values.push(body));
        }
    }

    pub(crate) fn keep_response_body(&mut self, body: &[u8]) {
        if !body.is_empty() && self.audits(b"E") {
            self.audit_response_body = Some(self.memory.values.push(body));
        }
    }

    pub(crate) fn change_audit_parts(&mut self, change: PartsChange, parts: &[u8]) {
        let mut current = self.audit_log_parts().to_vec();
        match change {
            PartsChange::Replace => current = parts.to_vec(),
            PartsChange::Add => {
                current.extend(parts.iter().filter(|part| !self.audit_log_parts().contains(part)))
            }
            PartsChange::Remove => current.retain(|part| !parts.contains(part)),
        }
        self.overrides.audit_parts = Some(current);
    }

    /// Whether there may be an entry with one of these parts.
    fn audits(&self, parts: &[u8]) -> bool {
        self.audit_engine() != AuditEngine::Off
            && parts.iter().any(|part| self.audit_log_parts().contains(part))
    }

    fn audit_engine(&self) -> AuditEngine {
        self.overrides.audit_engine.unwrap_or(self.plan.settings.audit_engine)
    }

    fn named(&self, variable: VariableName) -> impl Iterator<Item = (&[u8], &[u8])> {
        let bytes = |id| self.memory.values.bytes(id);
        self.members(variable).iter().map(move |member| (bytes(member.key), bytes(member.value)))
    }
}
