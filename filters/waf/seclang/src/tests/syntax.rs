//! One table for each piece of syntax.

use crate::{
    ParseOptions,
    ast::{ActionKind, Condition, Macro, Part, Quote, Rule, Ruleset, Selector, Text},
    loader::NoFiles,
    parse, print,
    source::FileId,
};

fn parsed(text: &str) -> Ruleset {
    parse("rules", text.as_bytes(), &NoFiles, ParseOptions::default())
        .unwrap_or_else(|errors| panic!("{text}\n{errors}"))
}

fn rule(text: &str) -> Rule {
    parsed(text).rules().next().unwrap().0.clone()
}

/// Text, and how it is printed.
const PRINTED: &[(&str, &str)] = &[
    // Continuations: the indent of the next line goes, the space before the `\` stays.
    ("SecRule ARGS \\\n    \"@rx a\" \\\r\n\t\"id:1,\\\n  pass\"", "SecRule ARGS \"@rx a\" \"id:1,pass\""),
    ("SecAction \"id:1,\\\n# a comment\n  pass\"", "SecAction \"id:1,pass\""),
    ("SecAction \"id:1,msg:'a \\\n    b'\"", "SecAction \"id:1,msg:'a b'\""),
    ("SecRuleEngine On \\\n\nSecRuleEngine Off", "SecRuleEngine On\nSecRuleEngine Off"),
    // A rule that is commented out takes its continuations with it, another comment does not.
    ("#SecRule ARGS \\\n  \"@rx\nSecRuleEngine On", "SecRuleEngine On"),
    ("# one \\\nSecRuleEngine On", "SecRuleEngine On"),
    // Names.
    ("secruleengine ON", "SecRuleEngine On"),
    (
        "SecRule args|request_headers:Host \"@RX a\" \"ID:1,T:LowerCase\"",
        "SecRule ARGS|REQUEST_HEADERS:Host \"@rx a\" \"id:1,t:lowercase\"",
    ),
    (
        "SecRule ARGS \"@pmf a\" \"t:normalisePath,sanitizeArg:a\"",
        "SecRule ARGS \"@pmFromFile a\" \"t:normalizePath,sanitiseArg:a\"",
    ),
    ("SecAction \"phase:logging,severity:'2'\"", "SecAction \"phase:5,severity:'CRITICAL'\""),
    ("SecUnicodeMap unicode.mapping", "SecUnicodeMapFile unicode.mapping"),
    // Arguments.
    ("SecRule 'ARGS' 'a b' 'id:1'", "SecRule 'ARGS' 'a b' 'id:1'"),
    ("SecRule ARGS \"a\"\"id:1\"", "SecRule ARGS \"a\" \"id:1\""),
    ("SecRule ARGS a pass", "SecRule ARGS a pass"),
    ("SecRule ARGS \"\" \"\"", "SecRule ARGS \"\" \"\""),
    ("SecRequestBodyLimit \"100\"", "SecRequestBodyLimit 100"),
    ("SecAuditLogDirMode 2750", "SecAuditLogDirMode 2750"),
    ("SecUploadFileMode 600", "SecUploadFileMode 0600"),
    ("SecUploadFileMode Default", "SecUploadFileMode default"),
    ("SecResponseBodyMimeType text/html  \"text/plain\"", "SecResponseBodyMimeType text/html \"text/plain\""),
    ("SecResponseBodyMimeTypesClear", "SecResponseBodyMimeTypesClear"),
    ("SecRuleRemoveById 1 \"2 3\" 5-9", "SecRuleRemoveById 1,2,3,5-9"),
    ("SecRuleUpdateTargetById 1-3 5 7-8 \"!ARGS:a\"", "SecRuleUpdateTargetById 1-3,5,7-8 \"!ARGS:a\""),
    ("SecRuleUpdateTargetById 1-3 \"!ARGS:a\" ARGS", "SecRuleUpdateTargetById 1-3 \"!ARGS:a\" ARGS"),
    ("SecRuleUpdateTargetByTag \"a b\" !ARGS:/a|b/", "SecRuleUpdateTargetByTag \"a b\" !ARGS:/a|b/"),
    ("SecRuleUpdateActionById 5:2 deny,status:404", "SecRuleUpdateActionById 5:2 deny,status:404"),
    ("SecRuleScript /a.lua \"id:1\"", "SecRuleScript /a.lua \"id:1\""),
    ("SecDataset x `\n  a\n# no\n\n b c \n`", "SecDataset x `\na\nb c\n`"),
    // Variables.
    ("SecRule ARGS:'a|b'|&ARGS.c,!XML://@* a", "SecRule ARGS:'a|b'|&ARGS:c|!XML://@* a"),
    ("SecRule ARGS:/a,b|c\\/d/|ARGS:'/a/' a", "SecRule ARGS:/a,b|c\\/d/|ARGS:'/a/' a"),
    ("SecRule \"ARGS|!ARGS:/a |!ARGS:b\" a", "SecRule \"ARGS|!ARGS:/a|!ARGS:b\" a"),
    ("SecRule \"ARGS:'/a b/' | XML:'//a|//b'\" a", "SecRule \"ARGS:'/a b/'|XML:'//a|//b'\" a"),
    // Operators.
    ("SecRule ARGS \"! @rx a\"", "SecRule ARGS \"!@rx a\""),
    ("SecRule ARGS \"!a b\"", "SecRule ARGS \"!a b\""),
    ("SecRule ARGS \"@rx  a \"", "SecRule ARGS \"@rx a \""),
    ("SecRule ARGS \"a\\\"b\\\\\\\\\"", "SecRule ARGS \"a\\\"b\\\\\\\\\""),
    // Actions.
    (
        "SecAction \"id:1 , pass,msg:'a, \\'b\\' \\\"c\\\"'\"",
        "SecAction \"id:1,pass,msg:'a, \\'b\\' \\\"c\\\"'\"",
    ),
    ("SecAction \"id:'1',msg:'say \"hi\"'\"", "SecAction \"id:'1',msg:'say \\\"hi\\\"'\""),
    ("SecAction \"msg:it's,allow:PHASE\"", "SecAction \"msg:it's,allow:phase\""),
    (
        "SecAction \"setvar:'!tx.a',setvar:TX.a=-%{tx.b=c},setvar:ip:b\"",
        "SecAction \"setvar:'!tx.a',setvar:TX.a=-%{tx.b=c},setvar:ip.b\"",
    ),
    ("SecAction \"xmlns:a=\"http://x\"\"", "SecAction \"xmlns:a=\\\"http://x\\\"\""),
    (
        "SecAction \"ctl:ruleRemoveTargetById=1-3;ARGS:a|ARGS:b,ctl:auditLogParts=+E\"",
        "SecAction \"ctl:ruleRemoveTargetById=1-3;ARGS:a|ARGS:b,ctl:auditLogParts=+E\"",
    ),
    (
        "SecAction \"deprecatevar:session.a=60/300,sanitiseMatchedBytes:1/2,initcol:IP=x\"",
        "SecAction \"deprecatevar:session.a=60/300,sanitiseMatchedBytes:1/2,initcol:IP=x\"",
    ),
];

