//! Actions. ModSecurity v3 reference, "Actions".

use super::{
    AuditEngine, BodyProcessor, Collection, EngineMode, IdSelection, OnOff, ParseXml, Phase, Quote, Severity,
    Spanned, Template, Transformation, Variable,
};

/// One action and the quotes around its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    /// What it does.
    pub kind: ActionKind,
    /// The quotes around its value.
    pub quote: Quote,
}

/// What an action does. Variants have the names of the reference manual.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionKind {
    // Metadata.
    /// `accuracy:1` to `9`
    Accuracy(u8),
    /// `id:942100`
    Id(u64),
    /// `maturity:1` to `9`
    Maturity(u8),
    /// `msg:'text'`
    Msg(Template),
    /// `phase:2`, `phase:request`
    Phase(Phase),
    /// `rev:'2'`
    Rev(Vec<u8>),
    /// `severity:'CRITICAL'`, `severity:2`
    Severity(Severity),
    /// `tag:'attack-sqli'`
    Tag(Template),
    /// `ver:'OWASP_CRS/4.0.0'`
    Ver(Vec<u8>),

    // Disruptive.
    /// `allow`, `allow:phase`, `allow:request`
    Allow(AllowScope),
    /// `block`: what `SecDefaultAction` of the phase says.
    Block,
    /// `deny`
    Deny,
    /// `drop`
    Drop,
    /// `pass`
    Pass,
    /// `pause:250`, in milliseconds
    Pause(Template),
    /// `proxy:http://host/`
    Proxy(Template),
    /// `redirect:'https://host/%{REQUEST_URI}'`
    Redirect(Template),

    // Data for disruptive actions and for operators.
    /// `status:403`
    Status(u16),
    /// `xmlns:soap='http://schemas.xmlsoap.org/soap/envelope/'`
    XmlNs(XmlNs),

    // Flow.
    /// `chain`
    Chain,
    /// `skip:2`, the number of rules or chains to skip
    Skip(u32),
    /// `skipAfter:END-SQLI`, a marker or a rule id
    SkipAfter(Vec<u8>),

    // Logging.
    /// `auditlog`
    AuditLog,
    /// `log`
    Log,
    /// `logdata:'%{MATCHED_VAR}'`
    LogData(Template),
    /// `noauditlog`
    NoAuditLog,
    /// `nolog`
    NoLog,
    /// `sanitiseArg:password`
    SanitiseArg(Vec<u8>),
    /// `sanitiseMatched`
    SanitiseMatched,
    /// `sanitiseMatchedBytes`, `sanitiseMatchedBytes:4/2`: how many bytes at the start and at the end to leave
    SanitiseMatchedBytes(Option<(u32, u32)>),
    /// `sanitiseRequestHeader:Authorization`
    SanitiseRequestHeader(Vec<u8>),
    /// `sanitiseResponseHeader:Set-Cookie`
    SanitiseResponseHeader(Vec<u8>),

    // Everything else that does not disrupt.
    /// `append:'text'`
    Append(Template),
    /// `capture`
    Capture,
    /// `ctl:option=value`
    Ctl(Ctl),
    /// `deprecatevar:session.score=60/300`
    DeprecateVar(DeprecateVar),
    /// `exec:/path/script.lua`
    Exec(Vec<u8>),
    /// `expirevar:session.x=3600`
    ExpireVar(ExpireVar),
    /// `initcol:ip=%{REMOTE_ADDR}`
    InitCol(InitCol),
    /// `multiMatch`
    MultiMatch,
    /// `prepend:'text'`
    Prepend(Template),
    /// `setenv:name=value`
    SetEnv(SetEnv),
    /// `setrsc:'%{REQUEST_FILENAME}'`
    SetRsc(Template),
    /// `setsid:%{REQUEST_COOKIES.PHPSESSID}`
    SetSid(Template),
    /// `setuid:%{ARGS.username}`
    SetUid(Template),
    /// `setvar:tx.score=+5`
    SetVar(SetVar),
    /// `t:lowercase`
    Transformation(Transformation),
}

impl ActionKind {
    /// Whether the action decides about the transaction: `allow`, `block`, `deny`, `drop`, `pass`, `pause`,
    /// `proxy`, `redirect`.
    pub fn is_disruptive(&self) -> bool {
        use ActionKind as A;
        matches!(
            self,
            A::Allow(_) | A::Block | A::Deny | A::Drop | A::Pass | A::Pause(_) | A::Proxy(_) | A::Redirect(_)
        )
    }

    /// Whether the action describes the rule: `accuracy`, `id`, `maturity`, `msg`, `phase`, `rev`, `severity`,
    /// `tag`, `ver`.
    pub fn is_metadata(&self) -> bool {
        use ActionKind as A;
        matches!(
            self,
            A::Accuracy(_)
                | A::Id(_)
                | A::Maturity(_)
                | A::Msg(_)
                | A::Phase(_)
                | A::Rev(_)
                | A::Severity(_)
                | A::Tag(_)
                | A::Ver(_)
        )
    }
}

