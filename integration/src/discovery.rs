//! Endpoints that Envoy learns of from a file (EDS), and that come and go while it runs.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::config::{Config, address};
use crate::envoy::Envoy;
use crate::upstream::Upstream;

/// The file in Envoy's working directory.
const FILE: &str = "endpoints.json";

impl Config {
    /// Has these clusters take their endpoints, each a `LbEndpoint`, from a file.
    ///
    /// # Panics
    /// If there is no cluster of such a name.
    #[must_use]
    pub fn discover(self, clusters: &[&str], endpoints: &[Value]) -> Self {
        let config = self.edit(|bootstrap| {
            for name in clusters {
                let all = bootstrap["static_resources"]["clusters"].as_array_mut();
                let cluster = all.into_iter().flatten().find(|cluster| cluster["name"] == *name);
                let cluster = cluster.and_then(Value::as_object_mut);
                let cluster = cluster.unwrap_or_else(|| panic!("no cluster is named {name}"));
                cluster.remove("load_assignment");
                cluster.insert("type".into(), "EDS".into());
                let source = json!({
                    "resource_api_version": "V3", "path_config_source": {"path": format!("./{FILE}")},
                });
                let discovery = json!({"service_name": SERVICE, "eds_config": source});
                cluster.insert("eds_cluster_config".into(), discovery);
                // Envoy gathers changes of health for up to a second otherwise: `deploy` would not know when they count.
                let lb = cluster.entry("common_lb_config").or_insert_with(|| json!({}));
                lb["update_merge_window"] = "0s".into();
            }
        });
        config.file(FILE, assignment(endpoints))
    }
}

impl Envoy {
    /// Tells Envoy of other endpoints, and waits until these clusters have them.
    ///
    /// # Panics
    /// If they have not after 20 s.
    pub fn deploy(&self, clusters: &[&str], endpoints: &[Value]) {
        let updates = || -> Vec<u64> {
            clusters.iter().map(|name| self.admin().stat(&format!("cluster.{name}.update_success"))).collect()
        };
        let before = updates();
        self.replace_file(FILE, assignment(endpoints));
        let start = Instant::now();
        while updates().iter().zip(&before).any(|(now, before)| now == before) {
            assert!(start.elapsed() < Duration::from_secs(20), "Envoy has not read its endpoints");
            std::thread::sleep(Duration::from_millis(20));
        }
        // The worker is told after the main thread.
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// A healthy endpoint.
pub fn endpoint(upstream: &Upstream) -> Value {
    json!({"endpoint": {"address": address(upstream.address())}})
}

const SERVICE: &str = "discovered";

fn assignment(endpoints: &[Value]) -> String {
    let assignment = json!({"resources": [{
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": SERVICE,
        "endpoints": [{"lb_endpoints": endpoints}],
    }]});
    assignment.to_string()
}
