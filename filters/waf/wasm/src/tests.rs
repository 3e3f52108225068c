mod coraza;
mod plugins;

use super::*;
use sdk_shim::{Loaded, load};
use sdk_shim_testing::{Chunking, Message, Settings, TestHost, run, scenario::File};

fn loaded(config: &str) -> Loaded<WafFilter> {
    load(config.as_bytes(), &|_| None).unwrap_or_else(|errors| panic!("{config}: {errors}"))
}

const STARTER: &str = r#"{"directives_map": {"default": [
    "SecRuleEngine On", "SecRequestBodyAccess On", "SecRequestBodyLimit 2000000", "Include @portcullis-starter"
]}}"#;

#[test]
fn scenarios() {
    let failures = File::parse(include_str!("../scenarios.toml")).unwrap().check::<WafFilter>();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn refuses_what_it_does_not_understand() {
    let rules =
        |text: &str| format!(r#"{{"directives_map": {{"default": ["SecRuleEngine On", {text:?}]}}}}"#);
    let cases = [
        (String::new(), "directives_map: found nothing, expected rule sets, or `crs` beside it"),
        (
            r#"{"directives_map": {"default": "x"}}"#.into(),
            "directives_map.default: found string \"x\", expected a seq",
        ),
        (r#"{"directives_map": {}, "rules": []}"#.into(), "rules: found unknown field `rules`, expected"),
        (
            r#"{"directives_map": {"a": []}}"#.into(),
            "default_directives: found \"default\", expected the name of a rule set in directives_map",
        ),
        (
            r#"{"directives_map": {"default": []}, "per_authority_directives": {"x.test": "b"}}"#.into(),
            "per_authority_directives.x.test: found \"b\", expected the name of a rule set",
        ),
        (
            r#"{"directives_map": {"default": []}, "mode": "on!"}"#.into(),
            "mode: found unknown variant `on!`, expected one of `rules`",
        ),
        (rules("SecRul ARGS x"), "directives_map.default: default:2:1:"),
        (rules("SecRule ARGZ \"x\" \"id:1,phase:1\""), "ARGZ"),
        (rules("SecRule ARGS \"@rx (\" \"id:1,phase:1\""), "directives_map.default: default:2:"),
        (rules("SecRule ARGS \"@inspectFile x.lua\" \"id:1,phase:1\""), "inspectFile"),
        (rules("Include @owasp_crs/none*.conf"), "@owasp_crs"),
        (rules("Include @crs"), "@portcullis-starter, @recommended-conf"),
        (rules("Include /etc/passwd"), "/etc/passwd"),
    ];
    for (config, expected) in cases {
        let Err(errors) = load::<WafFilter>(config.as_bytes(), &|_| None) else {
            panic!("accepted: {config}")
        };
        assert!(errors.to_string().contains(expected), "for {config}:\n{errors}\nlacks {expected}");
    }
}

#[test]
fn refuses_a_core_rule_set_that_contradicts_itself() {
    if !built_in::has_core_rule_set() {
        println!("skipped: built without the Core Rule Set");
        return;
    }
    let cases = [
        (r#""paranoia_level": 0"#, "crs.paranoia_level: found 0, expected a number from 1 to 4"),
        (r#""paranoia_level": 300"#, "crs.paranoia_level: found integer `300`"),
        (
            r#""paranoia_level": 3, "detection_paranoia_level": 2"#,
            "crs.detection_paranoia_level: found 2, expected a number from 3 to 4",
        ),
        (r#""anomaly_threshold": {"inbound": 0}"#, "crs.anomaly_threshold.inbound: found 0"),
        (r#""anomaly_treshold": {}"#, "crs.anomaly_treshold: found unknown field"),
        (r#""exclusions": [{}]"#, "crs.exclusions[0]: found neither rules nor tags"),
        (r#""exclusions": [{"rules": ["942100-"]}]"#, "crs.exclusions[0].rules[0]: found \"942100-\""),
        (r#""exclusions": [{"tags": ["a' b"]}]"#, "crs.exclusions[0].tags[0]: found \"a' b\""),
        (
            r#""exclusions": [{"rules": [1], "targets": ["ARGS:/^a"]}]"#,
            "crs.exclusions[0].targets[0]: found \"ARGS:/^a\", expected a `/` at the end",
        ),
        (r#""exclusions": [{"rules": [1], "path": "api"}]"#, "crs.exclusions[0].path: found \"api\""),
        (
            r#""exclusions": [{"rules": [942100], "targets": ["ARGZ:a"]}]"#,
            "crs: crs.exclusions[0]:1:36: SecRuleUpdateTargetById: unknown variable `ARGZ`",
        ),
        (
            r#""settings": {"paranoia_level": "2"}"#,
            "crs.settings.paranoia_level: found a setting that has a field",
        ),
        (r#""settings": {"allowed_methods": "G'"}"#, "crs.settings.allowed_methods: found \"G'\""),
        (r#""plugins": [{"name": "a/b"}]"#, "crs.plugins[0].name: found \"a/b\""),
        (
            r#""plugins": [{"name": "mine", "before": ["", "SecRule ARGS"]}]"#,
            "crs: @plugins/mine-before.conf:2:",
        ),
    ];
    for (fields, expected) in cases {
        let config = format!(r#"{{"crs": {{{fields}}}}}"#);
        let Err(errors) = load::<WafFilter>(config.as_bytes(), &|_| None) else {
            panic!("accepted: {config}")
        };
        assert!(errors.to_string().contains(expected), "for {config}:\n{errors}\nlacks {expected}");
    }
    for (config, expected) in [
        (
            r#"{"crs": {}, "directives_map": {"crs": []}}"#,
            "directives_map.crs: found a rule set, expected another name",
        ),
        (
            r#"{"crs": {}, "directives_map": {"own": []}, "default_directives": "own"}"#,
            "crs: found a rule set, expected \"crs\" in default_directives, per_route_directives or per_authority_directives",
        ),
    ] {
        let Err(errors) = load::<WafFilter>(config.as_bytes(), &|_| None) else {
            panic!("accepted: {config}")
        };
        assert!(errors.to_string().contains(expected), "for {config}:\n{errors}\nlacks {expected}");
    }
}

/// A SQL injection in the argument `q`.
const SQL_INJECTION: &str = "q=1%27%20OR%20%271%27=%271";

#[test]
fn the_core_rule_set_does_as_its_fields_say() {
    if !built_in::has_core_rule_set() {
        println!("skipped: built without the Core Rule Set");
        return;
    }
    let attack = format!("/api/find?{SQL_INJECTION}");
    let cases = [
        ("", "/?q=red+shoes", 200),
        ("", attack.as_str(), 403),
        (r#""anomaly_threshold": {"inbound": 1000}"#, &attack, 200),
        (r#""exclusions": [{"tags": ["attack-sqli"]}]"#, &attack, 200),
        (r#""exclusions": [{"rules": ["942000-942999"]}]"#, &attack, 200),
        (r#""exclusions": [{"rules": ["942000-942999"], "targets": ["ARGS:q"]}]"#, &attack, 200),
        (r#""exclusions": [{"rules": ["942000-942999"], "targets": ["ARGS:p"]}]"#, &attack, 403),
        (r#""exclusions": [{"tags": ["attack-sqli"], "path": "/api/*"}]"#, &attack, 200),
        (
            r#""exclusions": [{"tags": ["attack-sqli"], "path": "/api/find", "targets": ["ARGS:q"]}]"#,
            &attack,
            200,
        ),
        (r#""exclusions": [{"tags": ["attack-sqli"], "path": "/other/*"}]"#, &attack, 403),
        // The path has to be excluded by what it means.
        (
            r#""exclusions": [{"tags": ["attack-sqli"], "path": "/other/*"}]"#,
            "/other/..%2fapi/find?q=1%27%20OR%20%271%27=%271",
            403,
        ),
        (
            r#""plugins": [{"name": "p", "before": ["SecRule ARGS:q \"@pmFromFile words.data\" \"id:9500100,phase:1,deny,status:418\""], "data": {"words.data": ["boots", "shoes"]}}]"#,
            "/?q=red+shoes",
            418,
        ),
        (r#""settings": {"allowed_methods": "POST"}"#, "/", 403),
        // Limits that the Core Rule Set has, and leaves open by default.
        (r#""settings": {"max_num_args": "2"}"#, "/?a=1&b=2", 200),
        (r#""settings": {"max_num_args": "2"}"#, "/?a=1&b=2&c=3", 403),
        (r#""settings": {"total_arg_length": "10"}"#, "/?a=12345&b=12345", 403),
        (r#""early_blocking": true"#, "/?q=red+shoes", 200),
        (r#""early_blocking": true"#, "/../../etc/passwd", 403),
    ];
    for (fields, path, status) in cases {
        let config = format!(r#"{{"crs": {{{fields}}}}}"#);
        let request = Message::request("GET", path)
            .with_header("host", "shop.test")
            .with_header("user-agent", "Mozilla/5.0")
            .with_header("accept", "*/*");
        let outcome =
            run(&loaded(&config), TestHost::new(), request, Message::response(200), Settings::default());
        assert_eq!(outcome.status(), status, "{config}: {path}: {:#?}", outcome.host.logs);
    }
}

#[test]
fn names_every_error_of_every_rule_set() {
    let config = r#"{"directives_map": {
        "default": ["SecRule ARGZ \"x\" \"id:1,phase:1\"", "SecRule ARGS \"@rx [\" \"id:2,phase:1\""],
        "other": ["SecRuleEngine Perhaps"]
    }, "default_directives": "none"}"#;
    let Err(errors) = load::<WafFilter>(config.as_bytes(), &|_| None) else { panic!("accepted") };
    let text = errors.to_string();
    for expected in ["default:1:9", "other:1:", "default_directives: found \"none\""] {
        assert!(text.contains(expected), "{text}\nlacks {expected}");
    }
}

#[test]
fn counts_and_reuses_memory() {
    let waf = loaded(
        r#"{"directives_map": {"default": ["SecRuleEngine On", "Include @portcullis-starter"]}, "metric_labels": {"site": "a b"}}"#,
    );
    let mut host = TestHost::new();
    for path in ["/", "/?id=1%27%20OR%20%271%27=%271", "/?x=%00"] {
        let outcome =
            run(&waf, host, Message::request("GET", path), Message::response(200), Settings::default());
        host = outcome.host;
    }
    assert_eq!(host.metric("waf_transactions_total;site=a%20b"), 3);
    assert_eq!(host.metric("waf_decisions_total;decision=pass;site=a%20b"), 1);
    assert_eq!(host.metric("waf_decisions_total;decision=deny;site=a%20b"), 2);
    assert_eq!(waf.filter.memory.borrow().len(), 1, "one transaction at a time needs the memory of one");
}

#[test]
fn logs_what_matched_without_letting_a_client_forge_a_line() {
    let request =
        Message::request("GET", "/?id=1%27%20OR%20%271%27=%271%20%22%5D%20%5Bid%20%22666%22%5D%0aforged");
    let outcome =
        run(&loaded(STARTER), TestHost::new(), request, Message::response(200), Settings::default());
    assert_eq!(outcome.status(), 403);
    let lines: Vec<_> = outcome.host.logs.iter().map(|(_, line)| line.as_str()).collect();
    assert!(
        lines.iter().any(|line| line.contains("[id \"1050\"]") && line.contains("[msg \"SQL injection\"]")),
        "{lines:#?}"
    );
    assert!(
        lines.iter().any(|line| line.starts_with("Access denied") && line.contains("[id \"1090\"]")),
        "{lines:#?}"
    );
    assert!(lines.iter().all(|line| !line.contains('\n') && !line.contains("[id \"666\"]")), "{lines:#?}");
}

#[test]
fn never_buffers_what_never_ends() {
    for (name, value) in [("upgrade", "websocket"), ("content-type", "application/grpc")] {
        let request = Message::request("POST", "/").with_header(name, value).with_body([b'x'; 50]);
        let outcome =
            run(&loaded(STARTER), TestHost::new(), request, Message::response(200), Settings::default());
        assert_eq!(outcome.status(), 200, "{name}: {value}");
        assert_eq!(outcome.upstream.unwrap().body.len(), 50);
    }
}

#[test]
fn survives_hostile_requests() {
    let waf = loaded(STARTER);
    let long = "a".repeat(60_000);
    let many = (0..20_000).map(|n| format!("a{n}=1&")).collect::<String>();
    let deep = "[".repeat(10_000);
    let requests = [
        Message::request("GET", "/").with_header("x", &long),
        Message::request("GET", "/").with_header("cookie", long.replace("aa", ";=")),
        Message::request("GET", &format!("/?{many}")),
        Message::request("POST", "/").with_header("content-type", "application/json").with_body(&deep),
        Message::request("POST", "/")
            .with_header("content-type", "text/xml")
            .with_body(deep.replace('[', "<a>")),
        Message::request("POST", "/").with_header("content-type", "multipart/form-data").with_body(&long),
        Message::request("POST", "/")
            .with_header("content-type", "multipart/form-data; boundary=\"")
            .with_body(b"--\"\r\n\xff\x00"),
        Message::request("\u{fffd}", "/").with_header("\u{0}", b"\xff"),
        Message::default(),
    ];
    for request in requests {
        let outcome = run(
            &waf,
            TestHost::new(),
            request,
            Message::response(200),
            Settings { chunking: Chunking::Whole, ..Settings::default() },
        );
        assert!(!outcome.hangs());
    }
}

#[test]
fn says_what_it_decided_in_one_line_and_counts_by_family_phase_and_action() {
    let config = r#"{"directives_map": {"default": [
        "SecRuleEngine On",
        "SecRule ARGS:a \"@eq 1\" \"id:942100,phase:1,pass,msg:'A'\"",
        "SecRule ARGS:a \"@eq 1\" \"id:7,phase:2,redirect:https://new.test/,setvar:tx.score=9\""
    ]}}"#;
    let request = Message::request("GET", "/p?a=1&b=\"x\"").with_header("x-request-id", "r1");
    let outcome = run(&loaded(config), TestHost::new(), request, Message::response(200), Settings::default());
    let lines: Vec<_> = outcome.host.logs.iter().map(|(_, line)| line.as_str()).collect();
    let expected = "decision=deny status=302 cause=7 phase=2 score=9 rules=942100,7 method=\"GET\" host=\"";
    assert!(lines.iter().any(|line| line.starts_with(expected)), "{lines:#?}");
    let path = "path=\"/p?a=1&b=\\x22x\\x22\" request_id=\"r1\"";
    assert!(lines.iter().any(|line| line.ends_with(path)), "{lines:#?}");
    for (metric, count) in [
        ("waf_matches_total;family=942;action=pass", 1),
        ("waf_matches_total;family=other;action=block", 1),
        ("waf_interventions_total;phase=2;action=redirect", 1),
        ("waf_interventions_total;phase=1;action=deny", 0),
    ] {
        assert_eq!(outcome.host.metric(metric), count, "{metric}");
    }
}

#[test]
fn a_route_has_the_rule_set_of_the_first_entry_that_fits() {
    let rule =
        |status: u16| format!(r#"["SecRuleEngine On", "SecAction \"id:1,phase:1,deny,status:{status}\""]"#);
    let config = format!(
        r#"{{"directives_map": {{"default": [], "a": {}, "b": {}, "c": {}, "d": {}}},
        "per_route_directives": [
            {{"authorities": ["shop.test"], "paths": ["/api/*", "/login"], "directives": "a"}},
            {{"paths": ["/api/v1/*", "/a+b"], "directives": "b"}},
            {{"authorities": ["Other.test:8443"], "directives": "c"}}
        ],
        "per_authority_directives": {{"shop.test": "d"}}}}"#,
        rule(411),
        rule(412),
        rule(413),
        rule(414)
    );
    let waf = loaded(&config);
    for (authority, path, status) in [
        ("shop.test", "/api/x", 411),
        ("SHOP.test:80", "/login?x", 411),
        ("shop.test", "/login/", 414),
        ("shop.test", "/%61pi/x", 411),
        ("shop.test", "/x/..//api/./x", 411),
        ("shop.test", "/api/../x", 414),
        ("any.test", "/api/v1/x", 412),
        ("any.test", "/a+b", 412),
        ("any.test", "/api/v2", 200),
        ("other.test:8443", "/", 413),
        ("other.test", "/", 200),
    ] {
        let mut request = Message::request("GET", path);
        request.headers.retain(|(name, _)| name != ":authority");
        let request = request.with_header(":authority", authority);
        let outcome = run(&waf, TestHost::new(), request, Message::response(200), Settings::default());
        assert_eq!(outcome.status(), status, "{authority}{path}");
    }
    let wrong = r#"{"directives_map": {"default": []}, "per_route_directives": [
        {"directives": "default"}, {"paths": ["api"], "authorities": ["*.x"], "directives": "none"}]}"#;
    let Err(errors) = load::<WafFilter>(wrong.as_bytes(), &|_| None) else { panic!("accepted") };
    for expected in [
        "per_route_directives[0]: found neither authorities nor paths",
        "per_route_directives[1].paths[0]: found \"api\"",
        "per_route_directives[1].authorities[0]: found \"*.x\"",
        "per_route_directives[1].directives: found \"none\"",
    ] {
        assert!(errors.to_string().contains(expected), "{errors}\nlacks {expected}");
    }
}

#[test]
fn the_table_of_known_patterns_is_what_the_engine_finds_out() {
    use crate::built_in::{BuiltIn, KNOWN_PATTERNS, has_core_rule_set};
    use portcullis_engine::{Document, Options, Waf, operators::KnownPatterns};
    if !has_core_rule_set() {
        println!("skipped: the Core Rule Set not present");
        return;
    }
    let files = BuiltIn::new("", &[]);
    let compile = |known_patterns: KnownPatterns| {
        let text = b"Include @crs-setup-conf\nInclude @owasp_crs/*.conf";
        let options = Options { known_patterns, ..Options::default() };
        Waf::compile(&[Document { name: "test", text }], &files, &options).unwrap()
    };
    let (with, without) = (compile(KNOWN_PATTERNS), compile(KnownPatterns::default()));
    assert_eq!(with.statistics(), without.statistics());
    let found = without.known_patterns();
    assert!(found.len() > 10_000, "{} bytes", found.len());
    assert_eq!(KNOWN_PATTERNS.bytes(), found);
}

#[test]
fn headers_that_envoy_takes_out_are_judged_and_not_passed_on() {
    let config = r#"{"directives_map": {"default": [
        "SecRuleEngine On", "SecRule REQUEST_HEADERS:Referer \"@contains attack\" \"id:1,phase:1,deny\"",
        "SecRule REQUEST_HEADERS_NAMES \"@beginsWith x-original\" \"id:2,phase:1,deny,status:500\""
    ]}, "original_headers": {"referer": "x-original-referer"}}"#;
    let off = config.replace("\"original_headers\"", "\"mode\": \"off\", \"original_headers\"");
    for (config, headers, status) in [
        (config, &[("x-original-referer", "attack")][..], 403),
        (config, &[("x-original-referer", "attack"), ("referer", "http://fine.test/")][..], 200),
        (config, &[("x-original-referer", "fine")][..], 200),
        (config, &[("x-other", "attack")][..], 200),
        (&off, &[("x-original-referer", "attack")][..], 200),
    ] {
        let request = headers
            .iter()
            .fold(Message::request("GET", "/"), |request, (name, value)| request.with_header(name, value));
        let outcome =
            run(&loaded(config), TestHost::new(), request, Message::response(200), Settings::default());
        assert_eq!(outcome.status(), status, "{headers:?}");
        if let Some(upstream) = outcome.upstream {
            assert_eq!(upstream.header("x-original-referer"), None);
        }
    }
    for (fields, expected) in [
        (r#"{"Referer": "x-r"}"#, "original_headers.Referer: found \"Referer\""),
        (r#"{"referer": ":path"}"#, "original_headers.referer: found \":path\""),
        (
            r#"{"referer": "x", "connection": "x"}"#,
            "original_headers.referer: found \"x\", expected a name of its own",
        ),
        (
            r#"{"referer": "referer"}"#,
            "original_headers.referer: found \"referer\", expected a name of its own",
        ),
    ] {
        let config = format!(r#"{{"directives_map": {{"default": []}}, "original_headers": {fields}}}"#);
        let Err(errors) = load::<WafFilter>(config.as_bytes(), &|_| None) else {
            panic!("accepted: {config}")
        };
        assert!(errors.to_string().contains(expected), "{errors}\nlacks {expected}");
    }
}

/// In Envoy each is one to four microseconds, so none may come unnoticed. Bodies are read besides.
#[test]
fn a_request_makes_these_calls_of_the_host() {
    let by_address = r#"{"directives_map": {"default": ["SecRuleEngine On",
        "SecRule REMOTE_ADDR \"@ipMatch 127.0.0.1\" \"id:1,phase:1,deny,nolog,chain\"",
        "SecRule REQUEST_HEADERS:User-Agent \"@endsWith dummy\""]}}"#;
    let passed = "headers 2, increment 2, property 1";
    let by_address_denied = "headers 2, increment 4, property 2, set_filter_state 1, write_log 1";
    let denied = "headers 2, increment 5, property 1, set_filter_state 2, write_log 3";
    for (config, target, agent, expected) in [
        (STARTER, "/", "Mozilla/5.0", passed),
        (r#"{"crs": {}}"#, "/", "Mozilla/5.0", passed),
        (STARTER, "/?id=1%27%20OR%20%271%27=%271", "Mozilla/5.0", denied),
        (by_address, "/", "Mozilla/5.0", passed),
        (by_address, "/", "dummy", by_address_denied),
        (&by_address.replace("SecRuleEngine On", "SecRuleEngine Off"), "/", "dummy", "increment 2"),
    ] {
        if config.contains("crs") && !built_in::has_core_rule_set() {
            println!("skipped: built without the Core Rule Set");
            continue;
        }
        let headers = [("user-agent", agent), ("accept", "*/*")];
        let request = headers
            .iter()
            .fold(Message::request("GET", target), |request, (name, value)| request.with_header(name, value));
        let mut host = TestHost::new();
        host.properties.insert("source.address".to_owned(), b"127.0.0.1:1".to_vec());
        host.properties.insert("request.protocol".to_owned(), b"HTTP/1.1".to_vec());
        let response = Message::response(200).with_header("content-type", "text/html");
        let host = run(&loaded(config), host, request, response, Settings::default()).host;
        let calls: Vec<String> =
            host.host_calls.iter().map(|(call, count)| format!("{call} {count}")).collect();
        assert_eq!(calls.join(", "), expected, "{config} {target} {agent}: {:?}", host.logs);
    }
}

#[test]
fn says_what_a_rule_to_exclude_can_be() {
    for (rule, found) in [
        ("true", "boolean `true`"),
        ("-1", "integer `-1`"),
        ("1.5", "floating point `1.5`"),
        ("null", "null"),
        ("[1, 2]", "sequence"),
        ("[]", "sequence"),
        (r#"{"a": 1}"#, "map"),
    ] {
        let config =
            format!(r#"{{"crs": {{"exclusions": [{{"rules": [942100, "942100-942190", {rule}]}}]}}}}"#);
        let Err(errors) = load::<WafFilter>(config.as_bytes(), &|_| None) else { panic!("accepted: {rule}") };
        let expected = r#"an id, or a range such as "942100-942190""#;
        let expected = format!("crs.exclusions[0].rules[2]: found {found}, expected {expected}");
        assert_eq!(errors.to_string(), expected);
    }
}

#[test]
fn of_members_of_the_same_name_the_last_one_counts() {
    let config = r#"{"metric_labels": {"b": "1", "a": "2", "b": "3"}}"#;
    let config: Config = serde_json::from_str(config).unwrap();
    let labels: Vec<_> = config.metric_labels.iter().map(|(name, value)| (name, value.as_str())).collect();
    assert_eq!(labels, [("a", "2"), ("b", "3")]);
}
