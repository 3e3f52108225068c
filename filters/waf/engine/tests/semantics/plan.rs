//! What the plan leaves out changes no result.

use super::compile;
use portcullis_engine::{Connection, Options};

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
SecRule REQUEST_HEADERS:User-Agent '@contains b<' 'id:7,phase:1,t:none,t:lowercase,t:base64Decode,t:lowercase'
SecRule ARGS_NAMES|REQUEST_HEADERS:User-Agent '@rx ^ab<$' 'id:8,phase:1,t:none,t:lowercase,multiMatch'
SecRule ARGS_NAMES|REQUEST_HEADERS:User-Agent '@rx ^xAb<$' 'id:9,phase:1,t:none,t:urlDecode,multiMatch'";
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
    assert!((1..=9).all(|id| naive.iter().any(|(.., ids)| ids.contains(&id))), "a rule never matches");
    assert!((1..=9).all(|id| naive.iter().any(|(.., ids)| !ids.contains(&id))), "a rule always matches");
}

/// What follows from a request line that has come before is recalled; what a body brings is judged, whatever the line.
#[test]
fn what_a_request_line_recalls_changes_no_result() {
    let variables = [
        "REQUEST_LINE",
        "REQUEST_URI",
        "REQUEST_URI_RAW",
        "REQUEST_FILENAME",
        "REQUEST_BASENAME",
        "QUERY_STRING",
        "ARGS",
        "ARGS|!ARGS:b",
        "ARGS_GET:a",
        "ARGS_POST",
        "ARGS|REQUEST_HEADERS:Referer",
        "REQUEST_HEADERS:Referer",
        "&ARGS:b",
    ];
    let tests = ["@contains ab<", "!@rx ^[^<]*$", "@rx (?i)(b)<$", "!@streq 1", "@within 0 1 ab<"];
    let transformations = ["none", "none,t:urlDecode", "none,t:lowercase", "none,t:base64Decode"];
    let mut rules =
        "SecRuleEngine On\nSecRule ARGS:off 1 'id:1,phase:1,nolog,ctl:ruleRemoveTargetById=10-200;ARGS:a'\n"
            .to_owned();
    let mut last = 9;
    for variable in variables {
        for test in tests {
            for chain in transformations {
                last += 1;
                let phase = 1 + last % 2;
                rules += &format!("SecRule {variable} '{test}' 'id:{last},phase:{phase},t:{chain}'\n");
            }
        }
    }
    let targets = ["/", "/ab<", "/x/AB%3C?a=1", "/x?a=ab%3C&b=2", "/x?a=ab<&off=1", "/x?a=1&b=YWI8&b=1"];
    let bodies = ["", "a=1", "a=ab%3C", "b=aB%253C&off=1"];
    let referers = ["", "https://example.com/", "https://example.com/ab<"];
    let [fast, naive] = [true, false].map(|prefilter| {
        let waf = compile(&rules, &Options { prefilter, ..Options::default() });
        let mut results = Vec::new();
        for _ in 0..4 {
            for (target, body) in targets.iter().flat_map(|target| bodies.map(|body| (target, body))) {
                for referer in referers {
                    let mut tx = waf.transaction();
                    tx.request_line(b"POST", target.as_bytes(), b"HTTP/1.1");
                    tx.request_header(b"content-type", b"application/x-www-form-urlencoded");
                    if !referer.is_empty() {
                        tx.request_header(b"referer", referer.as_bytes());
                    }
                    tx.process_request_headers();
                    tx.process_request_body(body.as_bytes());
                    let matches =
                        tx.matches().iter().map(|found| (found.id, found.data.clone(), found.value.clone()));
                    results.push((target, body, referer, matches.collect::<Vec<_>>()));
                }
            }
        }
        results
    });
    assert_eq!(fast.len(), naive.len());
    fast.iter().zip(&naive).for_each(|(fast, naive)| assert_eq!(fast, naive));
    let ever: std::collections::BTreeSet<u64> =
        naive.iter().flat_map(|(.., matches)| matches.iter().map(|(id, ..)| *id)).collect();
    assert!(ever.len() > 150, "{}", ever.len());
}