#[test]
fn printed() {
    for (text, expected) in PRINTED {
        let once = print::file(&parsed(text), FileId(0));
        let once = String::from_utf8(once).unwrap();
        assert_eq!(once.trim_end(), *expected, "{text}");
        let twice = print::file(&parsed(&once), FileId(0));
        assert_eq!(String::from_utf8(twice).unwrap(), once, "{text}");
    }
}

/// Text, and every error in it as `line:column: directive: message`.
const REFUSED: &[(&str, &[&str])] = &[
    ("SecRulez ARGS a", &["1:1: SecRulez: unknown directive `SecRulez`; did you mean `SecRule`?"]),
    ("\"SecRule\" ARGS", &["1:15: SecRule: expected an operator, found the end of the directive"]),
    ("\"SecRule", &["1:1: this quote is never closed"]),
    ("SecRule ARGZ a", &["1:9: SecRule: unknown variable `ARGZ`; did you mean `ARGS`?"]),
    (
        "SecRule Q|ARGS|&ARG a \"nolog,idd:1,foo\"\nSecRuleEngine Onn",
        &[
            "1:9: SecRule: unknown variable `Q`",
            "1:17: SecRule: unknown variable `ARG`; did you mean `ARGS`?",
            "1:30: SecRule: unknown action `idd`; did you mean `id`?",
            "1:36: SecRule: unknown action `foo`",
            "2:15: SecRuleEngine: found `Onn`, expected one of `On`, `Off`, `DetectionOnly`",
        ],
    ),
    ("SecRule ARGS|| a", &["1:14: SecRule: expected a variable", "1:15: SecRule: expected a variable"]),
    ("SecRule ARGS: a", &["1:9: SecRule: expected a key after `:`"]),
    (
        "SecRule REQUEST_URI:a|!&ARGS a",
        &[
            "1:9: SecRule: `REQUEST_URI` has no members: it takes no key",
            "1:23: SecRule: `!` and `&` exclude each other: a count can not be taken out",
        ],
    ),
    (
        "SecRule ARGS:/a|ARGS:'b a",
        &["1:9: SecRule: the key starts with a `/` or a quote that is never closed"],
    ),
    (
        "SecRule \"ARGS GET\" a",
        &["1:15: SecRule: unexpected text after a variable; variables are separated by `|`"],
    ),
    ("SecRule ARGS", &["1:13: SecRule: expected an operator, found the end of the directive"]),
    ("SecRule", &["1:8: SecRule: expected variables, found the end of the directive"]),
    ("SecAction", &["1:10: SecAction: expected actions, found the end of the directive"]),
    ("SecRule ARGS \"@rx a", &["1:14: SecRule: this quote is never closed"]),
    ("SecRule ARGS \"@foo a\"", &["1:15: SecRule: unknown operator `@foo`"]),
    ("SecRule ARGS \"@stregq a\"", &["1:15: SecRule: unknown operator `@stregq`; did you mean `@streq`?"]),
    ("SecRule ARGS \"@rx a\" \"id:1,msg:'a\"", &["1:32: SecRule: this quote is never closed"]),
    (
        "SecRule ARGS \"@rx a\" \"id:1,msg:'a'b,pass\"",
        &["1:35: SecRule: unexpected text after a quoted value; actions are separated by `,`"],
    ),
    (
        "SecRule ARGS \"@rx a\" \"id:1,,pass,\"",
        &["1:28: SecRule: expected an action", "1:33: SecRule: expected an action"],
    ),
    ("SecRule ARGS \"@rx a\" \"id:1\" b", &["1:29: SecRule: unexpected text after the last argument"]),
    (
        "SecAction \"id,deny:1,t:lowercas,phase:6,severity:8,status:99999,id:a,skip:-1\"",
        &[
            "1:12: SecAction: action `id` needs a value: `id:...`",
            "1:20: SecAction: action `deny` takes no value",
            "1:24: SecAction: unknown transformation `t:lowercas`; did you mean `t:lowercase`?",
            "1:39: SecAction: found `6`, expected one of `1`, `2`, `3`, `4`, `5`",
            "1:50: SecAction: found `8`, expected one of `EMERGENCY`, `ALERT`, `CRITICAL`, `ERROR`, `WARNING`, `NOTICE`, `INFO`, `DEBUG`",
            "1:59: SecAction: found `99999`, expected an HTTP status",
            "1:68: SecAction: found `a`, expected a number",
            "1:75: SecAction: found `-1`, expected a number of rules",
        ],
    ),
    (
        "SecAction \"ctl:ruleEngin=On,ctl:ruleEngine,ctl:ruleEngine=Maybe,ctl:debugLogLevel=10,ctl:auditLogParts=+X\"",
        &[
            "1:16: SecAction: unknown option `ctl:ruleEngin`; did you mean `ctl:ruleEngine`?",
            "1:33: SecAction: found `ruleEngine`, expected `option=value`",
            "1:59: SecAction: found `Maybe`, expected one of `On`, `Off`, `DetectionOnly`",
            "1:83: SecAction: found `10`, expected a level from 0 to 9",
            "1:105: SecAction: found `X`, expected letters from `A` to `K` and `Z`",
        ],
    ),
    (
        "SecAction \"ctl:ruleRemoveById=9-1,ctl:ruleRemoveTargetById=1,ctl:ruleRemoveTargetById=1;ARGX\"",
        &[
            "1:31: SecAction: found `9-1`, expected a range that starts with its lowest id",
            "1:60: SecAction: found `1`, expected `rules;variable`",
            "1:89: SecAction: unknown variable `ARGX`; did you mean `ARGS`?",
        ],
    ),
    (
        "SecAction \"setvar:tx,setvar:tz.a=1,setvar:!tx.a=1,initcol:ip,expirevar:a,deprecatevar:ip.a=5,setvar:tx.a=%{REMOTE_ADR}\"",
        &[
            "1:19: SecAction: found `tx`, expected `collection.key`",
            "1:29: SecAction: unknown collection `tz`; did you mean `tx`?",
            "1:48: SecAction: found `=1`, expected no value after `!`",
            "1:59: SecAction: found `ip`, expected `collection=key`",
            "1:72: SecAction: found `a`, expected `collection.key`",
            "1:92: SecAction: found `5`, expected `amount/seconds`, as in `60/300`",
            "1:106: SecAction: unknown variable in macro `REMOTE_ADR`; did you mean `REMOTE_ADDR`?",
        ],
    ),
    (
        "SecAction \"msg:'%{REMOTE_ADDR.x}',logdata:'%{MATCHED_VR}',allow:all,sanitiseMatchedBytes:4,xmlns:a\"",
        &[
            "1:17: SecAction: `REMOTE_ADDR` has no members: it takes no key",
            "1:44: SecAction: unknown variable in macro `MATCHED_VR`; did you mean `MATCHED_VAR`?",
            "1:65: SecAction: found `all`, expected `phase` or `request`",
            "1:90: SecAction: found `4`, expected two numbers, as in `4/2`",
            "1:98: SecAction: found `a`, expected `prefix=namespace`, an absolute URI",
        ],
    ),
    ("SecRequestBodyLimit 1k", &["1:21: SecRequestBodyLimit: found `1k`, expected a number"]),
    (
        "SecRequestBodyLimit 99999999999999999999",
        &["1:21: SecRequestBodyLimit: found `99999999999999999999`, expected a number"],
    ),
    ("SecRequestBodyLimit 1 2", &["1:23: SecRequestBodyLimit: unexpected text after the last argument"]),
    ("SecRuleEngine", &["1:14: SecRuleEngine: expected a value, found the end of the directive"]),
    (
        "SecAuditLogParts ABX",
        &["1:18: SecAuditLogParts: found `ABX`, expected letters from `A` to `K` and `Z`"],
    ),
    ("SecDebugLogLevel 10", &["1:18: SecDebugLogLevel: found `10`, expected 0 to 9"]),
    ("SecArgumentSeparator ab", &["1:22: SecArgumentSeparator: found `ab`, expected one character"]),
    (
        "SecAuditLogFileMode 9",
        &["1:21: SecAuditLogFileMode: found `9`, expected an octal file mode or `default`"],
    ),
    (
        "SecDefaultAction \"phase:2,block,msg:'a'\"",
        &[
            "1:33: SecDefaultAction: action `msg` can not be a default",
            "1:18: SecDefaultAction: expected a disruptive action other than `block`, which is what this directive defines",
        ],
    ),
    (
        "SecRuleRemoveById",
        &["1:18: SecRuleRemoveById: expected an id or a range of ids, found the end of the directive"],
    ),
    ("SecRuleRemoveById a-b", &["1:19: SecRuleRemoveById: found `a`, expected a rule id"]),
    (
        "SecRuleUpdateTargetById x ARG",
        &[
            "1:25: SecRuleUpdateTargetById: found `x`, expected a rule id",
            "1:27: SecRuleUpdateTargetById: unknown variable `ARG`; did you mean `ARGS`?",
        ],
    ),
    (
        "SecRuleUpdateActionById 1:a deni",
        &[
            "1:27: SecRuleUpdateActionById: found `a`, expected the number of a chain link",
            "1:29: SecRuleUpdateActionById: unknown action `deni`; did you mean `deny`?",
        ],
    ),
    ("SecDataset a `\nb", &["1:1: SecDataset: the block is not closed by a line with a backtick"]),
    ("SecDataset a b", &["1:14: SecDataset: expected a block in backticks, found the end of the directive"]),
    ("Include a.conf", &["1:1: Include: can not include `a.conf`: files can not be read here"]),
    (
        "SecRule ARGS \\\n   \"@rx a\" \\\n   \"id:1,\\\n   phase:x\"",
        &["4:10: SecRule: found `x`, expected one of `1`, `2`, `3`, `4`, `5`"],
    ),
];

