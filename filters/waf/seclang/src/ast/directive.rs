//! Directives and their arguments.

use super::{
    Action, AuditEngine, AuditLogFormat, AuditLogType, EngineMode, FailAction, LimitAction, OnOff, ParseXml,
    Quote, Rule, Spanned, Text, UploadKeep, Variable, Vocabulary, names::vocabulary,
};
use crate::{
    lexer::Args,
    parser::{Context, ReadArgument},
    print::{WriteArgument, Writer},
    source::FileId,
};

/// Declares [`Directive`] and the table of its names, so that the two can't differ.
macro_rules! directives {
    ($($(#[$meta:meta])* $Variant:ident($Argument:ty) = $name:literal $(| $alias:literal)*,)*) => {
        vocabulary! {
            /// The name of a directive, those of rules apart.
            DirectiveName {
                $($Variant = $name $(| $alias)*,)*
            }
        }

        /// A directive. ModSecurity v3 reference, "Configuration Directives"; Coraza's additions say so.
        ///
        /// A directive that makes no sense in a proxy is parsed like any other: whether it is refused, and with
        /// which reason, is the engine's decision.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Directive {
            /// `SecRule`, `SecAction`, `SecRuleScript`
            Rule(Box<Rule>),
            $($(#[$meta])* $Variant($Argument),)*
        }

        impl Directive {
            /// Reads the arguments of the directive of this name.
            pub(crate) fn read(name: DirectiveName, args: &mut Args<'_>, context: &mut Context) -> Option<Directive> {
                match name {
                    $(DirectiveName::$Variant => read::<$Argument>(args, context, Directive::$Variant),)*
                }
            }

            /// Writes what follows the name.
            pub(crate) fn write_arguments(&self, out: &mut Writer) {
                match self {
                    Directive::Rule(_) => {}
                    $(Directive::$Variant(argument) => argument.write(out),)*
                }
            }

            /// Which directive it is; `None` for those of rules.
            pub fn directive_name(&self) -> Option<DirectiveName> {
                match self {
                    Directive::Rule(_) => None,
                    $(Directive::$Variant(_) => Some(DirectiveName::$Variant),)*
                }
            }

            /// The name as the reference manual spells it.
            pub fn name(&self) -> &'static str {
                match self {
                    Directive::Rule(rule) => rule.directive_name(),
                    $(Directive::$Variant(_) => $name,)*
                }
            }
        }
    };
}

/// Once for each type of argument, not for each directive: there are a hundred of these, and ten of those.
#[inline(never)]
fn read<T: ReadArgument>(
    args: &mut Args<'_>,
    context: &mut Context,
    directive: fn(T) -> Directive,
) -> Option<Directive> {
    T::read(args, context).map(directive)
}

directives! {
    /// `SecArgumentSeparator &`
    ArgumentSeparator(Text) = "SecArgumentSeparator",
    /// `SecArgumentsLimit 1000`
    ArgumentsLimit(u64) = "SecArgumentsLimit",
    /// `SecAuditEngine RelevantOnly`
    AuditEngine(AuditEngine) = "SecAuditEngine",
    /// `SecAuditLog /path`
    AuditLog(Text) = "SecAuditLog",
    /// `SecAuditLog2 /path`
    AuditLog2(Text) = "SecAuditLog2",
    /// `SecAuditLogDir /path`, Coraza
    AuditLogDir(Text) = "SecAuditLogDir",
    /// `SecAuditLogDirMode 02750`
    AuditLogDirMode(FileMode) = "SecAuditLogDirMode",
    /// `SecAuditLogFileMode 00640`
    AuditLogFileMode(FileMode) = "SecAuditLogFileMode",
    /// `SecAuditLogFormat JSON`
    AuditLogFormat(AuditLogFormat) = "SecAuditLogFormat",
    /// `SecAuditLogParts ABCFHZ`, letters from `A` to `K` and `Z`
    AuditLogParts(Text) = "SecAuditLogParts",
    /// `SecAuditLogPrefix text`
    AuditLogPrefix(Text) = "SecAuditLogPrefix",
    /// `SecAuditLogRelevantStatus "^(?:5|4(?!04))"`
    AuditLogRelevantStatus(Text) = "SecAuditLogRelevantStatus",
    /// `SecAuditLogStorageDir /path`
    AuditLogStorageDir(Text) = "SecAuditLogStorageDir",
    /// `SecAuditLogType Serial`
    AuditLogType(AuditLogType) = "SecAuditLogType",
    /// `SecCacheTransformations On "minlen:64"`
    CacheTransformations(Vec<Text>) = "SecCacheTransformations",
    /// `SecChrootDir /path`
    ChrootDir(Text) = "SecChrootDir",
    /// `SecCollectionTimeout 3600`, in seconds
    CollectionTimeout(u64) = "SecCollectionTimeout",
    /// `SecComponentSignature "OWASP_CRS/4.0.0"`
    ComponentSignature(Text) = "SecComponentSignature",
    /// `SecConnEngine On`
    ConnEngine(EngineMode) = "SecConnEngine",
    /// `SecConnReadStateLimit 50 [!@ipMatch ...]`
    ConnReadStateLimit(Vec<Text>) = "SecConnReadStateLimit" | "SecReadStateLimit",
    /// `SecConnWriteStateLimit 50 [!@ipMatch ...]`
    ConnWriteStateLimit(Vec<Text>) = "SecConnWriteStateLimit" | "SecWriteStateLimit",
    /// `SecContentInjection On`
    ContentInjection(OnOff) = "SecContentInjection",
    /// `SecCookieFormat 0`
    CookieFormat(u64) = "SecCookieFormat",
    /// `SecCookieV0Separator ;`
    CookieV0Separator(Text) = "SecCookieV0Separator",
    /// `SecDataDir /path`
    DataDir(Text) = "SecDataDir",
    /// ``SecDataset name ` `` and a line for each item up to `` ` ``, Coraza
    Dataset(Dataset) = "SecDataset",
    /// `SecDebugLog /path`
    DebugLog(Text) = "SecDebugLog",
    /// `SecDebugLogLevel 3`, 0 to 9
    DebugLogLevel(u64) = "SecDebugLogLevel",
    /// `SecDefaultAction "phase:2,log,auditlog,pass"`
    DefaultAction(Quoted<Vec<Spanned<Action>>>) = "SecDefaultAction",
    /// `SecDisableBackendCompression On`
    DisableBackendCompression(OnOff) = "SecDisableBackendCompression",
    /// `SecGeoLookupDb /path`
    GeoLookupDb(Text) = "SecGeoLookupDb",
    /// `SecGsbLookupDb /path`
    GsbLookupDb(Text) = "SecGsbLookupDb",
    /// `SecGuardianLog |/path`
    GuardianLog(Vec<Text>) = "SecGuardianLog",
    /// `SecHashEngine On`
    HashEngine(OnOff) = "SecHashEngine",
    /// `SecHashKey rand KeyOnly`
    HashKey(Vec<Text>) = "SecHashKey",
    /// `SecHashMethodPm HashHref "a b"`
    HashMethodPm(Vec<Text>) = "SecHashMethodPm",
    /// `SecHashMethodRx HashHref "pattern"`
    HashMethodRx(Vec<Text>) = "SecHashMethodRx",
    /// `SecHashParam name`
    HashParam(Text) = "SecHashParam",
    /// `SecHttpBlKey key`
    HttpBlKey(Text) = "SecHttpBlKey",
    /// `SecIgnoreRuleCompilationErrors Off`, Coraza
    IgnoreRuleCompilationErrors(OnOff) = "SecIgnoreRuleCompilationErrors",
    /// `Include rules/*.conf`
    Include(Include) = "Include",
    /// `IncludeOptional rules/*.conf`, Apache: a path that names nothing is no error
    IncludeOptional(Include) = "IncludeOptional",
    /// `SecInterceptOnError On`
    InterceptOnError(OnOff) = "SecInterceptOnError",
    /// `SecMarker END-SQLI`
    Marker(Text) = "SecMarker",
    /// `SecParseXmlIntoArgs Off`
    ParseXmlIntoArgs(ParseXml) = "SecParseXmlIntoArgs",
    /// `SecPcreMatchLimit 1000`
    PcreMatchLimit(u64) = "SecPcreMatchLimit",
    /// `SecPcreMatchLimitRecursion 1000`
    PcreMatchLimitRecursion(u64) = "SecPcreMatchLimitRecursion",
    /// `SecRemoteRules [crypto] key https://host/rules`
    RemoteRules(Vec<Text>) = "SecRemoteRules",
    /// `SecRemoteRulesFailAction Abort`
    RemoteRulesFailAction(FailAction) = "SecRemoteRulesFailAction",
    /// `SecRequestBodyAccess On`
    RequestBodyAccess(OnOff) = "SecRequestBodyAccess",
    /// `SecRequestBodyInMemoryLimit 131072`, in bytes
    RequestBodyInMemoryLimit(u64) = "SecRequestBodyInMemoryLimit",
    /// `SecRequestBodyJsonDepthLimit 512`
    RequestBodyJsonDepthLimit(u64) = "SecRequestBodyJsonDepthLimit",
    /// `SecRequestBodyLimit 13107200`, in bytes
    RequestBodyLimit(u64) = "SecRequestBodyLimit",
    /// `SecRequestBodyLimitAction Reject`
    RequestBodyLimitAction(LimitAction) = "SecRequestBodyLimitAction",
    /// `SecRequestBodyNoFilesLimit 131072`, in bytes
    RequestBodyNoFilesLimit(u64) = "SecRequestBodyNoFilesLimit",
    /// `SecResponseBodyAccess On`
    ResponseBodyAccess(OnOff) = "SecResponseBodyAccess",
    /// `SecResponseBodyLimit 524288`, in bytes
    ResponseBodyLimit(u64) = "SecResponseBodyLimit",
    /// `SecResponseBodyLimitAction ProcessPartial`
    ResponseBodyLimitAction(LimitAction) = "SecResponseBodyLimitAction",
    /// `SecResponseBodyMimeType text/plain text/html`
    ResponseBodyMimeType(Vec<Text>) = "SecResponseBodyMimeType",
    /// `SecResponseBodyMimeTypesClear`
    ResponseBodyMimeTypesClear(()) = "SecResponseBodyMimeTypesClear",
    /// `SecRuleEngine On`
    RuleEngine(EngineMode) = "SecRuleEngine",
    /// `SecRuleInheritance On`
    RuleInheritance(OnOff) = "SecRuleInheritance",
    /// `SecRulePerfTime 1000`, in microseconds
    RulePerfTime(u64) = "SecRulePerfTime",
    /// `SecRuleRemoveById 1 2 "9000-9010"`
    RuleRemoveById(IdSelection) = "SecRuleRemoveById",
    /// `SecRuleRemoveByMsg "text"`
    RuleRemoveByMsg(Text) = "SecRuleRemoveByMsg",
    /// `SecRuleRemoveByTag "attack-dos"`
    RuleRemoveByTag(Text) = "SecRuleRemoveByTag",
    /// `SecRuleUpdateActionById 12345 "deny,status:403"`
    RuleUpdateActionById(UpdateAction) = "SecRuleUpdateActionById",
    /// `SecRuleUpdateTargetById 12345 "!ARGS:foo"`
    RuleUpdateTargetById(TargetUpdate<IdSelection>) = "SecRuleUpdateTargetById",
    /// `SecRuleUpdateTargetByMsg "text" "!ARGS:foo"`
    RuleUpdateTargetByMsg(TargetUpdate<Text>) = "SecRuleUpdateTargetByMsg",
    /// `SecRuleUpdateTargetByTag "attack-sqli" "!ARGS:foo"`
    RuleUpdateTargetByTag(TargetUpdate<Text>) = "SecRuleUpdateTargetByTag",
    /// `SecRxPreFilter On`, Coraza
    RxPreFilter(OnOff) = "SecRxPreFilter",
    /// `SecSensorId name`
    SensorId(Text) = "SecSensorId",
    /// `SecServerSignature "text"`
    ServerSignature(Text) = "SecServerSignature",
    /// `SecStatusEngine On`
    StatusEngine(OnOff) = "SecStatusEngine",
    /// `SecStreamInBodyInspection On`
    StreamInBodyInspection(OnOff) = "SecStreamInBodyInspection",
    /// `SecStreamOutBodyInspection On`
    StreamOutBodyInspection(OnOff) = "SecStreamOutBodyInspection",
    /// `SecTmpDir /path`
    TmpDir(Text) = "SecTmpDir",
    /// `SecTmpSaveUploadedFiles On`
    TmpSaveUploadedFiles(OnOff) = "SecTmpSaveUploadedFiles",
    /// `SecUnicodeCodePage 20127`
    UnicodeCodePage(u64) = "SecUnicodeCodePage",
    /// `SecUnicodeMapFile unicode.mapping 20127`; Coraza's `SecUnicodeMap`
    UnicodeMapFile(UnicodeMap) = "SecUnicodeMapFile" | "SecUnicodeMap",
    /// `SecUploadDir /path`
    UploadDir(Text) = "SecUploadDir",
    /// `SecUploadFileLimit 100`
    UploadFileLimit(u64) = "SecUploadFileLimit",
    /// `SecUploadFileMode 0600`
    UploadFileMode(FileMode) = "SecUploadFileMode",
    /// `SecUploadKeepFiles Off`
    UploadKeepFiles(UploadKeep) = "SecUploadKeepFiles",
    /// `SecWebAppId "name"`
    WebAppId(Text) = "SecWebAppId",
    /// `SecXmlExternalEntity Off`
    XmlExternalEntity(OnOff) = "SecXmlExternalEntity",
}

/// An argument and its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted<T> {
    /// The value.
    pub value: T,
    /// The quotes around it.
    pub quote: Quote,
}

/// `Include path`, `IncludeOptional path`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Include {
    /// The path or glob as written.
    pub path: Text,
    /// The files that it brought, in order. Their directives follow in [`Ruleset`](super::Ruleset).
    pub files: Vec<FileId>,
}

