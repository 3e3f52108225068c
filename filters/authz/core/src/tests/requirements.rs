use super::*;
use crate::config::CredentialKind;

/// Three consumers with keys, in groups; a user with a password; lists of addresses.
const COMMON: &str = "
api_keys: {keys: [{consumer: mobile, secret: key-of-mobile}, {consumer: web, secret: key-of-web}, {consumer: batch, secret: key-of-batch}]}
basic: {users: 'ada:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac='}
consumers: [{name: mobile, groups: [apps]}, {name: web, groups: [apps, browsers]}, {name: ada, groups: [staff]}]
ip_lists: [{name: office, blocks: [198.51.100.0/24, '2001:db8::/32']}]
";

const ADA: &str = "authorization: Basic YWRhOm9wZW4gc2VzYW1l";

fn requiring(require: &str) -> Authz {
    authz(&format!("{COMMON}\nrequire: {require}"))
}

fn outcome(authz: &Authz, row: &str, remote: [u8; 4]) -> Outcome {
    let mut client = Client { remote: Some(remote.into()), ..Client::default() };
    authz.check(&request(row), &mut client).outcome
}

#[test]
fn compositions() {
    const OFFICE: [u8; 4] = [198, 51, 100, 7];
    const HOME: [u8; 4] = [192, 0, 2, 1];
    const ALLOW: Outcome = Outcome::Allow(None);
    const ASKED: Outcome = Outcome::DenyUnauthenticated;
    const FORBIDDEN: Outcome = Outcome::DenyForbidden;
    let missing = |kind| Outcome::DenyCredential(kind, Problem::Missing);
    let keyed = "GET /\nx-api-key: key-of-web";
    let batch = "GET /\nx-api-key: key-of-batch";
    let ada = &format!("GET /\n{ADA}");
    // What is required; the outcomes of: nothing, nothing from the office, the key of web, the key of batch, ada.
    let cases = [
        ("nothing", [ALLOW; 5]),
        (
            "api_key",
            [
                missing(CredentialKind::ApiKey),
                missing(CredentialKind::ApiKey),
                ALLOW,
                ALLOW,
                missing(CredentialKind::ApiKey),
            ],
        ),
        ("{any: [api_key, basic]}", [ASKED, ASKED, ALLOW, ALLOW, ALLOW]),
        ("{all: [api_key, basic]}", [ASKED; 5]),
        // ingress-nginx's `satisfy: any` with `whitelist-source-range` and `auth-type: basic`.
        ("{any: [{remote_ip: ['@office']}, basic]}", [ASKED, ALLOW, ASKED, ASKED, ALLOW]),
        // And `satisfy: all`: who is elsewhere is not asked for a password.
        (
            "{all: [{remote_ip: ['@office', 203.0.113.9]}, basic]}",
            [FORBIDDEN, ASKED, FORBIDDEN, FORBIDDEN, FORBIDDEN],
        ),
        ("{not_remote_ip: ['@office']}", [ALLOW, FORBIDDEN, ALLOW, ALLOW, ALLOW]),
        ("{groups: [apps]}", [ASKED, ASKED, ALLOW, FORBIDDEN, FORBIDDEN]),
        ("{consumers: [batch, ada]}", [ASKED, ASKED, FORBIDDEN, ALLOW, ALLOW]),
        (
            "{any: [{groups: [staff]}, {all: [api_key, {remote_ip: [192.0.2.0/24]}]}]}",
            [ASKED, ASKED, ALLOW, ALLOW, ALLOW],
        ),
        (
            "{all: [{any: [basic, api_key]}, {any: [{groups: [staff]}, {groups: [browsers]}]}]}",
            [ASKED, ASKED, ALLOW, FORBIDDEN, ALLOW],
        ),
    ];
    for (require, expected) in cases {
        let authz = requiring(require);
        let found = [("GET /", HOME), ("GET /", OFFICE), (keyed, HOME), (batch, HOME), (ada, HOME)]
            .map(|(row, from)| outcome(&authz, row, from));
        assert_eq!(found, expected, "{require}");
        // Wrong is wrong, whatever is required.
        assert_eq!(
            outcome(&authz, "GET /\nx-api-key: wrong", OFFICE),
            Outcome::DenyCredential(CredentialKind::ApiKey, Problem::Invalid),
            "{require}"
        );
        // Two consumers in one request are one too many.
        assert_eq!(
            outcome(&authz, &format!("{keyed}\n{ADA}"), OFFICE),
            Outcome::DenyCredential(CredentialKind::Basic, Problem::Invalid),
            "{require}"
        );
    }
    let unknown = requiring("{not_remote_ip: ['@office']}");
    let mut client = Client { remote: None, ..Client::default() };
    assert_eq!(unknown.check(&request("GET /"), &mut client).outcome, FORBIDDEN);
}

