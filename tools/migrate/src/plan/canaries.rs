//! Canaries, and the locations that they belong to.

use super::Builder;
use crate::features::canary;
use crate::manifest::Ingress;

impl Builder<'_> {
    /// internal/ingress/controller/controller.go, `mergeAlternativeBackends`: a canary is that of a Service, not of a path.
    pub(super) fn canary(&mut self, ingress: &Ingress) {
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
}
