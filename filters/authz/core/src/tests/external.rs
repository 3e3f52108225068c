//! Checks by other services: what they are asked, what their answers mean, and which requests are checked.

mod auth_request;

use super::*;
use crate::config::OnCheckError;
use crate::external::*;
use serde_json::{Value, json};

fn checking(check: &Value) -> Authz {
    let mut check = check.clone();
    check["name"] = "c".into();
    let policy = json!({"name": "p", "spec": {"action": "CUSTOM", "provider": {"name": "c"}, "rules": [{}]}});
    authz(&json!({"external_checks": [check], "policies": [policy]}).to_string())
}

fn http(members: &Value) -> Authz {
    let mut check = json!({"cluster": "c"});
    check.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    checking(&json!({ "http": check }))
}

fn opa() -> Authz {
    let headers = json!(["X-User", "x-role*"]);
    checking(&json!({"opa": {"cluster": "opa", "path": "/v1/data/a/allow", "authorization": "Bearer x",
        "allowed_upstream_headers": headers}}))
}

fn checked(headers: &Headers) -> Checked<'_> {
    Checked {
        headers,
        body: None,
        source: Some(([192, 0, 2, 1], 4000).into()),
        destination: None,
        principal: None,
        protocol: Some("HTTP/1.1"),
        consumer: Some("web"),
        claims: None,
    }
}

/// What a service is asked, as lines.
fn question(authz: &Authz, request_text: &str, body: Option<(&[u8], bool)>) -> Vec<String> {
    let headers = request(request_text);
    let question = authz.checks()[0].question(&Checked { body, ..checked(&headers) });
    let line = |(name, value): &(String, Vec<u8>)| format!("{name}: {}", value.escape_ascii());
    let mut lines: Vec<String> = question.headers.iter().map(line).collect();
    if !question.body.is_empty() {
        lines.push(String::from_utf8(question.body).unwrap());
    }
    lines
}

#[test]
fn questions_of_http() {
    let plain = http(&json!({}));
    let lines =
        question(&plain, "POST /a?b h\nx-a: 1\nauthorization: B x\ncookie: c=d\ncontent-length: 5", None);
    assert_eq!(
        lines,
        [":method: POST", ":path: /a?b", ":authority: h", "authorization: B x", "content-length: 0"]
    );
    let all = http(&json!({
        "path_prefix": "/check", "allowed_headers": ["x-A*", "x_*", "cookie", "*-z"], "headers_to_add": {"X-Auth": "1", "x-a": "ours"},
    }));
    let text = "GET /p h\nx-ab: 1\nx-a: client\nx_a: client\nx-ab: 2\nb-z: \ny: 1\ntransfer-encoding: chunked\ncookie: a";
    let body: &[u8] = b"abc";
    assert_eq!(
        question(&all, text, Some((body, false))),
        [
            ":method: GET",
            ":path: /check/p",
            ":authority: h",
            "x-ab: 1,2",
            "b-z: ",
            "cookie: a",
            "x-envoy-auth-partial-body: true",
            "content-length: 3",
            "x-auth: 1",
            "x-a: ours",
            "abc",
        ]
    );
    assert!(
        question(&all, text, Some((body, true))).contains(&"x-envoy-auth-partial-body: false".to_owned())
    );
    assert!(question(&all, text, Some((b"", true))).contains(&"content-length: 0".to_owned()));
}

type Pairs = &'static [(&'static str, &'static str)];

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
}

const ANSWER: Pairs = &[
    (":status", "200"),
    ("x-user", "ada"),
    ("x-user", "eve"),
    ("x-role", "a"),
    ("location", "/login"),
    ("content-length", "3"),
    ("set-cookie", "a=b"),
    ("host", "evil"),
];