/// Chains that are not begun because a later link can't match, conditions that are not asked because they did not hold for the same
/// header before, and sums of scores that are done at once leave what they leave where all rules are visited.
#[test]
fn what_is_left_out_changes_no_result() {
    let agent = "REQUEST_HEADERS:User-Agent '@contains evil'";
    let get = "SecRule REQUEST_METHOD '@streq GET'";
    let off = |ctl: &str| format!("SecRule ARGS:off 1 'id:91,phase:1,nolog,ctl:{ctl}'\n");
    let scores = "SecAction 'id:10,phase:1,nolog,setvar:tx.score=0,setvar:tx.sum=0,setvar:tx.limit=5'
SecRule REQUEST_HEADERS:User-Agent '@contains evil' 'id:11,phase:1,nolog,setvar:tx.score=+5'
SecRule TX:limit '@ge 1' 'id:12,phase:1,nolog,setvar:tx.sum=+%{tx.score}'
SecRule TX:limit '@ge 2' 'id:13,phase:1,nolog,setvar:tx.all=-%{tx.sum}'
SecRule TX:sum '@ge %{tx.limit}' 'id:14,phase:1,chain'\nSecRule TX:limit '@eq 5'
SecAction 'id:15,phase:2,nolog,setvar:tx.sum=0'
SecRule TX:limit '@ge 1' 'id:16,phase:2,nolog,setvar:tx.sum=+%{tx.score},setvar:tx.seen=%{MATCHED_VAR}'
SecRule TX:sum '@ge %{tx.limit}' 'id:17,phase:2'
SecRule MATCHED_VAR|TX:sum|TX:all|TX:seen '@rx .' 'id:18,phase:2,logdata:%{MATCHED_VAR_NAME}=%{MATCHED_VAR}'";
    let mut texts = vec![
        format!("{get} 'id:1,phase:1,chain'\nSecRule {agent}"),
        format!(
            "{get} 'id:1,phase:1,nolog,setvar:tx.a=+1,chain'\nSecRule {agent}\nSecRule TX:a '@eq 1' 'id:2,phase:1'"
        ),
        format!(
            "SecRule REQUEST_METHOD '@rx (G)' 'id:1,phase:1,capture,nolog,chain'\nSecRule {agent}\nSecRule TX:1 G 'id:2,phase:1'"
        ),
        format!("{get} 'id:1,phase:1,chain'\nSecRule {agent} 'setvar:tx.a=1,chain'\nSecRule TX:a '@eq 1'"),
        format!("{get} 'id:1,phase:1,chain'\nSecRule &ARGS:off '@eq 1' 'chain'\nSecRule {agent}"),
        format!(
            "{get} 'id:1,phase:1,nolog'\nSecRule {agent} 'id:3,phase:1,chain'\nSecRule ARGS:off '@eq 1'\nSecRule MATCHED_VAR . 'id:2,phase:1'"
        ),
        scores.to_owned(),
    ];
    for ctl in [
        "ruleRemoveTargetById=1;REQUEST_HEADERS:user-agent",
        "ruleRemoveById=1",
        "ruleRemoveTargetById=1;ARGS",
    ] {
        texts.push(off(ctl) + "SecRule REQUEST_HEADERS|ARGS_NAMES '@rx evil|off' 'id:1,phase:1,t:lowercase'");
    }
    for ctl in
        ["ruleRemoveById=12", "ruleRemoveById=14", "ruleRemoveTargetById=16;TX:limit", "ruleRemoveById=10"]
    {
        texts.push(off(ctl) + scores);
    }
    texts.push("SecRule ARGS:off 1 'id:91,phase:2,nolog,setvar:tx.score=+7'\n".to_owned() + scores);
    for test in ["@gt 0", "!@eq 0", "@eq 0", "@eq 1", "@ge 0", "@lt 2", "!@ge 1"] {
        texts.push(format!("SecRule &REQUEST_HEADERS:User-Agent '{test}' 'id:1,phase:1'"));
        texts.push(format!("{get} 'id:1,phase:1,chain'\nSecRule &REQUEST_HEADERS:User-Agent '{test}'"));
    }
    let mut matched = 0;
    for text in texts {
        let [fast, naive] = [true, false].map(|prefilter| {
            let waf =
                compile(&format!("SecRuleEngine On\n{text}"), &Options { prefilter, ..Options::default() });
            let mut results = Vec::new();
            for (target, agent) in
                [("/", "ok"), ("/", "evil"), ("/?off=1", "evil"), ("/?off=1", "ok"), ("/", "")].repeat(3)
            {
                let mut tx = waf.transaction();
                tx.request_line(b"GET", target.as_bytes(), b"HTTP/1.1");
                if !agent.is_empty() {
                    tx.request_header(b"user-agent", agent.as_bytes());
                }
                tx.process_request_headers();
                tx.process_request_body(b"");
                let matches =
                    tx.matches().iter().map(|found| (found.id, found.data.clone(), found.value.clone()));
                results.push((target, agent, matches.collect::<Vec<_>>()));
            }
            results
        });
        matched += naive.iter().filter(|(.., matches)| !matches.is_empty()).count();
        assert_eq!(fast, naive, "{text}");
    }
    assert!(matched > 100, "{matched}");
}