#[test]
fn refused() {
    for (text, expected) in REFUSED {
        let Err(errors) = parse("rules", text.as_bytes(), &NoFiles, ParseOptions::default()) else {
            panic!("parses: {text}");
        };
        let found: Vec<String> = errors.0.iter().map(ToString::to_string).collect();
        let expected: Vec<String> = expected.iter().map(|message| format!("rules:{message}")).collect();
        assert_eq!(found, expected, "{text}");
    }
}

/// Text, and its first error with the line of the file.
const CARETS: &[(&str, &str)] = &[
    (
        "\nSecRule ARGZ a",
        "rules:2:9: SecRule: unknown variable `ARGZ`; did you mean `ARGS`?\n2 | SecRule ARGZ a\n  |         ^^^^",
    ),
    (
        "SecAction \"id:1,\\\n\tphase:x\"",
        "rules:2:8: SecAction: found `x`, expected one of `1`, `2`, `3`, `4`, `5`\n2 |  phase:x\"\n  |        ^",
    ),
    (
        "SecRule",
        "rules:1:8: SecRule: expected variables, found the end of the directive\n1 | SecRule\n  |        ^",
    ),
];

#[test]
fn carets() {
    for (text, expected) in CARETS {
        let errors = parse("rules", text.as_bytes(), &NoFiles, ParseOptions::default()).unwrap_err();
        assert_eq!(errors.0[0].with_source().to_string(), *expected, "{text}");
    }
}