#[test]
fn answers_of_http() {
    let plain = http(&json!({}));
    let answered = |authz: &Authz, status, answer: &[(&str, &str)], request_text: &str| {
        let headers: Headers = answer.iter().copied().collect();
        authz.checks()[0].answered(Some(status), &headers, b"no\n", &request(request_text))
    };
    assert_eq!(answered(&plain, 200, ANSWER, "GET /"), Answered::Allow(Allowed::default()));
    for status in [201, 204, 301, 401, 403, 404, 429] {
        let Answered::Deny { status: found, headers, body } = answered(&plain, status, ANSWER, "GET /")
        else {
            panic!("{status}")
        };
        assert_eq!((found, body.as_slice()), (status, &b"no\n"[..]));
        let expected = [
            ("x-user", "ada"),
            ("x-user", "eve"),
            ("x-role", "a"),
            ("location", "/login"),
            ("set-cookie", "a=b"),
        ];
        assert_eq!(headers, pairs(&expected));
    }
    for status in [500, 503, 504, 599, 100, 199, 600] {
        assert_eq!(answered(&plain, status, ANSWER, "GET /"), Answered::Error(CheckError::Status(status)));
    }
    let none = plain.checks()[0].answered(None, &Headers::default(), b"", &request("GET /"));
    assert_eq!(none, Answered::Error(CheckError::NoAnswer));

    let lists = http(&json!({
        "allowed_upstream_headers": ["x-user", "x-tenant*"], "allowed_upstream_headers_to_append": ["x-role"],
        "allowed_client_headers": ["x-role"], "allowed_client_headers_on_success": ["set-cookie"],
    }));
    let Answered::Deny { headers, .. } = answered(&lists, 403, ANSWER, "GET /") else { panic!() };
    assert_eq!(headers, pairs(&[("x-role", "a"), ("location", "/login")]));

    let lists = http(&json!({
        "allowed_upstream_headers": ["x-user", "x-tenant*"], "allowed_upstream_headers_to_append": ["x-role"],
        "allowed_client_headers_on_success": ["set-cookie"],
    }));
    let answer = [ANSWER, &[("x-envoy-auth-headers-to-remove", "Authorization, x-b,:path,host,,")]].concat();
    let text = "GET /\nx-user: root\nx-tenant-id: 7\nx-role: own\nx-tenants: 8\nx_user: eve";
    let expected = Allowed {
        remove: ["authorization", "x-b"].map(str::to_owned).into(),
        set: pairs(&[("x-user", "eve")]),
        append: pairs(&[("x-role", "a")]),
        response: pairs(&[("set-cookie", "a=b")]),
        unlisted: None,
    };
    assert_eq!(answered(&lists, 200, &answer, text), Answered::Allow(expected));
    let split = [("x-user", "a\r\nx: y")];
    assert!(
        matches!(answered(&lists, 200, &split, "GET /"), Answered::Allow(allowed) if allowed.set.is_empty())
    );
}

