//! Kubernetes manifests: Ingresses, and what they refer to. What cannot be read is refused with file, document and field.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;

/// A file of manifests, as it was read.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name, for messages.
    pub name: String,
    /// What stands in it: YAML documents, or JSON.
    pub content: Vec<u8>,
}

/// What makes a manifest unusable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadInput {
    /// The file.
    pub file: String,
    /// The document in it and the object, where they are known: `document 2, Ingress shop/web`.
    pub place: String,
    /// What is wrong, and what was expected.
    pub message: String,
}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let comma = if self.place.is_empty() { "" } else { ": " };
        write!(f, "{}: {}{comma}{}", self.file, self.place, self.message)
    }
}

impl std::error::Error for BadInput {}

/// The longest file that is read, in bytes. A cluster's Ingresses are some hundred kilobytes.
pub const MAX_FILE_BYTES: usize = 16 << 20;

/// The most objects in all files.
pub const MAX_OBJECTS: usize = 20_000;

/// All that was read.
#[derive(Debug, Default)]
pub(crate) struct Manifests {
    /// In the order in which ingress-nginx takes them: the oldest first.
    pub(crate) ingresses: Vec<Ingress>,
    pub(crate) secrets: BTreeMap<String, BTreeMap<String, String>>,
    pub(crate) config_maps: BTreeMap<String, BTreeMap<String, String>>,
    /// The controller's own ConfigMap, and the name that it has.
    pub(crate) controller: Option<(String, BTreeMap<String, String>)>,
    /// The numbers of the named ports of Services: `shop/web`, `http`.
    pub(crate) ports: BTreeMap<(String, String), u16>,
}

/// An Ingress (networking.k8s.io/v1).
#[derive(Clone, Debug)]
pub(crate) struct Ingress {
    pub(crate) file: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) created: String,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) spec: IngressSpec,
}

