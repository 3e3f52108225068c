//! The configurations that we ship: each starts in Envoy, each manifest fits its CustomResourceDefinition.

use integration::manifest::Schemas;
use integration::prelude::*;
use integration::{bootstrap, manifest, paths};

/// One for each filter, and for the ways to use it; one for all.
const BOOTSTRAPS: [&str; 7] = [
    "affinity-hash.yaml",
    "affinity-override-host.yaml",
    "affinity.yaml",
    "all.yaml",
    "authz.yaml",
    "canary.yaml",
    "waf.yaml",
];

/// One for each filter.
const MANIFESTS: [&str; 4] = ["affinity.yaml", "authz.yaml", "canary.yaml", "waf.yaml"];

#[test]
fn every_filter_has_a_bootstrap_and_each_is_tested_below() {
    assert_eq!(manifest::yaml_files(&bootstrap::directory()), BOOTSTRAPS);
}

#[test]
fn affinity_yaml_is_valid_and_serves() {
    is_valid_and_serves("affinity.yaml");
}

#[test]
fn affinity_hash_yaml_is_valid_and_serves() {
    is_valid_and_serves("affinity-hash.yaml");
}

#[test]
fn affinity_override_host_yaml_is_valid_and_serves() {
    is_valid_and_serves("affinity-override-host.yaml");
}

#[test]
fn all_yaml_is_valid_and_serves() {
    is_valid_and_serves("all.yaml");
}

#[test]
fn authz_yaml_is_valid_and_serves() {
    is_valid_and_serves("authz.yaml");
}

#[test]
fn canary_yaml_is_valid_and_serves() {
    is_valid_and_serves("canary.yaml");
}

#[test]
fn waf_yaml_is_valid_and_serves() {
    is_valid_and_serves("waf.yaml");
}

/// Whatever a filter says to `GET /`, it is the filter that says it.
fn is_valid_and_serves(name: &str) {
    let app = Upstream::start("app");
    let config = || Config::bootstrap(name).other_upstreams(&app);
    Envoy::validate(config()).unwrap_or_else(|e| panic!("{name}: {e}"));
    let envoy = config().start();
    for client in [envoy.client(), envoy.client().http2()] {
        let answer = client.send(Request::get("/"));
        assert!(answer.status < 500, "{name}: GET / is answered {}: {}", answer.status, answer.text());
    }
    envoy.assert_no_vm_failure();
}

#[test]
fn every_istio_manifest_fits_its_definition() {
    let directory = paths::root().join("envoy-configs/istio");
    let found = manifest::yaml_files(&directory);
    for name in MANIFESTS {
        assert!(found.iter().any(|file| file == name), "{} is missing", directory.join(name).display());
    }
    let Some(definitions) = paths::data("crds/istio.yaml") else { return };
    let schemas = Schemas::read([definitions]).unwrap();
    let failures = found.iter().filter_map(|name| schemas.check_file(&directory.join(name)).err());
    let failures: Vec<_> = failures.collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
