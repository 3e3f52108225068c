//! Istio's ingress gateway: a WasmPlugin for each filter, and a VirtualService for each host.
//!
//! A WasmPlugin sees all requests of the gateway, so each configuration says itself which hosts and paths it is for.

use super::instances::{Instance, Instances, releases};
use super::routes::{paths, pattern_in_case, substitution};
use super::{Options, OutputFile, secret};
use crate::features::affinity::{ENDPOINT_HEADER, SESSION_HEADER};
use crate::features::canary::Canary;
use crate::json::Put;
use crate::plan::{Cluster, Host, Location, Matching, Plan};
use crate::report::{Outcome, Report};
use crate::yaml;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The header that tells a VirtualService what the canary filter has decided. The filter removes the client's own.
pub(crate) const RELEASE_HEADER: &str = "x-portcullis-release";

const NAMESPACE: &str = "istio-system";

/// The files: `istio.yaml`, and `portcullis-secret.yaml` where filters need secrets.
pub(crate) fn files(plan: &Plan, options: &Options<'_>, report: &mut Report) -> Vec<OutputFile> {
    let names: BTreeMap<String, String> =
        plan.clusters.iter().map(|(name, cluster)| (name.clone(), cluster_name(cluster))).collect();
    let instances = Instances::of(plan, Some(&act()));
    let mut documents = plugins(plan, &instances, &names, options);
    for (name, host) in &plan.hosts {
        documents.push(virtual_service(name, host, plan, &instances, options, report));
    }
    documents.extend(destination_rules(plan, &instances));
    documents.extend(plan.clusters.values().filter(|cluster| cluster.service.is_none()).map(service_entry));
    let header = "# Written by `portcullis migrate ingress-nginx --to istio`.\n";
    let mut files = vec![OutputFile {
        name: "istio.yaml".to_owned(),
        content: header.to_owned() + &yaml::all(&documents),
    }];
    files.extend(secret(plan, NAMESPACE));
    files
}

pub(crate) fn act() -> Value {
    json!({"header": {"name": RELEASE_HEADER}})
}

/// pilot/pkg/model, BuildSubsetKey: `outbound|port||host`.
fn cluster_name(cluster: &Cluster) -> String {
    format!("outbound|{}||{}", cluster.port, cluster.host)
}

fn plugins(
    plan: &Plan,
    instances: &Instances,
    names: &BTreeMap<String, String>,
    options: &Options<'_>,
) -> Vec<Value> {
    let mut documents = Vec::new();
    let wafs: Vec<&Instance> = instances.iter().filter(|instance| instance.module == "waf").collect();
    if !wafs.is_empty() {
        documents.push(plugin("waf", "waf", &rule_sets(plan, instances, &wafs), &[], options));
        documents.push(patch(
            "portcullis-waf-holds-headers",
            json!([{
                "applyTo": "EXTENSION_CONFIG",
                "match": {"context": "GATEWAY"},
                "patch": {"operation": "MERGE", "value": {
                    "name": format!("{NAMESPACE}.portcullis-waf"),
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
                        "config": {"allow_on_headers_stop_iteration": true},
                    },
                }},
            }]),
        ));
    }
    for instance in instances.iter().filter(|instance| instance.module == "authz") {
        let config = scoped_access(plan, instances, instance, names);
        documents.push(plugin("authz", &instance.name, &config, &instance.variables, options));
    }
    let canaries = canaries(plan);
    if !canaries.is_empty() {
        let config = releases(&canaries.iter().collect::<Vec<_>>(), Some(&act()));
        documents.push(plugin("canary", "canary", &config, &[], options));
    }
    for instance in instances.iter().filter(|instance| instance.module == "affinity") {
        let config = scoped_sessions(plan, instances, instance, names);
        let header = config.get("header").cloned();
        documents.push(plugin("affinity", &instance.name, &config, &instance.variables, options));
        if config.get("mode").is_none() {
            let header = header.unwrap_or_else(|| ENDPOINT_HEADER.into());
            documents.push(patch(&format!("portcullis-{}", instance.name), stateful_session(&header)));
        }
    }
    documents
}

