use super::*;

/// A policy of one rule, which either allows or denies: the rows say which requests match.
struct Case {
    rule: &'static str,
    matching: &'static [&'static str],
    other: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case { rule: "{}", matching: &["GET /", "POST /x h"], other: &[] },
    // Paths: exact, prefix, suffix, presence; query and fragment are cut off; nothing is decoded.
    Case {
        rule: "{to: [{operation: {paths: ['/exact', '/pre*', '*.suf', '*/x*']}}]}",
        matching: &[
            "GET /exact",
            "GET /exact?q=/no",
            "GET /exact#f",
            "GET /exact?",
            "GET /pre",
            "GET /prefix/y?q",
            "GET /a.suf",
            "GET .suf",
            "GET /a/x*",
        ],
        other: &[
            "GET /",
            "GET /exact/",
            "GET /Exact",
            "GET /EXACT",
            "GET /%65xact",
            "GET /pr",
            "GET /a.suf/",
            "GET /a/x",
            "GET /?/exact",
        ],
    },
    Case { rule: "{to: [{operation: {paths: ['*']}}]}", matching: &["GET /", "GET *"], other: &["CONNECT"] },
    Case {
        rule: "{to: [{operation: {notPaths: ['/private*', '*.bak']}}]}",
        matching: &["GET /", "GET /x?/private", "CONNECT"],
        other: &["GET /private", "GET /private?x", "GET /a.bak#x"],
    },
    // Templates; the rows of Istio's own test are in the foreign suites.
    Case {
        rule: "{to: [{operation: {paths: ['/a/{*}/c', '/b/{**}', '/d/{*}/{*}/e/{**}/f']}}]}",
        matching: &[
            "GET /a/b/c?x",
            "GET /a/b*/c",
            "GET /a/-._~%!$&'()+,;:@=/c",
            "GET /b/",
            "GET /b/x",
            "GET /b/x//y/",
            "GET /d/1/2/e//f",
            "GET /d/1/2/e/3/4/f",
        ],
        other: &[
            "GET /a//c",
            "GET /a/b/c/",
            "GET /a/b/d/c",
            "GET /a/b|/c",
            "GET /b",
            "GET /b/x[1]",
            "GET /d/1/2/e/f",
            "GET /d/1/2/e/3/4/fx",
            "GET /x/b/",
        ],
    },
    // Methods are case-sensitive.
    Case {
        rule: "{to: [{operation: {methods: ['GET', 'P*']}}]}",
        matching: &["GET /", "PUT /", "POST /"],
        other: &["get /", "HEAD /", "GETX /"],
    },
    Case {
        rule: "{to: [{operation: {notMethods: ['PUT']}}]}",
        matching: &["GET /", "put /"],
        other: &["PUT /"],
    },
    Case { rule: "{to: [{operation: {methods: ['*']}}]}", matching: &["GET /", "x /"], other: &[] },
    // Hosts are not; one with a port is a different host.
    Case {
        rule: "{to: [{operation: {hosts: ['Example.com', '*.Suffix.com', 'prefix.*', 'ported.com:*']}}]}",
        matching: &[
            "GET / example.com",
            "GET / EXAMPLE.COM",
            "GET / a.suffix.COM",
            "GET / PREFIX.x",
            "GET / ported.com:80",
        ],
        other: &[
            "GET /",
            "GET / example.com:80",
            "GET / suffix.com",
            "GET / xexample.com",
            "GET / ported.com",
        ],
    },
    Case { rule: "{to: [{operation: {hosts: ['*']}}]}", matching: &["GET / x"], other: &["GET /"] },
    Case {
        rule: "{to: [{operation: {notHosts: ['x']}}]}",
        matching: &["GET /", "GET / y"],
        other: &["GET / X"],
    },
    // Fields of an operation are ANDed, values and operations ORed.
    Case {
        rule: "{to: [{operation: {methods: [GET, HEAD], paths: [/a, /b], notHosts: [x]}}, {operation: {paths: [/c]}}]}",
        matching: &["GET /a", "HEAD /b y", "POST /c x"],
        other: &["POST /a", "GET /a x", "GET /d"],
    },
    // Headers: absent is no match but fulfils notValues; `*` is presence, so an empty value counts; each of
    // repeated ones counts by itself.
    Case {
        rule: "{when: [{key: 'request.headers[X-Foo]', values: ['a', 'p*', '*s', 'a,b']}]}",
        matching: &[
            "GET /\nx-foo: a",
            "GET /\nx-foo: px",
            "GET /\nx-foo: xs",
            "GET /\nx-foo: a,b",
            "GET /\nx-foo: z\nx-foo: a",
            "GET /\nx-foo: q\nx-foo: p",
        ],
        other: &[
            "GET /",
            "GET /\nx-foo: A",
            "GET /\nx-foo: ",
            "GET /\nx-foo: a,c\nx-foo: b",
            "GET /\nx-foo: a, b",
            "GET /\nx-fo: a",
        ],
    },
    Case {
        rule: "{when: [{key: 'request.headers[x-foo]', values: ['*']}]}",
        matching: &["GET /\nx-foo: ", "GET /\nx-foo: a"],
        other: &["GET /"],
    },
    Case {
        rule: "{when: [{key: 'request.headers[x-foo]', notValues: ['bar', '*-no']}]}",
        matching: &["GET /", "GET /\nx-foo: ", "GET /\nx-foo: foo", "GET /\nx-foo: bar,bar"],
        other: &["GET /\nx-foo: bar", "GET /\nx-foo: x-no", "GET /\nx-foo: a\nx-foo: bar"],
    },
    Case {
        rule: "{when: [{key: 'request.headers[x-foo]', values: ['b*'], notValues: ['bar']}]}",
        matching: &["GET /\nx-foo: baz"],
        other: &["GET /", "GET /\nx-foo: bar"],
    },
    Case {
        rule: "{when: [{key: 'request.headers[Host]', values: ['h']}]}",
        matching: &["GET / h"],
        other: &["GET / H"],
    },
    Case {
        rule: "{when: [{key: 'request.headers[:path]', values: ['/?q']}]}",
        matching: &["GET /?q"],
        other: &["GET /"],
    },
    // All of `when`.
    Case {
        rule: "{when: [{key: 'request.headers[a]', values: ['1']}, {key: 'request.headers[b]', values: ['2']}]}",
        matching: &["GET /\na: 1\nb: 2"],
        other: &["GET /\na: 1", "GET /\nb: 2"],
    },
];

