//! The SDK's example filters, compiled, in Envoy.

use integration::prelude::*;
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
