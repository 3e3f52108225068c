//! Envoy Gateway: HTTPRoutes, and an EnvoyExtensionPolicy for each that has filters.
//!
//! A policy of an HTTPRoute turns its filters on for the routes of that HTTPRoute only, so the locations of a host that have the
//! same filters are one HTTPRoute.

use super::instances::{Instance, Instances};
use super::istio::{RELEASE_HEADER, act, resource};
use super::routes::{pattern, substitution};
use super::{Options, OutputFile, secret};
use crate::features::affinity::SESSION_HEADER;
use crate::features::slug;
use crate::json::Put;
use crate::plan::{Cluster, Host, Location, Matching, Plan};
use crate::report::{Outcome, Report};
use crate::yaml;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const POLICIES: &str = "gateway.envoyproxy.io/v1alpha1";
/// Where a configuration of authz names the cluster that it asks.
const ASKED: &str = "/external_checks/0/auth_request/cluster";

const ROUTES: &str = "gateway.networking.k8s.io/v1";

/// The files: `envoy-gateway.yaml`, and `portcullis-secret.yaml` where filters need secrets.
pub(crate) fn files(plan: &Plan, options: &Options<'_>, report: &mut Report) -> Vec<OutputFile> {
    let plan = &adapted(plan, report);
    let instances = Instances::of(plan, Some(&act()));
    let mut documents = Vec::new();
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    for (name, host) in &plan.hosts {
        for group in groups(host, &instances) {
            let Some(first) = group.first() else { continue };
            let base = slug(&first.ingress.replace('/', "-"));
            let count = used.entry(base.clone()).or_default();
            *count += 1;
            let route = if *count == 1 { base } else { format!("{base}-{count}") };
            documents.extend(http_route(&route, name, host, &group, plan, options));
            documents.extend(policies(&route, first, &instances, plan, options));
        }
    }
    let checks = instances.iter().filter_map(|instance| instance.config.pointer(ASKED)?.as_str());
    for name in checks.collect::<BTreeSet<_>>() {
        if let Some(cluster) = plan.clusters.get(name) {
            documents.extend(asked_service(name, cluster, options));
        }
    }
    let header = "# Written by `portcullis migrate ingress-nginx --to envoy-gateway`.\n";
    let content = header.to_owned() + &yaml::all(&documents);
    let mut files = vec![OutputFile { name: "envoy-gateway.yaml".to_owned(), content }];
    files.extend(secret(plan, options.gateway_namespace()));
    files
}

/// What Envoy Gateway cannot say is said otherwise, and reported.
fn adapted(plan: &Plan, report: &mut Report) -> Plan {
    let mut adapted = plan.clone();
    for location in adapted.hosts.values_mut().flat_map(|host| &mut host.locations) {
        if location.is_persistent() {
            let text = "persistent sessions need Envoy's stateful_session, which no policy of Envoy Gateway adds: sessions are balanced by \
                        a hash, and some move when endpoints come and go";
            report.setting(&location.ingress, "affinity-mode", Outcome::NotCarried, text);
            if let Some(affinity) = &mut location.affinity {
                affinity.balance();
            }
        }
        if let (Some(affinity), Some(canary)) = (&location.affinity, &mut location.canary) {
            // The clusters of Envoy Gateway are named by routes, so the canary filter keeps the version itself.
            canary.keep(affinity.cookie_name());
        }
        if location.hash.len() > 1 {
            let text = "a BackendTrafficPolicy hashes by one value: the first is taken";
            report.setting(&location.ingress, "upstream-hash-by", Outcome::NotCarried, text);
        }
    }
    adapted
}