#[test]
fn a_long_line_is_shown_in_part() {
    let text =
        format!("SecRule ARGS \"@rx {}\" \"id:1,foo,msg:'{}'\"", "\u{e4}".repeat(400), "x".repeat(400));
    let errors = parse("rules", text.as_bytes(), &NoFiles, ParseOptions::default()).unwrap_err();
    let shown = errors.0[0].with_source().to_string();
    let [_, line, caret] = shown.lines().collect::<Vec<_>>()[..] else { panic!("{shown}") };
    assert!(line.len() < 300, "{shown}");
    let at = caret.chars().position(|c| c == '^').unwrap();
    assert_eq!(line.chars().skip(at).take(3).collect::<String>(), "foo", "{shown}");
}

/// Text of a `msg`, and its parts: literals, and macros as `<VARIABLE key>`.
const TEMPLATES: &[(&str, &[&str])] = &[
    ("a", &[]),
    ("%{tx.a}", &["<TX a>"]),
    ("%{tx.a}b", &["<TX a>", "b"]),
    ("a%{TX:a.b}c%{MATCHED_VAR}", &["a", "<TX a.b>", "c", "<MATCHED_VAR>"]),
    ("%{rule.id}%{request_headers.User-Agent}", &["<RULE id>", "<REQUEST_HEADERS User-Agent>"]),
    ("\\%{tx.a}", &[]),
    ("\\\\%{tx.a}", &["\\\\", "<TX a>"]),
    ("%{tx.a", &[]),
    ("%{2}%{}%{tx.}%", &[]),
];

