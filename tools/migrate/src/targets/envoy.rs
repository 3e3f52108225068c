//! A whole Envoy: static, on one listener.
//!
//! Every filter is in the chain but off, and the routes of the locations that had its annotation turn it on: so what is compared
//! is the path that Envoy routes by, and no other.

use super::instances::{Instance, Instances};
use super::routes::{pattern, substitution};
use super::{OutputFile, environment};
use crate::features::affinity::{CLUSTER_HEADER, ENDPOINT_HEADER, SESSION_HEADER};
use crate::json::Put;
use crate::plan::{Balancing, Cluster, Host, Location, Matching, Plan};
use crate::yaml;
use serde_json::{Map, Value, json};

/// The files: `envoy.yaml`, and `portcullis.env` where filters need secrets.
pub(crate) fn files(plan: &Plan) -> Vec<OutputFile> {
    let header = "\
# Written by `portcullis migrate ingress-nginx`. Run it from the folder that has dist/ (make modules):
#   set -a; . ./portcullis.env; set +a; envoy -c envoy.yaml
# Filters are off unless a route turns them on, by typed_per_filter_config.
";
    let mut files = vec![OutputFile {
        name: "envoy.yaml".to_owned(),
        content: format!("{header}{}", yaml::text(&bootstrap(plan))),
    }];
    files.extend(environment(plan));
    files
}

const HTTP: &str = "type.googleapis.com/envoy.extensions.filters.http";

/// More than the waf holds, so that it is the waf that says a body is too long.
const BUFFER_RESERVE: u64 = 1 << 16;

fn bootstrap(plan: &Plan) -> Value {
    let instances = Instances::of(plan, None);
    let locations = || plan.hosts.values().flat_map(|host| &host.locations);
    let mut listener = json!({
        "name": "main",
        "address": socket("0.0.0.0", 10000),
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager(plan, &instances),
        }]}],
    });
    if let Some(limit) =
        locations().filter_map(|location| location.waf.as_ref()).map(|waf| waf.body_limit).max()
    {
        listener.put("per_connection_buffer_limit_bytes", (limit + BUFFER_RESERVE).max(1 << 20).into());
    }
    let clusters: Vec<Value> = plan.clusters.iter().map(|(name, each)| cluster(name, each, plan)).collect();
    json!({
        "admin": {"address": socket("127.0.0.1", 9901)},
        "static_resources": {"listeners": [listener], "clusters": clusters},
    })
}

fn socket(address: &str, port: u16) -> Value {
    json!({"socket_address": {"address": address, "port_value": port}})
}

fn manager(plan: &Plan, instances: &Instances) -> Value {
    let mut filters: Vec<Value> = instances.iter().map(filter).collect();
    if plan.hosts.values().flat_map(|host| &host.locations).any(Location::is_persistent) {
        filters.push(json!({
            "name": "envoy.filters.http.stateful_session",
            "disabled": true,
            "typed_config": {
                "@type": format!("{HTTP}.stateful_session.v3.StatefulSession"),
                "session_state": {
                    "name": "envoy.http.stateful_session.header",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState",
                        "name": ENDPOINT_HEADER,
                    },
                },
            },
        }));
    }
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": format!("{HTTP}.router.v3.Router")},
    }));
    let hosts: Vec<Value> =
        plan.hosts.iter().map(|(name, host)| virtual_host(name, host, instances)).collect();
    let mut manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "ingress",
        "use_remote_address": true,
        "normalize_path": true,
        "merge_slashes": true,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_REDIRECT",
        "request_timeout": "60s",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "http_filters": filters,
        "route_config": {
            "name": "main",
            "ignore_port_in_host_matching": true,
            "virtual_hosts": hosts,
        },
    });
    if plan.trusted_hops > 0 {
        manager.put("xff_num_trusted_hops", plan.trusted_hops.into());
    }
    manager
}

fn filter(instance: &Instance) -> Value {
    let Instance { module, name, config, variables } = instance;
    let mut vm = json!({
        "vm_id": module,
        "runtime": "envoy.wasm.runtime.v8",
        "code": {"local": {"filename": format!("dist/{module}.wasm")}},
    });
    if !variables.is_empty() {
        vm.put("environment_variables", json!({"host_env_keys": variables}));
    }
    let mut plugin = json!({
        "name": name,
        "root_id": module,
        "failure_policy": "FAIL_RELOAD",
        "vm_config": vm,
        "configuration": {
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": pretty(config),
        },
    });
    if *module == "waf" {
        plugin.put("allow_on_headers_stop_iteration", true.into());
    }
    json!({
        "name": filter_name(instance),
        "disabled": true,
        "typed_config": {"@type": format!("{HTTP}.wasm.v3.Wasm"), "config": plugin},
    })
}

fn filter_name(instance: &Instance) -> String {
    format!("portcullis.{}", instance.name)
}

pub(crate) fn pretty(config: &Value) -> String {
    serde_json::to_string_pretty(config).unwrap_or_default() + "\n"
}