/// Headers whose names are looked up in a list by way of TX variables, as the Core Rule Set does, give what they give where all the
/// variables are set: to the rule itself, and to whatever else may see them.
#[test]
fn what_is_looked_up_in_a_list_changes_no_result() {
    let list = "SecAction 'id:90,phase:1,nolog,setvar:tx.list=/if/ /x-lock/ /proxy-x/'\n";
    let own = "SecRule REQUEST_HEADERS_NAMES '@rx ^.*$' \
'id:1,phase:1,capture,t:none,t:lowercase,logdata:%{MATCHED_VAR},setvar:tx.of_%{tx.0}=/%{tx.0}/,chain'
SecRule TX:/^of_/ '@within %{tx.list}' 'setvar:tx.score=+5'\n";
    let more = [
        "SecRule TX:score '@eq 5' 'id:2,phase:1'",
        "SecRule TX:/X-(Other|if)/ '@contains x' 'id:2,phase:1'",
        "SecRule TX:/other/ '@contains x' 'id:2,phase:2'",
        "SecRule &TX '@gt 5' 'id:2,phase:1'",
        "SecRule TX:of_x-other '@contains x' 'id:2,phase:1'",
        "SecRule TX:0 '@streq X-oTHER' 'id:2,phase:1,t:uppercase'",
        "SecRule TX:0 '@streq x-other' 'id:2,phase:1'",
        "SecRule MATCHED_VARS '@rx .' 'id:2,phase:1'",
        "SecAction 'id:2,phase:1,logdata:%{tx.of_x-other} %{tx.0}'",
        "SecRule REQUEST_HEADERS_NAMES '@rx (?i)^x' 'id:3,phase:1,nolog,setvar:tx.of_%{MATCHED_VAR}=+2'\n\
SecRule TX:/^of_/ '@eq 2' 'id:2,phase:1'",
    ];
    let before = [
        String::new(),
        "SecRule ARGS:a 1 'id:91,phase:1,nolog,setvar:tx.list=/x-other/'".to_owned(),
        "SecRule ARGS:a 1 'id:91,phase:1,nolog,ctl:ruleRemoveTargetById=1;REQUEST_HEADERS_NAMES:x-lock'"
            .to_owned(),
        "SecRule ARGS:a 1 'id:91,phase:1,nolog,ctl:ruleRemoveById=1'".to_owned(),
        "SecRule ARGS:a 1 'id:91,phase:1,nolog,ctl:ruleRemoveById=90'".to_owned(),
        "SecRule ARGS . 'id:91,phase:1,nolog,setvar:tx.o%{MATCHED_VAR}=/if/'".to_owned(),
        "SecRule ARGS . 'id:91,phase:1,nolog,setvar:tx.x%{MATCHED_VAR}=/if/'".to_owned(),
    ];
    let requests: [(&str, &[&str]); 8] = [
        ("/", &["accept", "X-Lock"]),
        ("/", &["x-other", "accept"]),
        ("/", &["accept", "X-Other"]),
        ("/?a=1", &["X-LOCK", "x-other"]),
        ("/?a=1", &["if-match", "proxy"]),
        ("/?a=f_z", &["if", "x-if"]),
        ("/?a=%0Aof_z", &["x-lock/ /proxy-x", ""]),
        ("/", &[]),
    ];
    let mut matched = 0;
    for rules in before.iter().flat_map(|before| more.iter().map(move |more| (before, more))) {
        let text = format!("SecRuleEngine On\n{list}{}\n{own}{}", rules.0, rules.1);
        let results = [true, false].map(|prefilter| {
            let waf = compile(&text, &Options { prefilter, ..Options::default() });
            // The second time, names are known.
            let requests = requests.iter().chain(&requests);
            let results = requests.map(|(target, names)| {
                let mut tx = waf.transaction();
                tx.request_line(b"GET", target.as_bytes(), b"HTTP/1.1");
                names.iter().for_each(|name| tx.request_header(name.as_bytes(), b"1"));
                tx.process_request_headers();
                tx.process_request_body(b"");
                let matches =
                    tx.matches().iter().map(|found| (found.id, found.data.clone(), found.reference.clone()));
                matches.collect::<Vec<_>>()
            });
            results.collect::<Vec<_>>()
        });
        let [fast, naive] = results;
        matched += naive.iter().flatten().filter(|(id, ..)| *id == 1).count();
        assert_eq!(fast, naive, "{text}");
    }
    assert!(matched > 100, "{matched}");
}