#[test]
fn requests() {
    for case in CASES {
        let deny = authz(&format!("policies: [{{name: p, spec: {{action: DENY, rules: [{}]}}}}]", case.rule));
        let allow =
            authz(&format!("policies: [{{name: p, spec: {{action: ALLOW, rules: [{}]}}}}]", case.rule));
        let audit =
            authz(&format!("policies: [{{name: p, spec: {{action: AUDIT, rules: [{}]}}}}]", case.rule));
        let rows =
            case.matching.iter().map(|row| (row, true)).chain(case.other.iter().map(|row| (row, false)));
        for (row, matches) in rows {
            let mut client = Client::default();
            let context = format!("{} on {row:?}", case.rule);
            let headers = request(row);
            let expected = if matches { Outcome::DenyPolicy(0) } else { Outcome::Allow(None) };
            assert_eq!(deny.check(&headers, &mut client).outcome, expected, "{context}");
            let expected = if matches { Outcome::Allow(Some(0)) } else { Outcome::DenyNoMatch };
            assert_eq!(allow.check(&headers, &mut client).outcome, expected, "{context}");
            let decision = audit.check(&headers, &mut client);
            assert_eq!(
                (decision.outcome, decision.audit),
                (Outcome::Allow(None), matches.then_some(0)),
                "{context}"
            );
            assert!(client.asked.is_empty(), "{context} asked the host for {:?}", client.asked);
        }
    }
}

