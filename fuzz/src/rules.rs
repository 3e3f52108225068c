//! Rule sets that are made of choices, so that nearly all of them compile.

use crate::Input;
use portcullis_engine::transformations::Transformation;

/// Up to eight rules, chains among them.
pub(crate) fn generate(input: &mut Input<'_>) -> String {
    let mut text = String::from(
        "SecRuleEngine DetectionOnly\nSecRequestBodyAccess On\nSecResponseBodyAccess On\nSecResponseBodyMimeType text/html\n",
    );
    if input.below(8) == 0 {
        text.push_str("SecDefaultAction \"phase:2,log,pass,t:lowercase\"\n");
    }
    let count = 1 + input.below(8);
    let mut chained = false;
    for index in 0..count {
        let chains = input.below(4) == 0 && index + 1 < count;
        text.push_str(&rule(input, 1 + index, chained, chains));
        chained = chains;
    }
    text.push_str("SecMarker END\n");
    if input.below(16) == 0 {
        text.push_str("SecRuleUpdateTargetById 1 \"!ARGS:a\"\n");
    }
    text
}

fn rule(input: &mut Input<'_>, id: usize, is_link: bool, chains: bool) -> String {
    let variables: Vec<&str> = (0..=input.below(3)).map(|_| input.choose(VARIABLES)).collect();
    let negation = if input.below(5) == 0 { "!" } else { "" };
    let (operator, arguments) = input.choose(OPERATORS);
    let argument = match operator {
        "rx" | "rxGlobal" if input.below(2) == 0 => pattern(input),
        _ => input.choose(arguments).to_owned(),
    };
    let all: Vec<_> = Transformation::all().map(|(name, _)| name).collect();
    let mut actions: Vec<String> = Vec::new();
    if !is_link {
        actions.push(format!("id:{id},phase:{}", 1 + input.below(5)));
        actions.push(input.choose(&["pass", "pass", "pass", "deny", "block", "allow", "drop"]).to_owned());
        actions.push("log,msg:'%{MATCHED_VAR_NAME}',logdata:'%{TX.0} %{MATCHED_VAR}'".to_owned());
    }
    if input.below(3) == 0 {
        actions.push("t:none".to_owned());
    }
    actions.extend((0..input.below(4)).map(|_| format!("t:{}", input.choose(&all))));
    let extra = input.byte();
    for (bit, action) in EXTRA.iter().enumerate() {
        // Flow is for rules that begin a chain or stand alone.
        if extra >> bit & 1 == 1 && !(is_link && action.starts_with("skip")) {
            actions.push((*action).to_owned());
        }
    }
    if chains {
        actions.push("chain".to_owned());
    }
    let mut text = format!("SecRule {} \"{negation}@{operator} {argument}\"", variables.join("|"));
    if !actions.is_empty() {
        text.push_str(&format!(" \"{}\"", actions.join(",")));
    }
    text.push('\n');
    text
}

fn pattern(input: &mut Input<'_>) -> String {
    (0..=input.below(8)).map(|_| input.choose(PIECES)).collect()
}

const EXTRA: &[&str] = &[
    "capture",
    "multiMatch",
    "setvar:tx.score=+%{tx.step}",
    "setvar:tx.step=2",
    "setvar:tx.%{MATCHED_VAR_NAME}=%{MATCHED_VAR}",
    "skipAfter:END",
    "skip:1",
    "ctl:ruleRemoveTargetById=2;ARGS",
];

const VARIABLES: &[&str] = &[
    "ARGS",
    "ARGS_NAMES",
    "ARGS:a",
    "ARGS:/^[ab]$/",
    "ARGS|!ARGS:a",
    "&ARGS",
    "ARGS_GET",
    "ARGS_POST",
    "ARGS_COMBINED_SIZE",
    "REQUEST_URI",
    "REQUEST_URI_RAW",
    "REQUEST_FILENAME",
    "REQUEST_BASENAME",
    "REQUEST_LINE",
    "REQUEST_METHOD",
    "REQUEST_PROTOCOL",
    "QUERY_STRING",
    "REQUEST_HEADERS",
    "REQUEST_HEADERS:User-Agent",
    "REQUEST_HEADERS|!REQUEST_HEADERS:Cookie",
    "&REQUEST_HEADERS:Host",
    "REQUEST_HEADERS_NAMES",
    "REQUEST_COOKIES",
    "REQUEST_COOKIES_NAMES",
    "REQUEST_BODY",
    "REQBODY_ERROR",
    "FILES",
    "FILES_NAMES",
    "MULTIPART_STRICT_ERROR",
    "MULTIPART_PART_HEADERS",
    "XML:/*",
    "XML://@*",
    "RESPONSE_BODY",
    "RESPONSE_HEADERS",
    "TX:score",
    "TX:/^arg/",
    "TX:0",
    "MATCHED_VARS",
    "MATCHED_VARS_NAMES",
    "MATCHED_VAR",
    "UNIQUE_ID",
];

const OPERATORS: &[(&str, &[&str])] = &[
    (
        "rx",
        &[
            "(?i)union.{0,9}select",
            "^[a-z]+$",
            "[^\\x20-\\x7e]",
            "(a|b)*c",
            "^$",
            "\\bor\\b",
            "(?:/\\*|--)",
            ".",
        ],
    ),
    ("rx", &["(?=a).b", "(a)\\1", "(?<!x)y", "a++b", "(?i)s[\\\"^]*e[\\\"^]*t"]),
    ("rxGlobal", &["(\\w)=(\\d)", "a?", "%.."]),
    ("pm", &["select union <script etc/passwd", "a b", "/"]),
    ("contains", &["a", "../", "%{REQUEST_HEADERS.Host}", "SELECT"]),
    ("containsWord", &["or", "a"]),
    ("beginsWith", &["/", "a"]),
    ("endsWith", &[".php", "a"]),
    ("within", &["GET POST HEAD", "a"]),
    ("streq", &["", "a", "%{tx.step}"]),
    ("strmatch", &["ab"]),
    ("eq", &["0", "1", "%{tx.step}"]),
    ("ge", &["1", "5"]),
    ("lt", &["1", "3"]),
    ("detectSQLi", &[""]),
    ("detectXSS", &[""]),
    ("validateByteRange", &["32-126", "1-255", "9,10,13,32-126"]),
    ("validateUrlEncoding", &[""]),
    ("validateUtf8Encoding", &[""]),
    ("ipMatch", &["192.0.2.0/24,::1"]),
    ("verifyCC", &["\\d{13,16}"]),
    ("unconditionalMatch", &[""]),
    ("noMatch", &[""]),
];

const PIECES: &[&str] = &[
    "a",
    "b",
    "or",
    "(",
    ")",
    "(?:",
    "(?i)",
    "|",
    "[a-f]",
    "[^a]",
    "\\d",
    "\\s",
    "\\W",
    "\\b",
    "^",
    "$",
    ".",
    "*",
    "+",
    "?",
    "{2,3}",
    "*?",
    "=",
    "<",
    "/",
    "-",
    "\\x00",
    "[\\x80-\\xff]",
    "select",
    "script",
    "%",
];