#[test]
fn questions_of_opa() {
    let text = "POST /a%20b//c?x=1&y=%31+2&x&=z h\ncontent-type: Application/JSON; charset=utf-8\nx-h: \u{e4}\nx-h: b";
    let lines = question(&opa(), text, Some((br#"{"k": [1]}"#, true)));
    let [method, path, authority, kind, _, authorization, body] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!(
        [method, path, authority, kind, authorization],
        [
            ":method: POST",
            ":path: /v1/data/a/allow",
            ":authority: h",
            "content-type: application/json",
            "authorization: Bearer x"
        ]
    );
    let input: Value = serde_json::from_str(body).unwrap();
    let expected = json!({"input": {
        "attributes": {
            "source": {"address": {"socketAddress": {"address": "192.0.2.1", "portValue": 4000}}, "principal": ""},
            "destination": {"address": null},
            "request": {"http": {"id": "", "method": "POST", "path": "/a%20b//c?x=1&y=%31+2&x&=z", "host": "h", "scheme": "",
                "protocol": "HTTP/1.1", "body": "{\"k\": [1]}",
                "headers": {":method": "POST", ":path": "/a%20b//c?x=1&y=%31+2&x&=z", ":authority": "h",
                    "content-type": "Application/JSON; charset=utf-8", "x-h": "\u{e4},b"}}},
        },
        "parsed_path": ["a b", "", "c"],
        "parsed_query": {"x": ["1", ""], "y": ["1 2"], "": ["z"]},
        "parsed_body": {"k": [1]},
        "truncated_body": false,
        "identity": {"consumer": "web", "claims": null},
    }});
    assert_eq!(input, expected);
    let partial = question(&opa(), text, Some((br#"{"k": [1]"#, false)));
    let input: Value = serde_json::from_str(partial.last().unwrap()).unwrap();
    assert_eq!(
        (&input["input"]["parsed_body"], &input["input"]["truncated_body"]),
        (&json!(null), &json!(true))
    );
}

#[test]
fn answers_of_opa() {
    let opa = opa();
    let answered = |status, body: &str| {
        opa.checks()[0].answered(Some(status), &Headers::default(), body.as_bytes(), &Headers::default())
    };
    let deny = |status, headers: &[(&str, &str)], body: &str| Answered::Deny {
        status,
        headers: pairs(headers),
        body: body.into(),
    };
    let allow = Answered::Allow(Allowed::default());
    let malformed = Answered::Error(CheckError::Malformed);
    let full = json!({"result": {
        "allowed": true, "headers": {"X-User": "ada", "x-roles": ["a", "b"]},
        "response_headers_to_add": {"x-r": "1"}, "request_headers_to_remove": ["Authorization", ":path"],
        "dynamic_metadata": {"a": 1},
    }});
    let changed = Answered::Allow(Allowed {
        remove: vec!["authorization".to_owned()],
        set: pairs(&[("x-user", "ada"), ("x-roles", "a"), ("x-roles", "b")]),
        append: Vec::new(),
        response: pairs(&[("x-r", "1")]),
        unlisted: None,
    });
    let unlisted = json!({"result": {"allowed": true, "headers": {"x-role": "a", "x-admin": "1"}}});
    let without = Answered::Allow(Allowed {
        set: pairs(&[("x-role", "a")]),
        unlisted: Some("x-admin".to_owned()),
        ..Allowed::default()
    });
    let denied =
        json!({"result": {"allowed": false, "http_status": 302, "headers": {"location": "/"}, "body": "go"}});
    let cases = [
        (200, r#"{"result": true}"#.to_owned(), allow.clone()),
        (200, r#"{"result": false}"#.to_owned(), deny(403, &[], "")),
        (200, "{}".to_owned(), deny(403, &[], "")),
        (200, r#"{"decision_id": "x"}"#.to_owned(), deny(403, &[], "")),
        (200, r#"{"result": {"allowed": true}}"#.to_owned(), allow),
        (200, r#"{"result": {"allowed": false}}"#.to_owned(), deny(403, &[], "")),
        (200, full.to_string(), changed),
        (200, unlisted.to_string(), without),
        (200, denied.to_string(), deny(302, &[("location", "/")], "go")),
        // The names of other products (Kong's plugin `opa`, APISIX's): none of them may say the contrary of another.
        (200, r#"{"result": {"allow": true}}"#.to_owned(), Answered::Allow(Allowed::default())),
        (200, r#"{"result": {"allow": false}}"#.to_owned(), deny(403, &[], "")),
        (200, r#"{"result": {"allow": false, "allowed": false}}"#.to_owned(), deny(403, &[], "")),
        (200, r#"{"result": {"allow": true, "allowed": false}}"#.to_owned(), malformed.clone()),
        (200, r#"{"result": {"allow": "true"}}"#.to_owned(), malformed.clone()),
        (
            200,
            r#"{"result": {"allow": false, "status": 401, "message": "who?", "headers": {"x-a": "1"}}}"#
                .to_owned(),
            deny(401, &[("x-a", "1")], "who?"),
        ),
        (
            200,
            r#"{"result": {"allow": false, "status_code": 418, "reason": {"code": 7}}}"#.to_owned(),
            deny(418, &[], r#"{"code":7}"#),
        ),
        (
            200,
            r#"{"result": {"allow": false, "status": 401, "http_status": 403}}"#.to_owned(),
            malformed.clone(),
        ),
        (200, r#"{"result": {"allow": false, "reason": ["a"]}}"#.to_owned(), malformed.clone()),
        (200, r#"{"result": {"allows": true}}"#.to_owned(), malformed.clone()),
        (200, r#"{"result": {"allowed": "true"}}"#.to_owned(), malformed.clone()),
        (200, r#"{"result": {"allowed": true, "headers": {"a": 1}}}"#.to_owned(), malformed.clone()),
        (200, r#"{"result": {"allowed": true, "headers": {"a": "b\nc"}}}"#.to_owned(), malformed.clone()),
        (200, r#"{"result": {"allowed": true, "headers": {":path": "/"}}}"#.to_owned(), malformed.clone()),
        (200, r#"{"result": {"allowed": false, "http_status": 99}}"#.to_owned(), malformed.clone()),
        (200, r#"{"result": "true"}"#.to_owned(), malformed.clone()),
        (200, r#"{"result": null}"#.to_owned(), malformed.clone()),
        (200, "true".to_owned(), malformed.clone()),
        (200, String::new(), malformed),
        (204, String::new(), Answered::Error(CheckError::Status(204))),
        (404, r#"{"result": true}"#.to_owned(), Answered::Error(CheckError::Status(404))),
        (500, String::new(), Answered::Error(CheckError::Status(500))),
    ];
    for (status, body, expected) in cases {
        let found = answered(status, &body);
        // The members of an object have no order.
        let sorted = |mut answer: Answered| {
            if let Answered::Allow(allowed) = &mut answer {
                allowed.set.sort();
            }
            answer
        };
        assert_eq!(sorted(found), sorted(expected), "{status} {body}");
    }
}

#[test]
fn requests_are_checked_where_custom_policies_match() {
    let custom = |name: &str, check: &str, path: &str| {
        json!({"name": name, "spec": {"action": "CUSTOM", "provider": {"name": check},
            "rules": [{"to": [{"operation": {"paths": [path]}}]}]}})
    };
    let check = |name: &str| json!({"name": name, "http": {"cluster": name}});
    let authz = authz(
        &json!({"external_checks": [check("a"), check("b")], "policies": [
            custom("b-all", "b", "/x*"), custom("a-one", "a", "/x/1"), custom("b-one", "b", "/x/1"),
            {"name": "deny", "spec": {"action": "DENY", "rules": [{"to": [{"operation": {"paths": ["/x/no"]}}]}]}},
        ]})
        .to_string(),
    );
    let cases: &[(&str, &[(usize, usize)])] =
        &[("GET /", &[]), ("GET /x", &[(1, 0)]), ("GET /x/1", &[(1, 0), (0, 1)]), ("GET /x/no", &[(1, 0)])];
    for (text, expected) in cases {
        let decision = authz.check(&request(text), &mut Client::default());
        assert_eq!(&decision.checks[..], *expected, "{text}");
        assert_eq!(decision.outcome == Outcome::AwaitChecks, !expected.is_empty(), "{text}");
        let after = authz.check(&request(text), &mut Client { is_checked: true, ..Client::default() });
        let expected = if text.ends_with("no") { Outcome::DenyPolicy(3) } else { Outcome::Allow(None) };
        assert_eq!((after.outcome, after.checks.len()), (expected, 0), "{text}");
    }
    assert_eq!(authz.checks()[0].on_error, OnCheckError::Deny);
}

const JWKS: &str = r#"{"keys": [{"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#;

/// Whatever becomes of a request, the client's own headers that only a check may write are not among those of the policies that decide,
/// nor among those of the upstream.
#[test]
fn a_client_cannot_say_what_a_check_says() {
    let check = |name: &str, headers: Value| json!({"name": name, "opa": {"cluster": "c", "path": "/", "allowed_upstream_headers": headers}});
    let policy = |name: &str, action: &str, rule: Value| json!({"name": name, "spec": {"action": action, "rules": [rule]}});
    let custom = |name: &str, check: &str, path: &str| {
        let mut policy = policy(name, "CUSTOM", json!({"to": [{"operation": {"paths": [path]}}]}));
        policy["spec"]["provider"] = json!({ "name": check });
        policy
    };
    let admin = json!({"when": [{"key": "request.headers[x-role-of]", "values": ["admin"]}]});
    let authz = authz(
        &json!({
            "external_checks": [check("a", json!(["x-user", "x-role*"])), check("b", json!(["authorization", "x-b"]))],
            "policies": [custom("ask-a", "a", "/a"), custom("ask-b", "b", "/b"), policy("admins", "ALLOW", admin)],
        })
        .to_string(),
    );
    let own = "x-user: 1\nx_user: 2\nx-role-of: admin\nx_role_of: 4\nx-b: 5\nauthorization: 6\nx-other: 7";
    let removed = |asked: &[(usize, usize)]| {
        let headers = request(&format!("GET /\n{own}"));
        authz.owned(&headers, asked).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(removed(&[]), ["x-user", "x_user", "x-role-of", "x_role_of", "x-b"]);
    assert_eq!(removed(&[(1, 1)]), ["x-user", "x_user", "x-role-of", "x_role_of", "x-b", "authorization"]);
    // Not asked: no policy believes the client.
    let headers = request(&format!("GET /\n{own}"));
    let decision = authz.check(&headers, &mut Client::default());
    assert_eq!(decision.outcome, Outcome::DenyNoMatch);
    let edits = authz.edits(&headers, &decision);
    let expected = ["x-user", "x_user", "x-role-of", "x_role_of", "x-b"].map(Edit::Remove);
    assert_eq!(edits, expected);
    // Asked: what the check has said stays.
    let asked = authz.check(&headers, &mut Client { is_checked: true, ..Client::default() });
    assert_eq!(asked.outcome, Outcome::Allow(Some(2)));
    assert_eq!(authz.edits(&headers, &asked), []);
}

#[test]
fn refused_checks() {
    let good = json!({"cluster": "c"});
    let cases = [
        (json!({}), "external_checks[0]: found none of http, opa and auth_request, expected one of them"),
        (
            json!({"http": good, "opa": {"cluster": "c", "path": "/"}}),
            "external_checks[0]: found more than one of http, opa and auth_request, expected one of them",
        ),
        (json!({"grpc": good}), "external_checks[0].grpc: found unknown field `grpc`"),
        (json!({"http": {}}), "external_checks[0].http.cluster: found nothing"),
        (json!({"http": {"cluster": ""}}), "external_checks[0].http.cluster: found an empty text"),
        (
            json!({"http": {"cluster": "c", "timeout": "0s"}}),
            "external_checks[0].http.timeout: found `0s`, expected 1ms",
        ),
        (
            json!({"http": {"cluster": "c", "status_on_error": 200}}),
            "external_checks[0].http.status_on_error: found 200, expected 400 to 599",
        ),
        (
            json!({"http": {"cluster": "c", "on_error": "pass"}}),
            "external_checks[0].http.on_error: found unknown variant `pass`",
        ),
        (
            json!({"http": {"cluster": "c", "path_prefix": "check"}}),
            "external_checks[0].http.path_prefix: found \"check\"",
        ),
        (
            json!({"http": {"cluster": "c", "allowed_headers": ["a b"]}}),
            "external_checks[0].http.allowed_headers[0]: found \"a b\"",
        ),
        (
            json!({"http": {"cluster": "c", "headers_to_add": {"host": "x"}}}),
            "external_checks[0].http.headers_to_add: found \"host\": \"x\"",
        ),
        (
            json!({"http": {"cluster": "c", "with_request_body": {"max_request_bytes": 0}}}),
            "external_checks[0].http.with_request_body.max_request_bytes: found 0, expected 1 to 1048576",
        ),
        (
            json!({"http": {"cluster": "c", "allowed_upstream_headers": ["*"]}}),
            "external_checks[0].http.allowed_upstream_headers[0]: found \"*\", expected names or prefixes",
        ),
        (
            json!({"opa": {"cluster": "c", "path": "/", "allowed_upstream_headers": ["x-user", "Host"]}}),
            "external_checks[0].opa.allowed_upstream_headers[1]: found \"Host\"",
        ),
        (
            json!({"opa": {"cluster": "c", "path": "/", "allowed_upstream_headers": ["x-*"]}}),
            "external_checks[0].opa.allowed_upstream_headers[0]: found \"x-*\", expected not x-key, which credentials are read from",
        ),
        (
            json!({"opa": {"cluster": "c", "path": "/", "allowed_upstream_headers": ["X-Consumer"]}}),
            "external_checks[0].opa.allowed_upstream_headers[0]: found \"X-Consumer\", expected not x-consumer, which the filter itself writes",
        ),
        (
            json!({"http": {"cluster": "c", "allowed_upstream_headers": ["x-email"]}}),
            "external_checks[0].http.allowed_upstream_headers[0]: found \"x-email\", expected not x-email, which the filter itself writes",
        ),
        (
            json!({"http": {"cluster": "c", "allowed_upstream_headers": ["x-token"]}}),
            "external_checks[0].http.allowed_upstream_headers[0]: found \"x-token\", expected not x-token, which credentials are read from",
        ),
        (
            json!({"http": {"cluster": "c", "allowed_upstream_headers": ["x-a"], "allowed_upstream_headers_to_append": ["X-A"]}}),
            "external_checks[0].http.allowed_upstream_headers_to_append: found \"X-A\"",
        ),
        (json!({"opa": {"cluster": "c", "path": "v1"}}), "external_checks[0].opa.path: found \"v1\""),
        (
            json!({"opa": {"cluster": "c", "path": "/", "authorization": "${NONE}"}}),
            "external_checks[0].opa.authorization: found a reference to the environment variable NONE",
        ),
    ];
    for (members, expected) in cases {
        let mut check = json!({"name": "c"});
        check.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let policy =
            json!({"name": "p", "spec": {"action": "CUSTOM", "provider": {"name": "c"}, "rules": [{}]}});
        let rule = json!({"issuer": "i", "jwks": JWKS, "fromHeaders": [{"name": "x-token"}],
            "outputClaimToHeaders": [{"header": "x-email", "claim": "email"}]});
        let config = json!({
            "external_checks": [check], "policies": [policy],
            "api_keys": {"keys": [{"consumer": "web", "secret": "key-of-web-0123"}], "locations": [{"header": "x-key"}]},
            "request_authentication": [{"name": "i", "spec": {"jwtRules": [rule]}}],
        });
        let errors = refusal(&config.to_string()).to_string();
        assert!(errors.starts_with(expected), "{errors}");
    }
    let unused = json!({"external_checks": [{"name": "c", "http": good}]}).to_string();
    assert_eq!(
        refusal(&unused).to_string(),
        "external_checks[0]: found a check that no policy names, expected a policy with the action CUSTOM and this provider"
    );
}
