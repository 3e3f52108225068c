use super::*;

/// What Istio's documentation and code read differently: an action, a rule, a request, its client, and whether it matches as
/// Istio compiles it, and strictly.
#[test]
fn what_allows_less() {
    const NESTED: &str = "spiffe://td/ns/a/sa/x/ns/admin/sa/y";
    let cases = [
        ("ALLOW", "when: [{key: 'request.headers[x-a]', values: ['*']}]", "GET /\nx-a: ", "", [true, false]),
        ("ALLOW", "when: [{key: 'request.headers[x-a]', values: ['*']}]", "GET /\nx-a: b", "", [true, true]),
        (
            "ALLOW",
            "when: [{key: 'request.headers[x-a]', notValues: ['*']}]",
            "GET /\nx-a: ",
            "",
            [false, false],
        ),
        ("DENY", "when: [{key: 'request.headers[x-a]', values: ['*']}]", "GET /\nx-a: ", "", [true, true]),
        (
            "DENY",
            "when: [{key: 'request.headers[x-a]', notValues: ['*']}]",
            "GET /\nx-a: ",
            "",
            [false, true],
        ),
        ("ALLOW", "to: [{operation: {hosts: ['*']}}]", "GET / ", "", [true, false]),
        ("DENY", "to: [{operation: {paths: ['/foo/{**}/']}}]", "GET /foo/bar/baz.txt", "", [false, true]),
        ("DENY", "to: [{operation: {paths: ['/foo/{**}/']}}]", "GET /foo/bar/", "", [true, true]),
        ("ALLOW", "to: [{operation: {paths: ['/foo/{**}/']}}]", "GET /foo/bar/baz.txt", "", [false, false]),
        ("ALLOW", "from: [{source: {namespaces: [admin]}}]", "GET /", NESTED, [true, false]),
        ("ALLOW", "from: [{source: {serviceAccounts: [admin/y]}}]", "GET /", NESTED, [true, false]),
        ("DENY", "from: [{source: {namespaces: [admin]}}]", "GET /", NESTED, [true, true]),
        ("ALLOW", "from: [{source: {namespaces: [a]}}]", "GET /", "spiffe://td/ns/a/sa/x", [true, true]),
        ("DENY", "from: [{source: {notNamespaces: [admin]}}]", "GET /", NESTED, [false, true]),
    ];
    for (action, rule, row, principal, expected) in cases {
        let found = [false, true].map(|strict| {
            let authz = authz(&format!(
                "strict: {strict}\npolicies: [{{name: p, spec: {{action: {action}, rules: [{{{rule}}}]}}}}]"
            ));
            let decision = authz.check(&request(row), &mut Client::principal(principal));
            matches!(decision.outcome, Outcome::DenyPolicy(_) | Outcome::Allow(Some(_)))
        });
        assert_eq!(found, expected, "{action} {rule} on {row:?} by {principal}");
    }
}

/// Rows of Istio's own test (pilot/pkg/security/trustdomain/bundle_test.go), by what they mean.
#[test]
fn trust_domains_stand_for_each_other() {
    let cases = [
        ("[td1, td2]", "principals: [td1/ns/a/sa/x]", "td2/ns/a/sa/x", true),
        ("[td1, td2]", "principals: [td2/ns/a/sa/x]", "td1/ns/a/sa/x", true),
        ("[td1, td2]", "principals: [cluster.local/ns/a/sa/x]", "td2/ns/a/sa/x", true),
        ("[td1, td2]", "principals: [cluster.local/ns/a/sa/x]", "cluster.local/ns/a/sa/x", false),
        ("[td1, td2]", "principals: [td3/ns/a/sa/x]", "td1/ns/a/sa/x", false),
        ("[td1, td2]", "principals: [td3/ns/a/sa/x]", "td3/ns/a/sa/x", true),
        ("[new-td, old-td, other]", "principals: ['*-td/ns/a/sa/x']", "new-td/ns/a/sa/x", true),
        ("[new-td, old-td, other]", "principals: ['*-td/ns/a/sa/x']", "other/ns/a/sa/x", true),
        ("[td1, td2]", "principals: ['*/ns/a/sa/x']", "td9/ns/a/sa/x", true),
        ("[td1, td2]", "principals: ['td1/*']", "td2/ns/a/sa/x", false),
        ("[td1, td2]", "trustDomains: [td1]", "td2/ns/a/sa/x", true),
        ("[td1, td2]", "trustDomains: [td3]", "td2/ns/a/sa/x", false),
        ("[td1, td2]", "notTrustDomains: [td1]", "td2/ns/a/sa/x", false),
    ];
    for (domains, source, principal, expected) in cases {
        let authz = authz(&format!(
            "trust_domains: {domains}\npolicies: [{{name: p, spec: {{rules: [{{from: [{{source: {{{source}}}}}]}}]}}}}]"
        ));
        let mut client = Client::principal(&format!("spiffe://{principal}"));
        assert_eq!(allows(&authz, "GET /", &mut client), expected, "{domains}, {source}, {principal}");
    }
    assert_eq!(
        refusal("trust_domains: ['a/b']").to_string(),
        "trust_domains[0]: found \"a/b\", expected a trust domain, without `/` and `*`"
    );
}