/// The locations of a host, by the filters before them.
fn groups<'a>(host: &'a Host, instances: &Instances) -> Vec<Vec<&'a Location>> {
    let mut groups: Vec<(Vec<String>, Vec<&Location>)> = Vec::new();
    for location in &host.locations {
        let names: Vec<String> =
            instances.before(location, Some(&act())).iter().map(|instance| instance.name.clone()).collect();
        let key =
            [names, location.hash.iter().map(Value::to_string).collect(), vec![location.namespace.clone()]]
                .concat();
        match groups.iter_mut().find(|(known, _)| *known == key) {
            Some((_, group)) => group.push(location),
            None => groups.push((key, vec![location])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn http_route(
    route: &str,
    name: &str,
    host: &Host,
    group: &[&Location],
    plan: &Plan,
    options: &Options<'_>,
) -> Vec<Value> {
    let namespace = group.first().map_or("default", |location| location.namespace.as_str());
    let mut documents = Vec::new();
    let mut rules = Vec::new();
    for (index, location) in group.iter().enumerate() {
        let filter = location.rewrite.as_ref().map(|target| {
            let name = format!("{route}-rewrite-{}", index + 1);
            let rewrite = json!({"urlRewrite": {"path": {
                "type": "ReplaceRegexMatch",
                "replaceRegexMatch": {"pattern": format!("^{}$", pattern(location)), "substitution": substitution(target)},
            }}});
            documents.push(resource(POLICIES, "HTTPRouteFilter", namespace, &name, rewrite));
            json!([{"type": "ExtensionRef", "extensionRef": {
                "group": "gateway.envoyproxy.io", "kind": "HTTPRouteFilter", "name": name.to_ascii_lowercase(),
            }}])
        });
        let rule = |cluster: &str, release: Option<&str>| {
            let mut condition = json!({"path": path(location)});
            if let Some(release) = release {
                condition.put("headers", json!([{"name": RELEASE_HEADER, "value": release}]));
            }
            let mut rule = json!({"matches": [condition]});
            if let Some(filters) = &filter {
                rule.put("filters", filters.clone());
            }
            if let Some((_, service)) =
                plan.clusters.get(cluster).and_then(|cluster| cluster.service.as_ref())
            {
                let port = plan.clusters.get(cluster).map(|cluster| cluster.port);
                rule.put("backendRefs", json!([{"name": service, "port": port}]));
            }
            rule
        };
        if let Some(canary) = &location.canary {
            rules.push(rule(&canary.cluster, Some(&canary.release)));
        }
        rules.push(rule(&location.cluster, None));
    }
    let mut spec = json!({"parentRefs": [parent(options)], "rules": rules});
    if name != "*" {
        spec.put("hostnames", std::iter::once(name.to_owned()).chain(host.aliases.iter().cloned()).collect());
    }
    documents.insert(0, resource(ROUTES, "HTTPRoute", namespace, route, spec));
    documents
}

fn parent(options: &Options<'_>) -> Value {
    json!({"name": options.gateway_name(), "namespace": options.gateway_namespace()})
}

fn path(location: &Location) -> Value {
    let path = &location.path;
    match location.matching {
        Matching::Exact => json!({"type": "Exact", "value": path}),
        Matching::Segments => json!({"type": "PathPrefix", "value": path}),
        Matching::Prefix if path.ends_with('/') => json!({"type": "PathPrefix", "value": path}),
        Matching::Regex if path == "/" => json!({"type": "PathPrefix", "value": path}),
        Matching::Prefix => json!({"type": "RegularExpression", "value": format!("{}.*", escaped(path))}),
        Matching::Regex => json!({"type": "RegularExpression", "value": pattern(location)}),
    }
}

fn escaped(path: &str) -> String {
    regex_syntax::escape(path)
}

fn policies(
    route: &str,
    location: &Location,
    instances: &Instances,
    plan: &Plan,
    options: &Options<'_>,
) -> Vec<Value> {
    let before = instances.before(location, Some(&act()));
    let namespace = &location.namespace;
    let target = json!([{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": route.to_ascii_lowercase()}]);
    let mut documents = Vec::new();
    if !before.is_empty() {
        let wasm: Vec<Value> = before.iter().map(|instance| filter(instance, plan, options)).collect();
        let spec = json!({"targetRefs": target, "wasm": wasm});
        documents.push(resource(POLICIES, "EnvoyExtensionPolicy", namespace, route, spec));
    }
    if before.iter().any(|instance| instance.module == "waf") {
        documents.push(holds_headers(route, namespace, options));
    }
    let hash = match location.hash.first() {
        _ if location.is_balanced() => json!({"type": "Header", "header": {"name": SESSION_HEADER}}),
        Some(policy) => consistent_hash(policy),
        None => return documents,
    };
    let spec =
        json!({"targetRefs": target, "loadBalancer": {"type": "ConsistentHash", "consistentHash": hash}});
    documents.push(resource(POLICIES, "BackendTrafficPolicy", namespace, route, spec));
    documents
}

fn filter(instance: &Instance, plan: &Plan, options: &Options<'_>) -> Value {
    let mut config = instance.config.clone();
    if let Some(cluster) = config.pointer_mut(ASKED) {
        let name = cluster.as_str().unwrap_or_default().to_owned();
        if let Some(found) = plan.clusters.get(&name) {
            *cluster = asked_cluster(&name, found).into();
        }
    }
    let image = format!("{}/{}:{}", options.registry, instance.module, env!("CARGO_PKG_VERSION"));
    let mut wasm = json!({
        "name": instance.name,
        "rootID": instance.module,
        "code": {"type": "Image", "image": {"url": image}},
        "failOpen": false,
        "config": config,
    });
    if !instance.variables.is_empty() {
        wasm.put("env", json!({"hostKeys": instance.variables}));
    }
    wasm
}

/// What an EnvoyExtensionPolicy cannot say: let the waf hold the headers while it reads the body.
fn holds_headers(route: &str, namespace: &str, options: &Options<'_>) -> Value {
    let route = route.to_ascii_lowercase();
    let filter = format!("envoy.filters.http.wasm/envoyextensionpolicy/{namespace}/{route}/wasm/0");
    let spec = json!({
        "targetRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": options.gateway_name()},
        "type": "JSONPatch",
        "jsonPatches": [{
            "type": "type.googleapis.com/envoy.config.listener.v3.Listener",
            "name": format!("{}/{}/http", options.gateway_namespace(), options.gateway_name()),
            "operation": {
                "op": "add",
                "jsonPath": format!("$.filter_chains[*].filters[*].typed_config.http_filters[?(@.name == '{filter}')].typed_config.config"),
                "path": "allow_on_headers_stop_iteration",
                "value": true,
            },
        }],
    });
    resource(POLICIES, "EnvoyPatchPolicy", options.gateway_namespace(), &format!("{route}-waf"), spec)
}

fn consistent_hash(policy: &Value) -> Value {
    let text = |path: &str| policy.pointer(path).and_then(Value::as_str).map(str::to_owned);
    if let Some(header) = text("/header/header_name") {
        return json!({"type": "Header", "header": {"name": header}});
    }
    if let Some(cookie) = text("/cookie/name") {
        return json!({"type": "Cookie", "cookie": {"name": cookie}});
    }
    json!({"type": "SourceIP"})
}

/// The cluster that Envoy Gateway makes of the route below (internal/gatewayapi, `irRouteDestinationName`).
fn asked_cluster(name: &str, cluster: &Cluster) -> String {
    let namespace = cluster.service.as_ref().map_or("default", |(namespace, _)| namespace.as_str());
    format!("httproute/{namespace}/{name}/rule/0")
}

/// A route that nobody can ask for, so that there is a cluster of the service that the filter asks.
fn asked_service(name: &str, cluster: &Cluster, options: &Options<'_>) -> Vec<Value> {
    let mut documents = Vec::new();
    let namespace = cluster.service.as_ref().map_or("default", |(namespace, _)| namespace.as_str());
    let backend = match &cluster.service {
        Some((_, service)) => json!({"name": service, "port": cluster.port}),
        None => {
            let endpoint = json!({"fqdn": {"hostname": cluster.host, "port": cluster.port}});
            let mut spec = json!({"endpoints": [endpoint]});
            if cluster.is_tls {
                spec.put("tls", json!({"wellKnownCACertificates": "System", "sni": cluster.host}));
            }
            documents.push(resource(POLICIES, "Backend", namespace, name, spec));
            json!({"group": "gateway.envoyproxy.io", "kind": "Backend", "name": name})
        }
    };
    let spec = json!({
        "parentRefs": [parent(options)],
        "hostnames": [format!("{name}.invalid")],
        "rules": [{"backendRefs": [backend]}],
    });
    documents.push(resource(ROUTES, "HTTPRoute", namespace, name, spec));
    documents
}
