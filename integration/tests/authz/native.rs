//! The same requests through the filter and through Envoy's own RBAC, to which Istio compiles policies: both must decide
//! alike, and name the same policy.

use std::collections::BTreeSet;

use integration::prelude::*;
use integration::{paths, rbac};

/// Every rule as a DENY policy of its own, which only requests that name it can match.
#[test]
fn every_matcher_decides_as_rbac() {
    let app = Upstream::start("app");
    let rules = rbac::rules();
    let (policies, native_filter) = rbac::as_policies(&rules);
    let envoy = Config::new()
        .cluster(Cluster::new("app", [&app]))
        .listener(Listener::new("ours").filter(Wasm::module("authz").config(policies)).route_to("app"))
        .listener(Listener::new("native").filter(native_filter).route_to("app"))
        .start();
    let mut differences = Vec::new();
    let mut outcomes = BTreeSet::new();
    let repeated_headers_count = paths::rbac_matches_headers_one_by_one();
    for rule in &rules {
        for request in &rule.requests {
            let names: BTreeSet<_> = request.headers.iter().map(|(name, _)| name).collect();
            if names.len() < request.headers.len() && !repeated_headers_count {
                continue;
            }
            let request = request.clone().header(rbac::RULE_HEADER, rule.name);
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
    let names = rbac::GOLDEN;
    let mut config = Config::new().cluster(Cluster::new("app", [&app]));
    for name in names {
        let listener =
            |kind: &str| Listener::new(&format!("{name} {kind}")).tls(authority.downstream(&server, false));
        config = config.listener(
            listener("ours")
                .filter(Wasm::module("authz").config(rbac::golden_policies(&folder, name)))
                .route_to("app"),
        );
        let filters = rbac::golden_filters(&folder, name).into_iter();
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