fn plugin(module: &str, name: &str, config: &Value, variables: &[String], options: &Options<'_>) -> Value {
    let mut spec = json!({
        "selector": {"matchLabels": {"istio": "ingressgateway"}},
        "url": format!("oci://{}/{module}:{}", options.registry, env!("CARGO_PKG_VERSION")),
        // Not FAIL_OPEN: requests would go where they must not.
        "failStrategy": "FAIL_RELOAD",
        "pluginName": name,
        "pluginConfig": config,
    });
    match module {
        "waf" => {
            spec.put("phase", "AUTHN".into());
            spec.put("priority", 100.into());
        }
        "authz" => spec.put("phase", "AUTHZ".into()),
        // Behind authz, canary before affinity.
        "canary" => spec.put("priority", 20.into()),
        _ => spec.put("priority", 10.into()),
    }
    if !variables.is_empty() {
        let each = variables.iter().map(|name| json!({"name": name, "valueFrom": "HOST"}));
        spec.put("vmConfig", json!({"env": each.collect::<Vec<_>>()}));
    }
    resource("extensions.istio.io/v1alpha1", "WasmPlugin", NAMESPACE, &format!("portcullis-{name}"), spec)
}

fn patch(name: &str, patches: Value) -> Value {
    let spec = json!({"workloadSelector": {"labels": {"istio": "ingressgateway"}}, "configPatches": patches});
    resource("networking.istio.io/v1alpha3", "EnvoyFilter", NAMESPACE, name, spec)
}

pub(crate) fn resource(version: &str, kind: &str, namespace: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": version,
        "kind": kind,
        "metadata": {"name": name.to_ascii_lowercase(), "namespace": namespace},
        "spec": spec,
    })
}

fn stateful_session(header: &Value) -> Value {
    json!([
        {
            "applyTo": "HTTP_FILTER",
            "match": {"context": "GATEWAY", "listener": {"filterChain": {"filter": {
                "name": "envoy.filters.network.http_connection_manager",
                "subFilter": {"name": "envoy.filters.http.router"},
            }}}},
            "patch": {"operation": "INSERT_BEFORE", "value": {
                "name": format!("stateful_session.{}", header.as_str().unwrap_or_default()),
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSession",
                    "session_state": {
                        "name": "envoy.http.stateful_session.header",
                        "typed_config": {
                            "@type": "type.googleapis.com/envoy.extensions.http.stateful_session.header.v3.HeaderBasedSessionState",
                            "name": header,
                        },
                    },
                },
            }},
        },
        {
            "applyTo": "VIRTUAL_HOST",
            "match": {"context": "GATEWAY"},
            "patch": {"operation": "MERGE", "value": {"request_headers_to_remove": [header]}},
        },
        {
            "applyTo": "CLUSTER",
            "match": {"context": "GATEWAY"},
            "patch": {"operation": "MERGE", "value": {"common_lb_config": {
                "override_host_status": {"statuses": ["UNKNOWN", "HEALTHY", "DEGRADED", "DRAINING"]},
            }}},
        },
    ])
}

/// The hosts as filters compare them: with a port or without.
fn authorities(name: &str, host: &Host) -> Vec<String> {
    let all = std::iter::once(name.to_owned()).chain(host.aliases.iter().cloned());
    all.flat_map(|name| match name.as_str() {
        "*" => vec!["*".to_owned()],
        _ => vec![name.clone(), format!("{name}:*")],
    })
    .collect()
}

/// All locations, the most specific of each host first, and hosts that are not named last.
fn in_order(plan: &Plan) -> impl Iterator<Item = (&String, &Host, &Location)> {
    let named = plan.hosts.iter().filter(|(name, _)| *name != "*");
    let others = plan.hosts.iter().filter(|(name, _)| *name == "*");
    named
        .chain(others)
        .flat_map(|(name, host)| host.locations.iter().map(move |location| (name, host, location)))
}