#[test]
fn templates() {
    for (text, expected) in TEMPLATES {
        let rule = rule(&format!("SecAction \"msg:'{text}'\""));
        let ActionKind::Msg(template) = &rule.actions[0].kind else { panic!("{text}") };
        let parts: Vec<String> = template.parts.iter().map(shown).collect();
        assert_eq!(parts, *expected, "{text}");
        assert_eq!(template.raw, text.as_bytes());
    }
}

fn shown(part: &Part) -> String {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    match part {
        Part::Literal(literal) => text(literal),
        Part::Macro(Macro { variable, key: None }) => format!("<{variable}>"),
        Part::Macro(Macro { variable, key: Some(key) }) => format!("<{variable} {}>", text(key)),
    }
}

#[test]
fn a_pattern_may_hold_what_looks_like_a_macro() {
    let rule = rule("SecRule ARGS \"@rx %{foo}%{tx.a}\"");
    let Condition::Match { operator, .. } = rule.condition else { panic!() };
    let parts: Vec<String> = operator.argument.parts.iter().map(shown).collect();
    assert_eq!(parts, ["%{foo}", "<TX a>"]);
}

#[test]
fn selectors() {
    let text = |value: &str, quote| Text { value: value.as_bytes().to_vec(), quote };
    let cases = [
        ("ARGS", Selector::All),
        ("ARGS:a", Selector::Key(text("a", Quote::None))),
        ("ARGS:'a|b'", Selector::Key(text("a|b", Quote::Single))),
        ("ARGS:/a/b,|c/", Selector::Regex(text("a/b,|c", Quote::None))),
        ("ARGS:/a\\//", Selector::Regex(text("a\\/", Quote::None))),
        ("ARGS:'/a|b/'", Selector::Regex(text("a|b", Quote::Single))),
        ("XML:/*", Selector::XPath(text("/*", Quote::None))),
        ("XML:'/a/b'", Selector::XPath(text("/a/b", Quote::Single))),
    ];
    for (written, expected) in cases {
        let rule = rule(&format!("SecRule {written}|TX a"));
        let Condition::Match { variables, .. } = rule.condition else { panic!() };
        assert_eq!(variables.len(), 2, "{written}");
        assert_eq!(variables[0].selector, expected, "{written}");
    }
}

#[test]
fn values_are_bytes() {
    let text = b"SecRule ARGS:\xff \"@contains \x00\xfe\\\"\" \"id:1,msg:'\xe9'\"";
    let set = parse("rules", text, &NoFiles, ParseOptions::default()).unwrap();
    let (rule, _) = set.rules().next().unwrap();
    let Condition::Match { variables, operator, .. } = &rule.condition else { panic!() };
    assert_eq!(variables[0].selector, Selector::Key(Text { value: b"\xff".to_vec(), quote: Quote::None }));
    assert_eq!(operator.argument.raw, b"\x00\xfe\"");
    assert_eq!(print::file(&set, FileId(0)), [text.as_slice(), b"\n"].concat());
}

#[test]
fn chains_hold_their_links() {
    let set = parsed(
        "SecRule ARGS a \"id:1,chain\"\nSecMarker x\nSecRule ARGS b chain\nSecAction t:none\nSecAction id:2",
    );
    let links: Vec<usize> = set.rules().map(|(rule, _)| rule.links.len()).collect();
    assert_eq!(links, [2, 0]);
    assert_eq!(set.directives.len(), 3);
}
