//! What rules do to a request, in a table.

use super::{compile, run};
use portcullis_engine::Options;

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
    // Variables that are no collections are there, empty, before anything sets them.
    ("SecRule AUTH_TYPE '!@streq Basic' 'id:1,phase:1,deny'", "/", &[1], 403),
    ("SecRule REQUEST_BODY ^$ 'id:1'\nSecRule &REQUEST_BODY '@eq 1' 'id:2'", "/", &[1, 2], 0),
    ("SecRule REQUEST_BODY_LENGTH|MULTIPART_STRICT_ERROR '@eq 0' 'id:1,phase:1'", "/", &[1], 0),
    (
        "SecRule RESPONSE_STATUS '!@rx ^200$' 'id:1,phase:2'\nSecRule RESPONSE_STATUS 200 'id:2,phase:3'",
        "/",
        &[1, 2],
        0,
    ),
    ("SecRule REQBODY_PROCESSOR '!@within JSON XML' 'id:1,phase:1'", "/", &[], 0),
    ("SecRule REMOTE_USER '!@streq a' 'id:1,phase:1,deny'", "/", &[], 0),
    // Variables are set for each value that matches, whatever the rest of the chain says.
    (
        "SecAction 'id:1,phase:1,nolog,setvar:tx.k=2'
SecRule ARGS '@rx x' 'id:2,phase:1,nolog,chain,setvar:tx.s=+5,setvar:tx.t=-%{tx.k},setvar:tx.u=7%{tx.k}'
SecRule ARGS '@rx z'
SecRule TX:s '@streq 15' 'id:3,phase:1,chain'\nSecRule TX:t '@streq -6' chain\nSecRule TX:u '@streq 72'",
        "/?a=x&b=x&c=x&d=y",
        &[3],
        0,
    ),
    (
        "SecRule ARGS '@rx x' 'id:1,phase:1,nolog,setvar:tx.s=+1,setvar:tx.t=+%{tx.s},setvar:tx.n=%{tx.n}%{MATCHED_VAR}'
SecRule TX:s '@streq 3' 'id:2,phase:1,chain'\nSecRule TX:t '@streq 6' chain\nSecRule TX:n '@streq xxyx'",
        "/?a=x&b=xy&c=x&d=y",
        &[2],
        0,
    ),
    (
        "SecRule ARGS '@rx x' 'id:1,phase:1,nolog,setvar:tx.s=+9999999999,setvar:tx.t=-9999999999'
SecRule TX:s '@streq 8589934590' 'id:2,phase:1,chain'\nSecRule TX:t '@streq -8589934590'",
        "/?a=x&b=x&c=x&d=y",
        &[2],
        0,
    ),
    // Variables of the environment, which are the transaction's.
    (
        "SecAction 'id:1,phase:1,nolog,setenv:A=%{ARGS.a}x,setenv:B,setenv:C=1,setenv:!C'\nSecRule ENV:A '@streq 1x' 'id:2,phase:1,chain'\nSecRule ENV:B '@streq 1' chain\nSecRule &ENV:C '@eq 0'",
        "/?a=1",
        &[2],
        0,
    ),
    // An exclusion that begins like a pattern and does not end like one excludes what has that name.
    (
        "SecAction 'id:1,phase:1,nolog,ctl:ruleRemoveTargetById=2;ARGS:/^a'\nSecRule ARGS|!ARGS:/^b x 'id:2,phase:1'\nSecRule ARGS|!ARGS:/^b/ x 'id:3,phase:1'",
        "/?a=x&b=x",
        &[2, 3],
        0,
    ),
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
    // Any link may block, unless the first one says what is to be done.
    (
        "SecDefaultAction 'phase:1,deny,status:401'\nSecRule ARGS:a 1 'id:1,phase:1,status:404,chain'\nSecRule ARGS:b 2 block",
        "/?a=1&b=2",
        &[1],
        404,
    ),
    (
        "SecDefaultAction 'phase:1,deny,status:401'\nSecRule ARGS:a 1 'id:1,phase:1,chain'\nSecRule ARGS:b 2 block",
        "/?a=1&b=3",
        &[],
        0,
    ),
    (
        "SecDefaultAction 'phase:1,deny,status:401'\nSecRule ARGS:a 1 'id:1,phase:1,pass,chain'\nSecRule ARGS:b 2 block",
        "/?a=1&b=2",
        &[1],
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
    // Several ids, in one directive.
    (
        "SecRule ARGS 1 'id:1,phase:1'\nSecRule ARGS 1 'id:2,phase:1'\nSecRule ARGS 1 'id:3,phase:1'\nSecRuleUpdateTargetById 1 3-4 '!ARGS:a'",
        "/?a=1",
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
    // A target without a selector is not one with a selector, neither when it runs nor when it is loaded; `&ARGS` is one without.
    (
        "SecAction 'id:1,phase:1,nolog,ctl:ruleRemoveTargetByTag=t;ARGS'\nSecRule ARGS:a|ARGS 1 'id:2,phase:1,tag:t'\nSecRule ARGS 1 'id:3,phase:1,tag:t'\nSecRule &ARGS '@gt 0' 'id:4,phase:1,tag:t'\nSecRule ARGS:/^a/ 1 'id:5,phase:1,tag:t'",
        "/?a=1",
        &[2, 5],
        0,
    ),
    (
        "SecRuleUpdateTargetById 2-4 !ARGS\nSecRule ARGS:a|ARGS 1 'id:2,phase:1'\nSecRule ARGS 1 'id:3,phase:1'\nSecRule ARGS:/^a/ 1 'id:4,phase:1'",
        "/?a=1",
        &[2, 4],
        0,
    ),
    (
        "SecAction 'id:1,phase:1,nolog,ctl:ruleRemoveTargetById=2;REQUEST_METHOD'\nSecRule REQUEST_METHOD GET 'id:2,phase:1'",
        "/",
        &[],
        0,
    ),
    // Default actions without a phase are those of phase 1.
    ("SecDefaultAction 'deny,status:401'\nSecAction 'id:1,phase:1,block'", "/", &[1], 401),
    ("SecDefaultAction 'deny,status:401'\nSecAction 'id:1,phase:2,block'", "/", &[1], 0),
    // Arguments that are not decoded.
    ("SecRule ARGS_GET_RAW:a '@streq %253c+' 'id:1,phase:1'", "/?a=%253c+&a=", &[1], 0),
    ("SecRule ARGS_RAW:%61|ARGS_NAMES_RAW '@streq %61' 'id:1,phase:1'", "/?%61=1", &[1], 0),
    ("SecRule ARGS_RAW:a x 'id:1,phase:1'\nSecRule &ARGS_RAW '@eq 2' 'id:2,phase:1'", "/?%61=x&&", &[2], 0),
    (
        "SecRule ARGS_GET_NAMES_RAW '@rx ^b%20$' 'id:1,phase:1,msg:\'%{ARGS_GET_RAW.b%20}\''",
        "/?b%20=1",
        &[1],
        0,
    ),
    ("SecRule ARGS_RAW|ARGS_POST_RAW x 'id:1,phase:2'\nSecArgumentsLimit 1", "/?a=1&b=x", &[], 0),
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
    (
        "SecRule ARGS 1 'id:1,phase:1,nolog'\nSecAction 'id:2,phase:1,nolog'\nSecRule MATCHED_VAR 1 'id:3,phase:1'",
        "/?a=1",
        &[3],
        0,
    ),
    (
        "SecAction 'id:1,phase:1,nolog,setvar:tx.l=1'\nSecRule TX:l '@eq 1' 'id:2,phase:1,nolog,skipAfter:END'\nSecAction 'id:3,phase:1'\nSecMarker END\nSecRule MATCHED_VARS_NAMES '@streq TX:l' 'id:4,phase:1'",
        "/",
        &[4],
        0,
    ),
    (
        "SecAction 'id:1,phase:1,nolog,setvar:tx.l=1'\nSecRule TX:l '@eq 1' 'id:2,phase:1,nolog,skipAfter:END'\nSecRule ARGS:a 1 'id:3,phase:1'\nSecMarker END\nSecAction 'id:4,phase:1,setvar:tx.x=%{MATCHED_VAR}'\nSecRule TX:x '@eq 1' 'id:5,phase:1'",
        "/?a=1",
        &[4, 5],
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