fn is_before(instances: &Instances, location: &Location, instance: &Instance) -> bool {
    instances.before(location, Some(&act())).iter().any(|other| std::ptr::eq(*other, instance))
}

/// One waf for all, with a rule set for each location.
fn rule_sets(plan: &Plan, instances: &Instances, wafs: &[&Instance]) -> Value {
    let mut map = json!({"none": ["SecRuleEngine Off"]});
    for instance in wafs {
        map.put(
            &instance.name,
            instance.config.pointer("/directives_map/default").cloned().unwrap_or_default(),
        );
    }
    let routes: Vec<Value> = in_order(plan)
        .map(|(name, host, location)| {
            let found = wafs.iter().find(|instance| is_before(instances, location, instance));
            let mut route = json!({"directives": found.map_or("none", |instance| instance.name.as_str())});
            if name != "*" {
                // Without a port for any.
                let names = std::iter::once(name).chain(&host.aliases);
                route.put("authorities", names.cloned().collect());
            }
            let paths = paths(location);
            if paths != ["*"] {
                route.put("paths", paths.into());
            }
            route
        })
        .collect();
    json!({"directives_map": map, "default_directives": "none", "per_route_directives": routes})
}

/// What an authz filter asks of its locations only.
fn scoped_access(
    plan: &Plan,
    instances: &Instances,
    instance: &Instance,
    names: &BTreeMap<String, String>,
) -> Value {
    let mut config = instance.config.clone();
    let has_basic = config.get("basic").is_some();
    let requirement = config.as_object_mut().and_then(|fields| fields.remove("require"));
    let requirement = requirement.or_else(|| has_basic.then(|| "basic".into()));
    let mut routes = Vec::new();
    let mut operations = Vec::new();
    for (name, host, location) in in_order(plan) {
        let is_here = is_before(instances, location, instance);
        let mut operation = json!({"hosts": authorities(name, host), "paths": paths(location)});
        let mut route =
            json!({"name": format!("route-{}", routes.len() + 1), "to": [{"operation": operation.clone()}]});
        match (&requirement, is_here) {
            (Some(requirement), true) => route.put("require", requirement.clone()),
            _ => {
                route.put("require", "nothing".into());
                if has_basic {
                    route.put("ignore", json!(["basic"]));
                }
            }
        }
        routes.push(route);
        if is_here {
            let others = host
                .locations
                .iter()
                .take_while(|other| other.path != location.path || other.matching != location.matching);
            let others = others.filter(|other| !is_before(instances, other, instance));
            let excluded: Vec<String> = others.flat_map(paths).collect();
            if !excluded.is_empty() {
                operation.put("notPaths", excluded.into());
            }
            operations.push(json!({"operation": operation}));
        }
    }
    if requirement.is_some() {
        let mut others = json!({"name": "others", "require": "nothing"});
        if has_basic {
            others.put("ignore", json!(["basic"]));
        }
        routes.push(others);
        config.put("routes", routes.into());
    }
    for policy in config.get_mut("policies").and_then(Value::as_array_mut).into_iter().flatten() {
        for rule in policy.pointer_mut("/spec/rules").and_then(Value::as_array_mut).into_iter().flatten() {
            rule.put("to", operations.clone().into());
        }
    }
    if let Some(cluster) = config.pointer_mut("/external_checks/0/auth_request/cluster")
        && let Some(name) = cluster.as_str().and_then(|name| names.get(name))
    {
        *cluster = name.clone().into();
    }
    config
}

