//! Hosts and locations of Ingresses that are no canaries.

use super::{Balancing, Builder, Location, Matching};
use crate::features::affinity::{self, Mode};
use crate::features::{authz, hash, waf};
use crate::manifest::{Ingress, PathRule, PathType, Service};
use std::collections::BTreeSet;

impl Builder<'_> {
    pub(super) fn main(&mut self, ingress: &Ingress) {
        let aliases: Vec<String> = {
            let reader = self.reader(ingress);
            let list = reader.text("server-alias").unwrap_or_default();
            list.split(',')
                .map(|name| name.trim().to_ascii_lowercase())
                .filter(|name| !name.is_empty())
                .collect()
        };
        self.tls(ingress);
        let default = ingress.spec.default_backend.iter().filter_map(|backend| backend.service.clone());
        let default =
            default.map(|service| ("*".to_owned(), "/".to_owned(), PathType::Prefix, Some(service)));
        let rules = ingress.spec.rules.iter().flat_map(|rule| {
            let host =
                rule.host.as_deref().filter(|host| !host.is_empty()).unwrap_or("*").to_ascii_lowercase();
            rule.http.iter().flat_map(|http| &http.paths).map(move |path: &PathRule| {
                let text =
                    path.path.clone().filter(|path| !path.is_empty()).unwrap_or_else(|| "/".to_owned());
                (host.clone(), text, path.path_type, path.backend.service.clone())
            })
        });
        let all: Vec<_> = rules.chain(default).collect();
        let hosts: BTreeSet<String> = all.iter().map(|(host, ..)| host.clone()).collect();
        let known: BTreeSet<String> = self.plan.hosts.keys().cloned().collect();
        for (name, path, path_type, service) in all {
            self.location(ingress, &name, path, path_type, service);
        }
        for (name, host) in self.plan.hosts.iter_mut().filter(|(name, _)| hosts.contains(*name)) {
            if host.namespace.is_empty() {
                host.namespace.clone_from(&ingress.namespace);
            }
            for alias in &aliases {
                if known.contains(alias) || alias == name {
                    let text =
                        format!("{alias} is a host of its own, so the alias is ignored, as in ingress-nginx");
                    self.report.note(ingress, "server-alias", text);
                } else {
                    host.aliases.insert(alias.clone());
                }
            }
        }
        self.enforce_regex(&hosts);
    }

    fn location(
        &mut self,
        ingress: &Ingress,
        name: &str,
        path: String,
        path_type: PathType,
        service: Option<Service>,
    ) {
        let Some(service) = service else {
            let text = format!("{name}{path} goes to a resource and not to a Service: write a route for it");
            return self.report.not_carried(ingress, "spec.rules", text);
        };
        let twin = self.plan.hosts.get(name).and_then(|host| {
            host.locations.iter().find(|other| other.path == path && other.path_type == path_type)
        });
        if let Some(twin) = twin {
            let text = format!(
                "{name}{path} is that of {} already, which is older: left out, as in ingress-nginx",
                twin.ingress
            );
            return self.report.note(ingress, "spec.rules", text);
        }
        let cluster = self.service(ingress, &service);
        let manifests = self.manifests;
        let (global, settings) = (self.global.clone(), std::mem::take(&mut self.settings));
        let mut variables = std::mem::take(&mut self.plan.variables);
        let mut loaded = std::mem::take(&mut self.rule_sets);
        let mut reader = self.reader(ingress);
        let rewrite = reader.text("rewrite-target").map(str::to_owned);
        let is_regex =
            reader.flag("use-regex") == Some(true) || rewrite.as_ref().is_some_and(|target| *target != path);
        let waf =
            waf::waf(&mut reader, &global, settings.get("proxy-body-size").map(String::as_str), &mut loaded);
        if waf.is_none() && reader.text("proxy-body-size").is_some() {
            reader.not_carried(
                "proxy-body-size",
                "Envoy's `buffer` filter with max_request_bytes limits bodies",
            );
        }
        let access = authz::access(&mut reader, manifests, &settings, &mut variables);
        let affinity = affinity::affinity(&mut reader, &path, is_regex, &cluster);
        let hash = match affinity {
            Some(_) => Vec::new(),
            None => hash::hash_policies(&mut reader),
        };
        let balancing = match (&affinity, hash.is_empty(), reader.text("load-balance")) {
            (Some(affinity), ..) if affinity.mode == Mode::Balanced => Balancing::Hash,
            (_, false, _) => Balancing::Hash,
            (_, _, Some("ewma")) => Balancing::LeastRequest,
            (_, _, None | Some("round_robin")) => Balancing::RoundRobin,
            (_, _, Some(other)) => {
                reader.not_carried(
                    "load-balance",
                    format!("found {other:?}, expected \"round_robin\" or \"ewma\""),
                );
                Balancing::RoundRobin
            }
        };
        if affinity.is_some() {
            variables.entry(affinity::KEY.to_owned()).or_default();
        }
        if path_type != PathType::Exact && is_regex && regex_syntax::Parser::new().parse(&path).is_err() {
            let name = if reader.text("use-regex").is_some() { "use-regex" } else { "rewrite-target" };
            reader.not_carried(
                name,
                format!(
                    "Envoy's regular expressions (RE2) have no {path:?}: write the path anew; it is left out"
                ),
            );
            self.settings = settings;
            self.rule_sets = loaded;
            self.plan.variables = variables;
            return;
        }
        self.settings = settings;
        self.rule_sets = loaded;
        self.plan.variables = variables;
        if balancing != Balancing::RoundRobin
            && let Some(cluster) = self.plan.clusters.get_mut(&cluster)
        {
            cluster.balancing = balancing;
        }
        let matching = match path_type {
            _ if is_regex => Matching::Regex,
            PathType::Exact => Matching::Exact,
            PathType::Prefix if !path.ends_with('/') => Matching::Segments,
            PathType::Prefix | PathType::ImplementationSpecific => Matching::Prefix,
        };
        self.plan.hosts.entry(name.to_owned()).or_default().locations.push(Location {
            path,
            matching,
            path_type,
            ingress: ingress.id(),
            namespace: ingress.namespace.clone(),
            cluster,
            rewrite,
            canary: None,
            affinity,
            waf,
            authz: None,
            access,
            hash,
        });
    }

    /// One regular expression on a host makes all of its paths regular expressions (template.go, `enforceRegexModifier`).
    fn enforce_regex(&mut self, hosts: &BTreeSet<String>) {
        for host in self.plan.hosts.iter_mut().filter(|(name, _)| hosts.contains(*name)).map(|(_, host)| host)
        {
            if !host.locations.iter().any(|location| location.matching == Matching::Regex) {
                continue;
            }
            for location in host.locations.iter_mut().filter(|location| location.matching != Matching::Regex)
            {
                location.matching = Matching::Regex;
                if location.path == "/" {
                    continue;
                }
                let Some(ingress) =
                    self.manifests.ingresses.iter().find(|ingress| ingress.id() == location.ingress)
                else {
                    continue;
                };
                let text = format!(
                    "as in ingress-nginx, another path of the host is a regular expression, so {} is one, too: any path that begins so, in \
                     any case",
                    location.path
                );
                self.report.note(ingress, "spec.rules", text);
            }
        }
    }

    fn tls(&mut self, ingress: &Ingress) {
        if ingress.spec.tls.is_empty() {
            return;
        }
        let secrets: Vec<&str> =
            ingress.spec.tls.iter().filter_map(|tls| tls.secret_name.as_deref()).collect();
        let text = format!(
            "certificates are the listener's (here: {}), and so is the redirect to https",
            secrets.join(", ")
        );
        self.report.note(ingress, "spec.tls", text);
    }
}
