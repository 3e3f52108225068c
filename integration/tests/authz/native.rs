//! The same requests through the filter and through Envoy's own RBAC, to which Istio compiles policies: both must decide
//! alike, and name the same policy.

use std::collections::BTreeSet;

use integration::config::native;
use integration::paths;
use integration::prelude::*;

const HEADER: &str = "x-rule";

/// A rule of a policy, what Istio makes of it for RBAC, and requests that tell it from others.
struct Rule {
    name: &'static str,
    rule: Value,
    permission: Value,
    principal: Value,
    requests: Vec<Request>,
}

fn any() -> Value {
    json!({"any": true})
}

fn or(permissions: &[Value]) -> Value {
    json!({"or_rules": {"rules": permissions}})
}

fn operation(name: &'static str, operation: Value, permission: Value, requests: Vec<Request>) -> Rule {
    Rule { name, rule: json!({"to": [{"operation": operation}]}), permission, principal: any(), requests }
}

fn condition(name: &'static str, condition: Value, principal: Value, requests: Vec<Request>) -> Rule {
    Rule { name, rule: json!({"when": [condition]}), permission: any(), principal, requests }
}

fn gets(paths: &[&str]) -> Vec<Request> {
    paths.iter().map(Request::get).collect()
}

fn url_path(matcher: Value) -> Value {
    json!({"url_path": {"path": matcher}})
}

fn template(path: &str) -> Value {
    json!({"uri_template": {"name": "template", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig",
        "path_template": path,
    }}})
}

fn header(name: &str, matcher: Value) -> Value {
    if matcher == json!("*") {
        return json!({"header": {"name": name, "present_match": true}});
    }
    json!({"header": {"name": name, "string_match": matcher}})
}

