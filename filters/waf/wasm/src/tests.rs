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
        (String::new(), "directives_map: found nothing (the configuration is empty), expected a value"),
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

/// The examples of coraza-proxy-wasm's README and of its example/ folder.
const CORAZA_EXAMPLES: [&str; 5] = [
    r#"{
        "directives_map": { "default": [
            "SecDebugLogLevel 9",
            "SecRuleEngine On",
            "SecRule REQUEST_URI \"@streq /admin\" \"id:101,phase:1,t:lowercase,deny\""
        ] },
        "default_directives": "default"
    }"#,
    r#"{
        "directives_map": { "default": [
            "Include @demo-conf",
            "SecDebugLogLevel 9",
            "SecRuleEngine On",
            "Include @crs-setup-conf",
            "Include @owasp_crs/*.conf"
        ] },
        "default_directives": "default"
    }"#,
    r#"{
        "directives_map": { "default": [
            "Include @demo-conf",
            "SecDebugLogLevel 9",
            "SecRuleEngine On",
            "Include @crs-setup-conf",
            "Include @owasp_crs/REQUEST-901-INITIALIZATION.conf"
        ] },
        "default_directives": "default"
    }"#,
    r#"{
        "directives_map": {
            "default": ["Include @recommended-conf", "SecRuleEngine On", "Include @crs-setup-conf", "Include @ftw-conf", "Include @owasp_crs/*.conf"]
        },
        "default_directives": "default"
    }"#,
    r#"{
        "directives_map": {
            "rs1": [
                "Include @demo-conf",
                "Include @crs-setup-demo-conf",
                "SecDefaultAction \"phase:3,log,auditlog,pass\"",
                "SecDefaultAction \"phase:4,log,auditlog,pass\"",
                "SecDefaultAction \"phase:5,log,auditlog,pass\"",
                "SecDebugLogLevel 3",
                "Include @owasp_crs/*.conf",
                "SecRule REQUEST_URI \"@streq /admin\" \"id:101,phase:1,t:lowercase,deny\" \nSecRule REQUEST_BODY \"@rx maliciouspayload\" \"id:102,phase:2,t:lowercase,deny\" \nSecRule RESPONSE_HEADERS::status \"@rx 406\" \"id:103,phase:3,t:lowercase,deny\" \nSecRule RESPONSE_BODY \"@contains responsebodycode\" \"id:104,phase:4,t:lowercase,deny\""
            ],
            "rs2": ["SecRuleEngine On", "SecRule REQUEST_URI \"@streq /example\" \"id:101,phase:1,t:lowercase,deny\""]
        },
        "default_directives": "rs1",
        "metric_labels": { "owner": "coraza", "identifier": "global" },
        "per_authority_directives": { "foo.example.com": "rs2", "bar.example.com": "rs2" }
    }"#,
];

#[test]
fn loads_what_coraza_proxy_wasm_documents() {
    for config in CORAZA_EXAMPLES {
        let uses_core_rule_set = config.contains("crs");
        let result = load::<WafFilter>(config.as_bytes(), &|_| None);
        match result {
            Ok(_) => assert!(built_in::has_core_rule_set() || !uses_core_rule_set, "{config}"),
            Err(errors) => {
                assert!(uses_core_rule_set && !built_in::has_core_rule_set(), "{config}:\n{errors}");
                assert!(errors.to_string().contains("built without the Core Rule Set"), "{errors}");
            }
        }
    }
}
