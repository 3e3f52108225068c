//! Who a certificate says that the client is, where a mesh has several trust domains, and where SPIFFE IDs are ambiguous.

use integration::prelude::*;

/// A listener for each of these configurations, for clients with or without certificates.
fn envoy(app: &Upstream, authority: &Authority, configs: &[(String, Value)]) -> Envoy {
    let server = authority.server(&["shop.example"]);
    let config = Config::new().cluster(Cluster::new("app", [app]));
    let listener = |(name, config): &(String, Value)| {
        Listener::new(name)
            .tls(authority.downstream(&server, false))
            .filter(Wasm::module("authz").config(config.clone()))
            .route_to("app")
    };
    configs.iter().fold(config, |config, case| config.listener(listener(case))).start()
}

/// A client of each of these names; the empty one has no certificate.
fn tls(authority: &Authority, principals: &[&str]) -> Vec<Tls> {
    let identity = |name: &&str| (!name.is_empty()).then(|| authority.client(&[&format!("spiffe://{name}")]));
    let tls = |identity: Option<_>| Tls::new(authority.certificate(), "shop.example", identity.as_ref());
    principals.iter().map(identity).map(tls).collect()
}

#[test]
fn aliases_of_a_trust_domain_stand_for_each_other() {
    let app = Upstream::start("app");
    let authority = Authority::new();
    let principals = [
        "td1/ns/a/sa/x",
        "td2/ns/a/sa/x",
        "old-td/ns/a/sa/x",
        "cluster.local/ns/a/sa/x",
        "td1.evil/ns/a/sa/x",
        "td2/ns/a/sa/y",
        "",
    ];
    // The action, trust domains, the source, and what each of the clients is answered.
    let cases = [
        // Without trust domains each name stands for itself.
        ("ALLOW", json!([]), json!({"principals": ["td1/ns/a/sa/x"]}), [200, 403, 403, 403, 403, 403, 403]),
        (
            "ALLOW",
            json!(["td1", "td2"]),
            json!({"principals": ["td1/ns/a/sa/x"]}),
            [200, 200, 403, 403, 403, 403, 403],
        ),
        (
            "ALLOW",
            json!(["td1", "td2"]),
            json!({"principals": ["td2/ns/a/sa/x"]}),
            [200, 200, 403, 403, 403, 403, 403],
        ),
        // `cluster.local` is what policies call the mesh, and nobody's domain here.
        (
            "ALLOW",
            json!(["td1", "td2"]),
            json!({"principals": ["cluster.local/ns/a/sa/x"]}),
            [200, 200, 403, 403, 403, 403, 403],
        ),
        (
            "ALLOW",
            json!(["td1", "old-td"]),
            json!({"principals": ["*-td/ns/a/sa/x"]}),
            [200, 403, 200, 403, 403, 403, 403],
        ),
        (
            "ALLOW",
            json!(["td1", "td2"]),
            json!({"trustDomains": ["td2"]}),
            [200, 200, 403, 403, 403, 200, 403],
        ),
        // Of another mesh.
        (
            "ALLOW",
            json!(["td1", "td2"]),
            json!({"principals": ["old-td/ns/a/sa/x"]}),
            [403, 403, 200, 403, 403, 403, 403],
        ),
        (
            "DENY",
            json!(["td1", "td2"]),
            json!({"principals": ["td1/ns/a/sa/x"]}),
            [403, 403, 200, 200, 200, 200, 200],
        ),
        // Who shows no certificate is in no trust domain: so is denied.
        (
            "DENY",
            json!(["td1", "td2"]),
            json!({"notTrustDomains": ["td1"]}),
            [200, 200, 403, 403, 403, 200, 403],
        ),
    ];
    let configs: Vec<(String, Value)> = cases
        .iter()
        .map(|(action, domains, source, _)| {
            let spec = json!({"action": action, "rules": [{"from": [{"source": source}]}]});
            let config = json!({"trust_domains": domains, "policies": [{"name": "p", "spec": spec}]});
            (format!("{action} {source} in {domains}"), config)
        })
        .collect();
    let envoy = envoy(&app, &authority, &configs);
    let clients = tls(&authority, &principals);
    for ((name, _), (.., expected)) in configs.iter().zip(&cases) {
        let found: Vec<u16> = clients
            .iter()
            .map(|tls| envoy.client_of(name).tls(tls.clone()).send(Request::get("/")).status)
            .collect();
        assert_eq!(found, expected, "{name}, for {principals:?}");
    }
    envoy.assert_no_vm_failure();
}

