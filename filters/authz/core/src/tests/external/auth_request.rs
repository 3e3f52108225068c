//! Services made for nginx's `auth_request`.

use super::*;

fn auth_request(members: &Value) -> Authz {
    let mut check = json!({"cluster": "c", "url": "http://auth.example:4180/oauth2/auth?group=a"});
    check.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    checking(&json!({ "auth_request": check }))
}

#[test]
fn questions_of_auth_request() {
    let text = "POST /a?b=c h\nx-a: 1\nx-real-ip: 9.9.9.9\nx_real_ip: 9.9.9.9\ncookie: c=d\ncontent-length: 5\nx-a: 2";
    assert_eq!(
        question(&auth_request(&json!({})), text, Some((b"body", true))),
        [
            ":method: GET",
            ":path: /oauth2/auth?group=a",
            ":authority: auth.example:4180",
            "x-a: 1",
            "cookie: c=d",
            "x-a: 2",
            "x-original-url: ://h/a?b=c",
            "x-original-method: POST",
            "x-real-ip: 192.0.2.1",
            "x-forwarded-for: 192.0.2.1",
            "x-auth-request-redirect: /a?b=c",
            "content-length: 0",
        ]
    );
    let own = auth_request(&json!({
        "url": "https://{host}", "method": "POST",
        "headers": {"X-A": "ours", "X-Auth-Request-Redirect": "/back{escaped_path}"},
    }));
    let lines = question(&own, "GET /a?b&c h\nx-a: 1", None);
    for line in [
        ":method: POST",
        ":path: /",
        ":authority: h",
        "x-a: ours",
        "x-auth-request-redirect: /back%2Fa%3Fb%26c",
    ] {
        assert!(lines.iter().any(|found| found == line), "{line} is not in {lines:?}");
    }
    assert!(!lines.iter().any(|line| line == "x-a: 1"), "{lines:?}");
}

#[test]
fn answers_of_auth_request() {
    let plain = auth_request(&json!({"allowed_upstream_headers": ["X-User"]}));
    let asked = request("GET /x?y h\nx-user: forged\nx_user: forged");
    let of = |authz: &Authz, status: u16, text: &str| {
        let headers = request(&format!("GET / h\n{text}"));
        authz.checks()[0].answered(Some(status), &headers, b"secret", &asked)
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let Answered::Allow(allowed) = of(&plain, 202, "x-user: ada\nset-cookie: s=1\nx-other: 1") else {
        panic!()
    };
    assert_eq!(allowed.set, [pair("x-user", "ada")]);
    assert_eq!(allowed.response, [pair("set-cookie", "s=1")]);
    assert_eq!(of(&plain, 200, "x-other: 1"), Answered::Allow(Allowed::default()));
    let deny = |status, headers: Vec<(String, Vec<u8>)>| Answered::Deny { status, headers, body: Vec::new() };
    let told = "www-authenticate: Basic\nset-cookie: s=1\nx-other: 1";
    assert_eq!(of(&plain, 401, told), deny(401, vec![pair("www-authenticate", "Basic")]));
    assert_eq!(of(&plain, 403, ""), deny(403, vec![]));
    for status in [100, 302, 404, 500] {
        assert_eq!(of(&plain, status, ""), Answered::Error(CheckError::Status(status)), "{status}");
    }
    let signin = auth_request(&json!({
        "signin": "https://{host}/start?rd={escaped_path}", "always_set_cookie": true,
    }));
    let location = vec![
        pair("location", "https://h/start?rd=%2Fx%3Fy"),
        pair("cache-control", "no-store"),
        pair("set-cookie", "s=1"),
    ];
    assert_eq!(of(&signin, 401, told), deny(302, location));
    assert_eq!(
        of(&signin, 403, told),
        deny(403, vec![pair("www-authenticate", "Basic"), pair("set-cookie", "s=1")])
    );
}

#[test]
fn wrong_auth_requests_are_refused() {
    let cases = [
        (json!({"url": "auth.example/check"}), "url"),
        (json!({"url": "http:///check"}), "url"),
        (json!({"url": "http://h/{nobody}"}), "url"),
        (json!({"method": "get"}), "method"),
        (json!({"headers": {"host": "x"}}), "headers"),
        (json!({"headers": {"x": "{"}}), "headers"),
        (json!({"signin": "/start?rd={uri}"}), "signin"),
    ];
    for (members, field) in cases {
        let mut check = json!({"cluster": "c", "url": "http://h/"});
        check.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let config = json!({
            "external_checks": [{"name": "c", "auth_request": check}],
            "policies": [{"name": "p", "spec": {"action": "CUSTOM", "provider": {"name": "c"}, "rules": [{}]}}],
        });
        let config = sdk_shim_config::parse(config.to_string().as_bytes()).unwrap();
        let errors = Authz::new(&config, &|_| None).unwrap_err().to_string();
        assert!(errors.contains(&format!("external_checks[0].auth_request.{field}")), "{members}: {errors}");
    }
}
