//! What of SecLang the engine does. The compiler refuses by these tables, and `docs/waf-support.md` is written from them, so
//! the two can't differ.
//!
//! The names are those of the ModSecurity v3 reference manual, and Coraza's additions.

use portcullis_seclang::ast::{
    ActionName, BodyProcessor, CtlName, DirectiveName, OperatorName, Transformation, VariableName,
};

/// What becomes of something that a rule set says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It does what the manual says.
    Full,
    /// It does what the manual says, but for this.
    But(&'static str),
    /// It is accepted and does nothing, because of this.
    NoEffect(&'static str),
    /// `Off` is accepted; anything else is refused, because of this.
    OnlyOff(&'static str),
    /// A rule set that has it is refused, because of this.
    Refused(&'static str),
}

impl Support {
    /// Why it is refused, whatever its argument, if it is.
    pub fn refused(self) -> Option<&'static str> {
        match self {
            Support::Refused(reason) => Some(reason),
            _ => None,
        }
    }
}

const NO_FILES: &str = "a filter has no file system";
const AUDIT_LOG: &str =
    "the audit log goes to Envoy's log, and to the collector that the filter's configuration names";
const MEASURED: &str = "Envoy measures its filters itself";
const CONNECTIONS: &str = "use Envoy's connection limits";
const HASHES: &str = "ModSecurity v3 has no link hashing";
const RESPONSES: &str = "responses are not parsed; use RESPONSE_BODY";
const GEO: &str =
    "there is no GeoIP database in a filter; Envoy's geoip filter sets headers that rules can read";

/// Directives but those of rules.
pub fn directive(name: DirectiveName) -> Support {
    use DirectiveName as D;
    use Support::{But, Full, NoEffect, OnlyOff, Refused};
    match name {
        D::ArgumentSeparator
        | D::ArgumentsLimit
        | D::AuditEngine
        | D::AuditLogRelevantStatus
        | D::ComponentSignature
        | D::Include
        | D::IncludeOptional
        | D::Marker
        | D::ParseXmlIntoArgs
        | D::RequestBodyJsonDepthLimit
        | D::RequestBodyNoFilesLimit
        | D::ResponseBodyAccess
        | D::ResponseBodyLimit
        | D::ResponseBodyLimitAction
        | D::ResponseBodyMimeType
        | D::ResponseBodyMimeTypesClear
        | D::RuleEngine
        | D::RuleRemoveById
        | D::RuleRemoveByMsg
        | D::RuleRemoveByTag
        | D::RuleUpdateActionById
        | D::RuleUpdateTargetById
        | D::RuleUpdateTargetByMsg
        | D::RuleUpdateTargetByTag
        | D::UploadFileLimit
        | D::WebAppId => Full,
        D::Dataset => But("Coraza's; it may stand behind the rules that use it"),
        D::AuditLogParts => But("K lists the rules that matched by id and place, without their text"),
        D::CollectionTimeout => But("collections live in the memory of each Envoy worker"),
        D::RequestBodyAccess => But(
            "with `Off` phase 2 runs without the body, as in ModSecurity v2 and Coraza; v3 leaves the phase out",
        ),
        D::DefaultAction => But("of phase 1 without a `phase`, as in v3, with a warning"),
        D::RequestBodyLimit => {
            But("a longer body is answered 413, as by ModSecurity v2 and Coraza; v3 answers 403")
        }
        D::RequestBodyLimitAction => But("Reject unless it is set, as the manual says"),
        D::UnicodeMapFile => But("code page 20127, which is built in; the file is not read"),
        D::AuditLog | D::AuditLog2 => NoEffect(AUDIT_LOG),
        D::AuditLogFormat => NoEffect("the format is ModSecurity v3's JSON"),
        D::AuditLogDir
        | D::AuditLogDirMode
        | D::AuditLogFileMode
        | D::AuditLogPrefix
        | D::AuditLogStorageDir
        | D::AuditLogType => NoEffect(AUDIT_LOG),
        D::CacheTransformations => NoEffect("transformed values are always kept for the transaction"),
        D::ChrootDir | D::DataDir | D::TmpDir => NoEffect(NO_FILES),
        D::ConnEngine => OnlyOff(CONNECTIONS),
        D::ConnReadStateLimit | D::ConnWriteStateLimit => Refused(CONNECTIONS),
        D::ContentInjection => OnlyOff(INJECTION),
        D::CookieFormat | D::CookieV0Separator => {
            NoEffect("cookies are read as ModSecurity v3 reads them, which knows one format")
        }
        D::DebugLog | D::DebugLogLevel => NoEffect("the filter logs to Envoy's log, at Envoy's level"),
        D::DisableBackendCompression => NoEffect("remove `accept-encoding` on Envoy's route"),
        D::GeoLookupDb => Refused(GEO),
        D::GsbLookupDb => Refused("Google withdrew the Safe Browsing database that it reads"),
        D::GuardianLog => Refused("a filter can't start programs"),
        D::HashEngine => OnlyOff(HASHES),
        D::HashKey | D::HashMethodPm | D::HashMethodRx | D::HashParam => NoEffect(HASHES),
        D::HttpBlKey => Refused("a filter can't ask DNS"),
        D::IgnoreRuleCompilationErrors => NoEffect("a rule set with an error is always refused"),
        D::InterceptOnError => NoEffect("what could not be inspected does not pass: see the limits"),
        D::PcreMatchLimit | D::PcreMatchLimitRecursion => NoEffect(
            "patterns run in linear time; those that can't have a limit of their own, at which MSC_PCRE_LIMITS_EXCEEDED is set",
        ),
        D::RemoteRules => {
            Refused("rules are part of the configuration, which Envoy's control plane delivers")
        }
        D::RemoteRulesFailAction => NoEffect("there are no remote rules"),
        D::RequestBodyInMemoryLimit => NoEffect("bodies are always in memory, within SecRequestBodyLimit"),
        D::RuleInheritance => NoEffect("a rule set stands alone: include what it is to share"),
        D::RulePerfTime => NoEffect(MEASURED),
        D::RxPreFilter => NoEffect("Coraza's; one scan decides which patterns run, without a switch"),
        D::SensorId => NoEffect("Envoy's log and the collector's requests name the node"),
        D::ServerSignature => NoEffect("use Envoy's `server_name` and `server_header_transformation`"),
        D::StatusEngine => NoEffect("nothing is ever reported to anybody"),
        D::StreamInBodyInspection | D::StreamOutBodyInspection => {
            OnlyOff("ModSecurity v3 has no STREAM_* variables")
        }
        D::TmpSaveUploadedFiles | D::UploadDir | D::UploadFileMode | D::UploadKeepFiles => {
            NoEffect("uploaded files are inspected in memory and not stored")
        }
        D::UnicodeCodePage => NoEffect("the code page of SecUnicodeMapFile counts"),
        D::XmlExternalEntity => {
            NoEffect("external entities are never read; the DTD of @validateDTD is part of the rule set")
        }
    }
}

const INJECTION: &str =
    "ModSecurity v3 has no content injection: it breaks compressed, partial and signed responses";

/// Variables.
pub fn variable(name: VariableName) -> Support {
    use Support::{But, Full, Refused};
    use VariableName as V;
    match name {
        V::Geo => Refused(GEO),
        V::WebserverErrorLog => Refused("a filter can't read Envoy's log"),
        V::FilesTmpNames => Refused("uploaded files are not stored"),
        V::ArgsPath | V::ArgsNamesPath => Refused("Coraza's @restpath sets it, which is not supported"),
        V::ArgsGetNamesRaw
        | V::ArgsGetRaw
        | V::ArgsNamesRaw
        | V::ArgsPostNamesRaw
        | V::ArgsPostRaw
        | V::ArgsRaw => But(
            "proposed for ModSecurity and Coraza: as in the query or the form, not decoded; those of other bodies as in ARGS_POST",
        ),
        V::UriParseError => Refused("Coraza's; use REQUEST_URI_RAW with @validateUrlEncoding"),
        V::Json => Refused("Coraza's, which sets it never: values are in ARGS, the text is in REQUEST_BODY"),
        V::RequestXml => Refused("Coraza's name for XML"),
        V::ResArgs
        | V::ResbodyError
        | V::ResbodyErrorMsg
        | V::ResbodyProcessor
        | V::ResbodyProcessorError
        | V::ResbodyProcessorErrorMsg
        | V::ResponseXml => Refused(RESPONSES),
        V::Duration => But("in seconds, as v3 has it; the manual says milliseconds"),
        V::Env => But("what `setenv` has set in the transaction: a filter has no environment"),
        V::Global | V::Ip | V::Resource | V::Session | V::User => {
            But("in the memory of each Envoy worker, within documented limits")
        }
        V::RequestBody => {
            But("absent for multipart and XML unless ctl:forceRequestBodyVariable=On, as in v2")
        }
        V::Time
        | V::TimeDay
        | V::TimeHour
        | V::TimeMin
        | V::TimeMon
        | V::TimeSec
        | V::TimeWday
        | V::TimeYear => But("in UTC: a filter knows no time zone"),
        V::RemoteHost => But("the address: a filter can't ask DNS"),
        V::ServerAddr | V::ServerPort => But("the address that the client connected to"),
        V::UniqueId => But("Envoy's `x-request-id`, where it is there"),
        V::MultipartUnmatchedBoundary => {
            But("2 only where an unmatched boundary stands before a matching one; v3 says it of any two")
        }
        V::Xml => But("a subset of XPath: see the page of the waf"),
        _ => Full,
    }
}

/// Operators.
pub fn operator(name: OperatorName) -> Support {
    use OperatorName as O;
    use Support::{But, Full, Refused};
    match name {
        O::FuzzyHash => Refused("there is no ssdeep database in a filter"),
        O::GeoLookup => Refused(GEO),
        O::GsbLookup => Refused("Google withdrew the Safe Browsing database that it reads"),
        O::InspectFile => Refused("a filter runs no programs, and uploaded files are not stored"),
        O::Rbl => Refused("a filter makes no DNS queries"),
        O::RestPath => Refused("Coraza's; use @rx with `capture`"),
        O::Rsub => Refused("ModSecurity v3 does not implement it either"),
        O::ValidateHash => Refused(HASHES),
        O::ValidateNid => Refused("Coraza's; use @rx and @verifySSN, @verifyCPF or @verifySVNR"),
        O::ValidateSchema => Refused("there is no XML Schema validator; @validateDTD is there"),
        O::ValidateDtd => {
            But("the DTD is one file of the rule set, without external entities and conditional sections")
        }
        O::IpMatchFromFile | O::PmFromFile => But("files of the Core Rule Set and of its plugins; no URLs"),
        O::IpMatchFromDataset | O::PmFromDataset => But("Coraza's"),
        O::Pm => But("bytes over 127 match themselves"),
        O::Rx | O::RxGlobal => But(
            "without recursion, conditionals, branch resets, verbs, `\\K`, `\\p` and callouts, which are refused at load",
        ),
        _ => Full,
    }
}

/// Transformations.
pub fn transformation(_name: Transformation) -> Support {
    Support::Full
}

/// Actions.
pub fn action(name: ActionName) -> Support {
    use ActionName as A;
    use Support::{But, Full, Refused};
    match name {
        A::Append | A::Prepend => Refused(INJECTION),
        A::Exec => Refused("a filter can't start programs and has no Lua"),
        A::Pause => Refused(
            "ModSecurity v3 does not implement it: it would hold a connection open for each attack; use deny or drop",
        ),
        A::Proxy => Refused("Envoy's routes decide where a request goes"),
        A::DeprecateVar => But("v2's, on persistent collections; fading is reckoned for each variable"),
        A::Drop => But(
            "as in ModSecurity v3 it is deny, here without a text: Envoy, not a filter, says when a connection is closed",
        ),
        A::SanitiseArg
        | A::SanitiseMatched
        | A::SanitiseMatchedBytes
        | A::SanitiseRequestHeader
        | A::SanitiseResponseHeader => But("v2's, on the audit log"),
        A::MultiMatch => But(
            "`setvar` runs for each form that matches; the log has the rule once, as Coraza's, where v3's has each match",
        ),
        A::SetEnv => But("for the rest of the transaction: a filter has no environment"),
        A::Redirect => But("of the status codes 301 to 307; 302 without one"),
        _ => Full,
    }
}

/// Options of the action `ctl`.
pub fn ctl(name: CtlName) -> Support {
    use CtlName as C;
    use Support::{But, Full, Refused};
    match name {
        C::HashEnforcement | C::HashEngine => Refused(HASHES),
        C::ForceResponseBodyVariable | C::ResponseBodyProcessor => Refused(RESPONSES),
        C::RuleRemoveTargetById | C::RuleRemoveTargetByMsg | C::RuleRemoveTargetByTag => But(
            "`ARGS` takes out `ARGS` and not `ARGS:a`, as in v3 and Coraza; `ARGS:/x/` all whose name matches",
        ),
        C::DebugLogLevel => But("where a caller of the engine listens; the filter writes no debug log"),
        _ => Full,
    }
}

/// Body processors, of requests.
pub fn body_processor(name: BodyProcessor) -> Support {
    match name {
        BodyProcessor::Raw => Support::But("Coraza's: the body is in REQUEST_BODY only"),
        BodyProcessor::Xml => Support::But(
            "entities that the document declares are expanded within limits; external ones are never read",
        ),
        BodyProcessor::Json | BodyProcessor::Multipart | BodyProcessor::Urlencoded => Support::Full,
    }
}
