use super::*;
use crate::{Loader, ParseOptions, loader::LoadError, parse};

/// Rules, and the findings in them as `line:column level message`.
const CASES: &[(&str, &[&str])] = &[
    ("SecRule ARGS \"@rx a\" \"id:1,phase:2,pass\"", &[]),
    ("SecRule ARGS \"@rx a\" \"phase:2,pass\"", &["1:1 Error the rule has no `id`"]),
    ("SecAction \"phase:2,pass\"", &["1:1 Warning the rule has no `id`"]),
    ("SecAction \"id:1,pass\"", &["1:1 Warning the rule names no `phase` and runs in phase 2"]),
    (
        "SecAction \"id:1,phase:1\"\nSecAction \"phase:1,id:1\"",
        &["2:20 Error id 1 is already that of the rule at rules:1:12"],
    ),
    ("SecDefaultAction \"phase:2,pass\"\nSecDefaultAction \"phase:1,pass\"", &[]),
    (
        "SecDefaultAction \"phase:2,pass\"\nSecDefaultAction \"phase:request,deny\"",
        &["2:1 Error phase 2 has its default actions already"],
    ),
    ("SecDefaultAction \"log,pass\"", &["1:1 Warning expected a `phase`"]),
    (
        "SecRule ARGS a \"id:1,phase:2,deny,chain\"\nSecRule ARGS b \"t:none,block,chain\"\nSecRule ARGS c",
        &[],
    ),
    (
        "SecRule ARGS a \"id:1,phase:2,deny,chain\"\nSecRule ARGS b \"deny,phase:2,id:2\"",
        &[
            "2:17 Error disruptive action `deny` in a chain: only the first rule of a chain can have one",
            "2:22 Warning action `phase` has no effect here: only that of the chain's first rule counts",
            "2:30 Warning action `id` has no effect here: only that of the chain's first rule counts",
        ],
    ),
    (
        "SecRule ARGS a \"id:1,phase:2,chain\"\nSecRule ARGS b chain\nSecMarker x",
        &["2:1 Warning no rule follows the `chain`, so the rule never matches"],
    ),
    ("SecAction \"id:1,phase:1,skipAfter:end\"\nSecMarker END", &[]),
    ("SecAction \"id:1,phase:1,skipAfter:2\"\nSecAction \"id:2,phase:1\"", &[]),
    (
        "SecAction \"id:1,phase:1,skipAfter:END\"\nSecAction \"id:2,phase:1\"\nSecAction \"id:3,phase:2\"\nSecMarker end\nSecAction \"id:4,phase:1\"",
        &["2:1 Warning the rule never runs: the `skipAfter` at rules:1:25 always skips it"],
    ),
    ("SecRule ARGS a \"id:1,phase:2,skipAfter:END\"\nSecAction \"id:2,phase:2\"\nSecMarker END", &[]),
    (
        "SecAction \"id:1,phase:2,chain,skipAfter:END\"\nSecRule ARGS a\nSecAction \"id:2,phase:2\"\nSecMarker END",
        &[],
    ),
    (
        "SecMarker END\nSecAction \"id:1,phase:1,skipAfter:END\"",
        &["2:25 Warning no `SecMarker END` follows, so all the rest of the phase is skipped"],
    ),
    (
        "SecAction \"id:1,phase:1\"\nSecRuleRemoveById 1 2 5-9\nSecRuleUpdateTargetById 3 !ARGS:a",
        &["2:1 Warning there is no rule with id 2", "3:1 Warning there is no rule with id 3"],
    ),
    ("Include none/*.conf", &["1:1 Warning no file matches"]),
    (
        "SecAction \"id:1,phase:1,deny,pause:5,pass\"",
        &["1:25 Warning disruptive action `deny` has no effect: a later one replaces it"],
    ),
    (
        "SecRule !ARGS:a b \"id:1,phase:2\"",
        &["1:1 Warning the variables are all taken out with `!`, so the rule never matches"],
    ),
    (
        "SecRule !ARGS:a|ARGS|!ARGS:b b \"id:1,phase:2\"",
        &["1:9 Warning `!ARGS` has no effect: no `ARGS` stands before it"],
    ),
    (
        "SecRule ARGS_GET|REQUEST_BODY a \"id:1,phase:1,chain\"\nSecRule RESPONSE_BODY b",
        &[
            "1:18 Warning `REQUEST_BODY` is empty before phase 2",
            "2:9 Warning `RESPONSE_BODY` is empty before phase 4",
        ],
    ),
    (
        "SecRule ARGS a \"id:1,phase:2,t:trim,t:none,t:lowercase\"",
        &["1:30 Warning `t:trim` has no effect: a later `t:none` drops it"],
    ),
    (
        "SecRule ARGS \"@pm a b\" \"id:1,phase:2,t:lowercase\"",
        &["1:38 Warning `t:lowercase` has no effect: `@pm` has no regard to case"],
    ),
    (
        "SecRule ARGS \"@streq Ab\" \"id:1,phase:2,t:lowercase\"",
        &["1:15 Warning the operator can never match: no such text is left after `t:lowercase`"],
    ),
    ("SecRule ARGS \"@streq Ab\" \"id:1,phase:2,t:lowercase,t:trim\"", &[]),
    ("SecRule ARGS \"@streq %{TX.a}\" \"id:1,phase:2,t:lowercase\"", &[]),
    // Chains that contradict themselves.
    (
        "SecRule REQUEST_METHOD \"@streq GET\" \"id:1,phase:1,chain\"\nSecRule REQUEST_METHOD \"@streq POST\"",
        &[
            "2:25 Warning the chain never matches: no `REQUEST_METHOD` satisfies this and the operator at rules:1:25",
        ],
    ),
    (
        "SecRule REQUEST_METHOD \"@rx ^(?:GET|HEAD)$\" \"id:1,phase:1,chain\"\nSecRule ARGS a chain\nSecRule REQUEST_METHOD \"!@rx ^(?:GET|HEAD)$\"",
        &[
            "3:25 Warning the chain never matches: no `REQUEST_METHOD` satisfies this and the operator at rules:1:25",
        ],
    ),
    (
        "SecRule REQUEST_FILENAME \"@beginsWith /api/\" \"id:1,phase:1,chain\"\nSecRule REQUEST_FILENAME \"@streq /admin\"",
        &[
            "2:27 Warning the chain never matches: no `REQUEST_FILENAME` satisfies this and the operator at rules:1:27",
        ],
    ),
    (
        "SecRule &ARGS:a \"@gt 3\" \"id:1,phase:1,chain\"\nSecRule &ARGS:A \"!@ge 4\"",
        &["2:18 Warning the chain never matches: no `ARGS` satisfies this and the operator at rules:1:18"],
    ),
    ("SecRule &ARGS \"@gt 3\" \"id:1,phase:1,chain\"\nSecRule &ARGS \"@lt 5\"", &[]),
    ("SecRule ARGS \"@streq a\" \"id:1,phase:1,chain\"\nSecRule ARGS \"@streq b\"", &[]),
    ("SecRule TX:a \"@streq a\" \"id:1,phase:1,setvar:tx.a=b,chain\"\nSecRule TX:a \"@streq b\"", &[]),
    (
        "SecRule REQUEST_URI \"@contains a\" \"id:1,phase:1,chain\"\nSecRule REQUEST_URI \"!@contains a\" t:lowercase",
        &[],
    ),
    (
        "SecRule REQUEST_URI \"@beginsWith /a\" \"id:1,phase:1,chain\"\nSecRule REQUEST_URI \"@beginsWith /a/b\"",
        &[],
    ),
    // Exclusions by something that is no pattern.
    (
        "SecRule ARGS|!ARGS:/^a a \"id:1,phase:1\"\nSecAction \"id:2,phase:1,ctl:ruleRemoveTargetById=1;ARGS:/^b\\[\"\nSecRuleUpdateTargetById 1 !ARGS:/c|!ARGS:x",
        &[
            "1:14 Warning `/^a` is no pattern without a `/` at its end: what has this name is excluded, nothing else",
            "2:52 Warning `/^b\\[` is no pattern without a `/` at its end: what has this name is excluded, nothing else",
            "3:27 Warning `/c` is no pattern without a `/` at its end: what has this name is excluded, nothing else",
        ],
    ),
    // Bodies that are not read.
    (
        "SecRequestBodyAccess Off\nSecRule REQUEST_BODY|ARGS_POST a \"id:1,phase:2\"\nSecRule ARGS a \"id:2,phase:2\"",
        &[
            "2:1 Warning the rule never matches: without `SecRequestBodyAccess On` there is no body to look at",
        ],
    ),
    (
        "SecRuleEngine On\nSecRule RESPONSE_BODY a \"id:1,phase:4\"",
        &[
            "2:1 Warning the rule never matches: without `SecResponseBodyAccess On` there is no body to look at",
        ],
    ),
    ("SecRule RESPONSE_BODY a \"id:1,phase:4\"", &[]),
    ("SecRuleEngine On\nSecResponseBodyAccess On\nSecRule RESPONSE_BODY a \"id:1,phase:4\"", &[]),
    (
        "SecRuleEngine On\nSecAction \"id:2,phase:1,ctl:responseBodyAccess=On\"\nSecRule RESPONSE_BODY a \"id:1,phase:4\"",
        &[],
    ),
];

/// A loader whose globs find nothing.
struct Nothing;

impl Loader for Nothing {
    fn resolve(&self, _: &str, _: &str) -> Result<Vec<String>, LoadError> {
        Ok(Vec::new())
    }

    fn read(&self, _: &str) -> Result<Vec<u8>, LoadError> {
        Err(LoadError::Unsupported)
    }
}

#[test]
fn cases() {
    for (rules, expected) in CASES {
        let set = parse("rules", rules.as_bytes(), &Nothing, ParseOptions::default()).unwrap();
        let mut found: Vec<String> = check(&set)
            .iter()
            .map(|lint| {
                let place = &lint.place;
                format!("{}:{} {:?} {}", place.line, place.column, lint.kind.level(), lint.kind)
            })
            .collect();
        found.sort();
        assert_eq!(found, *expected, "{rules}");
    }
}
