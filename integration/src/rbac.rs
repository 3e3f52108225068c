//! Policies, and what Istio makes of them for Envoy's own RBAC filter: for tests that compare the two.

use crate::config::native;
use crate::request::Request;
use serde_json::{Map, Value, json};
use std::path::Path;

/// The header that names the rule of [`as_policies`] that a request is for.
pub const RULE_HEADER: &str = "x-rule";

/// The golden cases that can be compared. The other one is about CUSTOM: of that, no RBAC is among the files.
pub const GOLDEN: [&str; 13] = [
    "allow-host-before-111",
    "allow-nil-rule",
    "audit-full-rule",
    "deny-and-allow",
    "deny-empty-rule",
    "dry-run-allow",
    "dry-run-allow-and-deny",
    "dry-run-mix",
    "simple-policy-multiple-td-aliases",
    "simple-policy-principal-with-wildcard",
    "single-policy",
    "td-aliases-source-principal",
    "trust-domains",
];

/// The trust domain of the mesh with its aliases, for the golden cases that have some (pilot/pkg/security/authz/builder/builder_test.go).
pub fn trust_domains(name: &str) -> &'static [&'static str] {
    match name {
        "simple-policy-multiple-td-aliases" => &["td1", "cluster.local", "some-td"],
        "td-aliases-source-principal" => &["new-td", "old-td", "some-trustdomain"],
        _ => &[],
    }
}

/// A rule of a policy, what Istio makes of it for RBAC, and requests that tell it from others.
#[derive(Debug)]
pub struct Rule {
    /// Its name.
    pub name: &'static str,
    /// As Istio has it, without the name.
    pub rule: Value,
    permission: Value,
    principal: Value,
    /// Requests that tell it from others.
    pub requests: Vec<Request>,
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

/// Every kind of condition, each in a rule.
pub fn rules() -> Vec<Rule> {
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
        Rule {
            permission: json!({"destination_ip": {"address_prefix": "127.0.0.1", "prefix_len": 32}}),
            ..condition(
                "local",
                json!({"key": "destination.ip", "values": ["127.0.0.1/32"]}),
                any(),
                gets(&["/"]),
            )
        },
        condition(
            "no identity",
            json!({"key": "source.principal", "notValues": ["*"]}),
            not(json!({"authenticated": {"principal_name": {"safe_regex": {"regex": ".+"}}}})),
            gets(&["/"]),
        ),
        Rule {
            permission: json!({"not_rule": {"requested_server_name": {"safe_regex": {"regex": ".+"}}}}),
            ..condition(
                "no server name",
                json!({"key": "connection.sni", "notValues": ["*"]}),
                any(),
                gets(&["/"]),
            )
        },
    ]
}

/// Every rule as a DENY policy of its own, which only requests that name it can match: the filter's configuration, and the
/// RBAC filter that decides alike.
pub fn as_policies(rules: &[Rule]) -> (Value, Value) {
    let key = format!("request.headers[{RULE_HEADER}]");
    let mut policies = Vec::new();
    let mut native_policies = Map::new();

    for rule in rules {
        let name = rule.name.replace(' ', "-");
        let mut with_name = rule.rule.clone();
        let named = json!({"key": key, "values": [rule.name]});
        match with_name["when"].as_array_mut() {
            Some(when) => when.push(named),
            None => with_name["when"] = json!([named]),
        }
        policies.push(json!({"name": name, "spec": {"action": "DENY", "rules": [with_name]}}));
        let principal =
            json!({"and_ids": {"ids": [header(RULE_HEADER, json!({"exact": rule.name})), rule.principal]}});
        native_policies.insert(name, json!({"permissions": [rule.permission], "principals": [principal]}));
    }
    let rbac =
        native("rbac", "rbac.v3.RBAC", json!({"rules": {"action": "DENY", "policies": native_policies}}));
    (json!({ "policies": policies }), rbac)
}

/// The filter's configuration for a golden case: Istio's own policies.
///
/// # Panics
/// If the data is not there.
pub fn golden_policies(folder: &Path, name: &str) -> Value {
    let text = std::fs::read_to_string(folder.join(format!("{name}-in.yaml"))).unwrap();
    let mut config = suites::istio::config(&suites::istio::documents(&text));
    config["trust_domains"] = json!(trust_domains(name));
    // RBAC takes paths as they are.
    config["path_normalization"] = json!("NONE");
    config
}

/// What Istio makes of them.
///
/// # Panics
/// If the data is not there.
pub fn golden_filters(folder: &Path, name: &str) -> Vec<Value> {
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