fn rules() -> Vec<Rule> {
    let hosts = |hosts: &[&str]| -> Vec<Request> {
        hosts.iter().map(|host| Request::get("/").authority(host)).collect()
    };
    let methods =
        |names: &[&str]| -> Vec<Request> { names.iter().map(|name| Request::new(name, "/")).collect() };
    let with_values = |values: &[&str]| -> Request {
        values.iter().fold(Request::get("/"), |request, value| request.header("x-foo", value))
    };
    let foos = || {
        vec![
            with_values(&[]),
            with_values(&[""]),
            with_values(&["a"]),
            with_values(&["A"]),
            with_values(&["ab"]),
            with_values(&["ba"]),
            with_values(&["a", "b"]),
            with_values(&["b", "a"]),
            with_values(&["a,b"]),
            with_values(&["\u{e4}"]),
        ]
    };
    let not = |id: Value| json!({"not_id": id});
    vec![
        operation(
            "paths",
            json!({"paths": ["/a", "/p*", "*.s", "*/x*"]}),
            or(&[
                url_path(json!({"exact": "/a"})),
                url_path(json!({"prefix": "/p"})),
                url_path(json!({"suffix": ".s"})),
                url_path(json!({"suffix": "/x*"})),
            ]),
            gets(&[
                "/", "/a", "/a/", "/A", "/a?q", "/a?", "/%61", "/p", "/pq/r?s", "/o", "/x.s", "/x.s?t",
                "/x.t?.s", "/.s", "/y/x*", "/y/xz", "/?/a",
            ]),
        ),
        operation(
            "any path",
            json!({"paths": ["*"]}),
            url_path(json!({"safe_regex": {"regex": ".+"}})),
            gets(&["/", "/x"]),
        ),
        operation(
            "not paths",
            json!({"notPaths": ["/p*"]}),
            json!({"not_rule": or(&[url_path(json!({"prefix": "/p"}))])}),
            gets(&["/p", "/pq", "/q", "/q?/p"]),
        ),
        operation(
            "templates",
            json!({"paths": ["/a/{*}", "/b/{*}/c/{**}", "/d/{**}/e", "/f/{*}/"]}),
            or(&[template("/a/*"), template("/b/*/c/**"), template("/d/**/e"), template("/f/*/")]),
            gets(&[
                "/a/",
                "/a/b",
                "/a/b/c",
                "/a",
                "/a/b?c",
                "/a/-._~%25!$&'()+,;:@=",
                "/a/*",
                "/a/b*",
                "/a/|",
                "/a/[",
                "/a/\"",
                "/a/<",
                "/a/^",
                "/a/{b}",
                "/b/x/c/",
                "/b/x/c/y",
                "/b/x/c/y/z//",
                "/b/x/c",
                "/b//c/y",
                "/b/x/y/c/z",
                "/b/x/c/y*",
                "/d/e",
                "/d//e",
                "/d/x/e",
                "/d/x/y/e",
                "/d/x/e/f",
                "/d/e/e",
                "/f/x/",
                "/f/x",
                "/f//",
            ]),
        ),
        operation(
            "hosts",
            json!({"hosts": ["a.example", "*.b.example", "c.*", "d.example:*"]}),
            or(&[
                header(":authority", json!({"exact": "a.example", "ignore_case": true})),
                header(":authority", json!({"suffix": ".b.example", "ignore_case": true})),
                header(":authority", json!({"prefix": "c.", "ignore_case": true})),
                header(":authority", json!({"prefix": "d.example:", "ignore_case": true})),
            ]),
            hosts(&[
                "a.example",
                "A.Example",
                "a.example:80",
                "xa.example",
                "x.b.example",
                "X.B.EXAMPLE",
                "b.example",
                "c.x",
                "C.x:1",
                "d.example",
                "d.example:80",
            ]),
        ),
        operation("any host", json!({"hosts": ["*"]}), header(":authority", json!("*")), hosts(&["x"])),
        operation(
            "methods",
            json!({"methods": ["GET", "P*"]}),
            or(&[header(":method", json!({"exact": "GET"})), header(":method", json!({"prefix": "P"}))]),
            methods(&["GET", "PUT", "POST", "HEAD", "DELETE"]),
        ),
        condition(
            "header values",
            json!({"key": "request.headers[X-Foo]", "values": ["a", "a,*", "*ba"]}),
            json!({"or_ids": {"ids": [
                header("X-Foo", json!({"exact": "a"})),
                header("X-Foo", json!({"prefix": "a,"})),
                header("X-Foo", json!({"suffix": "ba"})),
            ]}}),
            foos(),
        ),
        condition(
            "header present",
            json!({"key": "request.headers[x-foo]", "values": ["*"]}),
            header("x-foo", json!("*")),
            foos(),
        ),
        condition(
            "header not values",
            json!({"key": "request.headers[x-foo]", "notValues": ["a", "b*"]}),
            not(
                json!({"or_ids": {"ids": [header("x-foo", json!({"exact": "a"})), header("x-foo", json!({"prefix": "b"}))]}}),
            ),
            foos(),
        ),
        condition(
            "header absent",
            json!({"key": "request.headers[x-foo]", "notValues": ["*"]}),
            not(header("x-foo", json!("*"))),
            foos(),
        ),
        condition(
            "host as header",
            json!({"key": "request.headers[host]", "values": ["A"]}),
            header("host", json!({"exact": "A"})),
            hosts(&["A", "a"]),
        ),
        condition(
            "target as header",
            json!({"key": "request.headers[:path]", "values": ["/?q"]}),
            header(":path", json!({"exact": "/?q"})),
            gets(&["/", "/?q", "/?q=1"]),
        ),
        condition(
            "peer",
            json!({"key": "source.ip", "values": ["127.0.0.0/8"]}),
            json!({"direct_remote_ip": {"address_prefix": "127.0.0.0", "prefix_len": 8}}),
            gets(&["/"]),
        ),
        condition(
            "not peer",
            json!({"key": "source.ip", "notValues": ["127.0.0.0/8"]}),
            not(json!({"direct_remote_ip": {"address_prefix": "127.0.0.0", "prefix_len": 8}})),
            gets(&["/"]),
        ),
        condition(
            "remote",
            json!({"key": "remote.ip", "values": ["::/0", "127.0.0.1"]}),
            json!({"or_ids": {"ids": [
                {"remote_ip": {"address_prefix": "::", "prefix_len": 0}},
                {"remote_ip": {"address_prefix": "127.0.0.1", "prefix_len": 32}},
            ]}}),
            gets(&["/"]),
        ),
        condition("local", json!({"key": "destination.ip", "values": ["127.0.0.1/32"]}), any(), gets(&["/"])),
        condition("no identity", json!({"key": "source.principal", "notValues": ["*"]}), any(), gets(&["/"])),
        condition(
            "no server name",
            json!({"key": "connection.sni", "notValues": ["*"]}),
            any(),
            gets(&["/"]),
        ),
    ]
}