/// Sources: which identities or addresses match a source or condition.
#[test]
fn identities() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        (
            "principals: ['td/ns/a/sa/x', 'pre*', '*suf']",
            &["spiffe://td/ns/a/sa/x", "spiffe://pre", "spiffe://prefix", "spiffe://suf", "spiffe://x/suf"],
            &["", "td/ns/a/sa/x", "spiffe://td/ns/a/sa/xx", "spiffe:/", "CN=suf", "pre"],
        ),
        ("principals: ['*']", &["spiffe://td/ns/a/sa/x", "example.com", "CN=x"], &[""]),
        ("notPrincipals: ['*']", &[""], &["spiffe://td/ns/a/sa/x", "CN=x"]),
        (
            "namespaces: ['a', 'b*c', '*d']",
            &[
                "spiffe://td/ns/a/sa/x",
                "spiffe://td/ns/bc/sa/x",
                "spiffe://td/ns/bxc/sa",
                "spiffe://td/ns/xd/sa/x",
                "spiffe://td/x/ns/a/y",
            ],
            &[
                "",
                "spiffe://td/ns/aa/sa/x",
                "spiffe://td/ns/a",
                "spiffe://td/ns/b/sa/x",
                "CN=/ns/a/",
                "spiffe:/ns/a/",
            ],
        ),
        ("notNamespaces: ['a']", &["", "spiffe://td/ns/b/sa/x"], &["spiffe://td/ns/a/sa/x"]),
        (
            "serviceAccounts: ['a/x', 'y', 'a/d.t']",
            &[
                "spiffe://td/ns/a/sa/x",
                "spiffe://td/ns/a/k/v/sa/x",
                "spiffe://td/ns/a/sa/x/k/v",
                "spiffe://td/ns/home/sa/y",
                "spiffe://t/d/ns/a/sa/x",
                "spiffe://td/ns/a/sa/xx/sa/x",
                "spiffe://td/ns/a/sa/d.t",
            ],
            &[
                "",
                "spiffe://td/ns/a/sa/xx",
                "spiffe://td/ns/a/sa/x/",
                "spiffe:///ns/a/sa/x",
                "spiffe://td/ns/a/xsa/x",
                "spiffe://td/ns/b/sa/x",
                "spiffe://td/ns/a/sa/y",
                "spiffe://td/ns/a//sa/x",
                "spiffe://td/ns/a/sa/dxt",
            ],
        ),
        (
            "trustDomains: ['td', 'a*', '*z']",
            &["spiffe://td/ns/a/sa/x", "spiffe://abc/", "spiffe://z/x"],
            &["", "spiffe://td", "spiffe://tdx/ns/a", "spiffe://x/z", "spiffe://x/a", "td/x", "CN=a/b"],
        ),
        ("notTrustDomains: ['td']", &["", "spiffe://x/ns/a/sa/x"], &["spiffe://td/ns/a/sa/x"]),
        // The fields of a source are ANDed.
        (
            "principals: ['td/*'], notNamespaces: ['a']",
            &["spiffe://td/ns/b/sa/x"],
            &["", "spiffe://td/ns/a/sa/x", "spiffe://x/ns/b/sa/x"],
        ),
    ];
    for (source, matching, other) in cases {
        let authz = authz(&format!(
            "policies: [{{name: p, namespace: home, spec: {{rules: [{{from: [{{source: {{{source}}}}}]}}]}}}}]"
        ));
        let rows = matching.iter().map(|row| (row, true)).chain(other.iter().map(|row| (row, false)));
        for (principal, expected) in rows {
            let mut client = Client::principal(principal);
            assert_eq!(allows(&authz, "GET /", &mut client), expected, "{source} with {principal:?}");
            assert_eq!(client.asked, ["principal"], "{source} with {principal:?}");
        }
    }
}

#[test]
fn keys_of_conditions_equal_the_fields_of_sources_and_operations() {
    let cases = [
        ("source.principal", "td/ns/a/sa/x"),
        ("source.namespace", "a"),
        ("source.serviceAccount", "a/x"),
        ("source.trustDomain", "td"),
        ("source.ip", "10.0.0.0/24"),
        ("remote.ip", "192.0.2.1"),
        ("destination.ip", "127.0.0.0/8"),
        ("destination.port", "8080"),
        ("connection.sni", "*.example.com"),
    ];
    let matching = Client {
        server_name: Some(b"www.example.com".to_vec()),
        ..Client::principal("spiffe://td/ns/a/sa/x")
    };
    let other = Client {
        peer: PeerAddress::NotIp,
        remote: None,
        local: None,
        principal: None,
        server_name: None,
        ..Client::default()
    };
    for (key, value) in cases {
        for (field, negated) in [("values", false), ("notValues", true)] {
            let authz = authz(&format!(
                "policies: [{{name: p, spec: {{rules: [{{when: [{{key: {key}, {field}: ['{value}']}}]}}]}}}}]"
            ));
            let outcomes =
                (allows(&authz, "GET /", &mut matching.clone()), allows(&authz, "GET /", &mut other.clone()));
            assert_eq!(outcomes, (!negated, negated), "{key} {field}");
        }
    }
}

