//! External checks: what becomes of requests while a service is asked, and of its answers.

use super::*;
use sdk_shim_testing::{CalloutScript, Chunking, Outcome};
use std::time::Duration;

/// A configuration of these checks, each with a CUSTOM policy for `/x*`, and of these policies.
fn config(checks: &str, policies: &str) -> String {
    let names = checks.split(r#""name": ""#).skip(1).filter_map(|rest| rest.split('"').next());
    let custom = names.map(|name| {
        format!(
            r#"{{"name": "ask-{name}", "spec": {{"action": "CUSTOM", "provider": {{"name": "{name}"}},
                "rules": [{{"to": [{{"operation": {{"paths": ["/x*"]}}}}]}}]}}}}"#
        )
    });
    let all: Vec<String> = custom.chain((!policies.is_empty()).then(|| policies.to_owned())).collect();
    format!(r#"{{"external_checks": [{checks}], "policies": [{}]}}"#, all.join(", "))
}

const PLAIN: &str = r#"{"name": "c", "http": {"cluster": "check", "allowed_upstream_headers": ["x-user"],
    "allowed_client_headers_on_success": ["x-seen"]}}"#;

fn message(status: u16, headers: &[(&str, &str)], body: &str) -> Message {
    let mut message = Message::response(status).with_body(body);
    message.headers.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())));
    message
}

fn answering(status: u16, headers: &[(&str, &str)], body: &str) -> TestHost {
    TestHost::new().with_callout(CalloutScript::new("check", message(status, headers, body)))
}

fn get(path: &str) -> Message {
    let mut request = Message::request("GET", path);
    request.headers.push(("x-user".to_owned(), b"root".to_vec()));
    request
}

fn header(message: &Message, name: &str) -> Option<String> {
    let found = message.headers.iter().find(|(other, _)| other == name);
    found.map(|(_, value)| String::from_utf8_lossy(value).into_owned())
}

#[test]
fn what_the_service_allows_goes_on_with_its_headers() {
    let config = config(PLAIN, "");
    let outcome = exchange(&config, answering(200, &[("x-user", "ada"), ("x-seen", "1")], ""), get("/x"));
    assert_eq!(outcome.status(), 200);
    assert_eq!(header(outcome.upstream.as_ref().unwrap(), "x-user").as_deref(), Some("ada"));
    assert_eq!(header(outcome.response.as_ref().unwrap(), "x-seen").as_deref(), Some("1"));
    assert_eq!(outcome.host.metric("authz_checks_total;check=c;outcome=allowed"), 1);
    // The client's own is no word of the service.
    let outcome = exchange(&config, answering(200, &[], ""), get("/x"));
    assert_eq!(header(outcome.upstream.as_ref().unwrap(), "x-user"), None);
    // Nobody asks about others.
    let outcome = exchange(&config, answering(403, &[], ""), get("/"));
    assert_eq!((outcome.status(), outcome.host.calls.len()), (200, 0));
}

#[test]
fn what_the_service_denies_is_answered_with_its_words() {
    let host = answering(401, &[("www-authenticate", "Basic"), ("x-why", "no")], "log in\n");
    let outcome = exchange(&config(PLAIN, ""), host, get("/x"));
    let response = outcome.response.as_ref().unwrap();
    assert_eq!((outcome.status(), response.body.as_slice()), (401, &b"log in\n"[..]));
    assert_eq!(header(response, "x-why").as_deref(), Some("no"));
    assert_eq!(outcome.details.as_deref(), Some("authz_denied_policy[ask-c]"));
    assert!(outcome.upstream.is_none());
    assert_eq!(outcome.host.metric("authz_decisions_total;policy=ask-c;decision=deny"), 1);
    assert_eq!(outcome.host.metric("authz_checks_total;check=c;outcome=denied"), 1);
}

