use super::*;
use crate::tests::naive;
use serde_json::{Value, json};
use suites::Random;

const PATHS: &[&str] = &[
    "/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/abc", "/b/a", "/b", "//", "/a//c", "/a*", "*", "/a/b|/c",
    "/A",
];
const HOSTS: &[&str] = &["a", "a.b", "A.B", "b.a", "a.b:80", "c", "", "ab"];
const METHODS: &[&str] = &["GET", "PUT", "get", "GETS", ""];
const VALUES: &[&str] = &["", "a", "b", "ab", "ba", "a,b", "*", "a*"];
const PRINCIPALS: &[&str] = &[
    "spiffe://td/ns/a/sa/x",
    "spiffe://td/ns/b/sa/x",
    "spiffe://td/ns/ab/sa/xy",
    "spiffe://tdx/ns/a/sa/y",
    "spiffe://td/ns/a/k/sa/x/z",
    "spiffe://td",
    "spiffe://",
    "spiffe:///ns/a/sa/x",
    "CN=a",
    "spiffe://td/ns/a/ns/b/sa/x",
    "spiffe://td/ns//sa/x",
    "a.example",
];
const ADDRESSES: &[&str] =
    &["10.0.0.1", "10.0.1.1", "10.1.0.1", "192.0.2.7", "::1", "2001:db8::1", "::ffff:10.0.0.1", "0.0.0.0"];

const PATH_VALUES: &[&str] = &[
    "/",
    "/a",
    "/a*",
    "/a/*",
    "/ab*",
    "*c",
    "*/a",
    "*",
    "/b",
    "/a/b",
    "*a*",
    "/{*}",
    "/a/{*}",
    "/{*}/b/{**}",
    "/a/{**}",
    "/a/{**}/c",
    "/{**}",
    "/{*}/{*}/",
    "/a/{*}/c",
];
const HOST_VALUES: &[&str] = &["a", "A.b", "a*", "*.B", "*", "c:*", "*:80"];
const METHOD_VALUES: &[&str] = &["GET", "PUT", "G*", "*T", "*"];
const HEADER_VALUES: &[&str] = &["a", "a*", "*b", "*", "a,b", "*a*"];
const PRINCIPAL_VALUES: &[&str] = &["td/ns/a/sa/x", "td/*", "*/x", "*", "tdx*", "*y", "td"];
const NAMESPACE_VALUES: &[&str] = &["a", "a*", "*b", "*", "c", "a*b"];
const ACCOUNT_VALUES: &[&str] = &["a/x", "x", "b/x", "ab/xy", "a/y"];
const DOMAIN_VALUES: &[&str] = &["td", "td*", "*x", "*", "other"];
const BLOCK_VALUES: &[&str] =
    &["10.0.0.0/24", "10.0.0.1", "10.0.0.0/8", "::/0", "2001:db8::/32", "0.0.0.0/0", "::1"];
const PORT_VALUES: &[&str] = &["80", "443", "0"];

fn list(random: &mut Random, values: &[&str]) -> Value {
    (0..1 + random.below(3)).map(|_| json!(random.pick(values))).collect()
}

/// Some of the fields, at least one.
fn fields(random: &mut Random, all: &[(&str, &[&str])]) -> Value {
    let mut fields = serde_json::Map::new();
    while fields.is_empty() {
        for (name, values) in all {
            if random.one_in(all.len().min(3)) {
                fields.insert((*name).to_owned(), list(random, values));
            }
        }
    }
    fields.into()
}

