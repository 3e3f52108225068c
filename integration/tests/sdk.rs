//! The SDK's example filters, compiled, in Envoy.

use std::time::Duration;

use integration::prelude::*;
use integration::runtime::poll;
use integration::{paths, scenario};

fn deny() -> Battery {
    Battery::new("examples/deny", json!({"header": "x-deny"}))
        .lets_through(Case::new("a request without the header", Request::get("/a?b=c")).reaches("v1"))
        .lets_through(Case::new("a header that is called almost so", Request::get("/").header("x-den", "1")))
        .steps_in(
            Case::new("the header", Request::get("/").header("x-deny", "1"))
                .stopped(403)
                .details("deny_header"),
        )
        .steps_in(Case::new("without a value", Request::get("/").header("x-deny", "")).stopped(403))
        .steps_in(Case::new("not UTF-8", Request::get("/").header("x-deny", b"\xff")).stopped(403))
        .refuses("", "deny")
        .refuses("{", "deny")
        .refuses(json!({}), "header")
        .refuses(json!({"header": 1}), "header")
        .refuses(json!({"header": "x", "heeder": "y"}), "heeder")
}

integration::battery!(deny);

#[test]
fn the_scenarios_of_the_test_host_come_out_the_same_in_envoy() {
    scenario::run("examples/deny", &paths::root().join("sdk-shim/examples/deny.toml"));
}

/// A filter that Envoy discovers from a file, with this configuration.
fn discovered(config: &str) -> String {
    let mut filter = Value::from(Wasm::module("examples/deny").config_text(config));
    filter["@type"] = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig".into();
    json!({"resources": [filter]}).to_string()
}

#[test]
fn a_broken_update_leaves_the_old_configuration_in_force() {
    let app = Upstream::start("app");
    let source = json!({
        "config_source": {"path_config_source": {"path": "./filter.json"}},
        "type_urls": ["type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm"],
    });
    let envoy = Config::new()
        .file("filter.json", discovered(r#"{"header": "x-old"}"#))
        .cluster(Cluster::new("app", [&app]))
        .listener(
            Listener::new("main").filter(json!({"name": "deny", "config_discovery": source})).route_to("app"),
        )
        .start();
    let denies = |header: &str| envoy.send(Request::get("/").header(header, "1")).status == 403;
    let updates =
        |outcome: &str| envoy.admin().stat(&format!("extension_config_discovery.http_filter.deny.{outcome}"));
    assert!(denies("x-old") && !denies("x-new"));

    envoy.replace_file("filter.json", discovered(r#"{"headr": "x-new"}"#));
    poll(Duration::from_secs(10), || (updates("config_fail") > 0).then_some(()))
        .expect("the update is rejected");
    assert!(denies("x-old") && !denies("x-new"), "the old configuration is gone");
    envoy.wait_for_log("headr");

    envoy.replace_file("filter.json", discovered(r#"{"header": "x-new"}"#));
    poll(Duration::from_secs(10), || denies("x-new").then_some(())).expect("the next update is taken");
    assert!(!denies("x-old"));
    envoy.assert_no_vm_failure();
}
