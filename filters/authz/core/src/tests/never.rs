use super::*;

/// Rules of a policy, and the error or the warnings that they bring.
#[test]
fn what_never_matches() {
    let rule = "policies[0].spec.rules[0]";
    let excluded = |path: &str, other: &str| {
        format!(
            "{rule}.{path}: found only values that {rule}.{other} excludes, expected a value that is left: so this never matches"
        )
    };
    let refused_rules = [
        (
            "[{to: [{operation: {methods: [GET], notMethods: [GET, POST]}}]}]",
            excluded("to[0].operation.methods", "to[0].operation.notMethods"),
        ),
        (
            "[{to: [{operation: {paths: [/a/b, '/a/*'], notPaths: ['/a*']}}]}]",
            excluded("to[0].operation.paths", "to[0].operation.notPaths"),
        ),
        (
            "[{to: [{operation: {hosts: [A.example], notHosts: ['*.EXAMPLE']}}]}]",
            excluded("to[0].operation.hosts", "to[0].operation.notHosts"),
        ),
        (
            "[{from: [{source: {remoteIpBlocks: [10.1.0.0/16], notRemoteIpBlocks: [10.0.0.0/8]}}]}]",
            excluded("from[0].source.remoteIpBlocks", "from[0].source.notRemoteIpBlocks"),
        ),
        (
            "[{when: [{key: 'request.headers[x]', values: [a], notValues: ['*']}]}]",
            excluded("when[0].values", "when[0].notValues"),
        ),
        (
            "[{from: [{source: {remoteIpBlocks: [10.0.0.0/8]}}], when: [{key: remote.ip, values: [11.0.0.1]}]}]",
            format!(
                "{rule}.from[0].source.remoteIpBlocks: found no value that {rule}.when[0].values has as well, expected one, as both have to hold: so this never matches"
            ),
        ),
        (
            "[{to: [{operation: {ports: ['80']}}], when: [{key: destination.port, values: ['81']}]}]",
            format!(
                "{rule}.to[0].operation.ports: found no value that {rule}.when[0].values has as well, expected one, as both have to hold: so this never matches"
            ),
        ),
    ];
    for (rules, expected) in refused_rules {
        assert_eq!(
            refusal(&format!("policies: [{{name: p, spec: {{rules: {rules}}}}}]")).to_string(),
            expected,
            "{rules}"
        );
    }
    let partly = authz(
        "policies: [{name: p, spec: {rules: [{to: [{operation: {methods: [GET], notMethods: [GET]}}]}, {}]}}]",
    );
    assert_eq!(
        partly.warnings(),
        [format!(
            "{rule}.to[0].operation.methods has only values that {rule}.to[0].operation.notMethods excludes, so this never matches"
        )]
    );
    let matching = [
        "[{to: [{operation: {paths: ['/a/*'], notPaths: [/a/b]}}]}]",
        "[{to: [{operation: {paths: ['/{*}/a'], notPaths: ['/b*']}}]}]",
        "[{to: [{operation: {hosts: ['*'], notHosts: ['*']}}]}]",
        "[{from: [{source: {remoteIpBlocks: [10.0.0.0/8]}}], when: [{key: remote.ip, values: [10.1.0.0/16]}]}]",
        "[{when: [{key: 'request.headers[x]', values: [a]}, {key: 'request.headers[x]', values: [b]}]}]",
        "[]",
    ];
    for rules in matching {
        let authz = authz(&format!("policies: [{{name: p, spec: {{rules: {rules}}}}}]"));
        assert_eq!(authz.warnings(), [""; 0], "{rules}");
    }
}

