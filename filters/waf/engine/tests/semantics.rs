//! What rules do, in small: one row for each behaviour that ModSecurity's own tests leave out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use portcullis_engine::{
    Cause, Connection, Document, Intervention, InterventionKind, Limits, Options, Sanitised, Transaction, Waf,
};
use portcullis_seclang::loader::NoFiles;

/// Rules of two levels, of which the first is the default: 11 and 12 match where they are come to.
macro_rules! levels {
    () => {
        "SecRule &TX:level '@eq 0' 'id:3,phase:1,nolog,tag:levels,setvar:tx.level=1'
SecRule TX:level '@lt 1' 'id:4,phase:2,nolog,tag:levels,skipAfter:END'
SecRule ARGS:a 1 'id:11,phase:2'
SecRule TX:level '@lt 2' 'id:5,phase:2,nolog,tag:levels,skipAfter:END'
SecRule ARGS:a 1 'id:12,phase:2'
SecMarker END"
    };
}
const LEVELS: &str = levels!();

/// Rules, a request target, the ids that are logged and the status of the intervention (0: none).
const CASES: &[(&str, &str, &[u64], u16)] = &[
    // Where a disruptive action stops.
    ("SecRule ARGS:a '@streq 1' 'id:1,phase:1,deny'", "/?b=1", &[], 0),
    ("SecRule ARGS:a '@streq 1' 'id:1,phase:1,deny'\nSecAction 'id:2,phase:1'", "/?a=1", &[1], 403),
    ("SecRule ARGS:a '@streq 1' 'id:1,phase:1,deny,status:406'", "/?a=1", &[1], 406),
    ("SecRule ARGS:a '@streq 1' 'id:1,phase:1,drop'", "/?a=1", &[1], 403),
    ("SecRule ARGS:a '@streq 1' 'id:1,phase:1,redirect:http://x/%{ARGS.a}'", "/?a=1", &[1], 302),
    ("SecRule ARGS:a '@streq 1' 'id:1,phase:1,redirect:http://x/,status:307'", "/?a=1", &[1], 307),
    ("SecRule ARGS:a '@streq 1' 'id:1,phase:1,block'", "/?a=1", &[1], 0),
    (
        "SecDefaultAction 'phase:1,deny,status:401'\nSecRule ARGS:a '@streq 1' 'id:1,phase:1,block'",
        "/?a=1",
        &[1],
        401,
    ),
    ("SecDefaultAction 'phase:1,deny,nolog'\nSecRule ARGS:a '@streq 1' 'id:1,phase:1,pass'", "/?a=1", &[], 0),
    (
        "SecRuleEngine DetectionOnly\nSecRule ARGS:a '@streq 1' 'id:1,phase:1,deny'\nSecAction 'id:2'",
        "/?a=1",
        &[1, 2],
        0,
    ),
    ("SecRuleEngine Off\nSecAction 'id:1,phase:1,deny'", "/", &[], 0),
    ("SecAction 'id:1,phase:1,pass,ctl:ruleEngine=Off'\nSecAction 'id:2,phase:1,deny'", "/", &[1], 0),
    // How far allow reaches.
    (
        "SecAction 'id:1,phase:1,allow:phase'\nSecAction 'id:2,phase:1'\nSecAction 'id:3,phase:2'",
        "/",
        &[1, 3],
        0,
    ),
    (
        "SecAction 'id:1,phase:1,allow:request'\nSecAction 'id:2,phase:2'\nSecAction 'id:3,phase:3'",
        "/",
        &[1, 3],
        0,
    ),
    ("SecAction 'id:1,phase:1,allow'\nSecAction 'id:2,phase:3'\nSecAction 'id:3,phase:5'", "/", &[1, 3], 0),
    // Skipping.
    ("SecAction 'id:1,phase:1,skip:1'\nSecAction 'id:2,phase:1'\nSecAction 'id:3,phase:1'", "/", &[1, 3], 0),
    (
        "SecAction 'id:1,phase:1,skip:1'\nSecRule ARGS @rx 'id:2,phase:1,chain'\nSecRule ARGS @rx\nSecAction 'id:3,phase:1'",
        "/?a=1",
        &[1, 3],
        0,
    ),
    (
        "SecAction 'id:1,phase:1,skipAfter:M'\nSecAction 'id:2,phase:1'\nSecMarker M\nSecAction 'id:3,phase:1'",
        "/",
        &[1, 3],
        0,
    ),
    (
        "SecAction 'id:1,phase:1,skipAfter:2'\nSecAction 'id:2,phase:1'\nSecAction 'id:3,phase:1'",
        "/",
        &[1, 3],
        0,
    ),
    (
        "SecMarker M\nSecAction 'id:1,phase:1,skipAfter:M'\nSecAction 'id:2,phase:1'\nSecAction 'id:3,phase:2'",
        "/",
        &[1, 3],
        0,
    ),
    // Chains: all links, the starter decides, nothing of it happens half way but setvar.
    ("SecRule ARGS:a 1 'id:1,phase:1,deny,chain'\nSecRule ARGS:b 2 'status:410'", "/?a=1&b=2", &[1], 410),
    ("SecRule ARGS:a 1 'id:1,phase:1,deny,chain'\nSecRule ARGS:b 2", "/?a=1&b=3", &[], 0),
    (
        "SecRule ARGS:a 1 'id:1,phase:1,chain,setvar:tx.n=+1'\nSecRule ARGS:b 9\nSecRule TX:n '@eq 2' 'id:2,phase:1'",
        "/?a=1&a=1&b=2",
        &[2],
        0,
    ),
    // setvar
    (
        "SecAction 'id:1,phase:1,nolog,setvar:tx.n=5,setvar:tx.N=+%{tx.n}'\nSecRule TX:n '@eq 10' 'id:2,phase:1'",
        "/",
        &[2],
        0,
    ),
    (
        "SecAction 'id:1,phase:1,nolog,setvar:tx.n=5,setvar:tx.n=-7'\nSecRule TX:n '@eq -2' 'id:2,phase:1'",
        "/",
        &[2],
        0,
    ),
    (
        "SecAction 'id:1,phase:1,nolog,setvar:tx.n,setvar:!tx.n'\nSecRule &TX:n '@eq 0' 'id:2,phase:1'",
        "/",
        &[2],
        0,
    ),
    (
        "SecRule ARGS_NAMES . 'id:1,phase:1,nolog,setvar:tx.x_%{MATCHED_VAR}=1'\nSecRule TX:/^x_b/ 1 'id:2,phase:1'",
        "/?a&b",
        &[2],
        0,
    ),
    // Captures belong to the last match, and later ones take away what they do not set.
    (
        "SecRule ARGS:a '(.)(.)' 'id:1,phase:1,nolog,capture,chain'\nSecRule TX:2 '@streq y' 'id:9'",
        "/?a=xy",
        &[],
        0,
    ),
    ("SecRule ARGS:a '(.)(.)' 'id:1,phase:1,capture,chain'\nSecRule TX:2 '@streq y'", "/?a=xy", &[1], 0),
    (
        "SecRule ARGS '(.)(.)?' 'id:1,phase:1,nolog,capture'\nSecRule &TX:2 '@eq 0' 'id:2,phase:1'",
        "/?a=xy&b=z",
        &[2],
        0,
    ),
    // Selectors.
    ("SecRule ARGS:NAME 1 'id:1,phase:1'", "/?name=1", &[1], 0),
    ("SecRule ARGS|!ARGS:b 1 'id:1,phase:1'", "/?b=1", &[], 0),
    ("SecRule ARGS|!ARGS:/^b/ 1 'id:1,phase:1'", "/?bb=1&a=2", &[], 0),
    ("SecRule ARGS:/^b/ 1 'id:1,phase:1'", "/?xb=1&Bx=1", &[1], 0),
    ("SecRule &ARGS '@eq 2' 'id:1,phase:1'", "/?a&a", &[1], 0),
    ("SecRule &ARGS|!ARGS:b '@eq 1' 'id:1,phase:1'", "/?a&b", &[1], 0),
    ("SecRule ARGS '!@streq 1' 'id:1,phase:1'", "/?a=1&b=2", &[1], 0),
    // Matched variables are those of the rule that matched last.
    ("SecRule ARGS 1 'id:1,phase:1,chain'\nSecRule MATCHED_VARS_NAMES '@streq ARGS:b'", "/?a=1&b=1", &[1], 0),
    (
        "SecRule ARGS 1 'id:1,phase:1,nolog'\nSecRule ARGS 2 'id:2,phase:1,chain'\nSecRule &MATCHED_VARS '@eq 1'",
        "/?a=1&b=2",
        &[2],
        0,
    ),
    // Transformations, and all of them in turn with multiMatch.
    ("SecRule ARGS '@streq ab' 'id:1,phase:1,t:lowercase'", "/?a=AB", &[1], 0),
    ("SecRule ARGS '@streq a b' 'id:1,phase:1,t:urlDecode,t:lowercase'", "/?a=A%2520B", &[1], 0),
    ("SecRule ARGS '@streq A' 'id:1,phase:1,t:trim,t:lowercase'", "/?a=%20A%20", &[], 0),
    ("SecRule ARGS '@streq A' 'id:1,phase:1,t:trim,t:lowercase,multiMatch'", "/?a=%20A%20", &[1], 0),
    (
        "SecDefaultAction 'phase:1,pass,t:lowercase'\nSecRule ARGS '@streq a' 'id:1,phase:1'\nSecRule ARGS '@streq a' 'id:2,phase:1,t:none'",
        "/?a=A",
        &[1],
        0,
    ),
    // ctl and the directives that change other rules.
    (
        "SecAction 'id:1,phase:1,nolog,ctl:ruleRemoveById=2-3'\nSecAction 'id:2,phase:1'\nSecAction 'id:3'\nSecAction 'id:4'",
        "/",
        &[4],
        0,
    ),
    (
        "SecAction 'id:1,phase:1,nolog,ctl:ruleRemoveByTag=x'\nSecAction 'id:2,phase:1,tag:x'\nSecAction 'id:3,phase:1,tag:xx'",
        "/",
        &[3],
        0,
    ),
    (
        "SecAction 'id:1,phase:1,nolog,ctl:ruleRemoveTargetById=2;ARGS:a'\nSecRule ARGS 1 'id:2,phase:1'",
        "/?a=1",
        &[],
        0,
    ),
    (
        "SecAction 'id:1,phase:1,nolog,ctl:ruleRemoveTargetById=2;ARGS:a'\nSecRule ARGS 1 'id:2,phase:1'",
        "/?a=1&b=1",
        &[2],
        0,
    ),
    (
        "SecAction 'id:1,phase:1,nolog,ctl:ruleRemoveTargetByTag=t;ARGS'\nSecRule ARGS|REQUEST_URI 1 'id:2,phase:1,tag:t'",
        "/?a=1",
        &[2],
        0,
    ),
    ("SecRuleRemoveById 2\nSecAction 'id:2,phase:1'\nSecAction 'id:3,phase:1'", "/", &[3], 0),
    ("SecRule ARGS 1 'id:1,phase:1,deny'\nSecRuleUpdateActionById 1 'pass,nolog'", "/?a=1", &[], 0),
    ("SecRule ARGS 1 'id:1,phase:1'\nSecRuleUpdateTargetById 1 '!ARGS:a'", "/?a=1", &[], 0),
    // The target of the request: a %3F is no question mark.
    ("SecRule REQUEST_FILENAME '@streq /a?b' 'id:1,phase:1'", "/a%3fb?c", &[1], 0),
    ("SecRule QUERY_STRING '@streq c' 'id:1,phase:1'", "/a%3fb?c#d", &[1], 0),
    ("SecRule REQUEST_BASENAME '@streq c.php' 'id:1,phase:1'", "/a/b/c.php?d", &[1], 0),
    ("SecRule REQUEST_URI '@streq /p?q' 'id:1,phase:1'", "http://h/p?q", &[1], 0),
    ("SecRule URLENCODED_ERROR '@eq 1' 'id:1,phase:1'", "/?a=%zz", &[1], 0),
    // Coraza's datasets, wherever they stand.
    (
        "SecRule ARGS '@pmFromDataset words' 'id:1,phase:1'\nSecDataset words `\nfoo\nbar\n`",
        "/?a=xBARx",
        &[1],
        0,
    ),
    (
        "SecDataset nets `\n192.0.2.0/24\n`\nSecRule REMOTE_ADDR '@ipMatchFromDataset nets' 'id:1,phase:1'",
        "/",
        &[1],
        0,
    ),
    ("SecRule ARGS_NAMES '@streq a_b[c.d]' 'id:1,phase:1,t:phpArgsNames'", "/?a.b[c.d]=1", &[1], 0),
    // Persistent collections within a transaction.
    (
        "SecAction 'id:1,phase:1,nolog,initcol:ip=%{REMOTE_ADDR},setvar:ip.n=+3'\nSecRule IP:n '@eq 3' 'id:2,phase:1'",
        "/",
        &[2],
        0,
    ),
    (
        "SecAction 'id:1,phase:1,nolog,setenv:x=%{REQUEST_METHOD}'\nSecRule ENV:x GET 'id:2,phase:1'",
        "/",
        &[2],
        0,
    ),
    (
        "SecRule ARGS @rx 'id:1,phase:1,severity:2'\nSecRule HIGHEST_SEVERITY '@eq 2' 'id:2,phase:1'",
        "/?a",
        &[1, 2],
        0,
    ),
    // What is known when rules are loaded: levels as the Core Rule Set has them, and what may be otherwise for a request.
    (LEVELS, "/?a=1", &[11], 0),
    (concat!("SecAction 'id:1,phase:1,nolog,setvar:tx.level=2'\n", levels!()), "/?a=1", &[11, 12], 0),
    (concat!("SecRule ARGS:up 1 'id:1,phase:1,nolog,setvar:tx.level=2'\n", levels!()), "/?a=1", &[11], 0),
    (
        concat!("SecRule ARGS:up 1 'id:1,phase:1,nolog,setvar:tx.level=2'\n", levels!()),
        "/?a=1&up=1",
        &[11, 12],
        0,
    ),
    (
        concat!("SecRule ARGS:a 1 'id:1,phase:1,nolog,setvar:tx.%{MATCHED_VAR_NAME}=2'\n", levels!()),
        "/?a=1",
        &[11],
        0,
    ),
    (
        concat!("SecRule ARGS_NAMES . 'id:1,phase:1,nolog,setvar:tx.le%{MATCHED_VAR}=2'\n", levels!()),
        "/?vel=2&a=1",
        &[11, 12],
        0,
    ),
    // What sets the level, or skips above it, is taken out.
    (
        concat!("SecRule ARGS:b 1 'id:1,phase:1,nolog,ctl:ruleRemoveById=3'\n", levels!()),
        "/?a=1&b=1",
        &[11, 12],
        0,
    ),
    (
        concat!("SecRule ARGS:b 1 'id:1,phase:1,nolog,ctl:ruleRemoveByTag=levels'\n", levels!()),
        "/?a=1&b=1",
        &[11, 12],
        0,
    ),
    (
        concat!("SecRule ARGS:b 1 'id:1,phase:1,nolog,ctl:ruleRemoveTargetById=5;TX:level'\n", levels!()),
        "/?a=1&b=1",
        &[11, 12],
        0,
    ),
    (
        concat!("SecRule ARGS:b 1 'id:1,phase:1,nolog,ctl:ruleRemoveTargetById=5;TX:level'\n", levels!()),
        "/?a=1",
        &[11],
        0,
    ),
    // The phase that sets it does not come to it.
    (concat!("SecRule ARGS:b 1 'id:1,phase:1,nolog,allow:phase'\n", levels!()), "/?a=1&b=1", &[11, 12], 0),
    (concat!("SecRule ARGS:b 1 'id:1,phase:1,nolog,skipAfter:5'\n", levels!()), "/?a=1&b=1", &[11, 12], 0),
    (concat!("SecRule ARGS:b 1 'id:1,phase:1,nolog,skip:2'\n", levels!()), "/?a=1&b=1", &[11, 12], 0),
    (
        concat!("SecAction 'id:1,phase:1,nolog,ctl:ruleEngine=DetectionOnly,setvar:tx.level=2'\n", levels!()),
        "/?a=1",
        &[11, 12],
        0,
    ),
    // What rules that always match leave behind.
    (
        "SecRule &TX:a '@eq 0' 'id:1,phase:1,nolog,setvar:tx.a=x'\nSecRule &TX:a '@eq 1' 'id:2,phase:1,nolog,setvar:tx.b=%{tx.a}y'\nSecAction 'id:3,phase:1,nolog,setvar:tx.c=%{tx.b}z%{tx.d},setvar:!tx.a'\nSecRule TX:c '@streq xyz' 'id:4,phase:1'\nSecRule &TX:a '@eq 0' 'id:5,phase:1'",
        "/",
        &[4, 5],
        0,
    ),
    (
        "SecRule ARGS 1 'id:1,phase:1,nolog'\nSecAction 'id:2,phase:1,nolog,setvar:tx.a=1'\nSecAction 'id:3,phase:1,nolog,setvar:tx.b=1'\nSecAction 'id:4,phase:1,nolog,setvar:tx.c=1'\nSecRule MATCHED_VAR 1 'id:5,phase:1'",
        "/?a=1",
        &[5],
        0,
    ),
    (
        "SecRule ARGS 1 'id:1,phase:1,nolog'\nSecAction 'id:2,phase:1,nolog,setvar:tx.a=1'\nSecAction 'id:3,phase:1,nolog,setvar:tx.b=1'\nSecAction 'id:4,phase:1,nolog,setvar:tx.c=1'\nSecRule &TX:c '@eq 0' 'id:6,phase:1'\nSecRule MATCHED_VAR 1 'id:5,phase:1'",
        "/?a=1",
        &[],
        0,
    ),
    // A skip into the middle of them.
    (
        "SecRule ARGS:b 1 'id:1,phase:1,nolog,skipAfter:M'\nSecAction 'id:2,phase:1,nolog,setvar:tx.a=1'\nSecAction 'id:3,phase:1,nolog,setvar:tx.b=1,skipAfter:N'\nSecMarker M\nSecAction 'id:4,phase:1,nolog,setvar:tx.c=1'\nSecMarker N\nSecAction 'id:5,phase:1,nolog,setvar:tx.d=1'\nSecRule TX:/^[a-d]$/ 1 'id:6,phase:1,chain'\nSecRule &MATCHED_VARS '@eq 2'",
        "/?b=1",
        &[6],
        0,
    ),
    (
        "SecRule ARGS:b 1 'id:1,phase:1,nolog,skipAfter:M'\nSecAction 'id:2,phase:1,nolog,setvar:tx.a=1'\nSecAction 'id:3,phase:1,nolog,setvar:tx.b=1,skipAfter:N'\nSecMarker M\nSecAction 'id:4,phase:1,nolog,setvar:tx.c=1'\nSecMarker N\nSecAction 'id:5,phase:1,nolog,setvar:tx.d=1'\nSecRule TX:/^[a-d]$/ 1 'id:6,phase:1,chain'\nSecRule &MATCHED_VARS '@eq 3'",
        "/?b=2",
        &[6],
        0,
    ),
];