/// Whether the client's address is asked for; and a rule that has it only where it is does what it does where it always is.
#[test]
fn the_address_of_the_client_is_wanted_where_a_rule_may_look_at_it() {
    let dummy = "SecRule REMOTE_ADDR '@ipMatch 192.0.2.0/24' 'id:1,phase:1,deny,chain'\nSecRule REQUEST_HEADERS:User-Agent '@endsWith (dummy)'";
    let set = "SecRule REMOTE_ADDR '@ipMatch 192.0.2.1' 'id:1,phase:1,setvar:tx.a=1,chain'\nSecRule REQUEST_HEADERS:User-Agent '@endsWith (dummy)'";
    let never =
        "SecRule TX:on '@eq 1' 'id:1,phase:1,nolog,chain'\nSecRule ARGS:a 1 'initcol:ip=%{REMOTE_ADDR}'";
    let cases: &[(&str, &str, &str, bool)] = &[
        ("SecRule ARGS 1 'id:1,phase:1,deny'", "/?a=1", "", false),
        ("SecRule REMOTE_ADDR '@ipMatch 192.0.2.1' 'id:1,phase:1,deny'", "/", "", true),
        ("SecRule REMOTE_PORT '@eq 1' 'id:1,phase:5'", "/", "", true),
        (
            "SecRule REQUEST_LINE '@streq GET / HTTP/1.1' 'id:1,phase:1,deny,chain'\nSecRule REMOTE_ADDR '@ipMatch 192.0.2.1'",
            "/",
            "",
            true,
        ),
        (
            "SecRule REQUEST_LINE '@streq GET / HTTP/1.1' 'id:1,phase:1,deny,chain'\nSecRule REMOTE_ADDR '@ipMatch 192.0.2.1'",
            "/a",
            "",
            false,
        ),
        (
            "SecRule REQUEST_LINE '@streq GET / HTTP/1.1' 'id:1,phase:2,deny,chain'\nSecRule REMOTE_ADDR '@ipMatch 192.0.2.1'",
            "/a",
            "",
            true,
        ),
        (
            "SecRule ARGS:a 1 'id:1,phase:1,deny,chain'\nSecRule REMOTE_ADDR '@ipMatch 192.0.2.1'",
            "/?a=2",
            "",
            true,
        ),
        (
            "SecRule REQUEST_HEADERS:User-Agent '!@streq x' 'id:1,phase:1,deny,chain'\nSecRule REMOTE_ADDR '@ipMatch 192.0.2.1'",
            "/",
            "x",
            true,
        ),
        (dummy, "/", "Apache (dummy)", true),
        (dummy, "/", "Apache", false),
        (set, "/", "Apache", true),
        ("SecAction 'id:1,phase:1,deny,msg:%{REMOTE_ADDR}'", "/", "", true),
        ("SecAction 'id:1,phase:1,redirect:http://%{REMOTE_ADDR}/'", "/", "", true),
        ("SecAction 'id:1,phase:1,setenv:a=%{REMOTE_HOST}'", "/", "", true),
        (never, "/?a=1", "", false),
        (&format!("SecRule ARGS:a 1 'id:2,phase:1,nolog,setvar:tx.on=1'\n{never}"), "/?a=1", "", true),
        (&never.replace("phase:1", "phase:2"), "/?a=1", "", true),
        (
            &format!(
                "SecAction 'id:3,phase:1,nolog,setvar:tx.on=0'\nSecRule ARGS:a 1 'id:2,phase:1,nolog,ctl:ruleRemoveById=3'\n{never}"
            ),
            "/?a=1",
            "",
            true,
        ),
        (
            &format!(
                "SecAction 'id:3,phase:1,nolog,setvar:tx.on=0'\nSecRule ARGS:a 1 'id:2,phase:1,nolog,ctl:ruleRemoveById=1-3'\n{never}"
            ),
            "/?a=1",
            "",
            false,
        ),
    ];
    for (rules, target, agent, wanted) in cases {
        let waf = compile(&format!("SecRuleEngine On\n{rules}"), &Options::default());
        let ids = [true, false].map(|always| {
            let mut tx = waf.transaction();
            tx.request_line(b"GET", target.as_bytes(), b"HTTP/1.1");
            tx.request_header(b"user-agent", agent.as_bytes());
            let wants = tx.wants_client_address();
            assert_eq!(wants, *wanted, "{rules} {target} {agent}");
            if always || wants {
                tx.connection(Connection {
                    client_address: b"192.0.2.1",
                    client_port: 1,
                    ..Connection::default()
                });
            }
            let stopped = tx.process_request_headers().is_some();
            (stopped, tx.matches().iter().map(|found| found.id).collect::<Vec<_>>())
        });
        assert_eq!(ids[0], ids[1], "{rules} {target} {agent}");
    }
}

