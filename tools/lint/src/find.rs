//! Where configurations stand in the files of those who deliver them.

mod bare;
mod consul;
mod envoy;
mod envoy_gateway;
mod helm;
mod istio;

use crate::source::{self, Config, Found, ReadOptions, without_surrogates};
use crate::text::Text;
use crate::tree::{Node, SyntaxError, Value};
use crate::{Filter, Variables, tree};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What a document holds.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) configs: Vec<Found>,
    pub(crate) problems: Vec<SyntaxError>,
}

/// A place where a configuration is expected.
struct Slot<'a> {
    owner: String,
    /// What may tell for which filter it is, the surest first.
    names: Vec<&'a str>,
    /// As values or as a string; `None` where none is given, which is `{}`.
    config: Option<&'a Node>,
    variables: Variables,
    /// Where to point without a configuration.
    start: usize,
}

/// Finds the configurations in a document of a file.
pub(crate) fn in_document(
    name: &str,
    text: &Rc<Text>,
    document: &Node,
    options: &ReadOptions,
    is_only: bool,
) -> Findings {
    let mut findings = Findings::default();
    if document.get("kind").is_some() && document.get("apiVersion").is_some() {
        in_manifest(text, document, &mut findings);
    } else if helm::is_values(document) {
        findings.takes_all(text, helm::slots(document));
    } else if envoy::is_configuration(document) {
        in_envoy(text, document, "", &mut findings);
    } else if consul::is_config_entry(document) {
        findings.takes_all(text, consul::slots(document));
    } else if is_only {
        findings.takes_bare(name, text, document, options);
    }
    findings
}

fn in_manifest(text: &Rc<Text>, document: &Node, findings: &mut Findings) {
    match document.get("kind").and_then(Node::as_str).unwrap_or_default() {
        "WasmPlugin" | "TrafficExtension" => findings.takes_all(text, istio::slots(document)),
        "EnvoyExtensionPolicy" => findings.takes_all(text, envoy_gateway::slots(document)),
        "ServiceDefaults" | "ProxyDefaults" => findings.takes_all(text, consul::slots(document)),
        // Its patches are pieces of manifests, which are whole only when it has been built.
        "Kustomization" => {}
        "List" => {
            for item in document.get("items").map(Node::elements).unwrap_or_default() {
                in_manifest(text, item, findings);
            }
        }
        _ => in_envoy(text, document, &owner(document), findings),
    }
}

/// Envoy's own configuration, as it is or in strings of a manifest (a ConfigMap, a bootstrap).
fn in_envoy(text: &Rc<Text>, document: &Node, owner: &str, findings: &mut Findings) {
    findings.takes_all(text, envoy::slots(document, owner));
    for (start, style, value) in envoy::embedded(document) {
        let inner = Rc::new(Text::of_scalar(text, start, style, value));
        match source::read_documents("", inner.as_str()) {
            Ok(documents) => {
                for document in &documents {
                    findings.takes_all(&inner, envoy::slots(document, owner));
                }
            }
            Err(error) => findings.problems.push(in_file(&inner, error)),
        }
    }
}

impl Findings {
    fn takes_all(&mut self, text: &Rc<Text>, slots: Vec<Slot<'_>>) {
        for slot in slots {
            self.takes(text, slot);
        }
    }

    fn takes(&mut self, text: &Rc<Text>, slot: Slot<'_>) {
        let Slot { owner, names, config, variables, start } = slot;
        let mut found = Found {
            filter: Filter::Waf,
            owner,
            config: Config::Json(Vec::new()),
            variables,
            text: Rc::clone(text),
            tree: None,
            start,
        };
        match config.map(|node| (node, &node.value)) {
            None => {}
            Some((node, Value::Scalar { text: value, style, .. })) => {
                let inner = Rc::new(Text::of_scalar(text, node.start, *style, value));
                found.config = Config::Json(value.clone().into_bytes());
                found.start = 0;
                // What is wrong with it is for the filter to say.
                let is_json = serde_json::from_str::<serde::de::IgnoredAny>(value).is_ok();
                let trees = is_json.then(|| tree::parse(&without_surrogates(value)).ok()).flatten();
                found.tree = trees.and_then(|trees| trees.into_iter().next());
                found.text = inner;
            }
            Some((node, _)) => {
                found.config = Config::Json(node.to_json().to_string().into_bytes());
                found.start = node.start;
                found.tree = Some(node.clone());
            }
        }
        let named = names.iter().find_map(|name| Filter::named(name));
        match named.map_or_else(|| by_shape(found.tree.as_ref()), Ok) {
            Ok(filter) => {
                found.filter = filter;
                self.configs.push(found);
            }
            // Somebody else's filter.
            Err(candidates) if candidates.is_empty() => {}
            Err(candidates) => self.problems.push(undecidable(&found, &candidates)),
        }
    }

    fn takes_bare(&mut self, name: &str, text: &Rc<Text>, document: &Node, options: &ReadOptions) {
        let slot = bare::slot(document);
        let named = options.filter.or_else(|| bare::named(name, document));
        match (named, slot) {
            (Some(filter), Some(slot)) => self.takes(text, Slot { names: vec![filter.name()], ..slot }),
            (None, Some(slot)) => self.takes(text, slot),
            (_, None) => {}
        }
        // As it is: what it says twice, the filter refuses.
        let json = text.as_str();
        if serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok() {
            self.configs.iter_mut().for_each(|found| found.config = Config::Json(json.as_bytes().to_vec()));
        }
    }
}

/// The only filter that has such members; else all that may be meant, and none where no filter has any of them.
fn by_shape(tree: Option<&Node>) -> Result<Filter, Vec<Filter>> {
    let members = tree.map(Node::members).unwrap_or_default();
    let (best, count) = Filter::shaped(members.iter().filter_map(|(name, _)| name.as_str()));
    match best.as_slice() {
        _ if count == 0 => Err(Vec::new()),
        [filter] => Ok(*filter),
        _ => Err(best),
    }
}

fn undecidable(found: &Found, candidates: &[Filter]) -> SyntaxError {
    let names: Vec<&str> = candidates.iter().map(|filter| filter.name()).collect();
    let error = SyntaxError {
        offset: found.start,
        message: format!(
            "cannot tell for which filter this is: its members are those of {}",
            names.join(" and ")
        ),
        help: "name the filter: in the module's file name or URL, in `name` or `root_id`, or with --filter"
            .into(),
    };
    in_file(&found.text, error)
}

/// The same error, at its place in the file.
fn in_file(text: &Text, error: SyntaxError) -> SyntaxError {
    SyntaxError { offset: text.in_file(error.offset), ..error }
}

/// The kind, namespace and name of a Kubernetes object.
fn owner(manifest: &Node) -> String {
    let text = |names: &[&str]| manifest.at(names).and_then(Node::as_str).unwrap_or_default();
    let (kind, namespace, name) =
        (text(&["kind"]), text(&["metadata", "namespace"]), text(&["metadata", "name"]));
    let slash = if namespace.is_empty() { "" } else { "/" };
    format!("{kind} {namespace}{slash}{name}")
}

/// Variables that the host gives, by name.
fn host_keys(list: Option<&Node>) -> BTreeMap<String, Option<String>> {
    let names = list.map(Node::elements).unwrap_or_default().iter();
    names.filter_map(|name| Some((name.as_str()?.to_owned(), None))).collect()
}