fn rule(random: &mut Random) -> Value {
    let mut rule = serde_json::Map::new();
    if random.one_in(3) {
        let from = (0..1 + random.below(2)).map(|_| {
            let source = if random.one_in(4) {
                fields(
                    random,
                    &[
                        ("serviceAccounts", ACCOUNT_VALUES),
                        ("notServiceAccounts", ACCOUNT_VALUES),
                        ("ipBlocks", BLOCK_VALUES),
                    ],
                )
            } else {
                fields(
                    random,
                    &[
                        ("principals", PRINCIPAL_VALUES),
                        ("notPrincipals", PRINCIPAL_VALUES),
                        ("namespaces", NAMESPACE_VALUES),
                        ("notNamespaces", NAMESPACE_VALUES),
                        ("trustDomains", DOMAIN_VALUES),
                        ("notTrustDomains", DOMAIN_VALUES),
                        ("ipBlocks", BLOCK_VALUES),
                        ("notIpBlocks", BLOCK_VALUES),
                        ("remoteIpBlocks", BLOCK_VALUES),
                        ("notRemoteIpBlocks", BLOCK_VALUES),
                    ],
                )
            };
            json!({ "source": source })
        });
        rule.insert("from".into(), from.collect());
    }
    if !random.one_in(4) {
        let to = (0..1 + random.below(2)).map(|_| {
            json!({ "operation": fields(
                random,
                &[
                    ("paths", PATH_VALUES),
                    ("notPaths", PATH_VALUES),
                    ("hosts", HOST_VALUES),
                    ("notHosts", HOST_VALUES),
                    ("methods", METHOD_VALUES),
                    ("notMethods", METHOD_VALUES),
                    ("ports", PORT_VALUES),
                    ("notPorts", PORT_VALUES),
                ],
            )})
        });
        rule.insert("to".into(), to.collect());
    }
    if random.one_in(3) {
        let (key, values) = [
            ("request.headers[x]", HEADER_VALUES),
            ("source.ip", BLOCK_VALUES),
            ("remote.ip", BLOCK_VALUES),
            ("destination.ip", BLOCK_VALUES),
            ("destination.port", PORT_VALUES),
            ("connection.sni", HEADER_VALUES),
            ("source.principal", PRINCIPAL_VALUES),
            ("source.namespace", NAMESPACE_VALUES),
            ("source.serviceAccount", ACCOUNT_VALUES),
            ("source.trustDomain", DOMAIN_VALUES),
        ][random.below(10)];
        let mut when = fields(random, &[("values", values), ("notValues", values)]);
        when["key"] = json!(key);
        rule.insert("when".into(), json!([when]));
    }
    rule.into()
}

fn random_config(random: &mut Random) -> Value {
    let count = 1 + random.below(4);
    let policies = (0..count).map(|index| {
        let rules: Vec<Value> = (0..random.below(4)).map(|_| rule(random)).collect();
        let action = random.pick(&["ALLOW", "ALLOW", "DENY", "DENY", "AUDIT"]);
        json!({ "name": format!("p{index}"), "namespace": "a", "spec": { "action": action, "rules": rules } })
    });
    json!({ "policies": policies.collect::<Vec<_>>() })
}

fn random_client(random: &mut Random) -> Client {
    let address = |random: &mut Random| random.pick(ADDRESSES).parse::<IpAddr>().unwrap();
    let peer = match random.below(6) {
        0 => PeerAddress::Unknown,
        1 => PeerAddress::NotIp,
        _ => PeerAddress::Ip(address(random)),
    };
    let remote = (!random.one_in(6)).then(|| address(random));
    let port = [80, 443, 8080][random.below(3)];
    let local = (!random.one_in(6)).then(|| SocketAddr::new(address(random), port));
    let principal = (!random.one_in(4)).then(|| random.pick(PRINCIPALS).as_bytes().to_vec());
    let server_name = (!random.one_in(4)).then(|| random.pick(VALUES).as_bytes().to_vec());
    Client { peer, remote, local, principal, server_name, ..Client::default() }
}

fn random_headers(random: &mut Random) -> Headers {
    let mut headers = Headers::default();
    if !random.one_in(10) {
        headers.push(b":method", random.pick(METHODS).as_bytes());
    }
    if !random.one_in(10) {
        let tail = random.pick(&["", "", "", "?", "?/a", "#/b", "?a#b"]);
        headers.push(b":path", format!("{}{tail}", random.pick(PATHS)).as_bytes());
    }
    if !random.one_in(5) {
        headers.push(b":authority", random.pick(HOSTS).as_bytes());
    }
    for _ in 0..random.below(3) {
        headers.push(b"x", random.pick(VALUES).as_bytes());
    }
    headers
}

