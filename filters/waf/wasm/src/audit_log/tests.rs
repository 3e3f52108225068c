//! Entries of the audit log, as the whole filter writes them on the test host.

use crate::WafFilter;
use sdk_shim::load;
use sdk_shim_testing::{Message, Settings, TestHost, run};
use serde_json::{Value, json};

/// What every rule set here begins with.
const RULES: &str = r#"
    SecRequestBodyAccess On
    SecResponseBodyAccess On
    SecResponseBodyMimeType text/html
    SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:1,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"
    SecRule REQUEST_HEADERS:Content-Type "^text/xml" "id:2,phase:1,pass,nolog,ctl:requestBodyProcessor=XML"
    SecRule ARGS:a "@eq 1" "id:5,phase:2,deny,status:418,msg:'No',tag:'t',logdata:'%{MATCHED_VAR}'"
"#;

fn entries(directives: &str, request: Message) -> Vec<Value> {
    let rules = format!("SecRuleEngine On\n{directives}\n{RULES}");
    let config = json!({"directives_map": {"default": rules.lines().collect::<Vec<_>>()}});
    let loaded = load::<WafFilter>(config.to_string().as_bytes(), &|_| None).unwrap();
    let response = Message::response(200)
        .with_header("content-type", "text/html")
        .with_header("set-cookie", "id=hunter2")
        .with_body("<p>card 4012888888881881</p>");
    let outcome = run(&loaded, TestHost::new(), request, response, Settings::default());
    let lines = outcome.host.logs.iter().filter_map(|(_, line)| line.strip_prefix("audit "));
    lines.map(|line| serde_json::from_str::<Value>(line).unwrap()["transaction"].take()).collect()
}

fn entry(directives: &str, request: Message) -> Value {
    let mut entries = entries(directives, request);
    assert_eq!(entries.len(), 1, "{entries:#?}");
    entries.remove(0)
}

#[test]
fn the_engine_and_the_rules_say_which_transactions() {
    let relevant = "SecAuditEngine RelevantOnly\nSecAuditLogRelevantStatus ^5";
    let switch = "SecAction \"id:9,phase:1,nolog,pass,ctl:auditEngine=On\"";
    for (directives, path, written) in [
        ("SecAuditEngine Off", "/?a=1", 0),
        ("SecAuditEngine On", "/", 1),
        (relevant, "/", 0),
        (relevant, "/?a=1", 1),
        ("SecAuditEngine RelevantOnly\nSecAuditLogRelevantStatus ^2", "/", 1),
        ("SecAuditEngine RelevantOnly\nSecDefaultAction phase:2,pass,noauditlog", "/?a=1", 0),
        (switch, "/", 1),
    ] {
        assert_eq!(entries(directives, Message::request("GET", path)).len(), written, "{directives}: {path}");
    }
}

#[test]
fn the_parts_are_those_that_are_asked_for() {
    let form = || {
        Message::request("POST", "/p?q=1")
            .with_header("content-type", "application/x-www-form-urlencoded")
            .with_header("x-bytes", b"\xff\"")
            .with_body("x=1")
    };
    let all = entry("SecAuditEngine On\nSecAuditLogParts ABCEFHKZ", form());
    assert_eq!(all["request"]["method"], "POST");
    assert_eq!(all["request"]["uri"], "/p?q=1");
    assert_eq!(all["request"]["headers"]["x-bytes"], "\u{fffd}\"");
    assert_eq!(all["request"]["body"], "x=1");
    assert_eq!(all["response"]["http_code"], 200);
    assert_eq!(all["response"]["headers"]["content-type"], "text/html");
    assert_eq!(all["response"]["body"], "<p>card 4012888888881881</p>");
    assert_eq!(all["messages"], json!([]));
    assert_eq!(all["intercepted"], Value::Null);
    let none = entry("SecAuditEngine On\nSecAuditLogParts AZ", form());
    for (object, field) in [
        (&none["request"], "headers"),
        (&none["request"], "body"),
        (&none["request"], "files"),
        (&none["response"], "headers"),
        (&none["response"], "body"),
        (&none, "messages"),
        (&none, "rules"),
    ] {
        assert_eq!(object.get(field), None, "{field}");
    }

    // What a rule has stopped, and what it says of it.
    let stopped = entry("SecAuditEngine On\nSecAuditLogParts AHKZ", Message::request("GET", "/?a=1"));
    assert_eq!(stopped["response"], json!({"http_code": 418}));
    assert_eq!(stopped["intercepted"], json!({"cause": "5", "phase": "2"}));
    assert_eq!(stopped["messages"][0]["details"]["ruleId"], "5");
    assert_eq!(stopped["messages"][0]["details"]["data"], "1");
    assert_eq!(stopped["rules"], json!([{"id": 5, "file": "default", "line": 10}]));

    // By a rule, for its transaction.
    let changed = "SecAuditEngine On\nSecAuditLogParts ABZ\nSecAction \"id:8,phase:1,nolog,pass,ctl:auditLogParts=+C,ctl:auditLogParts=-B\"";
    let changed = entry(changed, form());
    assert_eq!((changed["request"].get("headers"), &changed["request"]["body"]), (None, &json!("x=1")));
}

