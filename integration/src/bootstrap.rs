//! Runs the configurations of `envoy-configs/bootstrap/` as they are, but for the addresses and paths of this machine.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::config::{Config, Endpoint, address, array};
use crate::paths;

impl Config {
    /// Reads `envoy-configs/bootstrap/<name>`, see [`from_file`](Self::from_file).
    ///
    /// # Panics
    /// As there.
    pub fn bootstrap(name: &str) -> Self {
        Self::from_file(&directory().join(name))
    }

    /// Reads a bootstrap in YAML. The admin interface and all listeners move to free ports of 127.0.0.1, and
    /// Wasm modules are taken from `dist/` by their file name. Every cluster with endpoints must be given some
    /// with [`upstreams`](Self::upstreams).
    ///
    /// # Panics
    /// If the file is no YAML or a module is not there.
    pub fn from_file(file: &Path) -> Self {
        Self::from_bootstrap(read(file))
    }

    /// The same of a bootstrap that is in no file.
    ///
    /// # Panics
    /// If a module is not there.
    pub fn from_bootstrap(mut bootstrap: Value) -> Self {
        bootstrap["admin"]["address"] = address(([127, 0, 0, 1], 0).into());
        for listener in array(&mut bootstrap, "/static_resources/listeners") {
            listener["address"] = address(([127, 0, 0, 1], 0).into());
        }
        visit(&mut bootstrap, &mut take_module);
        for cluster in array(&mut bootstrap, "/static_resources/clusters") {
            endpoints(cluster).into_iter().for_each(|endpoint| endpoint["address"] = Value::Null);
        }
        Self::from_json(bootstrap)
    }

    /// Points a cluster's endpoints, in their order, to these.
    ///
    /// # Panics
    /// If there is no such cluster, or it has another number of endpoints.
    #[must_use]
    pub fn upstreams<E: Into<Endpoint>>(
        mut self,
        cluster: &str,
        upstreams: impl IntoIterator<Item = E>,
    ) -> Self {
        let clusters = array(&mut self.bootstrap, "/static_resources/clusters");
        let found = clusters.iter_mut().find(|candidate| candidate["name"] == cluster);
        let endpoints = endpoints(found.unwrap_or_else(|| panic!("no cluster is named {cluster}")));
        let upstreams: Vec<_> = upstreams.into_iter().map(Into::into).collect();
        assert_eq!(endpoints.len(), upstreams.len(), "endpoints of cluster {cluster}");
        for (endpoint, Endpoint(upstream)) in endpoints.into_iter().zip(upstreams) {
            endpoint["address"] = address(upstream);
        }
        self
    }

    /// Points all clusters that have no endpoints yet to one address: enough where a test only wants Envoy to start.
    #[must_use]
    pub fn other_upstreams(mut self, upstream: impl Into<Endpoint>) -> Self {
        let Endpoint(upstream) = upstream.into();
        for cluster in array(&mut self.bootstrap, "/static_resources/clusters") {
            for endpoint in endpoints(cluster).into_iter().filter(|endpoint| endpoint["address"].is_null()) {
                endpoint["address"] = address(upstream);
            }
        }
        self
    }
}

/// `envoy-configs/bootstrap/`.
pub fn directory() -> PathBuf {
    paths::root().join("envoy-configs/bootstrap")
}

/// The names of all files in it, sorted.
pub fn all() -> Vec<String> {
    crate::manifest::yaml_files(&directory())
}

/// The modules (file stems) that a configuration loads.
pub(crate) fn modules(bootstrap: &mut Value) -> Vec<String> {
    let mut found = Vec::new();
    visit(bootstrap, &mut |object| {
        if let Some(file) = object["code"]["local"]["filename"].as_str() {
            found.extend(Path::new(file).file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    });
    found.sort();
    found.dedup();
    found
}

/// Calls `each` on every JSON object, outer before inner.
pub(crate) fn visit(value: &mut Value, each: &mut impl FnMut(&mut Value)) {
    if value.is_object() {
        each(value);
    }
    match value {
        Value::Object(fields) => fields.values_mut().for_each(|field| visit(field, each)),
        Value::Array(items) => items.iter_mut().for_each(|item| visit(item, each)),
        _ => {}
    }
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_norway::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn take_module(object: &mut Value) {
    let Some(file) = object.pointer_mut("/code/local/filename") else { return };
    let stem = file.as_str().and_then(|file| Path::new(file).file_stem()).expect("a module's path");
    *file = paths::module(&stem.to_string_lossy()).to_string_lossy().into_owned().into();
}

fn endpoints(cluster: &mut Value) -> Vec<&mut Value> {
    let localities = cluster.pointer_mut("/load_assignment/endpoints").and_then(Value::as_array_mut);
    let each =
        localities.into_iter().flatten().filter_map(|locality| locality["lb_endpoints"].as_array_mut());
    each.flatten().map(|each| &mut each["endpoint"]).collect()
}
