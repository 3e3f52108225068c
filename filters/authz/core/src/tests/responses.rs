use super::*;

fn answer(response: &str, row: &str) -> Answer {
    let authz = authz(&format!(
        "api_keys: {{required: false, locations: [{{query: key}}], keys: [{{consumer: a, secret: b}}]}}\npolicies: [{{name: p, deny_response: {response}, spec: {{action: DENY, rules: [{{}}]}}}}]"
    ));
    authz.answer(Outcome::DenyPolicy(0), &request(row)).unwrap()
}

/// Where browsers are sent. What stands in the path must never become another host.
#[test]
fn return_urls() {
    let long = format!("GET /{}\naccept: text/html", "%41".repeat(800));
    let cases = [
        ("GET /\naccept: text/html", "%2F"),
        ("GET /a/b?c=d&e\naccept: */*, TEXT/HTML", "%2Fa%2Fb%3Fc%3Dd%26e"),
        ("HEAD /a?key=b&c=d\naccept: text/html", "%2Fa%3Fc%3Dd"),
        ("GET /a?k%65y=b\naccept: text/html", "%2Fa"),
        ("GET //evil.example/x\naccept: text/html", "%2F"),
        ("GET /\\evil.example\naccept: text/html", "%2F"),
        ("GET https://evil.example/\naccept: text/html", "%2F"),
        (
            "GET /a?x=https://evil.example&y=%0d%0aset-cookie:x\naccept: text/html",
            "%2Fa%3Fx%3Dhttps%3A%2F%2Fevil.example%26y%3D%250d%250aset-cookie%3Ax",
        ),
        ("GET /\u{e4}\naccept: text/html", "%2F"),
        (&long, "%2F"),
    ];
    for (row, expected) in cases {
        let answer = answer("{redirect: {location: /login, return_parameter: rd, status: 303}}", row);
        let location =
            answer.headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value.clone());
        assert_eq!(answer.status, Some(303), "{row}");
        assert_eq!(location, Some(format!("/login?rd={expected}").into_bytes()), "{row}");
    }
    for row in ["GET /", "POST /\naccept: text/html", "GET /\naccept: application/json"] {
        let answer = answer("{status: 401, redirect: {location: /login}}", row);
        assert_eq!((answer.status, answer.is_redirect), (Some(401), false), "{row}");
    }
}

#[test]
fn refused() {
    let policy = |response: &str| {
        format!("policies: [{{name: p, deny_response: {response}, spec: {{action: DENY, rules: [{{}}]}}}}]")
    };
    let path = "policies[0].deny_response";
    let location_expected = "expected an https:// or http:// URL or a path, without blanks and fragment";
    let cases = [
        (policy("{status: 200}"), format!("{path}.status: found 200, expected 400 to 599")),
        (policy("{body: a, json: {}}"), format!("{path}: found both body and json, expected one of them")),
        (policy("{headers: [{name: 'a b', value: c}]}"), format!("{path}.headers[0].name: found \"a b\", expected the name of a header, but none of the connection or the body's length")),
        (policy("{headers: [{name: Content-Length, value: '1'}]}"), format!("{path}.headers[0].name: found \"Content-Length\", expected the name of a header, but none of the connection or the body's length")),
        (policy("{headers: [{name: a, value: \"b\\r\\nc: d\"}]}"), format!("{path}.headers[0].value: found \"b\\r\\nc: d\", expected a value without control characters")),
        (policy("{redirect: {location: 'javascript:alert(1)'}}"), format!("{path}.redirect.location: found \"javascript:alert(1)\", {location_expected}")),
        (policy("{redirect: {location: //evil.example}}"), format!("{path}.redirect.location: found \"//evil.example\", {location_expected}")),
        (policy("{redirect: {location: 'https:///x'}}"), format!("{path}.redirect.location: found \"https:///x\", {location_expected}")),
        (policy("{redirect: {location: /a, status: 301}}"), format!("{path}.redirect.status: found 301, expected 302, 303 or 307")),
        (policy("{redirect: {location: /a, return_parameter: 'a&b'}}"), format!("{path}.redirect.return_parameter: found \"a&b\", expected the name of a query parameter: letters, digits and -._~")),
        (policy("{body: a}").replace("DENY", "ALLOW"), "policies[0].spec: found deny_response of the action Allow, which denies nothing, expected it on a DENY policy, or responses.forbidden".into()),
        ("policies: [{name: p, dry_run: true, spec: {action: AUDIT, rules: [{}]}}]".into(), "policies[0].spec: found dry_run of the action Audit, expected dry_run of ALLOW or DENY policies only".into()),
    ];
    for (yaml, expected) in cases {
        assert_eq!(refusal(&yaml).to_string(), expected, "for {yaml}");
    }
}

/// What enforcing the policies that are tried would come to.
#[test]
fn dry_runs() {
    let policy = |name: &str, action: &str, path: &str, dry_run: bool| {
        format!(
            "{{name: {name}, dry_run: {dry_run}, spec: {{action: {action}, rules: [{{to: [{{operation: {{paths: ['{path}']}}}}]}}]}}}}"
        )
    };
    let both = [
        policy("deny", "DENY", "/d*", false),
        policy("allow", "ALLOW", "/a*", false),
        policy("try-deny", "DENY", "/ax*", true),
        policy("try-allow", "ALLOW", "/b*", true),
    ];
    let authz = authz(&format!("policies: [{}]", both.join(", ")));
    let cases = [
        ("/d", Outcome::DenyPolicy(0), Outcome::DenyPolicy(0)),
        ("/a", Outcome::Allow(Some(1)), Outcome::Allow(Some(1))),
        ("/ax", Outcome::Allow(Some(1)), Outcome::DenyPolicy(2)),
        ("/b", Outcome::DenyNoMatch, Outcome::Allow(Some(3))),
        ("/c", Outcome::DenyNoMatch, Outcome::DenyNoMatch),
    ];
    for (path, enforced, tried) in cases {
        let decision = authz.check(&request(&format!("GET {path}")), &mut Client::default());
        assert_eq!((decision.outcome, decision.dry_run), (enforced, Some(tried)), "{path}");
    }
}