#[test]
fn addresses() {
    let client = |peer: &str, remote: &str| Client {
        peer: PeerAddress::Ip(peer.parse().unwrap()),
        remote: Some(remote.parse().unwrap()),
        ..Client::default()
    };
    let cases = [
        ("ipBlocks: ['10.0.0.0/8']", "10.255.0.1", "11.0.0.1", true),
        ("ipBlocks: ['10.0.0.0/8']", "11.0.0.1", "10.0.0.1", false),
        ("ipBlocks: ['10.1.2.3/8', '2001:db8::/32']", "2001:db8:1::1", "::", true),
        ("ipBlocks: ['10.0.0.0/8']", "::ffff:10.0.0.1", "::", true),
        ("ipBlocks: ['0.0.0.0/0']", "::1", "::", false),
        ("ipBlocks: ['::/0', '0.0.0.0/0']", "1.2.3.4", "::", true),
        ("notIpBlocks: ['10.0.0.0/8', '10.0.0.1']", "10.0.0.1", "::", false),
        ("notIpBlocks: ['10.0.0.0/8']", "9.255.255.255", "::", true),
        ("remoteIpBlocks: ['192.168.4.0/23']", "1.1.1.1", "192.168.5.233", true),
        ("remoteIpBlocks: ['192.168.4.0/23']", "192.168.5.233", "192.168.6.0", false),
        ("notRemoteIpBlocks: ['172.23.240.0/22']", "1.1.1.1", "172.23.243.255", false),
        ("ipBlocks: ['1.1.1.1'], remoteIpBlocks: ['2.2.2.2']", "1.1.1.1", "2.2.2.2", true),
        ("ipBlocks: ['1.1.1.1'], remoteIpBlocks: ['2.2.2.2']", "1.1.1.1", "2.2.2.3", false),
    ];
    for (source, peer, remote, expected) in cases {
        let authz = authz(&format!(
            "policies: [{{name: p, spec: {{rules: [{{from: [{{source: {{{source}}}}}]}}]}}}}]"
        ));
        assert_eq!(
            allows(&authz, "GET /", &mut client(peer, remote)),
            expected,
            "{source}: {peer}, {remote}"
        );
    }
}

/// An address that a client may have written into `x-forwarded-for` never passes for the peer's.
#[test]
fn an_unknown_peer_fails_closed() {
    assert_eq!(PeerAddress::from_remote("8.8.8.8:0".parse().unwrap()), PeerAddress::Unknown);
    assert_eq!(PeerAddress::from_remote("8.8.8.8:1".parse().unwrap()), PeerAddress::Ip([8, 8, 8, 8].into()));
    for source in ["ipBlocks", "notIpBlocks"] {
        for (action, peer, expected) in [
            ("ALLOW", PeerAddress::Unknown, Outcome::DenyNoMatch),
            ("DENY", PeerAddress::Unknown, Outcome::DenyPolicy(0)),
        ] {
            let authz = authz(&format!(
                "policies: [{{name: p, spec: {{action: {action}, rules: [{{from: [{{source: {{{source}: [8.8.8.8]}}}}]}}]}}}}]"
            ));
            let mut client = Client { peer, ..Client::default() };
            assert_eq!(authz.check(&request("GET /"), &mut client).outcome, expected, "{action} {source}");
        }
    }
}