/// How far `allow` reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AllowScope {
    /// `allow`: the rest of the transaction, except logging.
    Transaction,
    /// `allow:phase`: the rest of the phase.
    Phase,
    /// `allow:request`: the rest of the request phases.
    Request,
}

/// `xmlns:prefix=uri`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XmlNs {
    /// The prefix that XPath expressions use.
    pub prefix: Vec<u8>,
    /// The namespace.
    pub uri: Vec<u8>,
    /// The quotes around the namespace alone: `xmlns:a='uri'`.
    pub uri_quote: Quote,
}

/// `setvar:collection.key=value`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetVar {
    /// The collection.
    pub collection: Collection,
    /// Whether its name is written in capitals: `TX`.
    pub uppercase: bool,
    /// The key. Keys are compared without regard to case.
    pub key: Template,
    /// What to do with it.
    pub op: SetVarOp,
}

/// What `setvar` does with its variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetVarOp {
    /// `setvar:tx.a`: set to 1.
    SetOne,
    /// `setvar:tx.a=value`
    Set(Template),
    /// `setvar:tx.a=+value`
    Add(Template),
    /// `setvar:tx.a=-value`
    Subtract(Template),
    /// `setvar:!tx.a`
    Unset,
}

/// `deprecatevar:collection.key=amount/seconds`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeprecateVar {
    /// The collection.
    pub collection: Collection,
    /// Whether its name is written in capitals: `TX`.
    pub uppercase: bool,
    /// The key.
    pub key: Template,
    /// How much to take away...
    pub amount: u64,
    /// ...in how many seconds.
    pub seconds: u64,
}

/// `setenv:name=value`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetEnv {
    /// The variable's name. A leading `!` removes it.
    pub name: Template,
    /// Its value; none where `=` is absent.
    pub value: Option<Template>,
}

/// `expirevar:collection.key=seconds`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpireVar {
    /// The collection.
    pub collection: Collection,
    /// Whether its name is written in capitals: `TX`.
    pub uppercase: bool,
    /// The key.
    pub key: Template,
    /// Seconds until it goes away; none where `=` is absent.
    pub seconds: Option<Template>,
}

/// `initcol:collection=key`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitCol {
    /// The collection.
    pub collection: Collection,
    /// Whether its name is written in capitals: `TX`.
    pub uppercase: bool,
    /// Which record of it.
    pub key: Template,
}

/// `ctl:option=value`: a setting for this transaction only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ctl {
    /// `auditEngine`
    AuditEngine(AuditEngine),
    /// `auditLogParts`: replaced, or changed with `+` or `-`
    AuditLogParts(PartsChange, Vec<u8>),
    /// `debugLogLevel`: 0 to 9
    DebugLogLevel(u8),
    /// `forceRequestBodyVariable`
    ForceRequestBodyVariable(OnOff),
    /// `forceResponseBodyVariable`, Coraza
    ForceResponseBodyVariable(OnOff),
    /// `hashEnforcement`
    HashEnforcement(OnOff),
    /// `hashEngine`
    HashEngine(OnOff),
    /// `parseXmlIntoArgs`
    ParseXmlIntoArgs(ParseXml),
    /// `requestBodyAccess`
    RequestBodyAccess(OnOff),
    /// `requestBodyLimit`, in bytes
    RequestBodyLimit(u64),
    /// `requestBodyProcessor`
    RequestBodyProcessor(BodyProcessor),
    /// `responseBodyAccess`
    ResponseBodyAccess(OnOff),
    /// `responseBodyLimit`, in bytes
    ResponseBodyLimit(u64),
    /// `responseBodyProcessor`, Coraza
    ResponseBodyProcessor(BodyProcessor),
    /// `ruleEngine`
    RuleEngine(EngineMode),
    /// `ruleRemoveById`
    RuleRemoveById(IdSelection),
    /// `ruleRemoveByMsg`
    RuleRemoveByMsg(Vec<u8>),
    /// `ruleRemoveByTag`
    RuleRemoveByTag(Vec<u8>),
    /// `ruleRemoveTargetById=942100;ARGS:password`
    RuleRemoveTargetById(IdSelection, Vec<Spanned<Variable>>),
    /// `ruleRemoveTargetByMsg=text;ARGS:password`
    RuleRemoveTargetByMsg(Vec<u8>, Vec<Spanned<Variable>>),
    /// `ruleRemoveTargetByTag=attack-sqli;ARGS:password`
    RuleRemoveTargetByTag(Vec<u8>, Vec<Spanned<Variable>>),
}

/// How `ctl:auditLogParts` changes the parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartsChange {
    /// `=+E`
    Add,
    /// `=-E`
    Remove,
    /// `=ABZ`
    Replace,
}