#[test]
fn rules() {
    let mut wrong = Vec::new();
    for (rules, target, ids, status) in CASES {
        for prefilter in [true, false] {
            let options = Options { prefilter, ..Options::default() };
            let waf = compile(&format!("SecRuleEngine On\n{rules}"), &options);
            let (tx, found) = run(&waf, target, b"", b"");
            let logged: Vec<u64> =
                tx.matches().iter().filter(|matched| matched.log).map(|matched| matched.id).collect();
            let found = found.map_or(0, |found| found.status);
            if (logged.as_slice(), found) != (*ids, *status) {
                wrong.push(format!(
                    "{rules}\n{target}, prefilter {prefilter}: {logged:?} {found}, expected {ids:?} {status}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What one request has shown about a name or a header changes nothing for another, or where another rule has the same value after
/// its transformations.
#[test]
fn what_is_recalled_changes_no_result() {
    let rules = "SecRule ARGS_NAMES '@rx b<$' 'id:1,phase:1,t:none,t:urlDecode'
SecRule ARGS_NAMES '@contains aB<' 'id:2,phase:1,t:none'
SecRule ARGS_NAMES '@streq ab<' 'id:3,phase:1,t:none,t:lowercase'
SecRule ARGS_NAMES '@rx ^AB<' 'id:4,phase:1,t:none,t:uppercase,multiMatch'
SecRule ARGS_NAMES '!@streq ab<' 'id:5,phase:1,t:none,t:trim'
SecRule REQUEST_HEADERS:User-Agent '@rx b<(.)' 'id:6,phase:1,t:none,t:base64Decode,capture'
SecRule REQUEST_HEADERS:User-Agent '@contains b<' 'id:7,phase:1,t:none,t:lowercase,t:base64Decode,t:lowercase'";
    let names = ["ab<", "aB<", "AB<", "ab%253C", "ab%25253C", "%2520ab<", "xAb<", "YWI8Yw==", "ab", "b<"];
    let texts = |prefilter| {
        let waf =
            compile(&format!("SecRuleEngine On\n{rules}"), &Options { prefilter, ..Options::default() });
        let mut results = Vec::new();
        for _ in 0..3 {
            for name in names {
                for agent in names {
                    let mut tx = waf.transaction();
                    tx.request_line(b"GET", format!("/?{name}=1").as_bytes(), b"HTTP/1.1");
                    tx.request_header(b"user-agent", agent.as_bytes());
                    tx.process_request_headers();
                    let ids: Vec<u64> = tx.matches().iter().map(|matched| matched.id).collect();
                    results.push((name, agent, ids));
                }
            }
        }
        results
    };
    let (fast, naive) = (texts(true), texts(false));
    assert_eq!(fast, naive);
    assert!((1..=7).all(|id| naive.iter().any(|(.., ids)| ids.contains(&id))), "a rule never matches");
    assert!((1..=7).all(|id| naive.iter().any(|(.., ids)| !ids.contains(&id))), "a rule always matches");
}

#[test]
fn interventions_say_how_and_why() {
    let waf = compile(
        "SecRuleEngine On\nSecAction 'id:7,phase:2,redirect:https://x/%{REQUEST_URI}'",
        &Options::default(),
    );
    let (_, found) = run(&waf, "/a", b"", b"");
    let kind = InterventionKind::Redirect(b"https://x//a".to_vec());
    assert_eq!(found, Some(Intervention { kind, status: 302, cause: Cause::Rule(7) }));
}

#[test]
fn bodies() {
    let json = "SecRule REQUEST_HEADERS:Content-Type ^application/json 'id:9,phase:1,nolog,ctl:requestBodyProcessor=JSON'";
    let rows: &[(&str, &str, &[u8], &[u64])] = &[
        ("SecRule ARGS:a 'x y' id:1", "application/x-www-form-urlencoded", b"a=x+y", &[1]),
        ("SecRule ARGS_POST:json.a.array_1 2 id:1", "application/json", br#"{"a":[1,2]}"#, &[1]),
        ("SecRule REQBODY_ERROR '@eq 1' id:1", "application/json", b"{", &[1]),
        ("SecRule REQUEST_BODY '@streq {}' id:1", "application/json", b"{}", &[1]),
        ("SecRule REQUEST_BODY_LENGTH '@eq 3' id:1", "text/plain", b"abc", &[1]),
        (
            "SecRule FILES '@streq f.php' id:1",
            "multipart/form-data; boundary=b",
            b"--b\r\nContent-Disposition: form-data; name=\"n\"; filename=\"f.php\"\r\n\r\nx\r\n--b--\r\n",
            &[1],
        ),
        (
            "SecRule MULTIPART_STRICT_ERROR '@eq 1' id:1",
            "multipart/form-data; boundary=b",
            b"--b\r\nnonsense",
            &[1],
        ),
    ];
    for (rule, content_type, body, ids) in rows {
        let waf = compile(&format!("SecRuleEngine On\n{json}\n{rule}"), &Options::default());
        let (tx, _) = run(&waf, "/", content_type.as_bytes(), body);
        let logged: Vec<u64> = tx.matches().iter().map(|matched| matched.id).collect();
        assert_eq!(logged, *ids, "{rule}");
    }
}

#[test]
fn a_body_over_the_limit_is_rejected_or_cut() {
    let rule =
        "SecRule REQUEST_BODY '@streq ab' 'id:1,phase:2'\nSecRule INBOUND_DATA_ERROR '@eq 1' 'id:2,phase:2'";
    let reject = compile(&format!("SecRuleEngine On\nSecRequestBodyLimit 2\n{rule}"), &Options::default());
    let (_, found) = run(&reject, "/", b"text/plain", b"abc");
    assert_eq!(found.unwrap().cause, Cause::RequestBodyLimit);
    let partial =
        format!("SecRuleEngine On\nSecRequestBodyLimit 2\nSecRequestBodyLimitAction ProcessPartial\n{rule}");
    let partial = compile(&partial, &Options::default());
    let (tx, found) = run(&partial, "/", b"text/plain", b"abc");
    assert_eq!((tx.matches().len(), found), (2, None));
}

#[test]
fn the_limit_without_files_is_a_body_error() {
    let waf = compile(
        "SecRuleEngine On
         SecRequestBodyNoFilesLimit 120
         SecRule REQBODY_ERROR '@eq 1' \"id:1,phase:2,logdata:'%{REQBODY_ERROR_MSG}'\"",
        &Options::default(),
    );
    let upload = |field: usize, file: usize| {
        let (field, file) = ("f".repeat(field), "x".repeat(file));
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"{field}\"; filename=\"n\"\r\n\r\n{file}\r\n--b--\r\n"
        )
    };
    let form = "application/x-www-form-urlencoded";
    let rows = [
        (form, format!("a={}", "x".repeat(118)), 0),
        (form, format!("a={}", "x".repeat(119)), 1),
        ("multipart/form-data; boundary=b", upload(5, 5000), 0),
        ("multipart/form-data; boundary=b", upload(90, 5), 1),
    ];
    for (content_type, body, errors) in rows {
        let (tx, _) = run(&waf, "/", content_type.as_bytes(), body.as_bytes());
        assert_eq!(tx.matches().len(), errors, "{body}");
        if let [matched] = tx.matches() {
            assert_eq!(matched.data, b"Request body excluding files is bigger than the maximum expected.");
        }
    }
}

#[test]
fn deprecatevar_lets_a_score_fade() {
    static NOW: AtomicU64 = AtomicU64::new(1000);
    let clock = || Duration::from_secs(NOW.load(Ordering::Relaxed));
    let waf = compile(
        "SecRuleEngine On
         SecAction 'id:1,phase:1,nolog,initcol:ip=%{REMOTE_ADDR},deprecatevar:ip.n=60/300'
         SecRule ARGS:add . 'id:2,phase:1,nolog,setvar:ip.n=+%{ARGS.add}'
         SecRule IP:n . \"id:3,phase:1,logdata:'%{IP.n}'\"",
        &Options { clock, ..Options::default() },
    );
    // Time, what is added, what is left then.
    for (time, target, left) in [
        (1000, "/?add=100", "100"),
        (1004, "/", "100"),
        (1005, "/", "99"),
        (1006, "/?add=1", "100"),
        (1010, "/", "99"),
        (1310, "/", "39"),
        (9999, "/", "0"),
    ] {
        NOW.store(time, Ordering::Relaxed);
        let (tx, _) = run(&waf, target, b"", b"");
        let data = tx.matches().first().map(|matched| String::from_utf8_lossy(&matched.data).into_owned());
        // Later than SecCollectionTimeout the record is gone.
        let expected = (time < 9999).then(|| left.to_owned());
        assert_eq!(data, expected, "at {time}");
    }
}

#[test]
fn sanitise_says_what_the_audit_log_is_to_hide() {
    let waf = compile(
        "SecRuleEngine On
         SecAction 'id:1,phase:1,nolog,sanitiseArg:Pass,sanitiseRequestHeader:X-Key,sanitizeResponseHeader:X-Out'
         SecRule ARGS:/^s/ . 'id:2,phase:1,nolog,sanitiseMatched'
         SecRule REQUEST_COOKIES . 'id:3,phase:1,nolog,sanitiseMatched'
         SecRule ARGS '@verifyCC \\d{13,16}' 'id:4,phase:1,nolog,capture,sanitiseMatchedBytes:2/4'
         SecRule ARGS:t 'x' 'id:5,phase:1,nolog,sanitiseMatchedBytes'",
        &Options::default(),
    );
    let (tx, _) = run(&waf, "/?s1=a&s2=b&card=no+4012888888881881&t=xyz", b"", b"");
    let text = |text: &str, first, last| Sanitised::Text { text: text.into(), first, last };
    assert_eq!(
        tx.sanitised(),
        [
            Sanitised::Argument(b"pass".to_vec()),
            Sanitised::RequestHeader(b"x-key".to_vec()),
            Sanitised::ResponseHeader(b"x-out".to_vec()),
            Sanitised::Argument(b"s1".to_vec()),
            Sanitised::Argument(b"s2".to_vec()),
            text("4012888888881881", 2, 4),
            text("xyz", 0, 0),
        ]
    );
}

#[test]
fn xpath_selects_what_a_rule_looks_at() {
    let waf = compile(
        "SecRuleEngine On
         SecAction 'id:1,phase:1,nolog,pass,ctl:requestBodyProcessor=XML'
         SecRule XML:/s:Envelope/s:Body/login/name '@streq admin' \
             'id:2,phase:2,pass,xmlns:s=http://schemas.xmlsoap.org/soap/envelope/'
         SecRule XML://login[@kind='x']/@to '@streq there' 'id:3,phase:2,pass'
         SecRule &XML://item '@gt 2' 'id:4,phase:2,pass'
         SecRule XML '@streq admin' 'id:5,phase:2,pass'
         SecRule REQBODY_ERROR '@eq 1' 'id:6,phase:2,pass'",
        &Options::default(),
    );
    let soap = |body: &str| {
        format!(
            "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body>{body}</e:Body></e:Envelope>"
        )
    };
    let rows: [(String, &[u64]); 6] = [
        (soap("<login><name>admin</name> </login>"), &[2]),
        (soap("<login><title>admin</title> </login>"), &[]),
        ("<Envelope><Body><login><name>admin</name> </login></Body></Envelope>".into(), &[]),
        (soap("<login kind='x' to='there'/><login kind='y' to='here'/>"), &[3]),
        (soap("<item/><a><item/></a><item/>"), &[4]),
        (soap(&"<item/>".repeat(100_000)), &[4, 6]),
    ];
    for (body, expected) in rows {
        let (tx, _) = run(&waf, "/", b"text/xml", body.as_bytes());
        let ids: Vec<u64> = tx.matches().iter().map(|matched| matched.id).filter(|id| *id != 1).collect();
        assert_eq!(ids, expected, "{}", body.get(..body.len().min(200)).unwrap());
    }
}

/// What can't be inspected is not let through.
#[test]
fn running_out_of_memory_stops_the_request() {
    let limits = Limits { memory: 300, ..Limits::default() };
    let waf = compile(
        "SecRuleEngine On\nSecRule ARGS x 'id:1,phase:1,t:hexEncode'",
        &Options { limits, ..Options::default() },
    );
    let (_, found) = run(&waf, &format!("/?a={}", "b".repeat(100)), b"", b"");
    assert_eq!(found.unwrap().cause, Cause::Memory);
}

#[test]
fn headers_and_cookies_over_the_limit_stop_the_request() {
    let limits = Limits { headers: 3, cookies: 2, ..Limits::default() };
    let waf = compile("SecRuleEngine On", &Options { limits, ..Options::default() });
    for (headers, stops) in [
        (&["a", "b", "c"][..], false),
        (&["a", "b", "c", "d"], true),
        (&["cookie", "cookie"], false),
        (&["cookie", "cookie", "cookie"], true),
    ] {
        let mut tx = waf.transaction();
        tx.request_line(b"GET", b"/", b"HTTP/1.1");
        headers.iter().for_each(|name| tx.request_header(name.as_bytes(), b"x=1"));
        let cause = tx.process_request_headers().map(|found| found.cause);
        assert_eq!(cause, stops.then_some(Cause::Memory), "{headers:?}");
    }
}

#[test]
fn too_many_arguments_are_counted() {
    let waf = compile(
        "SecRuleEngine On\nSecArgumentsLimit 3\nSecRule &ARGS '@ge 3' 'id:1,phase:1,deny'",
        &Options::default(),
    );
    assert_eq!(run(&waf, "/?a&b&c&d&e", b"", b"").1.unwrap().rule_id(), Some(1));
}

#[test]
fn refusals_name_the_place() {
    let rows = [
        ("SecRule ARGS @rx\n", "inline:1:1: SecRule: the rule has no id action"),
        ("\nSecRule ARGS '@rx (' id:1\n", "inline:2:15: SecRule: @rx: "),
        ("SecAction 'id:1,exec:/bin/x'\n", "inline:1:"),
        ("SecAction id:1\nSecAction id:1\n", "inline:2:1: SecAction: rule id 1 is duplicated"),
        ("SecRule GEO:x y id:1\n", "inline:1:9: SecRule: GEO is not supported: "),
        (
            "SecRule XML:/a/child::b x id:1\n",
            "inline:1:9: SecRule: XPath /a/child::b: offset 8: axes are not supported",
        ),
        (
            "SecRule XML:/p:a x id:1\n",
            "inline:1:9: SecRule: XPath /p:a: offset 1: the prefix is bound by no xmlns",
        ),
        (
            "SecRule XML:/p:a x id:1,xmlns:p=u\nSecRule XML:/p:a x id:2,xmlns:p=v\n",
            "inline:2:9: SecRule: XPath /p:a: another rule has the same expression with other namespaces",
        ),
        (
            "SecRule PERF_ALL x id:1\n",
            "inline:1:9: SecRule: PERF_ALL is not supported: ModSecurity v3 does not",
        ),
        ("SecRule JSON x id:1\n", "inline:1:9: SecRule: JSON is not supported: "),
        (
            "SecRule ARGS '@rbl x.y' id:1\n",
            "inline:1:15: SecRule: @rbl: @rbl is not supported: a filter makes no DNS",
        ),
        (
            "SecRule ARGS '@pmFromDataset no' id:1\n",
            "inline:1:15: SecRule: @pmFromDataset: there is no SecDataset",
        ),
        ("SecAction id:1,append:x\n", "inline:1:16: SecAction: append is not supported: "),
        ("SecAction id:1,pause:5\n", "inline:1:16: SecAction: pause is not supported: "),
        ("SecAction id:1,deprecatevar:tx.a=1/2\n", "inline:1:16: SecAction: tx is out of range: "),
        ("SecAction id:1,ctl:hashEngine=On\n", "inline:1:16: SecAction: ctl:hashEngine is not supported: "),
        ("SecConnEngine On\n", "inline:1:1: SecConnEngine: SecConnEngine is not supported: "),
        ("SecGeoLookupDb /x\n", "inline:1:1: SecGeoLookupDb: SecGeoLookupDb is not supported: "),
        ("SecDefaultAction 'phase:1,log'\n", "inline:1:18: SecDefaultAction: expected a disruptive action"),
        ("SecDefaultAction 'deny'\n", "inline:1:1: SecDefaultAction: SecDefaultAction must specify a phase"),
        ("SecDefaultAction 'phase:1,deny,msg:x'\n", "inline:1:32: SecDefaultAction: action `msg`"),
        (
            "SecDefaultAction 'phase:1,deny'\nSecDefaultAction 'phase:1,deny'\n",
            "inline:2:1: SecDefaultAction: SecDefaultActions can only be placed once per phase",
        ),
    ];
    for (rules, message) in rows {
        let errors = Waf::from_text(rules.as_bytes()).unwrap_err();
        let found: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(found.iter().any(|found| found.starts_with(message)), "{rules}: {found:?}");
    }
}

#[test]
fn all_errors_are_collected() {
    let errors =
        Waf::from_text(b"SecRule ARGS '@rx (' id:1\nSecRule GEO x id:2\nSecAction id:2\n").unwrap_err();
    assert_eq!(errors.len(), 3, "{errors:?}");
}

fn compile(rules: &str, options: &Options) -> Waf {
    let document = Document { name: "inline", text: rules.as_bytes() };
    Waf::compile(&[document], &NoFiles, options).unwrap_or_else(|errors| {
        panic!("{rules}\n{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

fn run(waf: &Waf, target: &str, content_type: &[u8], body: &[u8]) -> (Transaction, Option<Intervention>) {
    let mut tx = waf.transaction();
    tx.connection(Connection { client_address: b"192.0.2.1", ..Connection::default() });
    tx.request_line(if body.is_empty() { b"GET" } else { b"POST" }, target.as_bytes(), b"HTTP/1.1");
    tx.request_header(b"Host", b"example.com");
    if !content_type.is_empty() {
        tx.request_header(b"Content-Type", content_type);
    }
    let mut found = tx.process_request_headers();
    if found.is_none() {
        found = tx.process_request_body(body);
    }
    if found.is_none() {
        tx.response_status(200, b"HTTP/1.1");
        found = tx.process_response_headers().or_else(|| tx.process_response_body(b""));
    }
    tx.process_logging();
    (tx, found)
}