#[test]
fn ports() {
    let authz = authz(
        "policies: [{name: p, spec: {rules: [{to: [{operation: {ports: ['443', '80'], notPorts: ['80']}}]}]}}]",
    );
    for (port, expected) in [(443, true), (80, false), (8443, false)] {
        let mut client = Client { local: Some(([0; 4], port).into()), ..Client::default() };
        assert_eq!(allows(&authz, "GET /", &mut client), expected, "port {port}");
        assert_eq!(client.asked, ["local_address"], "asked once for two lists");
    }
}

/// Istio, "Implicit enablement" and the order of actions; empty rules and empty policies.
#[test]
fn policies() {
    let deny_x = "{name: deny, spec: {action: DENY, rules: [{to: [{operation: {paths: ['/x*']}}]}]}}";
    let allow_xy = "{name: allow, spec: {rules: [{to: [{operation: {paths: [/xy, /y]}}]}]}}";
    let nothing = "{name: nothing, spec: {}}";
    let deny_nothing = "{name: deny-nothing, spec: {action: DENY, rules: []}}";
    let audit = "{name: audit, spec: {action: AUDIT, rules: [{}]}}";
    let cases: &[(&[&str], &str, Outcome)] = &[
        (&[], "/", Outcome::Allow(None)),
        (&[deny_x], "/x", Outcome::DenyPolicy(0)),
        (&[deny_x], "/", Outcome::Allow(None)),
        (&[allow_xy, deny_x], "/xy", Outcome::DenyPolicy(1)),
        (&[allow_xy, deny_x], "/y", Outcome::Allow(Some(0))),
        (&[allow_xy, deny_x], "/", Outcome::DenyNoMatch),
        (&[nothing], "/", Outcome::DenyNoMatch),
        (&[nothing, allow_xy], "/y", Outcome::Allow(Some(1))),
        (&[deny_nothing], "/", Outcome::Allow(None)),
        (&[deny_nothing, audit], "/", Outcome::Allow(None)),
        (&[audit, nothing], "/", Outcome::DenyNoMatch),
    ];
    for (policies, path, expected) in cases {
        let authz = authz(&format!("policies: [{}]", policies.join(", ")));
        let outcome = authz.check(&request(&format!("GET {path}")), &mut Client::default()).outcome;
        assert_eq!(outcome, *expected, "{policies:?} on {path}");
    }
}

/// The first policy in the order of the configuration is named, by whichever index it is found.
#[test]
fn names_the_first_policy() {
    let by_host = "{name: host, spec: {action: DENY, rules: [{to: [{operation: {hosts: [h]}}]}]}}";
    let by_path = "{name: path, spec: {action: DENY, rules: [{to: [{operation: {paths: ['/p*']}}]}]}}";
    let by_suffix = "{name: suffix, spec: {action: DENY, rules: [{to: [{operation: {paths: ['*h']}}]}]}}";
    let by_template =
        "{name: template, spec: {action: DENY, rules: [{to: [{operation: {paths: ['/{*}']}}]}]}}";
    let by_none = "{name: none-of-both, spec: {action: DENY, rules: [{when: [{key: 'request.headers[x]', notValues: [y]}]}]}}";
    let mut policies = vec![by_host, by_path, by_suffix, by_template, by_none];
    for _ in 0..policies.len() {
        policies.rotate_left(1);
        let authz = authz(&format!("policies: [{}]", policies.join(", ")));
        let outcome = authz.check(&request("GET /path h"), &mut Client::default()).outcome;
        assert_eq!(outcome, Outcome::DenyPolicy(0), "{policies:?}");
    }
}

#[test]
fn asks_the_host_last_and_once() {
    let yaml = "policies: [{name: p, spec: {rules: [{
        from: [{source: {principals: ['a']}}, {source: {namespaces: ['a']}}],
        when: [{key: source.ip, values: ['10.0.0.0/8']}, {key: remote.ip, notValues: ['10.0.0.0/8']},
               {key: 'request.headers[x]', values: ['1']}]}]}}]";
    let authz = authz(yaml);
    let mut client = Client::default();
    assert!(!allows(&authz, "GET /", &mut client));
    assert!(client.asked.is_empty(), "a header that does not match asks for nothing: {:?}", client.asked);
    assert!(!allows(&authz, "GET /\nx: 1", &mut client));
    assert_eq!(client.asked, ["peer_address", "remote_address", "principal"]);
}