#[test]
fn routes() {
    let authz = authz(&format!(
        "{COMMON}
require: api_key
routes:
- {{name: health, to: [{{operation: {{paths: [/healthz], methods: [GET]}}}}], require: nothing}}
- {{name: staff, to: [{{operation: {{paths: ['/staff/*']}}}}, {{operation: {{hosts: [staff.example]}}}}], require: {{groups: [staff]}}}}
- {{name: app, to: [{{operation: {{paths: ['/app/*']}}}}], require: nothing, ignore: [basic]}}
policies:
- {{name: apps, spec: {{action: DENY, rules: [{{to: [{{operation: {{paths: [/apps]}}}}], when: [{{key: portcullis.groups, notValues: [apps]}}]}}]}}}}
"
    ));
    let missing = Outcome::DenyCredential(CredentialKind::ApiKey, Problem::Missing);
    let cases = [
        ("GET /healthz", Outcome::Allow(None), None),
        ("POST /healthz", missing, None),
        ("GET /", missing, None),
        ("GET /staff/x", Outcome::DenyUnauthenticated, None),
        ("GET /staff/x\nx-api-key: key-of-web", Outcome::DenyForbidden, Some("web")),
        ("GET /staff/x\nauthorization: Basic YWRhOm9wZW4gc2VzYW1l", Outcome::Allow(None), Some("ada")),
        ("GET /x staff.example", Outcome::DenyUnauthenticated, None),
        // Here the application reads them itself.
        ("GET /app/x\nauthorization: Basic wrong", Outcome::Allow(None), None),
        (
            "GET /app/x\nx-api-key: wrong",
            Outcome::DenyCredential(CredentialKind::ApiKey, Problem::Invalid),
            None,
        ),
        ("GET /apps\nx-api-key: key-of-web", Outcome::Allow(None), Some("web")),
        ("GET /apps\nx-api-key: key-of-batch", Outcome::DenyPolicy(0), Some("batch")),
    ];
    for (row, expected, consumer) in cases {
        let headers = request(row);
        let decision = authz.check(&headers, &mut Client::default());
        assert_eq!((decision.outcome, decision.consumer), (expected, consumer), "{row}");
        if row.contains("Basic wrong") {
            assert!(!authz.edits(&headers, &decision).contains(&Edit::Remove("authorization")), "{row}");
        }
    }
    let staff = authz.check(&request("GET /staff/x"), &mut Client::default());
    assert_eq!(authz.challenges(staff.outcome, staff.route, &request("GET /staff/x")).len(), 2);
}

#[test]
fn consumers_are_told_to_the_upstream() {
    let authz = authz(&format!(
        "{COMMON}\nrequire: nothing\nanonymous_consumer: guest\ngroups_header: X-Groups\nconsumer_header: X-User"
    ));
    let set = |name, value: &str| Edit::Set(name, value.as_bytes().to_vec());
    let cases = [
        (
            "GET /\nx-api-key: key-of-web",
            vec![Edit::Remove("x-api-key"), set("x-user", "web"), set("x-groups", "apps,browsers")],
        ),
        ("GET /\nx-user: root\nx-groups: admins", vec![set("x-user", "guest"), Edit::Remove("x-groups")]),
        ("GET /\nx-api-key: key-of-batch", vec![Edit::Remove("x-api-key"), set("x-user", "batch")]),
        // One to an upstream that is told as CGI has it.
        (
            "GET /\nx_user: root\nx_user: admin\nx_groups: admins\nx_users: 1\nx-user_: 1",
            vec![Edit::Remove("x_user"), Edit::Remove("x_groups"), set("x-user", "guest")],
        ),
    ];
    for (row, expected) in cases {
        let headers = request(row);
        let decision = authz.check(&headers, &mut Client::default());
        assert_eq!(authz.edits(&headers, &decision), expected, "{row}");
    }
}