fn virtual_host(name: &str, host: &Host, instances: &Instances) -> Value {
    let domains: Vec<&str> = std::iter::once(name).chain(host.aliases.iter().map(String::as_str)).collect();
    let routes: Vec<Value> = host.locations.iter().flat_map(|location| routes(location, instances)).collect();
    let mut virtual_host = json!({"name": name, "domains": domains, "routes": routes});
    let headers: Vec<&str> = [
        (ENDPOINT_HEADER, host.locations.iter().any(Location::is_persistent)),
        (CLUSTER_HEADER, host.locations.iter().any(|each| each.affinity.is_some() && each.canary.is_some())),
    ]
    .into_iter()
    .filter_map(|(header, is_used)| is_used.then_some(header))
    .collect();
    if !headers.is_empty() {
        virtual_host.put("request_headers_to_remove", headers.into());
    }
    virtual_host
}

/// The routes of a location: that of a session's cluster, that of the canary, and its own.
fn routes(location: &Location, instances: &Instances) -> Vec<Value> {
    let filters: Map<String, Value> = per_filter(location, instances);
    let route = |cluster: &str, condition: Option<(&str, Value)>| {
        let mut matching = matching(location);
        if let Some((field, condition)) = condition {
            matching.put(field, json!([condition]));
        }
        let mut action = json!({"cluster": cluster, "timeout": "60s"});
        if let Some(target) = &location.rewrite {
            action.put(
                "regex_rewrite",
                json!({"pattern": {"regex": rewritten(location)}, "substitution": substitution(target)}),
            );
        }
        let mut hashed = location.hash.clone();
        if location.is_balanced() {
            hashed.push(json!({"header": {"header_name": SESSION_HEADER}}));
        }
        if !hashed.is_empty() {
            action.put("hash_policy", hashed.into());
        }
        // A retry of a session's request would move the session.
        if location.affinity.as_ref().is_none_or(|affinity| affinity.changes_on_failure) {
            action
                .put("retry_policy", json!({"retry_on": "connect-failure,refused-stream", "num_retries": 2}));
        }
        let mut route = json!({"match": matching, "route": action});
        if !filters.is_empty() {
            route.put("typed_per_filter_config", filters.clone().into());
        }
        route
    };
    let mut all = Vec::new();
    if let Some(canary) = &location.canary {
        let session = |cluster: &str| {
            let condition = json!({"name": CLUSTER_HEADER, "string_match": {"exact": cluster}});
            route(cluster, Some(("headers", condition)))
        };
        if location.affinity.is_some() {
            all.push(session(&location.cluster));
            if !canary.is_legacy {
                all.push(session(&canary.cluster));
            }
        }
        let decided = json!({"key": "wasm.canary", "string_match": {"exact": canary.release}});
        all.push(route(&canary.cluster, Some(("filter_state", decided))));
    }
    all.push(route(&location.cluster, None));
    all
}

fn per_filter(location: &Location, instances: &Instances) -> Map<String, Value> {
    let on = json!({"@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {}});
    let mut filters: Map<String, Value> = instances
        .before(location, None)
        .into_iter()
        .map(|instance| (filter_name(instance), on.clone()))
        .collect();
    if location.is_persistent() {
        filters.insert("envoy.filters.http.stateful_session".to_owned(), on);
    }
    filters
}

fn matching(location: &Location) -> Value {
    let path = &location.path;
    match location.matching {
        Matching::Exact => json!({"path": path}),
        Matching::Segments => json!({"path_separated_prefix": path}),
        Matching::Prefix => json!({"prefix": path}),
        Matching::Regex if path == "/" => json!({"prefix": "/"}),
        Matching::Regex => json!({"safe_regex": {"regex": pattern(location)}}),
    }
}

/// The whole path, so that all of it becomes the target.
fn rewritten(location: &Location) -> String {
    format!("^{}$", pattern(location))
}

fn cluster(name: &str, cluster: &Cluster, plan: &Plan) -> Value {
    let Cluster { host, port, is_tls, balancing, .. } = cluster;
    let mut json = json!({
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": socket(host, *port)}}]}],
        },
    });
    match balancing {
        Balancing::RoundRobin => {}
        Balancing::LeastRequest => {
            json.put("lb_policy", "LEAST_REQUEST".into());
        }
        Balancing::Hash => {
            json.put("lb_policy", "MAGLEV".into());
        }
    }
    let mut locations = plan.hosts.values().flat_map(|host| &host.locations);
    let has_sessions = locations.any(|location| {
        location.is_persistent()
            && (location.cluster == name
                || location.canary.as_ref().is_some_and(|canary| canary.cluster == name))
    });
    if has_sessions {
        // An endpoint that is being drained keeps its sessions and gets no new ones.
        json.put(
            "common_lb_config",
            json!({"override_host_status": {"statuses": ["UNKNOWN", "HEALTHY", "DEGRADED", "DRAINING"]}}),
        );
    }
    if *is_tls {
        json.put("transport_socket", json!({
            "name": "envoy.transport_sockets.tls",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
                "sni": host,
                "common_tls_context": {"validation_context": {
                    "trusted_ca": {"filename": "/etc/ssl/certs/ca-certificates.crt"},
                    "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": host}}],
                }},
            },
        }));
    }
    json
}