/// Where no rule that few requests have skip what follows can match, the phase is not cut at these rules.
#[test]
fn what_is_not_skipped_is_judged_as_a_whole() {
    let rules = "SecResponseBodyAccess On\nSecResponseBodyMimeType text/html
SecRule RESPONSE_HEADERS:Content-Encoding '@pm gzip' 'id:1,phase:4,skipAfter:A'
SecRule RESPONSE_BODY '@contains ab' 'id:2,phase:4'
SecMarker A
SecRule RESPONSE_HEADERS:Content-Encoding '@pm gzip br' 'id:3,phase:4,skipAfter:B'
SecRule RESPONSE_BODY '@contains bc' 'id:4,phase:4,skipAfter:B'
SecRule RESPONSE_BODY '@contains ab' 'id:5,phase:4'
SecMarker B
SecRule RESPONSE_BODY|RESPONSE_HEADERS:Content-Encoding '@contains b' 'id:6,phase:4'";
    let ids = |prefilter, off: &str| {
        let rules = format!("SecRuleEngine On\n{off}\n{rules}");
        let waf = compile(&rules, &Options { prefilter, ..Options::default() });
        let mut results = Vec::new();
        for encoding in ["", "gzip", "br", "identity", "GZIP, br"] {
            for body in ["ab", "abc", "bc", "x"] {
                let mut tx = waf.transaction();
                tx.request_line(b"GET", b"/?off=1", b"HTTP/1.1");
                tx.process_request_headers();
                tx.response_status(200, b"HTTP/1.1");
                tx.response_header(b"content-type", b"text/html");
                if !encoding.is_empty() {
                    tx.response_header(b"content-encoding", encoding.as_bytes());
                }
                tx.process_response_headers();
                tx.process_response_body(body.as_bytes());
                let ids: Vec<u64> = tx.matches().iter().map(|matched| matched.id).collect();
                results.push((encoding, body, ids));
            }
        }
        results
    };
    let mut all = Vec::new();
    for off in ["", "SecRule ARGS:off 1 'id:90,phase:1,nolog,ctl:ruleRemoveById=1'"] {
        let naive = ids(false, off);
        assert_eq!(ids(true, off), naive, "{off}");
        all.extend(naive);
    }
    assert!((1..=6).all(|id| all.iter().any(|(.., ids)| ids.contains(&id))), "a rule never matches");
    assert!((1..=6).all(|id| all.iter().any(|(.., ids)| !ids.contains(&id))), "a rule always matches");
}

