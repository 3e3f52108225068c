//! The bootstraps that we ship: each starts in Envoy. The manifests are tested in deployment/manifests.rs.

use integration::prelude::*;
use integration::{bootstrap, manifest};

/// One for each filter, and for the ways to use it; one for all.
const BOOTSTRAPS: [&str; 9] = [
    "affinity-hash.yaml",
    "affinity-override-host.yaml",
    "affinity.yaml",
    "all.yaml",
    "authz-credentials.yaml",
    "authz-jwt.yaml",
    "authz.yaml",
    "canary.yaml",
    "waf.yaml",
];

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
fn authz_credentials_yaml_is_valid_and_serves() {
    is_valid_and_serves("authz-credentials.yaml");
}

#[test]
fn authz_jwt_yaml_is_valid_and_serves() {
    is_valid_and_serves("authz-jwt.yaml");
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