/// An octal file mode, or `default`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileMode {
    /// `default`
    Default,
    /// `0640`
    Mode(u32),
}

/// Ids and ranges of ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdSelection(pub Vec<IdRange>);

impl IdSelection {
    /// Whether the id is one of them.
    pub fn contains(&self, id: u64) -> bool {
        self.0.iter().any(|range| (range.first..=range.last).contains(&id))
    }
}

/// `942100` (first and last are the same) or `942000-942999`, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// The first id.
    pub first: u64,
    /// The last id.
    pub last: u64,
}

/// `SecRuleUpdateTargetBy... selection "variables" ["replaced"]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetUpdate<S> {
    /// Which rules.
    pub selection: S,
    /// What to add, and with `!` what to take out.
    pub variables: Quoted<Vec<Spanned<Variable>>>,
    /// The variables to replace, ModSecurity v2's third argument.
    pub replaced: Option<Quoted<Vec<Spanned<Variable>>>>,
}

/// `SecRuleUpdateActionById id[:offset] "actions"`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdateAction {
    /// The rule.
    pub id: u64,
    /// Which link of its chain; 0 is the starter. ModSecurity v2.
    pub chain_offset: u32,
    /// The actions that replace or join those of the rule.
    pub actions: Quoted<Vec<Spanned<Action>>>,
}

/// `SecUnicodeMapFile path code-page`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnicodeMap {
    /// The mapping file.
    pub path: Text,
    /// The code page.
    pub code_page: Option<u64>,
}

/// ``SecDataset name `items` ``, Coraza.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dataset {
    /// The name that `@pmFromDataset` and `@ipMatchFromDataset` use.
    pub name: Vec<u8>,
    /// One entry for each line that is neither empty nor a comment.
    pub items: Vec<Vec<u8>>,
}
