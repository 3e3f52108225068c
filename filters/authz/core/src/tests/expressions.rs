use super::*;

/// A policy whose only condition is this expression.
fn policy(action: &str, expression: &str) -> Authz {
    let spec = serde_json::json!({"action": action, "rules": [{"when": [{"cel": expression}]}]});
    let config = serde_json::json!({
        "policies": [{"name": "p", "spec": spec}],
        "api_keys": {"required": false, "keys": [{"consumer": "web", "secret": "key-of-web"}]},
        "consumers": [{"name": "web", "groups": ["apps"]}],
    });
    Authz::new(&sdk_shim_config::parse(config.to_string().as_bytes()).unwrap(), &environment)
        .unwrap_or_else(|errors| panic!("{errors}"))
}

/// Expressions on `GET /a/b?c=d` for `shop` with `x-tenant: acme` and the key of web, and whether they fit; `None` for those that
/// have no value.
#[test]
fn requests() {
    let cases = [
        ("request.method == 'GET' && request.path == '/a/b?c=d' && request.url_path == '/a/b'", Some(true)),
        (
            "request.query == 'c=d' && request.host == 'shop' && request.headers['x-tenant'] == 'acme'",
            Some(true),
        ),
        ("request.url_path.matches('^/a/[b-d]$')", Some(true)),
        ("request.url_path.split('/')[1] == request.headers['x-tenant']", Some(false)),
        ("'x-absent' in request.headers", Some(false)),
        (
            "request.time == timestamp('2025-06-15T15:06:40Z') && request.time.getDayOfWeek() in [1, 2, 3, 4, 5]",
            Some(false),
        ),
        ("source.address == '192.0.2.1' && source.peer_address == '10.0.0.1'", Some(true)),
        ("destination.address == '127.0.0.1' && destination.port == 8080", Some(true)),
        ("connection.principal.endsWith('/sa/web')", None),
        ("connection.requested_server_name == ''", None),
        ("consumer.name == 'web' && 'apps' in consumer.groups", Some(true)),
        ("request.headers['x-absent'] == ''", None),
        ("request.headers['x-absent'] == '' || true", Some(true)),
    ];
    let headers = request("GET /a/b?c=d Shop\nx-tenant: acme\nx-api-key: key-of-web");
    for (expression, expected) in cases {
        let outcomes = ["ALLOW", "DENY"]
            .map(|action| policy(action, expression).check(&headers, &mut Client::default()).outcome);
        let matches = [expected.unwrap_or(false), expected.unwrap_or(true)];
        let allow = if matches[0] { Outcome::Allow(Some(0)) } else { Outcome::DenyNoMatch };
        let deny = if matches[1] { Outcome::DenyPolicy(0) } else { Outcome::Allow(None) };
        assert_eq!(outcomes, [allow, deny], "{expression}");
    }
}

#[test]
fn refused() {
    let when = "policies[0].spec.rules[0].when[0]";
    let cases = [
        ("{}", format!("{when}: found neither key nor cel, expected one of them")),
        (
            "{cel: 'true', key: source.ip}",
            format!("{when}: found cel together with other fields, expected one or the other"),
        ),
        (
            "{cel: 'true', values: [x]}",
            format!("{when}: found cel together with other fields, expected one or the other"),
        ),
        (
            "{cel: 'claims.a'}",
            format!(
                "{when}.cel: found claims, expected another field, as request_authentication is not configured"
            ),
        ),
        (
            "{cel: 'consumer.name == \"a\"'}",
            format!(
                "{when}.cel: found consumer, expected another variable, as no credentials are configured"
            ),
        ),
        (
            "{cel: '1 +'}",
            format!(
                "{when}.cel: found `1 +`, at character 4: the end, where a value is expected, expected an expression in CEL"
            ),
        ),
    ];
    for (condition, expected) in cases {
        let yaml = format!("policies: [{{name: p, spec: {{rules: [{{when: [{condition}]}}]}}}}]");
        assert_eq!(refusal(&yaml).to_string(), expected, "{condition}");
    }
}
