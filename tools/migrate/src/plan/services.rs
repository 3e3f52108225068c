//! Clusters: the Services of Ingresses, and who else is asked.

use super::{Balancing, Builder, Cluster, Location, Matching};
use crate::features::auth_url::Server;
use crate::features::authz;
use crate::manifest::{Ingress, Service};
use std::collections::BTreeMap;

impl Builder<'_> {
    /// Gives each location the configuration of its checks: who is asked at the Ingress' own host is known only now.
    pub(super) fn own_services(&mut self) {
        let hosts = std::mem::take(&mut self.plan.hosts);
        let mut built = BTreeMap::new();
        let routes: BTreeMap<String, Vec<Location>> =
            hosts.iter().map(|(name, host)| (name.clone(), host.locations.clone())).collect();
        for (name, mut host) in hosts {
            for location in &mut host.locations {
                let asked = location.access.auth_url.as_ref().map(|check| check.server.clone());
                let cluster = match asked {
                    Some(Server::At { host, port, is_tls }) => Some(self.external(&host, port, is_tls)),
                    Some(Server::Own { path }) => {
                        let own = routes.get(&name).into_iter().flatten().find(|other| covers(other, &path));
                        if own.is_none() {
                            location.access.closed = Some("auth-url");
                            if let Some(ingress) =
                                self.manifests.ingresses.iter().find(|each| each.id() == location.ingress)
                            {
                                let text = format!(
                                    "no Ingress among the files serves {name}{path}: give it, too; these requests are denied until then"
                                );
                                self.report.not_carried(ingress, "auth-url", text);
                            }
                        }
                        own.map(|own| own.cluster.clone())
                    }
                    None => None,
                };
                location.authz = authz::config(&location.access, cluster.as_deref());
            }
            built.insert(name, host);
        }
        self.plan.hosts = built;
    }

    /// The cluster of a Service, named as ingress-nginx names its upstreams.
    pub(super) fn service(&mut self, ingress: &Ingress, service: &Service) -> String {
        let namespace = &ingress.namespace;
        let key = format!("{namespace}/{}", service.name);
        let port = match (service.port.number, &service.port.name) {
            (Some(number), _) => number,
            (None, Some(name)) => match self.manifests.ports.get(&(key.clone(), name.clone())) {
                Some(number) => *number,
                None => {
                    let text = format!(
                        "the port {name:?} of {key} has no number here: give the Service's manifest, too; 80 is assumed"
                    );
                    self.report.not_carried(ingress, "spec.rules", text);
                    80
                }
            },
            (None, None) => 80,
        };
        let name = format!("{namespace}-{}-{port}", service.name);
        self.plan.clusters.entry(name.clone()).or_insert_with(|| Cluster {
            host: format!("{}.{namespace}.svc.cluster.local", service.name),
            port,
            service: Some((namespace.clone(), service.name.clone())),
            is_tls: false,
            balancing: Balancing::RoundRobin,
        });
        name
    }

    fn external(&mut self, host: &str, port: u16, is_tls: bool) -> String {
        let mut labels = host.split('.');
        let service = match (labels.next(), labels.next(), labels.next()) {
            (Some(name), Some(namespace), Some("svc")) => Some((namespace.to_owned(), name.to_owned())),
            _ => None,
        };
        let name = format!("auth-{}-{port}", host.replace('.', "-"));
        self.plan.clusters.entry(name.clone()).or_insert_with(|| Cluster {
            host: host.to_owned(),
            port,
            service,
            is_tls,
            balancing: Balancing::RoundRobin,
        });
        name
    }
}

fn covers(location: &Location, path: &str) -> bool {
    match location.matching {
        Matching::Exact => location.path == path,
        Matching::Segments => {
            path.strip_prefix(&location.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        Matching::Prefix => path.starts_with(&location.path),
        // What stands before the first special character.
        Matching::Regex => {
            let end =
                location.path.find(|c: char| "()[]{}.*+?|^$\\".contains(c)).unwrap_or(location.path.len());
            location.path.get(..end).is_some_and(|literal| path.starts_with(literal))
        }
    }
}
