//! The fixed vocabularies of SecLang: each name with the spelling that is printed first, aliases after it.

/// A fixed set of names that are compared without regard to ASCII case.
pub trait Vocabulary: Copy + PartialEq + 'static {
    /// Every accepted spelling. The first one of a value is the one that is printed.
    const NAMES: &'static [(&'static str, Self)];

    /// Finds the value of a name.
    fn from_name(name: &[u8]) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        found.map(|&(_, value)| value)
    }
}

macro_rules! vocabulary {
    ($(#[$meta:meta])* $Name:ident {
        $($(#[$variant_meta:meta])* $Variant:ident = $canonical:literal $(| $alias:literal)*,)*
    }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $Name {
            $($(#[$variant_meta])* #[doc = concat!("`", $canonical, "`")] $Variant,)*
        }

        impl Vocabulary for $Name {
            const NAMES: &'static [(&'static str, Self)] =
                &[$(($canonical, $Name::$Variant), $(($alias, $Name::$Variant),)*)*];
        }

        impl $Name {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [$Name] = &[$($Name::$Variant,)*];

            /// The name as the reference manual spells it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($Name::$Variant => $canonical,)*
                }
            }

            /// Finds the value of a name, without regard to ASCII case.
            pub fn from_name(name: &[u8]) -> Option<Self> {
                <Self as Vocabulary>::from_name(name)
            }
        }

        impl std::fmt::Display for $Name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

pub(super) use vocabulary;

vocabulary! {
    /// A variable or collection. ModSecurity v3 reference, "Variables"; Coraza's additions stand at the end.
    VariableName {
        Args = "ARGS",
        ArgsCombinedSize = "ARGS_COMBINED_SIZE",
        ArgsGet = "ARGS_GET",
        ArgsGetNames = "ARGS_GET_NAMES",
        ArgsNames = "ARGS_NAMES",
        ArgsPost = "ARGS_POST",
        ArgsPostNames = "ARGS_POST_NAMES",
        AuthType = "AUTH_TYPE",
        Duration = "DURATION",
        Env = "ENV",
        Files = "FILES",
        FilesCombinedSize = "FILES_COMBINED_SIZE",
        FilesNames = "FILES_NAMES",
        FilesSizes = "FILES_SIZES",
        FilesTmpContent = "FILES_TMP_CONTENT",
        FilesTmpNames = "FILES_TMPNAMES",
        FullRequest = "FULL_REQUEST",
        FullRequestLength = "FULL_REQUEST_LENGTH",
        Geo = "GEO",
        Global = "GLOBAL",
        HighestSeverity = "HIGHEST_SEVERITY",
        InboundDataError = "INBOUND_DATA_ERROR",
        Ip = "IP",
        MatchedVar = "MATCHED_VAR",
        MatchedVarName = "MATCHED_VAR_NAME",
        MatchedVars = "MATCHED_VARS",
        MatchedVarsNames = "MATCHED_VARS_NAMES",
        ModsecBuild = "MODSEC_BUILD",
        MscPcreError = "MSC_PCRE_ERROR",
        MscPcreLimitsExceeded = "MSC_PCRE_LIMITS_EXCEEDED",
        MultipartBoundaryQuoted = "MULTIPART_BOUNDARY_QUOTED",
        MultipartBoundaryWhitespace = "MULTIPART_BOUNDARY_WHITESPACE",
        MultipartCrlfLfLines = "MULTIPART_CRLF_LF_LINES",
        MultipartDataAfter = "MULTIPART_DATA_AFTER",
        MultipartDataBefore = "MULTIPART_DATA_BEFORE",
        MultipartFileLimitExceeded = "MULTIPART_FILE_LIMIT_EXCEEDED",
        MultipartFilename = "MULTIPART_FILENAME",
        MultipartHeaderFolding = "MULTIPART_HEADER_FOLDING",
        MultipartInvalidHeaderFolding = "MULTIPART_INVALID_HEADER_FOLDING",
        MultipartInvalidPart = "MULTIPART_INVALID_PART",
        MultipartInvalidQuoting = "MULTIPART_INVALID_QUOTING",
        MultipartLfLine = "MULTIPART_LF_LINE",
        MultipartMissingSemicolon = "MULTIPART_MISSING_SEMICOLON" | "MULTIPART_SEMICOLON_MISSING",
        MultipartName = "MULTIPART_NAME",
        MultipartPartHeaders = "MULTIPART_PART_HEADERS",
        MultipartStrictError = "MULTIPART_STRICT_ERROR",
        MultipartUnmatchedBoundary = "MULTIPART_UNMATCHED_BOUNDARY",
        OutboundDataError = "OUTBOUND_DATA_ERROR",
        PathInfo = "PATH_INFO",
        QueryString = "QUERY_STRING",
        RemoteAddr = "REMOTE_ADDR",
        RemoteHost = "REMOTE_HOST",
        RemotePort = "REMOTE_PORT",
        RemoteUser = "REMOTE_USER",
        ReqbodyError = "REQBODY_ERROR",
        ReqbodyErrorMsg = "REQBODY_ERROR_MSG",
        ReqbodyProcessor = "REQBODY_PROCESSOR",
        ReqbodyProcessorError = "REQBODY_PROCESSOR_ERROR",
        ReqbodyProcessorErrorMsg = "REQBODY_PROCESSOR_ERROR_MSG",
        RequestBasename = "REQUEST_BASENAME",
        RequestBody = "REQUEST_BODY",
        RequestBodyLength = "REQUEST_BODY_LENGTH",
        RequestCookies = "REQUEST_COOKIES",
        RequestCookiesNames = "REQUEST_COOKIES_NAMES",
        RequestFilename = "REQUEST_FILENAME",
        RequestHeaders = "REQUEST_HEADERS",
        RequestHeadersNames = "REQUEST_HEADERS_NAMES",
        RequestLine = "REQUEST_LINE",
        RequestMethod = "REQUEST_METHOD",
        RequestProtocol = "REQUEST_PROTOCOL",
        RequestUri = "REQUEST_URI",
        RequestUriRaw = "REQUEST_URI_RAW",
        Resource = "RESOURCE",
        ResponseBody = "RESPONSE_BODY",
        ResponseContentLength = "RESPONSE_CONTENT_LENGTH",
        ResponseContentType = "RESPONSE_CONTENT_TYPE",
        ResponseHeaders = "RESPONSE_HEADERS",
        ResponseHeadersNames = "RESPONSE_HEADERS_NAMES",
        ResponseProtocol = "RESPONSE_PROTOCOL",
        ResponseStatus = "RESPONSE_STATUS",
        Rule = "RULE",
        ServerAddr = "SERVER_ADDR",
        ServerName = "SERVER_NAME",
        ServerPort = "SERVER_PORT",
        Session = "SESSION",
        SessionId = "SESSIONID",
        Status = "STATUS",
        StatusLine = "STATUS_LINE",
        Time = "TIME",
        TimeDay = "TIME_DAY",
        TimeEpoch = "TIME_EPOCH",
        TimeHour = "TIME_HOUR",
        TimeMin = "TIME_MIN",
        TimeMon = "TIME_MON",
        TimeSec = "TIME_SEC",
        TimeWday = "TIME_WDAY",
        TimeYear = "TIME_YEAR",
        Tx = "TX",
        UniqueId = "UNIQUE_ID",
        UrlencodedError = "URLENCODED_ERROR",
        User = "USER",
        UserId = "USERID",
        WebAppId = "WEBAPPID",
        WebserverErrorLog = "WEBSERVER_ERROR_LOG",
        Xml = "XML",
        ArgsGetNamesRaw = "ARGS_GET_NAMES_RAW",
        ArgsGetRaw = "ARGS_GET_RAW",
        ArgsNamesRaw = "ARGS_NAMES_RAW",
        ArgsPath = "ARGS_PATH",
        ArgsNamesPath = "ARGS_PATH_NAMES",
        ArgsPostNamesRaw = "ARGS_POST_NAMES_RAW",
        ArgsPostRaw = "ARGS_POST_RAW",
        ArgsRaw = "ARGS_RAW",
        Json = "JSON",
        RequestXml = "REQUEST_XML",
        ResArgs = "RESPONSE_ARGS",
        ResbodyError = "RES_BODY_ERROR",
        ResbodyErrorMsg = "RES_BODY_ERROR_MSG",
        ResbodyProcessor = "RES_BODY_PROCESSOR",
        ResbodyProcessorError = "RES_BODY_PROCESSOR_ERROR",
        ResbodyProcessorErrorMsg = "RES_BODY_PROCESSOR_ERROR_MSG",
        ResponseXml = "RESPONSE_XML",
        UriParseError = "URI_PARSE_ERROR",
    }
}

/// Variables of ModSecurity v2 that v3 does not have, in alphabetical order, each with why or what to use instead.
pub const VERSION_2_VARIABLES: &[(&str, &str)] = &[
    ("PERF_ALL", "Envoy's statistics measure filters"),
    ("PERF_COMBINED", "Envoy's statistics measure filters"),
    ("PERF_GC", "Envoy's statistics measure filters"),
    ("PERF_LOGGING", "Envoy's statistics measure filters"),
    ("PERF_PHASE1", "Envoy's statistics measure filters"),
    ("PERF_PHASE2", "Envoy's statistics measure filters"),
    ("PERF_PHASE3", "Envoy's statistics measure filters"),
    ("PERF_PHASE4", "Envoy's statistics measure filters"),
    ("PERF_PHASE5", "Envoy's statistics measure filters"),
    ("PERF_RULES", "Envoy's statistics measure filters"),
    ("PERF_SREAD", "Envoy's statistics measure filters"),
    ("PERF_SWRITE", "Envoy's statistics measure filters"),
    ("SCRIPT_BASENAME", "a proxy knows no scripts: use REQUEST_BASENAME"),
    ("SCRIPT_FILENAME", "a proxy knows no scripts: use REQUEST_FILENAME"),
    ("SCRIPT_GID", "a proxy knows no scripts"),
    ("SCRIPT_GROUPNAME", "a proxy knows no scripts"),
    ("SCRIPT_MODE", "a proxy knows no scripts"),
    ("SCRIPT_UID", "a proxy knows no scripts"),
    ("SCRIPT_USERNAME", "a proxy knows no scripts"),
    ("SDBM_DELETE_ERROR", "collections live in memory"),
    ("STREAM_INPUT_BODY", "use REQUEST_BODY"),
    ("STREAM_OUTPUT_BODY", "use RESPONSE_BODY"),
    ("USERAGENT_IP", "use REMOTE_ADDR, which Envoy takes from X-Forwarded-For as it is configured to"),
];

impl VariableName {
    /// Whether it has members, so that a selector makes sense.
    pub fn is_collection(self) -> bool {
        use VariableName as V;
        matches!(
            self,
            V::Args
                | V::ArgsGet
                | V::ArgsGetNames
                | V::ArgsGetNamesRaw
                | V::ArgsGetRaw
                | V::ArgsNames
                | V::ArgsNamesRaw
                | V::ArgsPost
                | V::ArgsPostNames
                | V::ArgsPostNamesRaw
                | V::ArgsPostRaw
                | V::ArgsRaw
                | V::ArgsPath
                | V::ArgsNamesPath
                | V::Env
                | V::Files
                | V::FilesNames
                | V::FilesSizes
                | V::FilesTmpContent
                | V::FilesTmpNames
                | V::Geo
                | V::Global
                | V::Ip
                | V::Json
                | V::MatchedVars
                | V::MatchedVarsNames
                | V::MultipartFilename
                | V::MultipartName
                | V::MultipartPartHeaders
                | V::RequestCookies
                | V::RequestCookiesNames
                | V::RequestHeaders
                | V::RequestHeadersNames
                | V::RequestXml
                | V::ResArgs
                | V::Resource
                | V::ResponseHeaders
                | V::ResponseHeadersNames
                | V::ResponseXml
                | V::Rule
                | V::Session
                | V::Tx
                | V::User
                | V::Xml
        )
    }
}

vocabulary! {
    /// A collection that rules write to.
    Collection {
        Global = "global",
        Ip = "ip",
        Resource = "resource",
        Session = "session",
        Tx = "tx",
        User = "user",
    }
}

vocabulary! {
    /// An operator, without its `@`. ModSecurity v3 reference, "Operators"; `restpath`, `validateNid` and the
    /// `FromDataset` ones are Coraza's.
    OperatorName {
        BeginsWith = "beginsWith",
        Contains = "contains",
        ContainsWord = "containsWord",
        DetectSqli = "detectSQLi",
        DetectXss = "detectXSS",
        EndsWith = "endsWith",
        Eq = "eq",
        FuzzyHash = "fuzzyHash",
        Ge = "ge",
        GeoLookup = "geoLookup",
        GsbLookup = "gsbLookup",
        Gt = "gt",
        InspectFile = "inspectFile",
        IpMatch = "ipMatch",
        IpMatchFromDataset = "ipMatchFromDataset",
        IpMatchFromFile = "ipMatchFromFile" | "ipMatchF",
        Le = "le",
        Lt = "lt",
        NoMatch = "noMatch",
        Pm = "pm",
        PmFromDataset = "pmFromDataset",
        PmFromFile = "pmFromFile" | "pmf",
        Rbl = "rbl",
        RestPath = "restpath",
        Rsub = "rsub",
        Rx = "rx",
        RxGlobal = "rxGlobal",
        StrEq = "streq",
        StrMatch = "strmatch",
        UnconditionalMatch = "unconditionalMatch",
        ValidateByteRange = "validateByteRange",
        ValidateDtd = "validateDTD",
        ValidateHash = "validateHash",
        ValidateNid = "validateNid",
        ValidateSchema = "validateSchema",
        ValidateUrlEncoding = "validateUrlEncoding",
        ValidateUtf8Encoding = "validateUtf8Encoding",
        VerifyCc = "verifyCC",
        VerifyCpf = "verifyCPF",
        VerifySsn = "verifySSN",
        VerifySvnr = "verifySVNR",
        Within = "within",
    }
}

vocabulary! {
    /// A transformation, without its `t:`. ModSecurity v3 reference, "Transformation functions".
    Transformation {
        Base64Decode = "base64Decode",
        Base64DecodeExt = "base64DecodeExt",
        Base64Encode = "base64Encode",
        CmdLine = "cmdLine",
        CompressWhitespace = "compressWhitespace",
        CssDecode = "cssDecode",
        EscapeSeqDecode = "escapeSeqDecode",
        HexDecode = "hexDecode",
        HexEncode = "hexEncode",
        HtmlEntityDecode = "htmlEntityDecode",
        JsDecode = "jsDecode",
        Length = "length",
        Lowercase = "lowercase",
        Md5 = "md5",
        None = "none",
        NormalizePath = "normalizePath" | "normalisePath",
        NormalizePathWin = "normalizePathWin" | "normalisePathWin",
        ParityEven7bit = "parityEven7bit",
        ParityOdd7bit = "parityOdd7bit",
        ParityZero7bit = "parityZero7bit",
        PhpArgsNames = "phpArgsNames",
        RemoveComments = "removeComments",
        RemoveCommentsChar = "removeCommentsChar",
        RemoveNulls = "removeNulls",
        RemoveWhitespace = "removeWhitespace",
        ReplaceComments = "replaceComments",
        ReplaceNulls = "replaceNulls",
        Sha1 = "sha1",
        SqlHexDecode = "sqlHexDecode",
        Trim = "trim",
        TrimLeft = "trimLeft",
        TrimRight = "trimRight",
        Uppercase = "uppercase",
        UrlDecode = "urlDecode",
        UrlDecodeUni = "urlDecodeUni",
        UrlEncode = "urlEncode",
        Utf8ToUnicode = "utf8toUnicode",
    }
}

vocabulary! {
    /// A phase, numbered 1 to 5.
    Phase {
        RequestHeaders = "1",
        RequestBody = "2" | "request",
        ResponseHeaders = "3",
        ResponseBody = "4" | "response",
        Logging = "5" | "logging",
    }
}

impl Phase {
    /// 1 to 5.
    pub fn number(self) -> u8 {
        self as u8 + 1
    }
}

vocabulary! {
    /// A severity, numbered 0 (most severe) to 7.
    Severity {
        Emergency = "EMERGENCY" | "0",
        Alert = "ALERT" | "1",
        Critical = "CRITICAL" | "2",
        Error = "ERROR" | "3",
        Warning = "WARNING" | "4",
        Notice = "NOTICE" | "5",
        Info = "INFO" | "6",
        Debug = "DEBUG" | "7",
    }
}

impl Severity {
    /// 0 to 7.
    pub fn number(self) -> u8 {
        self as u8
    }
}

vocabulary! {
    /// A body processor.
    BodyProcessor {
        Json = "JSON",
        Multipart = "MULTIPART",
        Raw = "RAW",
        Urlencoded = "URLENCODED",
        Xml = "XML",
    }
}

vocabulary! {
    /// A switch.
    OnOff {
        On = "On",
        Off = "Off",
    }
}

vocabulary! {
    /// The mode of `SecRuleEngine`.
    EngineMode {
        On = "On",
        Off = "Off",
        DetectionOnly = "DetectionOnly",
    }
}

vocabulary! {
    /// The mode of `SecAuditEngine`.
    AuditEngine {
        On = "On",
        Off = "Off",
        RelevantOnly = "RelevantOnly",
    }
}

vocabulary! {
    /// The mode of `SecUploadKeepFiles`.
    UploadKeep {
        On = "On",
        Off = "Off",
        RelevantOnly = "RelevantOnly",
    }
}

vocabulary! {
    /// What happens to a body over its limit.
    LimitAction {
        Reject = "Reject",
        ProcessPartial = "ProcessPartial",
    }
}

vocabulary! {
    /// What happens when `SecRemoteRules` can not be loaded.
    FailAction {
        Abort = "Abort",
        Warn = "Warn",
    }
}

vocabulary! {
    /// The kind of audit log. `Syslog` is Coraza's.
    AuditLogType {
        Serial = "Serial",
        Concurrent = "Concurrent" | "Parallel",
        Https = "HTTPS",
        Syslog = "Syslog",
    }
}

vocabulary! {
    /// The format of the audit log. `JsonLegacy` and `Ocsf` are Coraza's.
    AuditLogFormat {
        Json = "JSON",
        JsonLegacy = "JsonLegacy",
        Native = "Native",
        Ocsf = "OCSF",
    }
}

vocabulary! {
    /// Whether the values of an XML body become arguments.
    ParseXml {
        On = "On",
        Off = "Off",
        OnlyArgs = "OnlyArgs",
    }
}
