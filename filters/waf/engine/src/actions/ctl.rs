//! `ctl:option=value`: settings of the current transaction. ModSecurity v3 reference, "ctl".

use std::sync::Arc;

use portcullis_seclang::ast::{AuditEngine, BodyProcessor, EngineMode, ParseXml, PartsChange, VariableName};

use crate::plan::{Plan, RuleId, Select};
use crate::transaction::Transaction;

/// See the module. Which rules an id, a tag or a message means is known when the rules are loaded.
#[derive(Debug, Clone)]
pub(crate) enum Ctl {
    AuditEngine(AuditEngine),
    AuditLogParts(PartsChange, Box<[u8]>),
    DebugLogLevel(u8),
    ForceRequestBodyVariable(bool),
    ParseXmlIntoArgs(ParseXml),
    /// With the option's name.
    RemoveRules(Arc<[RuleId]>, &'static str),
    RemoveTargets(Box<[Arc<TargetRemoval>]>),
    RequestBodyAccess(bool),
    RequestBodyLimit(usize),
    RequestBodyProcessor(BodyProcessor),
    ResponseBodyAccess(bool),
    ResponseBodyLimit(usize),
    RuleEngine(EngineMode),
}

/// `ctl:ruleRemoveTargetBy…`
#[derive(Debug)]
pub(crate) struct TargetRemoval {
    /// Sorted.
    pub(crate) rules: Arc<[RuleId]>,
    pub(crate) variable: VariableName,
    pub(crate) select: Select,
}

impl Ctl {
    #[inline(never)]
    pub(crate) fn run(&self, tx: &mut Transaction, _plan: &Plan) {
        match self {
            Ctl::AuditEngine(engine) => tx.overrides.audit_engine = Some(*engine),
            Ctl::AuditLogParts(change, parts) => tx.change_audit_parts(*change, parts),
            Ctl::DebugLogLevel(level) => tx.set_debug_level(*level),
            Ctl::ForceRequestBodyVariable(on) => tx.overrides.force_request_body_variable = *on,
            Ctl::ParseXmlIntoArgs(mode) => tx.overrides.parse_xml_into_args = Some(*mode),
            Ctl::RemoveRules(rules, option) => tx.remove_rules(rules, option),
            Ctl::RemoveTargets(removals) => removals.iter().for_each(|removal| tx.remove_target(removal)),
            Ctl::RequestBodyAccess(on) => tx.overrides.request_body_access = Some(*on),
            Ctl::RequestBodyLimit(limit) => tx.overrides.request_body_limit = Some(*limit),
            Ctl::RequestBodyProcessor(processor) => tx.set_body_processor(*processor),
            Ctl::ResponseBodyAccess(on) => tx.overrides.response_body_access = Some(*on),
            Ctl::ResponseBodyLimit(limit) => tx.overrides.response_body_limit = Some(*limit),
            Ctl::RuleEngine(mode) => {
                crate::transaction::debug!(
                    tx,
                    8,
                    "Setting SecRuleEngine to {} as requested by a ctl:ruleEngine action",
                    match mode {
                        EngineMode::On => "Enabled",
                        EngineMode::Off => "Disabled",
                        EngineMode::DetectionOnly => "DetectionOnly",
                    }
                );
                tx.overrides.engine = Some(*mode);
            }
        }
    }
}