/// All releases, each for the hosts of its locations.
fn canaries(plan: &Plan) -> Vec<Canary> {
    let mut found: Vec<Canary> = Vec::new();
    for (name, host, location) in in_order(plan) {
        let Some(canary) = &location.canary else { continue };
        let index = found.iter().position(|other| other.release == canary.release).unwrap_or_else(|| {
            found.push(canary.clone());
            found.len() - 1
        });
        let Some(release) = found.get_mut(index) else { continue };
        if name != "*" {
            let mut hosts =
                release.config.get("hosts").and_then(Value::as_array).cloned().unwrap_or_default();
            hosts.extend(std::iter::once(name).chain(&host.aliases).map(|name| Value::from(name.clone())));
            hosts.sort_by_key(ToString::to_string);
            hosts.dedup();
            release.config.put("hosts", hosts.into());
        }
    }
    found
}

/// An affinity filter for the clusters of its locations, with headers of its own.
fn scoped_sessions(
    plan: &Plan,
    instances: &Instances,
    instance: &Instance,
    names: &BTreeMap<String, String>,
) -> Value {
    let mut config = instance.config.clone();
    let mut clusters: Vec<&String> = Vec::new();
    for (_, _, location) in in_order(plan).filter(|(_, _, location)| is_before(instances, location, instance))
    {
        let canary =
            location.canary.as_ref().filter(|canary| !canary.is_legacy).map(|canary| &canary.cluster);
        clusters.extend(std::iter::once(&location.cluster).chain(canary).filter_map(|name| names.get(name)));
    }
    clusters.sort();
    clusters.dedup();
    config.put("clusters", json!(clusters));
    let number = instance.name.strip_prefix("affinity").unwrap_or_default();
    if config.get("cluster_header").is_some() {
        config.put("cluster_header", cluster_header(number).into());
    }
    let header = if config.get("mode").is_some() { SESSION_HEADER } else { ENDPOINT_HEADER };
    config.put("header", format!("{header}{number}").into());
    config
}

fn cluster_header(number: &str) -> String {
    format!("{}{number}", crate::features::affinity::CLUSTER_HEADER)
}

fn virtual_service(
    name: &str,
    host: &Host,
    plan: &Plan,
    instances: &Instances,
    options: &Options<'_>,
    report: &mut Report,
) -> Value {
    let hosts: Vec<&str> = std::iter::once(name).chain(host.aliases.iter().map(String::as_str)).collect();
    let routes: Vec<Value> =
        host.locations.iter().flat_map(|each| http_routes(each, plan, instances)).collect();
    let file_name = crate::features::slug(&name.replace('*', "any"));
    if host.locations.iter().any(|location| location.hash.len() > 1) {
        report.setting(
            name,
            "upstream-hash-by",
            Outcome::NotCarried,
            "a DestinationRule hashes by one value: the first is taken",
        );
    }
    let spec = json!({"hosts": hosts, "gateways": [options.gateway], "http": routes});
    resource(
        "networking.istio.io/v1",
        "VirtualService",
        &host.namespace,
        &format!("{file_name}-ingress"),
        spec,
    )
}

