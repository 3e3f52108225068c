//! `envoy-configs/istio/canary.yaml`: what istiod makes of it, in Envoy.

use std::fs;

use integration::manifest::documents;
use integration::paths;
use integration::prelude::*;

/// What istiod calls the clusters of Services (`outbound|port|subset|host`).
const STABLE: &str = "outbound|80||shop.shop.svc.cluster.local";

#[test]
fn the_manifest_for_istio_routes_by_the_decision() {
    let file = paths::root().join("envoy-configs/istio/canary.yaml");
    let documents = documents(&fs::read_to_string(&file).unwrap()).unwrap();
    let of_kind = |kind: &str| {
        let found = documents.iter().find(|document| document["kind"] == kind);
        found.unwrap_or_else(|| panic!("no {kind} in {}", file.display()))
    };
    let plugin = &of_kind("WasmPlugin")["spec"]["pluginConfig"];
    let patches = of_kind("EnvoyFilter")["spec"]["configPatches"].as_array().unwrap();
    let [patch] = patches.as_slice() else { panic!("{} patches", patches.len()) };
    assert_eq!(
        (&patch["applyTo"], &patch["patch"]["operation"]),
        (&json!("HTTP_ROUTE"), &json!("INSERT_FIRST"))
    );
    let route = &patch["patch"]["value"];
    let (stable, next) = (Upstream::start("stable"), Upstream::start("next"));
    // A decision header, where an EnvoyFilter is not wanted, as the comment in the file has it.
    let mut by_header = plugin.clone();
    by_header["act"] = json!({"header": {"name": "x-release"}});
    let decided = json!([{"name": "x-release", "string_match": {"exact": "v2"}}]);
    let envoy = Config::new()
        .cluster(Cluster::new(STABLE, [&stable]))
        .cluster(Cluster::new(route["route"]["cluster"].as_str().unwrap(), [&next]))
        .listener(
            Listener::new("filter state")
                .filter(Wasm::module("canary").config(plugin.clone()))
                .route(route.clone())
                .route_to(STABLE),
        )
        .listener(
            Listener::new("header")
                .filter(Wasm::module("canary").config(by_header))
                .route(json!({"match": {"prefix": "/", "headers": decided}, "route": route["route"]}))
                .route_to(STABLE),
        )
        .start();
    let get = || Request::get("/").authority("shop.example.com");
    for listener in ["filter state", "header"] {
        let client = envoy.client_of(listener);
        let cases = [
            (get().header("x-canary", "always"), "next"),
            (get().header("cookie", "canary=always"), "next"),
            (get().header("x-canary", "never").header("cookie", "canary=always"), "stable"),
            (get().header("x-canary", "never").header("x-release", "v2"), "stable"),
            (get().header("x-canary", "always").authority("other.example.com"), "stable"),
        ];
        for (request, expected) in cases {
            assert_eq!(
                client.send(request.clone()).upstream().as_deref(),
                Some(expected),
                "{listener}: {request:?}"
            );
        }
        let users = (0..200).map(|user| get().header("x-user", format!("user-{user}")));
        let answers = client.send_all(users);
        let taken = answers.iter().filter(|answer| {
            answer.as_ref().is_ok_and(|answer| answer.upstream().as_deref() == Some("next"))
        });
        // 10 % of 200, and four standard deviations of 4.2.
        let taken = taken.count();
        assert!((3..=37).contains(&taken), "{listener}: {taken}");
    }
}