#[test]
fn uploads_are_listed_and_left_out_of_the_body() {
    let upload = Message::request("POST", "/")
        .with_header("content-type", "multipart/form-data; boundary=b")
        .with_body(
            "--b\r\nContent-Disposition: form-data; name=\"n m\"\r\n\r\nv&w\r\n--b\r\n\
         Content-Disposition: form-data; name=\"password\"\r\n\r\nhunter2\r\n--b\r\n\
         Content-Disposition: form-data; name=\"f\"; filename=\"x.png\"\r\n\r\nPNG\r\n--b--\r\n",
        );
    let entry = entry("SecAuditEngine On\nSecAuditLogParts AIJZ", upload);
    assert_eq!(entry["request"]["body"], "n+m=v%26w&password=[redacted]");
    assert_eq!(entry["request"]["files"], json!([{"field": "f", "name": "x.png", "size": 3}]));
}

#[test]
fn a_body_is_cut_where_the_configuration_says() {
    let rules = ["SecRuleEngine On", "SecAuditEngine On", "SecAuditLogParts ACZ"];
    let config = json!({"directives_map": {"default": rules}, "audit_log": {"max_body_bytes": 5}});
    let loaded = load::<WafFilter>(config.to_string().as_bytes(), &|_| None).unwrap();
    let request = Message::request("POST", "/").with_body("1234äöü");
    let outcome = run(&loaded, TestHost::new(), request, Message::response(200), Settings::default());
    let line = outcome.host.logs.iter().find_map(|(_, line)| line.strip_prefix("audit ")).unwrap();
    assert!(line.contains(r#""body":"1234","body_is_cut":true"#), "{line}");
}

/// The secret is `hunter2`, and must not be there in any writing.
#[test]
fn secrets_are_hidden_wherever_they_stand() {
    let form = "application/x-www-form-urlencoded";
    let sanitise = |action: &str| format!("SecAction \"id:7,phase:2,nolog,pass,{action}\"");
    let log = |variable: &str| {
        format!(
            "SecRule {variable} . \"id:7,phase:2,pass,msg:'%{{MATCHED_VAR}}',logdata:'of %{{MATCHED_VAR}}'\""
        )
    };
    let post = |kind: &str, body: &str| {
        Message::request("POST", "/").with_header("content-type", kind).with_body(body)
    };
    let get = |target: &str| Message::request("GET", target);
    let cases: Vec<(String, Message, &str)> = vec![
        // By name.
        (String::new(), get("/p?x=1&Password=hunter2&y=2"), "/p?x=1&Password=[redacted]&y=2"),
        (String::new(), get("/p?user%5Bpassword%5D=hun%74er2"), "/p?user%5Bpassword%5D=[redacted]"),
        (
            String::new(),
            get("/").with_header("authorization", "Bearer hunter2"),
            "\"authorization\":\"[redacted]\"",
        ),
        (String::new(), get("/").with_header("cookie", "id=hunter2"), "\"cookie\":\"[redacted]\""),
        (String::new(), post(form, "a=2&token=hunter2&c=3"), "a=2&token=[redacted]&c=3"),
        (String::new(), post("application/json", r#"{"u":{"password":"hunter2"},"v":1}"#), "[redacted]"),
        // A value that JSON writes in another way, one that is not found, one that is too short to look for.
        (String::new(), post("application/json", r#"{"password":"a\"hunter2","v":"seen"}"#), "seen"),
        (
            String::new(),
            post("application/json", r#"{"password":"hunter\u0032","v":"unseen"}"#),
            "\"body\":\"[redacted]\"",
        ),
        (
            String::new(),
            post("application/json", r#"{"password":"42","v":"hunter2"}"#),
            "\"body\":\"[redacted]\"",
        ),
        // In what rules say.
        (log("ARGS:password"), get("/?password=hunter2"), "\"data\":\"[redacted]\""),
        (
            log("ARGS:password"),
            get("/?password=hunter2"),
            "against variable `ARGS:password' (Value: `[redacted]' )",
        ),
        (
            log("REQUEST_COOKIES:id"),
            get("/").with_header("cookie", "id=hunter2"),
            "\"variable\":\"REQUEST_COOKIES:id\"",
        ),
        (
            log("REQUEST_HEADERS:Authorization"),
            get("/").with_header("authorization", "hunter2"),
            "\"data\":\"[redacted]\"",
        ),
        (log("REQUEST_URI"), get("/?password=hun%74er2"), "\"data\":\"[redacted]\""),
        (log("ARGS_RAW:%70assword"), get("/?%70assword=hun%74er2"), "\"data\":\"[redacted]\""),
        (log("ARGS:copy"), get("/?password=hunter2&copy=hunter2"), "\"data\":\"of [redacted]\""),
        // By the rules.
        (sanitise("sanitiseArg:pin"), get("/?pin=hunter2"), "/?pin=[redacted]"),
        (
            sanitise("sanitiseRequestHeader:x-pin"),
            get("/").with_header("x-pin", "hunter2"),
            "\"x-pin\":\"[redacted]\"",
        ),
        (
            "SecRule ARGS:card \"^h(unt)\" \"id:7,phase:2,pass,log,capture,sanitiseMatchedBytes:1/1\""
                .to_owned(),
            get("/?card=hunter2"),
            "/?card=[redacted]",
        ),
        (
            "SecRule REQUEST_BODY \"@contains hunter2\" \"id:7,phase:2,pass,log,sanitiseMatched\"".to_owned(),
            post("text/plain", "hunter2"),
            "\"body\":\"*******\"",
        ),
    ];
    for (directives, request, expected) in cases {
        let text = entry(&format!("SecAuditEngine On\nSecAuditLogParts ABCEFHIJKZ\n{directives}"), request)
            .to_string();
        let text = text.replace("set-cookie\":\"[redacted]", "");
        assert!(text.contains(expected), "{directives}: {text}\nlacks {expected}");
        let is_short = directives.is_empty() && text.contains("\"body\":\"[redacted]\"");
        assert!(
            !text.contains("hunter2") && (is_short || !text.contains("hun%74er2")),
            "{directives}: {text}"
        );
    }
}

#[test]
fn card_numbers_keep_the_ends_that_the_rule_leaves() {
    let rule = "SecRule RESPONSE_BODY \"@verifyCC \\d{13,16}\" \"id:7,phase:4,pass,log,capture,sanitiseMatchedBytes:2/4\"";
    let entry =
        entry(&format!("SecAuditEngine On\nSecAuditLogParts AEHZ\n{rule}"), Message::request("GET", "/"));
    assert_eq!(entry["response"]["body"], "<p>card 40**********1881</p>");
}

#[test]
fn a_wrong_collector_is_refused_with_all_that_is_wrong() {
    let config = r#"{"directives_map": {"default": []}, "audit_log": {"collector": {
        "cluster": "", "path": "x", "interval_ms": 0, "max_buffer_bytes": 0,
        "headers": {"X-Key": "a", "authorization": "${AUDIT_KEY}"}
    }}}"#;
    let Err(errors) = load::<WafFilter>(config.as_bytes(), &|_| None) else { panic!("accepted") };
    let text = errors.to_string();
    for expected in [
        "audit_log.collector.cluster: found nothing, expected the name of a cluster",
        "audit_log.collector.path: found \"x\", expected a path",
        "audit_log.collector.interval_ms: found 0",
        "audit_log.collector.max_buffer_bytes: found 0",
        "audit_log.collector.headers.X-Key: found \"X-Key\", expected the name of a header, in lower case",
        "audit_log.collector.headers.authorization: found a reference to the environment variable AUDIT_KEY",
    ] {
        assert!(text.contains(expected), "{text}\nlacks {expected}");
    }
}