fn http_routes(location: &Location, plan: &Plan, instances: &Instances) -> Vec<Value> {
    let route = |cluster: &str, header: Option<(String, String)>| {
        let mut condition = json!({"uri": uri(location)});
        if location.matching == Matching::Segments {
            condition = json!({"uri": {"prefix": format!("{}/", location.path)}});
        }
        let mut conditions = vec![condition];
        if location.matching == Matching::Segments {
            conditions.push(json!({"uri": {"exact": location.path}}));
        }
        if let Some((name, value)) = header {
            for condition in &mut conditions {
                condition.put("headers", json!({name.as_str(): {"exact": value}}));
            }
        }
        let mut route = json!({"match": conditions});
        if let Some(target) = &location.rewrite {
            route.put(
                "rewrite",
                json!({"uriRegexRewrite": {
                    "match": format!("^{}$", pattern_in_case(location)),
                    "rewrite": substitution(target),
                }}),
            );
        }
        if let Some(cluster) = plan.clusters.get(cluster) {
            route.put(
                "route",
                json!([{"destination": {"host": cluster.host, "port": {"number": cluster.port}}}]),
            );
        }
        route
    };
    let mut all = Vec::new();
    if let Some(canary) = &location.canary {
        let before = instances.before(location, Some(&act()));
        if let Some(affinity) = before.iter().find(|instance| instance.module == "affinity") {
            let number = affinity.name.strip_prefix("affinity").unwrap_or_default();
            let header = cluster_header(number);
            let of = |name: &str| plan.clusters.get(name).map(cluster_name).unwrap_or_default();
            all.push(route(&location.cluster, Some((header.clone(), of(&location.cluster)))));
            if !canary.is_legacy {
                all.push(route(&canary.cluster, Some((header, of(&canary.cluster)))));
            }
        }
        all.push(route(&canary.cluster, Some((RELEASE_HEADER.to_owned(), canary.release.clone()))));
    }
    all.push(route(&location.cluster, None));
    all
}

fn uri(location: &Location) -> Value {
    match location.matching {
        Matching::Exact => json!({"exact": location.path}),
        Matching::Segments | Matching::Prefix => json!({"prefix": location.path}),
        Matching::Regex if location.path == "/" => json!({"prefix": "/"}),
        Matching::Regex => json!({"regex": pattern_in_case(location)}),
    }
}

/// The hash of each Service that is balanced by one.
fn destination_rules(plan: &Plan, instances: &Instances) -> Vec<Value> {
    let mut rules: BTreeMap<String, Value> = BTreeMap::new();
    for (_, _, location) in in_order(plan) {
        let before = instances.before(location, Some(&act()));
        let affinity =
            before.iter().find(|instance| instance.module == "affinity").filter(|_| location.is_balanced());
        let hash = match (affinity, location.hash.first()) {
            (Some(affinity), _) => {
                let number = affinity.name.strip_prefix("affinity").unwrap_or_default();
                json!({"httpHeaderName": format!("{SESSION_HEADER}{number}"), "maglev": {}})
            }
            (None, Some(policy)) => consistent_hash(policy),
            (None, None) => continue,
        };
        for name in
            std::iter::once(&location.cluster).chain(location.canary.as_ref().map(|canary| &canary.cluster))
        {
            let Some(cluster) = plan.clusters.get(name) else { continue };
            let Some((namespace, service)) = &cluster.service else { continue };
            let spec =
                json!({"host": cluster.host, "trafficPolicy": {"loadBalancer": {"consistentHash": hash}}});
            let rule = resource("networking.istio.io/v1", "DestinationRule", namespace, service, spec);
            rules.entry(name.clone()).or_insert(rule);
        }
    }
    rules.into_values().collect()
}

fn consistent_hash(policy: &Value) -> Value {
    let text = |path: &str| policy.pointer(path).and_then(Value::as_str).map(str::to_owned);
    if let Some(header) = text("/header/header_name") {
        return json!({"httpHeaderName": header});
    }
    if let Some(cookie) = text("/cookie/name") {
        return json!({"httpCookie": {"name": cookie, "ttl": "0s"}});
    }
    if let Some(parameter) = text("/query_parameter/name") {
        return json!({"httpQueryParameterName": parameter});
    }
    json!({"useSourceIp": true})
}

/// A server outside of the mesh that is asked.
fn service_entry(cluster: &Cluster) -> Value {
    let protocol = if cluster.is_tls { "HTTPS" } else { "HTTP" };
    let spec = json!({
        "hosts": [cluster.host],
        "location": "MESH_EXTERNAL",
        "resolution": "DNS",
        "ports": [{"number": cluster.port, "name": protocol.to_ascii_lowercase(), "protocol": protocol}],
    });
    let name = crate::features::slug(&cluster.host);
    resource("networking.istio.io/v1", "ServiceEntry", NAMESPACE, &name, spec)
}
