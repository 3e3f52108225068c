//! What a plan looks like in each way to run Envoy.

pub(crate) mod envoy;
pub(crate) mod gateway;
pub(crate) mod instances;
pub(crate) mod istio;
pub(crate) mod routes;

use crate::plan::Plan;
use crate::yaml;
use serde_json::{Map, Value, json};

/// A file of the result.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct OutputFile {
    /// Its name, without a folder.
    pub name: String,
    /// What stands in it.
    pub content: String,
}

/// How the result is to be written.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The prefix of annotations: [`PREFIX`](crate::PREFIX), unless the controller was started with `--annotations-prefix`.
    pub prefix: &'a str,
    /// Namespace and name of the Gateway that serves the routes: `istio-system/ingress`.
    pub gateway: &'a str,
    /// Where the filters' images are: `registry.example.com/portcullis`.
    pub registry: &'a str,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            prefix: crate::PREFIX,
            gateway: "istio-system/ingress",
            registry: "registry.example.com/portcullis",
        }
    }
}

impl Options<'_> {
    pub(crate) fn gateway_namespace(&self) -> &str {
        self.gateway.split_once('/').map_or("default", |(namespace, _)| namespace)
    }

    pub(crate) fn gateway_name(&self) -> &str {
        self.gateway.split_once('/').map_or(self.gateway, |(_, name)| name)
    }
}

/// The values of the filters' environment variables, for a shell: `set -a; . ./portcullis.env`.
pub(crate) fn environment(plan: &Plan) -> Option<OutputFile> {
    if plan.variables.is_empty() {
        return None;
    }
    let mut content = String::from(
        "# Secrets of the filters, for the environment of Envoy: keep this file as one.\n# set -a; . ./portcullis.env; set +a\n",
    );
    for (name, value) in &plan.variables {
        match value {
            Some(value) => content.push_str(&format!("{name}='{}'\n", value.replace('\'', r"'\''"))),
            None => content.push_str(&format!("# {}\n{name}=\n", how(name))),
        }
    }
    Some(OutputFile { name: "portcullis.env".to_owned(), content })
}

/// The same as a Secret, for the environment of the gateway's pods.
pub(crate) fn secret(plan: &Plan, namespace: &str) -> Option<OutputFile> {
    if plan.variables.is_empty() {
        return None;
    }
    let values: Map<String, Value> = plan
        .variables
        .iter()
        .map(|(name, value)| (name.clone(), value.clone().unwrap_or_default().into()))
        .collect();
    let document = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "portcullis", "namespace": namespace},
        "stringData": values,
    });
    let mut content = String::from(
        "# Secrets of the filters, for the environment of the gateway's pods: envFrom: [{secretRef: {name: portcullis}}].\n",
    );
    for (name, _) in plan.variables.iter().filter(|(_, value)| value.is_none()) {
        content.push_str(&format!("# {name}: {}\n", how(name)));
    }
    content.push_str(&yaml::text(&document));
    Some(OutputFile { name: "portcullis-secret.yaml".to_owned(), content })
}

/// Where the value of a variable comes from.
pub(crate) fn how(name: &str) -> &'static str {
    match name {
        crate::features::affinity::KEY => "openssl rand -base64 32, the same on every replica",
        _ => "the lines of htpasswd, from the Secret",
    }
}
