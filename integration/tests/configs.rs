//! The configurations that we ship: each starts in Envoy, each manifest fits its CustomResourceDefinition.

use integration::manifest::Schemas;
use integration::prelude::*;
use integration::{bootstrap, manifest, paths};

/// One for each filter, one for all.
const BOOTSTRAPS: [&str; 5] = ["affinity.yaml", "all.yaml", "authz.yaml", "canary.yaml", "waf.yaml"];

/// One for each filter.
const MANIFESTS: [&str; 4] = ["affinity.yaml", "authz.yaml", "canary.yaml", "waf.yaml"];

#[test]
fn every_filter_has_its_configurations() {
    for (directory, expected) in [(bootstrap::directory(), &BOOTSTRAPS[..]), (istio(), &MANIFESTS[..])] {
        let found = manifest::yaml_files(&directory);
        for name in expected {
            assert!(found.iter().any(|file| file == name), "{} is missing", directory.join(name).display());
        }
    }
}

#[test]
fn every_bootstrap_is_valid_and_serves() {
    let app = Upstream::start("app");
    for name in bootstrap::all() {
        let config = || Config::bootstrap(&name).other_upstreams(&app);
        Envoy::validate(config()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let envoy = config().start();
        let answer = envoy.send(Request::get("/"));
        assert!(answer.status < 500, "{name}: GET / is answered {}: {}", answer.status, answer.text());
        envoy.assert_no_vm_failure();
    }
}

#[test]
fn every_istio_manifest_fits_its_definition() {
    let Some(definitions) = paths::data("crds/istio.yaml") else { return };
    let schemas = Schemas::read([definitions]).unwrap();
    for name in manifest::yaml_files(&istio()) {
        schemas.check_file(&istio().join(name)).unwrap_or_else(|e| panic!("{e}"));
    }
}

fn istio() -> std::path::PathBuf {
    paths::root().join("envoy-configs/istio")
}