#[test]
fn strict_allows_less_where_istio_s_words_and_code_differ() {
    const NESTED: &str = "td/ns/a/sa/x/ns/admin/sa/y";
    const ADMIN: &str = "td/ns/admin/sa/y";
    let app = Upstream::start("app");
    let authority = Authority::new();
    let principals = ["", NESTED, ADMIN];
    let any_header = |list: &str| json!({"when": [{"key": "request.headers[x-a]", list: ["*"]}]});
    let source = |source: Value| json!({"from": [{"source": source}]});
    let below = json!({"to": [{"operation": {"paths": ["/foo/{**}/"]}}]});
    let header = |value: &str| Request::get("/").header("x-a", value);
    // The action, the rule, a request, which client sends it, and the answers as Istio has it, and strictly.
    let cases = [
        ("ALLOW", any_header("values"), header(""), 0, [200, 403]),
        ("ALLOW", any_header("values"), header("b"), 0, [200, 200]),
        ("DENY", any_header("values"), header(""), 0, [403, 403]),
        ("DENY", any_header("notValues"), header(""), 0, [200, 403]),
        ("DENY", any_header("notValues"), header("b"), 0, [200, 200]),
        ("DENY", below.clone(), Request::get("/foo/bar/baz.txt"), 0, [200, 403]),
        ("DENY", below.clone(), Request::get("/foo/bar/"), 0, [403, 403]),
        ("ALLOW", below, Request::get("/foo/bar/baz.txt"), 0, [403, 403]),
        ("ALLOW", source(json!({"namespaces": ["admin"]})), Request::get("/"), 1, [200, 403]),
        ("ALLOW", source(json!({"namespaces": ["admin"]})), Request::get("/"), 2, [200, 200]),
        ("DENY", source(json!({"namespaces": ["admin"]})), Request::get("/"), 1, [403, 403]),
        ("DENY", source(json!({"notNamespaces": ["admin"]})), Request::get("/"), 1, [200, 403]),
        ("DENY", source(json!({"notNamespaces": ["admin"]})), Request::get("/"), 2, [200, 200]),
        ("ALLOW", source(json!({"serviceAccounts": ["admin/y"]})), Request::get("/"), 1, [200, 403]),
        ("ALLOW", source(json!({"serviceAccounts": ["admin/y"]})), Request::get("/"), 2, [200, 200]),
    ];
    let name = |number: usize, strict: bool| format!("{number} {strict}");
    let configs: Vec<(String, Value)> = cases
        .iter()
        .enumerate()
        .flat_map(|(number, (action, rule, ..))| {
            [false, true].map(|strict| {
                let spec = json!({"action": action, "rules": [rule]});
                (name(number, strict), json!({"strict": strict, "policies": [{"name": "p", "spec": spec}]}))
            })
        })
        .collect();
    let envoy = envoy(&app, &authority, &configs);
    let clients = tls(&authority, &principals);
    for (number, (action, rule, request, client, expected)) in cases.iter().enumerate() {
        let found = [false, true].map(|strict| {
            let client = envoy.client_of(&name(number, strict)).tls(clients[*client].clone());
            client.send(request.clone()).status
        });
        let who = principals[*client];
        assert_eq!(found, *expected, "{action} {rule}: {request:?} by {who:?}, as Istio has it and strictly");
    }
    envoy.assert_no_vm_failure();
}