impl Ingress {
    /// `shop/web`.
    pub(crate) fn id(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct IngressSpec {
    pub(crate) ingress_class_name: Option<String>,
    pub(crate) default_backend: Option<Backend>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) tls: Vec<Tls>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Tls {
    pub(crate) hosts: Vec<String>,
    pub(crate) secret_name: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Rule {
    pub(crate) host: Option<String>,
    pub(crate) http: Option<Http>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Http {
    pub(crate) paths: Vec<PathRule>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PathRule {
    pub(crate) path: Option<String>,
    pub(crate) path_type: PathType,
    pub(crate) backend: Backend,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) enum PathType {
    Exact,
    Prefix,
    ImplementationSpecific,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Backend {
    #[serde(default)]
    pub(crate) service: Option<Service>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Service {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) port: Port,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Port {
    pub(crate) name: Option<String>,
    pub(crate) number: Option<u16>,
}

impl Manifests {
    /// # Errors
    /// All that is wrong, in the order of the files.
    pub(crate) fn read(sources: &[Source]) -> Result<Self, Vec<BadInput>> {
        let mut reader = Reader::default();
        for source in sources {
            if let Err(error) = reader.file(source) {
                reader.errors.push(error);
            }
        }
        let Reader { mut found, mut errors, others, .. } = reader;
        if errors.is_empty() && found.ingresses.is_empty() {
            let file = sources.first().map(|source| source.name.clone()).unwrap_or_default();
            let seen = match others.as_slice() {
                [] => "nothing".to_owned(),
                kinds => kinds.join(", "),
            };
            let message = format!("no Ingress is here: found {seen}");
            errors.push(BadInput { file, place: String::new(), message });
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        found.ingresses.sort_by(|one, other| (&one.created, one.id()).cmp(&(&other.created, other.id())));
        Ok(found)
    }
}

#[derive(Default)]
struct Reader {
    found: Manifests,
    errors: Vec<BadInput>,
    /// Kinds that say nothing here.
    others: Vec<String>,
    objects: usize,
}

impl Reader {
    fn file(&mut self, source: &Source) -> Result<(), BadInput> {
        let bad = |message: String| BadInput { file: source.name.clone(), place: String::new(), message };
        if source.content.len() > MAX_FILE_BYTES {
            let (found, most) = (source.content.len() >> 20, MAX_FILE_BYTES >> 20);
            return Err(bad(format!("{found} MiB, expected manifests of up to {most} MiB")));
        }
        if let Some(at) = source.content.iter().position(|byte| *byte == 0) {
            return Err(bad(format!(
                "a zero byte at {at}: expected manifests in YAML or JSON, not a binary"
            )));
        }
        let text = std::str::from_utf8(&source.content)
            .map_err(|error| bad(format!("no UTF-8 from byte {} on", error.valid_up_to())))?;
        for (index, document) in serde_norway::Deserializer::from_str(text).enumerate() {
            let place = format!("document {}", index + 1);
            match Value::deserialize(document) {
                Ok(Value::Null) => {}
                Ok(value) => self.object(&source.name, &place, value, 0),
                Err(error) => {
                    // What stands behind it cannot be told apart.
                    return Err(BadInput { file: source.name.clone(), place, message: error.to_string() });
                }
            }
        }
        Ok(())
    }

    fn object(&mut self, file: &str, place: &str, value: Value, depth: usize) {
        let bad = |message: String| BadInput { file: file.to_owned(), place: place.to_owned(), message };
        self.objects += 1;
        if self.objects > MAX_OBJECTS {
            if self.objects == MAX_OBJECTS + 1 {
                self.errors.push(bad(format!("more than {MAX_OBJECTS} objects")));
            }
            return;
        }
        let Some(kind) = value.get("kind").and_then(Value::as_str).map(str::to_owned) else {
            self.errors.push(bad("found no `kind`, expected a Kubernetes manifest".to_owned()));
            return;
        };
        let object: Object = match serde_json::from_value(value) {
            Ok(object) => object,
            Err(error) => {
                self.errors.push(bad(format!("{kind}: {error}")));
                return;
            }
        };
        let namespace = object.metadata.namespace.clone().unwrap_or_else(|| "default".to_owned());
        let key = format!("{namespace}/{}", object.metadata.name);
        let named = |message: String| BadInput {
            file: file.to_owned(),
            place: format!("{place}, {kind} {key}"),
            message,
        };
        match kind.as_str() {
            list if list.ends_with("List") && depth < 2 => {
                for (index, item) in object.items.into_iter().enumerate() {
                    let mut item = item;
                    // Items of `IngressList` need not say what they are.
                    let of = list.strip_suffix("List").filter(|of| !of.is_empty());
                    if let (Some(fields), Some(of)) = (item.as_object_mut(), of) {
                        fields.entry("kind").or_insert_with(|| of.into());
                        fields.entry("apiVersion").or_insert_with(|| object.api_version.clone().into());
                    }
                    self.object(file, &format!("{place}, item {}", index + 1), item, depth + 1);
                }
            }
            "Ingress" => match ingress(file, &namespace, object) {
                Ok(ingress) => self.found.ingresses.push(ingress),
                Err(messages) => self.errors.extend(messages.into_iter().map(named)),
            },
            "Secret" => match secret(object) {
                Ok(data) => {
                    self.found.secrets.insert(key, data);
                }
                Err(message) => self.errors.push(named(message)),
            },
            "ConfigMap" => {
                let mut data = BTreeMap::new();
                for (name, value) in object.data {
                    match value {
                        Value::String(text) => {
                            data.insert(name, text);
                        }
                        other => self
                            .errors
                            .push(named(format!("data.{name}: found {other}, expected a string: quote it"))),
                    }
                }
                let label = object.metadata.labels.get("app.kubernetes.io/name").and_then(Value::as_str);
                let is_controller =
                    label == Some("ingress-nginx") || CONTROLLERS.contains(&object.metadata.name.as_str());
                if is_controller {
                    self.found.controller = Some((key, data));
                } else {
                    self.found.config_maps.insert(key, data);
                }
            }
            "Service" => {
                for port in object.spec.get("ports").and_then(Value::as_array).into_iter().flatten() {
                    let number =
                        port.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
                    if let (Some(name), Some(number)) = (port.get("name").and_then(Value::as_str), number) {
                        self.found.ports.insert((key.clone(), name.to_owned()), number);
                    }
                }
            }
            other => {
                if !self.others.iter().any(|known| known == other) && self.others.len() < 16 {
                    self.others.push(other.to_owned());
                }
            }
        }
    }
}

/// What the controller's ConfigMap is called: by its chart, by its static manifests, and before.
const CONTROLLERS: [&str; 3] =
    ["ingress-nginx-controller", "nginx-configuration", "nginx-ingress-controller"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    metadata: Metadata,
    #[serde(default)]
    spec: Value,
    #[serde(default, deserialize_with = "null_is_empty")]
    data: BTreeMap<String, Value>,
    #[serde(default, deserialize_with = "null_is_empty")]
    string_data: BTreeMap<String, Value>,
    #[serde(default)]
    items: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    name: String,
    namespace: Option<String>,
    creation_timestamp: Option<String>,
    #[serde(deserialize_with = "null_is_empty")]
    annotations: BTreeMap<String, Value>,
    #[serde(deserialize_with = "null_is_empty")]
    labels: BTreeMap<String, Value>,
}

/// `annotations:` with nothing behind it is `null`.
fn null_is_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Value>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

fn ingress(file: &str, namespace: &str, object: Object) -> Result<Ingress, Vec<String>> {
    let mut messages = Vec::new();
    if object.api_version != "networking.k8s.io/v1" {
        let found = &object.api_version;
        messages.push(format!(
            "apiVersion: found {found:?}, expected \"networking.k8s.io/v1\" (kubectl convert writes it anew)"
        ));
        return Err(messages);
    }
    if object.metadata.name.is_empty() {
        messages.push("metadata.name: found nothing, expected a name".to_owned());
    }
    let mut annotations = BTreeMap::new();
    for (name, value) in object.metadata.annotations {
        match value {
            Value::String(text) => {
                annotations.insert(name, text);
            }
            other => messages.push(format!("annotation {name}: found {other}, expected a string: quote it")),
        }
    }
    let spec: Result<Option<IngressSpec>, _> = serde_json::from_value(object.spec);
    let spec = match spec {
        Ok(spec) => spec.unwrap_or_default(),
        Err(error) => {
            messages.push(format!("spec: {error}"));
            IngressSpec::default()
        }
    };
    if messages.is_empty() && spec.rules.is_empty() && spec.default_backend.is_none() {
        messages.push("spec: found neither rules nor defaultBackend, expected one of them".to_owned());
    }
    for rule in &spec.rules {
        for path in rule.http.iter().flat_map(|http| &http.paths) {
            let text = path.path.as_deref().unwrap_or("/");
            if !text.starts_with('/') && path.path_type != PathType::ImplementationSpecific {
                messages.push(format!("spec.rules: the path {text:?} does not begin with /"));
            }
        }
    }
    let has_path = spec.rules.iter().flat_map(|rule| &rule.http).any(|http| !http.paths.is_empty());
    if messages.is_empty() && !has_path && spec.default_backend.is_none() {
        messages.push("spec.rules: found no http.paths in any rule, expected a path".to_owned());
    }
    if !messages.is_empty() {
        return Err(messages);
    }
    Ok(Ingress {
        file: file.to_owned(),
        namespace: namespace.to_owned(),
        name: object.metadata.name,
        created: object.metadata.creation_timestamp.unwrap_or_default(),
        annotations,
        spec,
    })
}

fn secret(object: Object) -> Result<BTreeMap<String, String>, String> {
    let mut data = BTreeMap::new();
    for (name, value) in object.data {
        let text = value.as_str().unwrap_or_default();
        let packed: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let bytes = STANDARD.decode(packed).map_err(|_| format!("data.{name}: expected base64"))?;
        // Certificates and other binaries are of no use here.
        if let Ok(text) = String::from_utf8(bytes) {
            data.insert(name, text);
        }
    }
    for (name, value) in object.string_data {
        data.insert(name, value.as_str().unwrap_or_default().to_owned());
    }
    Ok(data)
}
