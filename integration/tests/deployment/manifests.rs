//! What we ship for control planes: every manifest fits its CustomResourceDefinition, and every filter configuration in one is taken by
//! the compiled module in Envoy.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use integration::manifest::{Schemas, documents};
use integration::prelude::*;
use integration::{manifest, paths};

/// Where manifests are; the overlays are built as kustomize would.
const DIRECTORIES: [&str; 3] = ["istio", "envoy-gateway", "consul"];
const OVERLAYS: [&str; 3] = ["dry-run", "enforce", "waf-canary"];

/// Resources of others that stand in our examples, without a definition at hand.
const OTHERS: [&str; 6] = [
    "EnvoyPatchPolicy",
    "BackendTrafficPolicy",
    "HTTPRoute",
    "ServiceDefaults",
    "VirtualService",
    "Kustomization",
];

#[test]
fn every_manifest_fits_its_definition() {
    let (Some(istio), Some(gateway)) =
        (paths::data("crds/istio.yaml"), paths::data("crds/envoy-gateway.yaml"))
    else {
        return;
    };
    let schemas = Schemas::read([istio, gateway]).unwrap();
    let mut failures = Vec::new();
    for (place, document) in shipped() {
        if !OTHERS.contains(&document["kind"].as_str().unwrap_or_default()) {
            failures.extend(schemas.check(&document).into_iter().map(|text| format!("{place}: {text}")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_configuration_in_a_manifest_is_taken_by_its_module() {
    let plugins: Vec<_> = shipped().iter().flat_map(|(place, document)| plugins(place, document)).collect();
    let modules: BTreeSet<_> = plugins.iter().map(|plugin| plugin.module.as_str()).collect();
    assert_eq!(modules, BTreeSet::from(["affinity", "authz", "canary", "waf"]));
    assert_envoy_takes(&plugins);
}

/// Envoy loads modules when it validates.
pub(crate) fn assert_envoy_takes(plugins: &[Plugin]) {
    let app = Upstream::start("app");
    let mut config = Config::new().cluster(Cluster::new("app", [&app]));
    let mut seen = BTreeSet::new();
    for plugin in plugins {
        if !seen.insert((&plugin.module, plugin.config.to_string())) {
            continue;
        }
        let mut filter = Wasm::module(&plugin.module).config(plugin.config.clone());
        for name in &plugin.environment {
            filter = filter.env(name, secret(name));
        }
        config = config.listener(Listener::new(&plugin.place).filter(filter).route_to("app"));
    }
    Envoy::validate(config).unwrap_or_else(|refusal| panic!("{refusal}"));
}

/// The secrets that a manifest names have to come from the environment, or nobody could put it into git.
#[test]
fn no_manifest_has_a_secret_in_it() {
    for (place, document) in shipped() {
        for plugin in plugins(&place, &document) {
            let text = plugin.config.to_string();
            for name in ["AFFINITY_KEY", "OPS_KEY"] {
                let asked = text.contains(&format!("${{{name}}}"));
                assert_eq!(asked, plugin.environment.iter().any(|n| n == name), "{place}: {name}");
            }
        }
    }
}

/// Watching is what the overlay promises of each filter that can.
#[test]
fn the_dry_run_overlay_only_watches() {
    let built = build(&configs().join("istio/overlays/dry-run"));
    let config = |name: &str| {
        let plugin = built.iter().find(|d| d["kind"] == "WasmPlugin" && d["metadata"]["name"] == name);
        plugin.unwrap_or_else(|| panic!("{name}"))["spec"]["pluginConfig"].clone()
    };
    assert_eq!(config("portcullis-waf")["mode"], "detect");
    assert!(config("portcullis-waf")["directives_map"].is_object(), "the rest stays");
    assert_eq!(config("portcullis-canary")["dry_run"], true);
    assert_eq!(config("portcullis-affinity")["dry_run"], true);
}

/// A filter in a manifest.
#[derive(Debug)]
pub(crate) struct Plugin {
    place: String,
    pub(crate) module: String,
    pub(crate) config: Value,
    pub(crate) environment: Vec<String>,
}

pub(crate) fn plugins(place: &str, document: &Value) -> Vec<Plugin> {
    let name = document["metadata"]["name"].as_str().unwrap_or_default();
    let plugin = |module: &Value, config: &Value, environment: Vec<&Value>| {
        let module = module.as_str().unwrap_or_else(|| panic!("{place}: {name} names no module"));
        let module = module.rsplit('/').next().unwrap_or_default();
        Plugin {
            place: format!("{place}, {name} {module}"),
            module: module.split(['.', ':', '@']).next().unwrap_or_default().to_owned(),
            config: config.clone(),
            environment: environment.into_iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
        }
    };
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let spec = &document["spec"];
    let istio = |wasm: &Value| {
        let environment = list(&wasm["vmConfig"]["env"]);
        plugin(&wasm["url"], &wasm["pluginConfig"], environment.iter().map(|each| &each["name"]).collect())
    };
    match document["kind"].as_str().unwrap_or_default() {
        "WasmPlugin" => vec![istio(spec)],
        "TrafficExtension" => vec![istio(&spec["wasm"])],
        "EnvoyExtensionPolicy" => {
            let each = |wasm: &Value| {
                let environment = list(&wasm["env"]["hostKeys"]);
                plugin(&wasm["code"]["image"]["url"], &wasm["config"], environment.iter().collect())
            };
            list(&spec["wasm"]).iter().map(each).collect()
        }
        "ServiceDefaults" => {
            let each = |extension: &Value| {
                let wasm = &extension["arguments"]["pluginConfig"];
                let config = serde_json::from_str(wasm["configuration"].as_str().unwrap()).unwrap();
                let code = &wasm["vmConfig"]["code"];
                let file = if code["local"].is_null() {
                    &code["remote"]["httpURI"]["uri"]
                } else {
                    &code["local"]["filename"]
                };
                let environment = list(&wasm["vmConfig"]["environmentVariables"]["hostEnvKeys"]);
                plugin(file, &config, environment.iter().collect())
            };
            list(&spec["envoyExtensions"]).iter().map(each).collect()
        }
        _ => Vec::new(),
    }
}

/// Every document, with the file that it is from.
fn shipped() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for directory in DIRECTORIES {
        for name in manifest::yaml_files(&configs().join(directory)) {
            if name != "kustomization.yaml" {
                let place = format!("{directory}/{name}");
                found.extend(
                    read(&configs().join(&place)).into_iter().map(|document| (place.clone(), document)),
                );
            }
        }
    }
    let overlays = configs().join("istio/overlays");
    let there: BTreeSet<_> =
        fs::read_dir(&overlays).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(there, OVERLAYS.map(Into::into).into());
    for overlay in OVERLAYS {
        let built = build(&overlays.join(overlay));
        found.extend(built.into_iter().map(|document| (format!("istio/overlays/{overlay}"), document)));
    }
    found
}

/// What `kustomize build` makes of a directory, of what the overlays use: resources, and patches, which merge as of RFC 7386 where a
/// kind is not one of Kubernetes' own.
fn build(directory: &Path) -> Vec<Value> {
    let kustomization = read(&directory.join("kustomization.yaml")).remove(0);
    let fields: Vec<_> = kustomization.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(fields.iter().all(|f| ["apiVersion", "kind", "resources", "patches"].contains(f)), "{fields:?}");
    let mut resources = Vec::new();
    for resource in kustomization["resources"].as_array().unwrap() {
        let path = directory.join(resource.as_str().unwrap());
        resources.extend(if path.is_dir() { build(&path) } else { read(&path) });
    }
    for patch in kustomization["patches"].as_array().into_iter().flatten() {
        let change = documents(patch["patch"].as_str().unwrap()).unwrap().remove(0);
        let target = &patch["target"];
        let wanted = |r: &&mut Value| r["kind"] == target["kind"] && r["metadata"]["name"] == target["name"];
        let mut patched: Vec<_> = resources.iter_mut().filter(wanted).collect();
        assert_eq!(patched.len(), 1, "{}: {target}", directory.display());
        patched.iter_mut().for_each(|resource| merge(resource, &change));
    }
    resources
}

pub(crate) fn merge(into: &mut Value, change: &Value) {
    let Some(fields) = change.as_object() else {
        *into = change.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (name, value) in fields {
        if value.is_null() {
            into.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut into[name], value);
        }
    }
}

pub(crate) fn secret(name: &str) -> &'static str {
    match name {
        "AFFINITY_KEY" => "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        name if name.starts_with("HTPASSWD") => "admin:{SHA}5kJ0V0l/4PT5OnM00iA7jhfugt8=",
        _ => "a-key-for-this-test-only",
    }
}

fn configs() -> PathBuf {
    paths::root().join("envoy-configs")
}

fn read(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    documents(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}