#[test]
fn decides_as_the_naive_evaluation() {
    let mut random = Random(6);
    let mut outcomes = std::collections::BTreeMap::new();
    for _ in 0..500 {
        let json = random_config(&mut random);
        let config: Config =
            sdk_shim_config::parse(json.to_string().as_bytes()).unwrap_or_else(|e| panic!("{e}: {json}"));
        let authz = match Authz::new(&config, &environment) {
            Ok(authz) => authz,
            // Policies that can never match come up by chance, and are refused.
            Err(errors) if errors.iter().all(|error| error.to_string().contains("never matches")) => continue,
            Err(errors) => panic!("{errors}: {json}"),
        };
        for _ in 0..20 {
            let headers = random_headers(&mut random);
            let mut client = random_client(&mut random);
            let expected = naive::check(&config, &headers, &client);
            let decision = authz.check(&headers, &mut client);
            let shown: Vec<_> =
                headers.iter().map(|(n, v)| format!("{}: {}", n.escape_ascii(), v.escape_ascii())).collect();
            assert_eq!((decision.outcome, decision.audit), expected, "{json}\n{shown:?}\n{client:?}");
            let mut asked = client.asked.clone();
            asked.dedup();
            asked.sort_unstable();
            assert_eq!(asked.len(), client.asked.len(), "asked twice: {:?}", client.asked);
            let kind = format!("{:?}", decision.outcome).split('(').next().unwrap().to_owned();
            *outcomes.entry(kind).or_insert(0) += 1;
        }
    }
    assert!(
        outcomes.len() >= 3 && outcomes.values().all(|count| *count > 500),
        "one-sided requests: {outcomes:?}"
    );
}

#[test]
fn no_bytes_make_it_panic() {
    let json = json!({
        "policies": [{"name": "p", "spec": {"action": "DENY", "rules": [
            {"to": [{"operation": {"paths": ["/a/{*}/{**}/z", "/b*", "*c"], "notHosts": ["x*"]}}],
             "from": [{"source": {"namespaces": ["a*b"], "trustDomains": ["*x"]}}, {"source": {"serviceAccounts": ["a/b"]}}],
             "when": [{"key": "request.headers[x]", "notValues": ["q"]}]}]}}],
        "api_keys": {"required": false, "locations": [{"header": "x-api-key"}, {"query": "k"}, {"cookie": "k"}],
            "keys": [{"consumer": "c", "secret": "secret"}]},
    });
    let config: Config = sdk_shim_config::parse(json.to_string().as_bytes()).unwrap();
    let authz = Authz::new(&config, &environment).unwrap();
    let mut random = Random(7);
    let pieces: &[&[u8]] = &[
        b"/a/",
        b"/b",
        b"c",
        b"?k=",
        b"&",
        b"=",
        b"%",
        b"%2",
        b"#",
        b"?",
        b";",
        b"k=",
        b"spiffe://",
        b"/ns/",
        b"sa/",
        b"a",
        b"b",
        b"*",
        b"\0",
        b"\xff",
        b"\r\n",
        b" ",
        b"secret",
        b"z",
        b"//",
    ];
    let text = |random: &mut Random| -> Vec<u8> {
        (0..random.below(12)).flat_map(|_| random.pick(pieces).to_vec()).collect()
    };
    for _ in 0..50_000 {
        let mut headers = Headers::default();
        for name in [":path", ":authority", ":method", "x", "x-api-key", "cookie", "cookie", "x-consumer"] {
            if !random.one_in(3) {
                headers.push(name.as_bytes(), &text(&mut random));
            }
        }
        let mut client = Client { principal: Some(text(&mut random)), ..Client::default() };
        let decision = authz.check(&headers, &mut client);
        for edit in authz.edits(&headers, &decision) {
            if let Edit::Set(":path", target) = edit {
                let query = sdk_shim_http::split_target(&target).1.unwrap_or_default();
                assert_eq!(sdk_shim_http::Query::new(query).get("k"), None, "{}", target.escape_ascii());
            }
        }
        if let Some(consumer) = decision.consumer {
            assert_eq!(consumer, "c");
        }
    }
}
