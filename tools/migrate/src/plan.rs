//! What ingress-nginx serves, host by host and location by location, with what stands before each.

use crate::features::affinity::{self, Affinity, CLUSTER_HEADER, Mode};
use crate::features::auth_url::Server;
use crate::features::authz::{self, Access};
use crate::features::canary::{self, Canary};
use crate::features::hash;
use crate::features::waf::{self, GlobalRules, Waf};
use crate::json::Put;
use crate::manifest::{Ingress, Manifests, PathRule, PathType, Service};
use crate::reader::Reader;
use crate::report::{Outcome, Report};
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
    /// The controller's ConfigMap (docs/user-guide/nginx-configuration/configmap.md), as far as it is about what stands here.
    fn settings(&mut self) {
        let Some((name, data)) = &self.manifests.controller else { return };
        self.settings = data.clone();
        let is_true = |key: &str| data.get(key).is_some_and(|value| value == "true");
        self.global = GlobalRules {
            is_enabled: is_true("enable-modsecurity"),
            has_core_rules: is_true("enable-owasp-modsecurity-crs"),
            snippet: data
                .get("modsecurity-snippet")
                .filter(|text| !text.trim().is_empty())
                .map(|text| crate::nginx::unquoted(text)),
        };
        for key in data.keys() {
            if CARRIED_SETTINGS.contains(&key.as_str()) {
                self.report.setting(name, key, Outcome::Carried, "");
            } else if key == "use-forwarded-headers" && is_true(key) {
                self.plan.trusted_hops = 1;
                let text = "the client is whom the one proxy in front names: xff_num_trusted_hops: 1; say there how many there are";
                self.report.setting(name, key, Outcome::Note, text);
            } else {
                let text = "a setting of nginx: docs/migrate/ingress-nginx.md says what there is instead";
                self.report.setting(name, key, Outcome::Note, text);
            }
        }
    }

    fn main(&mut self, ingress: &Ingress) {
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

    /// internal/ingress/controller/controller.go, `mergeAlternativeBackends`: a canary is that of a Service, not of a path.
    fn canary(&mut self, ingress: &Ingress) {
        let mut paired = false;
        for rule in &ingress.spec.rules {
            let name =
                rule.host.as_deref().filter(|host| !host.is_empty()).unwrap_or("*").to_ascii_lowercase();
            for path in rule.http.iter().flat_map(|http| &http.paths) {
                let text = path.path.as_deref().filter(|path| !path.is_empty()).unwrap_or("/");
                let Some(service) = &path.backend.service else { continue };
                let found = self.plan.hosts.get(&name).and_then(|host| {
                    host.locations.iter().find(|main| main.path == text && main.path_type == path.path_type)
                });
                let Some(main) = found.map(|main| main.cluster.clone()) else { continue };
                let cluster = self.service(ingress, service);
                if cluster == main {
                    self.report.note(
                        ingress,
                        "canary",
                        format!("{name}{text}: the canary's Service is the main one's: without effect"),
                    );
                    continue;
                }
                if self
                    .plan
                    .hosts
                    .values()
                    .flat_map(|host| &host.locations)
                    .any(|location| location.cluster == cluster)
                {
                    let text = format!(
                        "{name}{text}: the Service is the main one of another path, so ingress-nginx takes it for no canary"
                    );
                    self.report.not_carried(ingress, "canary", text);
                    continue;
                }
                paired = true;
                self.pair(ingress, &main, &cluster, &format!("{name}{text}"));
            }
        }
        if !paired {
            let text =
                "no main Ingress has the same host, path and pathType: ingress-nginx ignores the canary, too";
            self.report.not_carried(ingress, "canary", text);
        }
        let names: Vec<String> = ingress
            .annotations
            .keys()
            .filter_map(|key| Some(key.strip_prefix(self.prefix)?.strip_prefix('/')?.to_owned()))
            .collect();
        for name in names {
            let group = crate::annotations::find(&name).map_or("", |known| known.group);
            if group != "Canary" && name != "affinity-canary-behavior" {
                self.report.note(ingress, &name, "on a canary without effect: the main Ingress' counts");
            }
        }
    }

    fn pair(&mut self, ingress: &Ingress, main: &str, cluster: &str, place: &str) {
        let mut reader = self.reader(ingress);
        let canary = canary::canary(&mut reader, cluster);
        let balancing = self.plan.clusters.get(main).map(|cluster| cluster.balancing);
        if let (Some(balancing), Some(cluster)) = (balancing, self.plan.clusters.get_mut(cluster)) {
            cluster.balancing = balancing;
        }
        let all = self
            .plan
            .hosts
            .iter_mut()
            .flat_map(|(name, host)| host.locations.iter_mut().map(move |location| (name, location)));
        for (name, location) in all.filter(|(_, location)| location.cluster == main) {
            match &location.canary {
                Some(other) if other.cluster != cluster => {
                    let text = format!(
                        "{place}: {main} has a canary already, and ingress-nginx takes one for each Service"
                    );
                    self.report.not_carried(ingress, "canary", text);
                    return;
                }
                _ => location.canary = Some(canary.clone()),
            }
            let here = format!("{name}{}", location.path);
            let is_named = ingress.spec.rules.iter().any(|rule| {
                rule.host.as_deref().unwrap_or("*").eq_ignore_ascii_case(name)
                    && rule
                        .http
                        .iter()
                        .flat_map(|http| &http.paths)
                        .any(|path| path.path.as_deref().unwrap_or("/") == location.path)
            });
            if !is_named {
                let text =
                    format!("as in ingress-nginx, a canary is that of a Service, so it also concerns {here}");
                self.report.note(ingress, "canary", text);
            }
        }
    }

    /// Gives each location the configuration of its checks: who is asked at the Ingress' own host is known only now.
    fn own_services(&mut self) {
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
    fn service(&mut self, ingress: &Ingress, service: &Service) -> String {
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

    fn reader<'b>(&'b mut self, ingress: &'b Ingress) -> Reader<'b> {
        Reader { ingress, prefix: self.prefix, report: self.report }
    }
}

/// The settings of the controller that stand in the output.
const CARRIED_SETTINGS: [&str; 13] = [
    "enable-modsecurity",
    "enable-owasp-modsecurity-crs",
    "modsecurity-snippet",
    "whitelist-source-range",
    "allowlist-source-range",
    "denylist-source-range",
    "global-auth-url",
    "global-auth-method",
    "global-auth-signin",
    "global-auth-signin-redirect-param",
    "global-auth-response-headers",
    "global-auth-request-redirect",
    "proxy-body-size",
];

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