#[test]
fn a_failure_denies_unless_it_is_said_to_allow() {
    let slow = CalloutScript::new("check", message(200, &[], "")).after(Duration::from_secs(9));
    let scripts = [
        slow,
        CalloutScript::down("check"),
        CalloutScript::given_up("check"),
        CalloutScript::new("other", message(200, &[], "")),
        CalloutScript::new("check", message(500, &[], "")),
    ];
    let denying = config(PLAIN, "");
    let other = denying.replace(r#""cluster""#, r#""status_on_error": 503, "cluster""#);
    let allowing = denying.replace(r#""cluster""#, r#""on_error": "allow", "cluster""#);
    for script in scripts {
        for (config, status) in [(&denying, 403), (&other, 503), (&allowing, 200)] {
            let outcome = exchange(config, TestHost::new().with_callout(script.clone()), get("/x"));
            assert_eq!(outcome.status(), status, "{script:?}");
            assert_eq!(outcome.host.metric("authz_checks_total;check=c;outcome=error"), 1, "{script:?}");
            assert!(outcome.waited <= Duration::from_millis(200), "{script:?}: {:?}", outcome.waited);
            match &outcome.upstream {
                Some(upstream) => assert_eq!(header(upstream, "x-user"), None),
                None => assert_eq!(outcome.details.as_deref(), Some("authz_failed_check[c]")),
            }
            assert!(outcome.host.logs.iter().any(|(_, text)| text.starts_with("the check c has failed: ")));
        }
    }
}

#[test]
fn the_other_policies_see_what_the_service_adds() {
    let deny = r#"{"name": "no-eve", "spec": {"action": "DENY", "rules": [{"when": [{"key": "request.headers[x-user]", "values": ["eve"]}]}]}}"#;
    let config = config(PLAIN, deny);
    for (user, status) in [("eve", 403), ("ada", 200)] {
        let outcome = exchange(&config, answering(200, &[("x-user", user)], ""), get("/x"));
        assert_eq!(outcome.status(), status, "{user}");
    }
}

#[test]
fn several_checks_are_made_one_after_the_other() {
    let second = PLAIN.replace(r#""c""#, r#""d""#).replace("check", "second");
    let config = config(&format!("{PLAIN}, {second}"), "");
    let host =
        |status| answering(status, &[], "").with_callout(CalloutScript::new("second", message(200, &[], "")));
    let outcome = exchange(&config, host(200), get("/x"));
    assert_eq!((outcome.status(), outcome.host.calls.len()), (200, 2));
    let outcome = exchange(&config, host(403), get("/x"));
    assert_eq!((outcome.status(), outcome.host.calls.len()), (403, 1));
}

fn posting(config: &str, body: &str, settings: Settings) -> Outcome {
    let request = Message::request("POST", "/x").with_body(body);
    run(&loaded(config), answering(200, &[], ""), request, Message::response(200), settings)
}

#[test]
fn the_service_gets_the_body_up_to_its_limit() {
    let with = |partial: bool| {
        let body = format!(
            r#""with_request_body": {{"max_request_bytes": 5, "allow_partial_message": {partial}}}, "cluster""#
        );
        config(PLAIN, "").replace(r#""cluster""#, &body)
    };
    let cases = [
        (false, "", 200, "", None),
        (false, "abcde", 200, "abcde", Some("false")),
        (false, "abcdef", 413, "", None),
        (true, "abcde", 200, "abcde", Some("false")),
        (true, "abcdef", 200, "abcde", Some("true")),
        (true, "abcdefghijklmnopqrstuvwxyz", 200, "abcde", Some("true")),
    ];
    for (partial, body, status, asked, header) in cases {
        for chunking in Chunking::ALL {
            for late_answers in [false, true] {
                let outcome = posting(&with(partial), body, Settings { chunking, late_answers });
                let place = format!("{partial} {body} {chunking:?} {late_answers}");
                assert_eq!(outcome.status(), status, "{place}");
                if status == 200 {
                    let call = &outcome.host.calls[0];
                    assert_eq!(call.body, asked.as_bytes(), "{place}");
                    let found = call.headers.iter().find(|(name, _)| name == "x-envoy-auth-partial-body");
                    assert_eq!(
                        found.map(|(_, value)| value.as_slice()),
                        header.map(str::as_bytes),
                        "{place}"
                    );
                    assert_eq!(outcome.upstream.as_ref().unwrap().body, body.as_bytes(), "{place}");
                } else {
                    assert!(outcome.host.calls.is_empty() && outcome.upstream.is_none(), "{place}");
                }
            }
        }
    }
    // Without that it gets none, and nothing waits for the body.
    let outcome = posting(&config(PLAIN, ""), "abc", Settings::default());
    assert!(outcome.host.calls[0].body.is_empty());
    assert_eq!(outcome.upstream.unwrap().body, b"abc");
}

#[test]
fn opa_is_asked_with_a_document() {
    let checks = r#"{"name": "opa", "opa": {"cluster": "check", "path": "/v1/data/a"}}"#;
    for (answer, status) in
        [(r#"{"result": true}"#, 200), (r#"{"result": false}"#, 403), ("{}", 403), ("x", 403)]
    {
        let outcome = exchange(&config(checks, ""), answering(200, &[], answer), get("/x?y=z"));
        assert_eq!(outcome.status(), status, "{answer}");
        let call = &outcome.host.calls[0];
        let body = String::from_utf8_lossy(&call.body);
        assert!(body.contains(r#""parsed_path":["x"]"#) && body.contains("192.0.2.10"), "{body}");
    }
}