/// Every rule as a DENY policy of its own, which only requests that name it can match.
#[test]
fn every_matcher_decides_as_rbac() {
    let app = Upstream::start("app");
    let key = format!("request.headers[{HEADER}]");
    let mut policies = Vec::new();
    let mut native_policies = serde_json::Map::new();
    let rules = rules();
    for rule in &rules {
        let name = rule.name.replace(' ', "-");
        let mut with_name = rule.rule.clone();
        let named = json!({"key": key, "values": [rule.name]});
        match with_name["when"].as_array_mut() {
            Some(when) => when.push(named),
            None => with_name["when"] = json!([named]),
        }
        policies.push(json!({"name": name, "spec": {"action": "DENY", "rules": [with_name]}}));
        let principal =
            json!({"and_ids": {"ids": [header(HEADER, json!({"exact": rule.name})), rule.principal]}});
        native_policies.insert(name, json!({"permissions": [rule.permission], "principals": [principal]}));
    }
    let rbac =
        native("rbac", "rbac.v3.RBAC", json!({"rules": {"action": "DENY", "policies": native_policies}}));
    let envoy = Config::new()
        .cluster(Cluster::new("app", [&app]))
        .listener(
            Listener::new("ours")
                .filter(Wasm::module("authz").config(json!({"policies": policies})))
                .route_to("app"),
        )
        .listener(Listener::new("native").filter(rbac).route_to("app"))
        .start();
    let mut differences = Vec::new();
    let mut outcomes = BTreeSet::new();
    for rule in &rules {
        for request in &rule.requests {
            let request = request.clone().header(HEADER, rule.name);
            let [ours, native] = ["ours", "native"].map(|listener| {
                let answer = envoy.client_of(listener).send(request.clone());
                let details = envoy.access_log(&answer.id).details();
                let policy = details.split_once('[').map(|(_, policy)| policy.to_owned());
                (answer.status, answer.text(), policy.filter(|_| answer.status == 403))
            });
            outcomes.insert((rule.name, ours.0));
            let (ours, native) = if ours.0 == 403 {
                (ours, native)
            } else {
                ((ours.0, String::new(), None), (native.0, String::new(), None))
            };
            if ours != native {
                differences.push(format!("{}: {request:?}: {ours:?}, natively {native:?}", rule.name));
            }
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
    assert!(outcomes.len() > rules.len(), "the requests are one-sided: {outcomes:?}");
    envoy.assert_no_vm_failure();
}

/// Istio's own policies beside what Istio makes of them, for clients with and without identities.
#[test]
fn golden_policies_decide_as_rbac() {
    let Some(folder) = paths::data("istio/rbac-golden") else { return };
    let app = Upstream::start("app");
    let authority = Authority::new();
    let server = authority.server(&["shop.example"]);
    // The others are about trust domain aliases, tokens, dry run and CUSTOM.
    let names = [
        "allow-host-before-111",
        "allow-nil-rule",
        "audit-full-rule",
        "deny-and-allow",
        "deny-empty-rule",
        "simple-policy-principal-with-wildcard",
        "trust-domains",
    ];
    let mut config = Config::new().cluster(Cluster::new("app", [&app]));
    for name in names {
        let listener =
            |kind: &str| Listener::new(&format!("{name} {kind}")).tls(authority.downstream(&server, false));
        config = config.listener(
            listener("ours")
                .filter(Wasm::module("authz").config(golden_policies(&folder, name)))
                .route_to("app"),
        );
        let filters = golden_filters(&folder, name).into_iter();
        config = config.listener(filters.fold(listener("native"), Listener::filter).route_to("app"));
    }
    let envoy = config.start();
    let clients = [
        None,
        Some(vec!["spiffe://allow"]),
        Some(vec!["spiffe://deny"]),
        Some(vec!["spiffe://cluster.local/ns/foo/sa/rule[0]-from[1]-principal[0]"]),
        Some(vec!["spiffe://foobar/ns/foo/sa/rule[0]-from[1]-principal[1]"]),
        Some(vec!["spiffe://another.local/x"]),
        Some(vec!["spiffe://bad.local/x"]),
        Some(vec!["spiffe://untrusted/x"]),
        Some(vec!["spiffe://untrusted.not/x"]),
        Some(vec![]),
    ];
    let clients = clients.map(|uris| uris.map(|uris| authority.client(&uris)));
    let hosts = ["example.com", "prefix.example.x", "x.example.com", "not-example.com", "other"];
    for name in names {
        for (number, identity) in clients.iter().enumerate() {
            let tls = Tls::new(authority.certificate(), "shop.example", identity.as_ref());
            for host in hosts {
                let [ours, native] = ["ours", "native"].map(|kind| {
                    let client = envoy.client_of(&format!("{name} {kind}")).tls(tls.clone());
                    client.send(Request::get("/").authority(host)).status
                });
                assert_eq!(ours, native, "{name}: client {number}, host {host}");
            }
        }
    }
    envoy.assert_no_vm_failure();
}

fn golden_policies(folder: &std::path::Path, name: &str) -> Value {
    let text = std::fs::read_to_string(folder.join(format!("{name}-in.yaml"))).unwrap();
    let documents = text.split("\n---").map(|text| serde_norway::from_str::<Value>(text).unwrap());
    let policies: Vec<Value> = documents
        .map(|document| json!({"name": document["metadata"]["name"], "spec": document["spec"]}))
        .collect();
    json!({ "policies": policies })
}

fn golden_filters(folder: &std::path::Path, name: &str) -> Vec<Value> {
    let files = [format!("{name}-out.yaml"), format!("{name}-out1.yaml"), format!("{name}-out2.yaml")];
    let files = files.iter().map(|file| folder.join(file)).filter(|file| file.exists());
    let filters = files.map(|file| {
        let mut filter: Value = serde_norway::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        remove_old_matchers(&mut filter);
        filter
    });
    filters.collect()
}

/// Envoy has dropped `safeRegexMatch` of headers for a string matcher that says the same.
fn remove_old_matchers(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(regex) = fields.remove("safeRegexMatch") {
                fields.insert("stringMatch".to_owned(), json!({ "safeRegex": regex }));
            }
            fields.values_mut().for_each(remove_old_matchers);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_old_matchers),
        _ => {}
    }
}
