//! `envoy-configs/file-xds/`: an Envoy whose listeners, clusters and filters come from files, and change while it runs.

use std::fs;
use std::time::Duration;

use integration::prelude::*;
use integration::{manifest, paths, runtime::poll};

const NAMES: [&str; 3] = ["lds.yaml", "cds.yaml", "ecds.yaml"];

/// How long Envoy may take to notice a file and to load a module.
const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn files_change_what_a_running_envoy_does_and_bad_ones_change_nothing() {
    let [one, other] = ["one", "other"].map(Upstream::start);
    let mut config = Config::from_json(read("bootstrap.yaml"));
    for name in NAMES {
        config = config.file(name, here(read(name), &one).to_string());
    }
    let config = config.edit(|bootstrap| {
        bootstrap["admin"]["address"]["socket_address"]["port_value"] = 0.into();
        files_are_here(bootstrap);
    });
    Envoy::validate(config.clone()).unwrap_or_else(|refusal| panic!("{refusal}"));
    let envoy = config.start();
    let client = envoy.client_of("main");
    let status = |path: &str| client.send(Request::get(path)).status;
    assert_eq!((status("/"), status("/admin"), status("/reports")), (200, 403, 200));
    let until = |what: &str, is_so: &dyn Fn() -> bool| {
        poll(PATIENCE, || is_so().then_some(())).unwrap_or_else(|| panic!("{what}"));
    };

    let filter = here(read("ecds.yaml"), &one).to_string();
    envoy.replace_file("ecds.yaml", filter.replace("/admin/*", "/reports"));
    until("the new filter", &|| status("/reports") == 403);
    assert_eq!(status("/admin"), 403);

    envoy.replace_file("ecds.yaml", filter.replace("notRemoteIpBlocks", "noRemoteIpBlocks"));
    envoy.wait_for_log("configuration refused");
    envoy.wait_for_log("noRemoteIpBlocks");
    assert_eq!((status("/"), status("/admin"), status("/reports")), (200, 403, 403), "the old one serves on");

    envoy.replace_file("cds.yaml", here(read("cds.yaml"), &other).to_string());
    let upstream = || client.send(Request::get("/")).upstream();
    until("the new cluster", &|| upstream().as_deref() == Some("other"));

    let listener = here(read("lds.yaml"), &one).to_string();
    envoy.replace_file("lds.yaml", listener.replace("\"stat_prefix\"", "\"stat_prefixes\""));
    envoy.wait_for_log("stat_prefixes");
    assert_eq!((status("/"), status("/admin")), (200, 403), "the old one serves on");

    envoy.replace_file("ecds.yaml", filter);
    until("the way back", &|| status("/reports") == 200);
    envoy.assert_no_vm_failure();
}

fn read(name: &str) -> Value {
    let path = paths::root().join("envoy-configs/file-xds").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    manifest::documents(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display())).remove(0)
}

/// The addresses and paths of this test.
fn here(mut resources: Value, upstream: &Upstream) -> Value {
    let module = paths::module("authz").to_string_lossy().into_owned();
    let resource = &mut resources["resources"][0];
    if let Some(address) = resource.pointer_mut("/address/socket_address") {
        *address = json!({"address": "127.0.0.1", "port_value": 0});
    }
    if let Some(port) = resource
        .pointer_mut("/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address/port_value")
    {
        *port = upstream.address().port().into();
    }
    if let Some(file) = resource.pointer_mut("/typed_config/config/vm_config/code/local/filename") {
        *file = module.into();
    }
    files_are_here(&mut resources);
    resources
}

fn files_are_here(value: &mut Value) {
    let text = value.to_string().replace("envoy-configs/file-xds/", "./");
    *value = serde_json::from_str(&text).unwrap();
}
