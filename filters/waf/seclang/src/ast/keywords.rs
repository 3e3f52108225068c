//! The names of actions and of `ctl` options, shared by the parser and the printer.

use super::{ActionKind, Ctl, names::vocabulary};
use crate::ast::Vocabulary;

vocabulary! {
    /// The name of an action.
    ActionName {
        Accuracy = "accuracy",
        Allow = "allow",
        Append = "append",
        AuditLog = "auditlog",
        Block = "block",
        Capture = "capture",
        Chain = "chain",
        Ctl = "ctl",
        Deny = "deny",
        DeprecateVar = "deprecatevar",
        Drop = "drop",
        Exec = "exec",
        ExpireVar = "expirevar",
        Id = "id",
        InitCol = "initcol",
        Log = "log",
        LogData = "logdata",
        Maturity = "maturity",
        Msg = "msg",
        MultiMatch = "multiMatch",
        NoAuditLog = "noauditlog",
        NoLog = "nolog",
        Pass = "pass",
        Pause = "pause",
        Phase = "phase",
        Prepend = "prepend",
        Proxy = "proxy",
        Redirect = "redirect",
        Rev = "rev",
        SanitiseArg = "sanitiseArg" | "sanitizeArg",
        SanitiseMatched = "sanitiseMatched" | "sanitizeMatched",
        SanitiseMatchedBytes = "sanitiseMatchedBytes" | "sanitizeMatchedBytes",
        SanitiseRequestHeader = "sanitiseRequestHeader" | "sanitizeRequestHeader",
        SanitiseResponseHeader = "sanitiseResponseHeader" | "sanitizeResponseHeader",
        SetEnv = "setenv",
        SetRsc = "setrsc",
        SetSid = "setsid",
        SetUid = "setuid",
        SetVar = "setvar",
        Severity = "severity",
        Skip = "skip",
        SkipAfter = "skipAfter",
        Status = "status",
        Tag = "tag",
        Transformation = "t",
        Ver = "ver",
        XmlNs = "xmlns",
    }
}

vocabulary! {
    /// The name of a `ctl` option.
    CtlName {
        AuditEngine = "auditEngine",
        AuditLogParts = "auditLogParts",
        DebugLogLevel = "debugLogLevel",
        ForceRequestBodyVariable = "forceRequestBodyVariable",
        ForceResponseBodyVariable = "forceResponseBodyVariable",
        HashEnforcement = "hashEnforcement",
        HashEngine = "hashEngine",
        ParseXmlIntoArgs = "parseXmlIntoArgs",
        RequestBodyAccess = "requestBodyAccess",
        RequestBodyLimit = "requestBodyLimit",
        RequestBodyProcessor = "requestBodyProcessor",
        ResponseBodyAccess = "responseBodyAccess",
        ResponseBodyLimit = "responseBodyLimit",
        ResponseBodyProcessor = "responseBodyProcessor",
        RuleEngine = "ruleEngine",
        RuleRemoveById = "ruleRemoveById",
        RuleRemoveByMsg = "ruleRemoveByMsg",
        RuleRemoveByTag = "ruleRemoveByTag",
        RuleRemoveTargetById = "ruleRemoveTargetById",
        RuleRemoveTargetByMsg = "ruleRemoveTargetByMsg",
        RuleRemoveTargetByTag = "ruleRemoveTargetByTag",
    }
}

/// Maps each variant to the variant of the same name.
macro_rules! same_names {
    ($value:expr, $From:ident => $To:ident { $($unit:ident),* } { $($Variant:ident),* }) => {
        match $value {
            $($From::$unit => $To::$unit,)*
            $($From::$Variant(..) => $To::$Variant,)*
        }
    };
}

impl ActionKind {
    /// The name as the reference manual spells it.
    pub fn name(&self) -> &'static str {
        self.action_name().as_str()
    }

    /// Which action it is.
    pub fn action_name(&self) -> ActionName {
        same_names!(self, ActionKind => ActionName {
            AuditLog, Block, Capture, Chain, Deny, Drop, Log, MultiMatch, NoAuditLog, NoLog, Pass, SanitiseMatched
        } {
            Accuracy, Allow, Append, Ctl, DeprecateVar, Exec, ExpireVar, Id, InitCol, LogData, Maturity, Msg, Pause,
            Phase, Prepend, Proxy, Redirect, Rev, SanitiseArg, SanitiseMatchedBytes, SanitiseRequestHeader,
            SanitiseResponseHeader, SetEnv, SetRsc, SetSid, SetUid, SetVar, Severity, Skip, SkipAfter, Status, Tag,
            Transformation, Ver, XmlNs
        })
    }
}

impl Ctl {
    /// The option's name as the reference manual spells it.
    pub fn name(&self) -> &'static str {
        self.ctl_name().as_str()
    }

    /// Which option it is.
    pub fn ctl_name(&self) -> CtlName {
        same_names!(self, Ctl => CtlName {} {
            AuditEngine, AuditLogParts, DebugLogLevel, ForceRequestBodyVariable, ForceResponseBodyVariable,
            HashEnforcement, HashEngine, ParseXmlIntoArgs, RequestBodyAccess, RequestBodyLimit, RequestBodyProcessor,
            ResponseBodyAccess, ResponseBodyLimit, ResponseBodyProcessor, RuleEngine, RuleRemoveById,
            RuleRemoveByMsg, RuleRemoveByTag, RuleRemoveTargetById, RuleRemoveTargetByMsg, RuleRemoveTargetByTag
        })
    }
}
