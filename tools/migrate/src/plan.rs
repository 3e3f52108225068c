//! What ingress-nginx serves, host by host and location by location, with what stands before each.

mod canaries;
mod locations;
mod services;
mod settings;

use crate::features::affinity::{Affinity, CLUSTER_HEADER, Mode};
use crate::features::authz::Access;
use crate::features::canary::Canary;
use crate::features::waf::{self, GlobalRules, Waf};
use crate::json::Put;
use crate::manifest::{Ingress, Manifests, PathType};
use crate::reader::Reader;
use crate::report::Report;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// All of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// By name; `*` is for hosts that are not named.
    pub(crate) hosts: BTreeMap<String, Host>,
    pub(crate) clusters: BTreeMap<String, Cluster>,
    /// The environment variables that filters need, with their values where these are known.
    pub(crate) variables: BTreeMap<String, Option<String>>,
    /// Proxies in front that append to `x-forwarded-for`.
    pub(crate) trusted_hops: u32,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Host {
    pub(crate) namespace: String,
    pub(crate) aliases: BTreeSet<String>,
    /// In the order in which nginx would choose them.
    pub(crate) locations: Vec<Location>,
}

#[derive(Clone, Debug)]
pub(crate) struct Location {
    pub(crate) path: String,
    pub(crate) matching: Matching,
    /// As the Ingress has it.
    path_type: PathType,
    /// Namespace and name of the Ingress.
    pub(crate) ingress: String,
    pub(crate) namespace: String,
    pub(crate) cluster: String,
    /// What the path becomes, with `$1` for groups.
    pub(crate) rewrite: Option<String>,
    pub(crate) canary: Option<Canary>,
    pub(crate) affinity: Option<Affinity>,
    pub(crate) waf: Option<Waf>,
    pub(crate) authz: Option<Value>,
    pub(crate) access: Access,
    pub(crate) hash: Vec<Value>,
}

/// How a location's path is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matching {
    Exact,
    /// `/foo` is `/foo` and `/foo/bar`.
    Segments,
    /// `/foo` is `/foobar`, too.
    Prefix,
    /// From the start, without regard to case.
    Regex,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cluster {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The Service, where it is one of the cluster's: namespace and name.
    pub(crate) service: Option<(String, String)>,
    pub(crate) is_tls: bool,
    pub(crate) balancing: Balancing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Balancing {
    RoundRobin,
    LeastRequest,
    Hash,
}

impl Location {
    /// What the affinity filter is given, with the clusters of the location.
    pub(crate) fn affinity_config(&self) -> Option<Value> {
        let mut config = self.affinity.as_ref()?.config.clone();
        if let Some(canary) = self.canary.as_ref().filter(|canary| canary.cookie.is_none()) {
            config.put(
                "clusters",
                match canary.is_legacy {
                    true => json!([self.cluster]),
                    false => json!([self.cluster, canary.cluster]),
                },
            );
            config.put("cluster_header", CLUSTER_HEADER.into());
        }
        Some(config)
    }

    pub(crate) fn is_balanced(&self) -> bool {
        self.affinity.as_ref().is_some_and(|affinity| affinity.mode == Mode::Balanced)
    }

    pub(crate) fn is_persistent(&self) -> bool {
        self.affinity.as_ref().is_some_and(|affinity| affinity.mode == Mode::Persistent)
    }
}

/// Everything that the manifests say.
pub(crate) fn plan(manifests: &Manifests, prefix: &str, report: &mut Report) -> Plan {
    let mut builder = Builder {
        manifests,
        prefix,
        report,
        plan: Plan::default(),
        global: GlobalRules::default(),
        rule_sets: waf::Loaded::default(),
        settings: BTreeMap::new(),
    };
    builder.settings();
    let is_canary = |ingress: &&Ingress| {
        ingress.annotations.get(&format!("{prefix}/canary")).is_some_and(|value| value.trim() == "true")
    };
    for ingress in &manifests.ingresses {
        builder.report.begin(ingress, prefix);
    }
    for ingress in manifests.ingresses.iter().filter(|ingress| !is_canary(ingress)) {
        builder.main(ingress);
    }
    for ingress in manifests.ingresses.iter().filter(is_canary) {
        builder.canary(ingress);
    }
    for host in builder.plan.hosts.values_mut() {
        // nginx takes the longest prefix, and regular expressions in the order that ingress-nginx writes: by length.
        host.locations.sort_by_key(|location| {
            let slash = usize::from(location.matching == Matching::Segments);
            (location.matching != Matching::Exact, std::cmp::Reverse(location.path.len() + slash))
        });
    }
    builder.own_services();
    builder.plan
}

struct Builder<'a> {
    manifests: &'a Manifests,
    prefix: &'a str,
    report: &'a mut Report,
    plan: Plan,
    global: GlobalRules,
    rule_sets: waf::Loaded,
    settings: BTreeMap<String, String>,
}

impl Builder<'_> {
    fn reader<'b>(&'b mut self, ingress: &'b Ingress) -> Reader<'b> {
        Reader { ingress, prefix: self.prefix, report: self.report }
    }
}