#[test]
fn what_decides_nothing() {
    let path = |index: usize| format!("policies[{index}].spec.rules[0]");
    let warning = |one: usize, other: usize| {
        vec![format!("{} decides nothing: {} matches every request that it matches", path(one), path(other))]
    };
    let cases = [
        ("ALLOW", "{}", "ALLOW", "{to: [{operation: {paths: [/a]}}]}", warning(1, 0)),
        (
            "ALLOW",
            "{to: [{operation: {paths: ['/a*']}}]}",
            "ALLOW",
            "{to: [{operation: {paths: [/a/b, '/a/c*'], methods: [GET]}}]}",
            warning(1, 0),
        ),
        (
            "DENY",
            "{to: [{operation: {paths: ['/a*']}}]}",
            "ALLOW",
            "{to: [{operation: {paths: [/a/b]}}]}",
            warning(1, 0),
        ),
        (
            "ALLOW",
            "{to: [{operation: {paths: [/a/b]}}]}",
            "DENY",
            "{to: [{operation: {paths: ['/a*']}}]}",
            warning(0, 1),
        ),
        (
            "ALLOW",
            "{from: [{source: {remoteIpBlocks: [10.0.0.0/8]}}]}",
            "ALLOW",
            "{from: [{source: {remoteIpBlocks: [10.1.0.0/16]}}]}",
            warning(1, 0),
        ),
        (
            "ALLOW",
            "{to: [{operation: {notPaths: [/a]}}]}",
            "ALLOW",
            "{to: [{operation: {notPaths: [/a, /b]}}]}",
            warning(1, 0),
        ),
        // The earlier one is the narrower, of another kind, or has an expression.
        (
            "ALLOW",
            "{to: [{operation: {paths: [/a/b]}}]}",
            "ALLOW",
            "{to: [{operation: {paths: ['/a*']}}]}",
            vec![],
        ),
        (
            "ALLOW",
            "{to: [{operation: {paths: ['/a*'], methods: [GET]}}]}",
            "ALLOW",
            "{to: [{operation: {paths: [/a]}}]}",
            vec![],
        ),
        (
            "ALLOW",
            "{to: [{operation: {notPaths: [/a, /b]}}]}",
            "ALLOW",
            "{to: [{operation: {notPaths: [/a]}}]}",
            vec![],
        ),
        (
            "ALLOW",
            "{when: [{cel: 'request.method == \"GET\"'}]}",
            "ALLOW",
            "{to: [{operation: {paths: [/a]}}]}",
            vec![],
        ),
        ("ALLOW", "{}", "DENY", "{to: [{operation: {paths: [/a]}}]}", vec![]),
    ];
    for (first, rule, second, other, expected) in cases {
        let policy = |name: &str, action: &str, rule: &str| {
            format!("{{name: {name}, spec: {{action: {action}, rules: [{rule}]}}}}")
        };
        let authz =
            authz(&format!("policies: [{}, {}]", policy("a", first, rule), policy("b", second, other)));
        assert_eq!(authz.warnings(), expected, "{first} {rule}, {second} {other}");
    }
}

/// Values under keys of the dynamic metadata of filters.
#[test]
fn metadata() {
    let client = Client {
        metadata: &[
            ("envoy.filters.a.b", "text", b"value"),
            // As the host serialises the list [x, y].
            ("envoy.filters.a.b", "list", b"\x02\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01\0\0\0\0x\0\0y\0"),
        ],
        ..Client::default()
    };
    let cases = [
        ("text", "value", true),
        ("text", "val*", true),
        ("text", "other", false),
        ("text", "[value]", false),
        ("list", "[x]", true),
        ("list", "[y*]", true),
        ("list", "[z]", false),
        ("none", "*", false),
    ];
    for (key, value, expected) in cases {
        let authz = authz(&format!(
            "policies: [{{name: p, spec: {{rules: [{{when: [{{key: 'experimental.envoy.filters.a.b[{key}]', values: ['{value}']}}]}}]}}}}]"
        ));
        let decision = authz.check(&request("GET /"), &mut client.clone());
        assert_eq!(matches!(decision.outcome, Outcome::Allow(_)), expected, "{key}: {value}");
    }
}