#[test]
fn a_guest_is_not_in() {
    let authz = authz(&format!("{COMMON}\nrequire: {{groups: [apps]}}\nanonymous_consumer: guest"));
    assert_eq!(outcome(&authz, "GET /", [192, 0, 2, 1]), Outcome::DenyUnauthenticated);
}

#[test]
fn ten_thousand_blocks_are_searched() {
    let blocks: Vec<String> =
        (0..10_000_u32).map(|number| format!("'10.{}.{}.0/25'", number / 256, number % 256)).collect();
    let authz = authz(&format!(
        "ip_lists: [{{name: many, blocks: [{}]}}]\npolicies: [{{name: p, spec: {{action: DENY, rules: [{{from: [{{source: {{remoteIpBlocks: ['@many'], notRemoteIpBlocks: [10.0.1.1]}}}}]}}]}}}}]",
        blocks.join(", ")
    ));
    for (address, expected) in [
        ([10, 0, 0, 1], Outcome::DenyPolicy(0)),
        ([10, 39, 15, 127], Outcome::DenyPolicy(0)),
        ([10, 39, 15, 128], Outcome::Allow(None)),
        ([10, 39, 16, 1], Outcome::Allow(None)),
        ([10, 0, 1, 1], Outcome::Allow(None)),
    ] {
        assert_eq!(outcome(&authz, "GET /", address), expected, "{address:?}");
    }
}

#[test]
fn refused() {
    let cases = [
        ("require: basic", "require: found Basic, expected another credential, as basic is not configured"),
        ("require: {any: []}", "require.any: found an empty list, expected at least one item"),
        ("require: {groups: [x]}", "require.groups[0]: found `x`, expected a group of one of `consumers`"),
        (
            "require: {all: [{consumers: [x]}]}",
            "require.all[0].consumers[0]: found `x`, expected a consumer that a credential names",
        ),
        (
            "require: {remote_ip: ['@x']}",
            "require.remote_ip[0]: found `@x`, expected the name of one of ip_lists",
        ),
        (
            "require: {remote_ip: [10.0.0.0/33]}",
            "require.remote_ip[0]: found `10.0.0.0/33`, no prefix length from 0 to 32 (IPv4) or 128 (IPv6), expected an IP address or a block in CIDR notation, as 10.0.0.0/8",
        ),
        (
            "ip_lists: [{name: a, blocks: [x]}]",
            "ip_lists[0].blocks[0]: found `x`, no IP address, expected an IP address or a block in CIDR notation, as 10.0.0.0/8",
        ),
        (
            "ip_lists: [{name: a, blocks: []}, {name: a, blocks: []}]",
            "ip_lists[1].name: found `a` for a second time, expected each name once",
        ),
        (
            "consumers: [{name: x}]",
            "consumers[0].name: found \"x\", expected a consumer that a credential names, or anonymous_consumer",
        ),
        (
            "routes: [{name: none, require: nothing}]",
            "routes[0].name: found `none`, expected 1 to 253 letters, digits, `.`, `_`, `-` and `/`, once, but not `none`",
        ),
        (
            "routes: [{name: a, require: nothing, ignore: [jwt]}]",
            "routes[0].ignore[0]: found Jwt, expected another credential, as request_authentication is not configured",
        ),
        (
            "routes: [{name: a, to: [], require: nothing}]",
            "routes[0].to: found an empty list, expected at least one item, or no such field",
        ),
        (
            "consumer_header: host",
            "consumer_header: found \"host\", expected the name of a header that no credential stands in, and not host",
        ),
        (
            "api_keys: {keys: [{consumer: a, secret: b}]}\nanonymous_consumer: a",
            "anonymous_consumer: found \"a\", expected a name that no credential has: it would be everybody's",
        ),
        (
            "api_keys: {keys: [{consumer: a, secret: b}]}\nroutes: [{name: a, require: api_key, ignore: [api_key]}]",
            "routes[0].require: found ApiKey, which `ignore` leaves out, expected another credential",
        ),
    ];
    for (yaml, expected) in cases {
        assert_eq!(refusal(yaml).to_string(), expected, "for {yaml}");
    }
}