/// Numbers that are compared after transformations, and texts that are to be the same after these.
#[test]
fn what_is_transformed_first_is_compared_all_the_same() {
    for chain in ["t:none", "t:urlDecodeUni", "t:length", "t:hexEncode", "t:base64Decode", "t:trim"] {
        for set in ["0", "1", "%31", "1%30", "+1", "x1", "", "MTA="] {
            for test in ["@eq 1", "!@eq 1", "@ge 1", "@eq 0"] {
                let rule = |id, effect: &str| {
                    format!(
                        "SecRule TX:a '{test}' 'id:{id},phase:1,{chain},nolog,setvar:tx.b{id}=1{effect}'\n"
                    )
                };
                let text = format!(
                    "SecAction 'id:1,phase:1,nolog,setvar:tx.a={set}'\n{}{}SecMarker end
SecRule ARGS:a '@unconditionalMatch' 'id:5,phase:1,nolog,setvar:tx.a=%{{ARGS.a}}'
{}SecRule TX:b2|TX:b3|TX:b4 . 'id:6,phase:1,msg:%{{MATCHED_VAR_NAME}}'
SecRule REQUEST_LINE|ARGS '@streq GET /' 'id:7,phase:1,{chain}'
SecRule ARGS '@streq aB' 'id:8,phase:1,{chain},t:lowercase'",
                    rule(2, ""),
                    rule(3, ",skipAfter:end"),
                    rule(4, ""),
                );
                let matches = |prefilter| {
                    let waf = compile(
                        &format!("SecRuleEngine On\n{text}"),
                        &Options { prefilter, ..Options::default() },
                    );
                    let targets =
                        ["/", "/?a=1", "/?a=%2531", "/?a=ab", "/?a=GET+/", "/?a=Ab%20", "/?a=GET%252F"];
                    let of = |target: &&str| {
                        let mut tx = waf.transaction();
                        tx.request_line(b"GET", target.as_bytes(), b"HTTP/1.1");
                        tx.process_request_headers();
                        let found = tx.matches().iter().map(|matched| (matched.id, matched.message.clone()));
                        (found.collect::<Vec<_>>(), tx.tx_variable(b"b3").map(<[u8]>::to_vec))
                    };
                    targets.iter().map(of).collect::<Vec<_>>()
                };
                assert_eq!(matches(true), matches(false), "{text}");
            }
        }
    }
}
