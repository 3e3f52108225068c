//! A file, and the configurations that were found in it.

use crate::diagnostic::{Diagnostic, Severity, position};
use crate::find;
use crate::text::Text;
use crate::tree::{self, Node, SyntaxError};
use crate::{Filter, Variables};
use std::rc::Rc;

/// The largest file that is read, in bytes: 16 MiB, as much as a filter takes for its configuration.
pub const MAX_FILE_BYTES: usize = sdk_shim_config::MAX_CONFIG_BYTES;

/// A file, and the configurations in it.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name in messages. SecLang's `Include` starts at its directory.
    pub name: String,
    /// Its text; what is no UTF-8 in it is replaced, except in rules.
    pub text: Rc<Text>,
    /// The configurations in it, in their order.
    pub configs: Vec<Found>,
    /// Why not all of it was read.
    pub problems: Vec<Diagnostic>,
}

/// A configuration in a file.
#[derive(Clone, Debug)]
pub struct Found {
    /// For which filter it is.
    pub filter: Filter,
    /// What holds it, such as `WasmPlugin istio-system/waf`; empty where the file is nothing but it.
    pub owner: String,
    /// The configuration.
    pub config: Config,
    /// What `${NAME}` in it stands for.
    pub variables: Variables,
    /// The text that the tree's places are of.
    pub(crate) text: Rc<Text>,
    /// The configuration as it is written, unless it is broken JSON or rules.
    pub(crate) tree: Option<Node>,
    /// Where it begins in the text.
    pub(crate) start: usize,
}

/// A configuration, in the form in which it is loaded.
#[derive(Clone, Debug)]
pub enum Config {
    /// JSON, as the filter gets it from its host.
    Json(Vec<u8>),
    /// Rules of the waf: the text of a file.
    SecLang(Vec<u8>),
}

/// How to read a file.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// For which filter a file is that is nothing but a configuration, where that is known.
    pub filter: Option<Filter>,
}

impl Source {
    /// Finds the configurations in a file: one that is nothing but a filter's JSON or YAML, manifests of Istio, Envoy Gateway
    /// and Consul, Envoy's own configuration in YAML or JSON, values for the Helm chart, rules in SecLang. Finds nothing in
    /// other YAML and JSON.
    pub fn read(name: &str, bytes: &[u8], options: &ReadOptions) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = Rc::new(Text::of_file(String::from_utf8_lossy(bytes).into_owned()));
        let mut source = Self { name: name.to_owned(), text, configs: Vec::new(), problems: Vec::new() };
        if bytes.len() > MAX_FILE_BYTES {
            let help = format!("at most {} MiB are read", MAX_FILE_BYTES >> 20);
            source.refuse(SyntaxError { offset: 0, message: format!("{} bytes", bytes.len()), help });
        } else if let Some(offset) = bytes.iter().position(|byte| *byte == 0) {
            source.refuse(SyntaxError {
                offset: source.text.as_str().find('\0').unwrap_or(offset),
                message: "found the byte NUL: this is a binary file, and no text".to_owned(),
                help: "a configuration in JSON or YAML, a manifest, or rules".to_owned(),
            });
        } else if is_seclang(name, source.text.as_str()) {
            source.configs.push(Found {
                filter: Filter::Waf,
                owner: String::new(),
                config: Config::SecLang(bytes.to_vec()),
                variables: Variables::Any,
                text: Rc::clone(&source.text),
                tree: None,
                start: 0,
            });
        } else if std::str::from_utf8(bytes).is_err() {
            source.refuse(SyntaxError {
                offset: source.text.as_str().find('\u{fffd}').unwrap_or_default(),
                message: "found bytes that are no UTF-8: this is no text, or in another encoding".to_owned(),
                help: "a text in UTF-8".to_owned(),
            });
        } else if is_hcl(name, source.text.as_str()) {
            source.refuse_hcl();
        } else {
            source.read_trees(options);
        }
        source
    }

    fn read_trees(&mut self, options: &ReadOptions) {
        let text = Rc::clone(&self.text);
        match read_documents(&self.name, text.as_str()) {
            Ok(documents) => {
                let is_only = documents.len() == 1;
                for document in &documents {
                    let found = find::in_document(&self.name, &text, document, options, is_only);
                    self.configs.extend(found.configs);
                    for problem in found.problems {
                        self.refuse(problem);
                    }
                }
            }
            Err(error) => self.refuse(error),
        }
    }

    /// Consul's language, of which only what holds a filter is of interest.
    fn refuse_hcl(&mut self) {
        if let Some(offset) = self.text.as_str().find("builtin/wasm") {
            self.refuse(SyntaxError {
                offset,
                message: "this is HCL, which is not read".to_owned(),
                help: "the same in JSON: `consul config read -kind service-defaults -name NAME` once it is written, or `hcl2json`"
                    .to_owned(),
            });
        }
    }

    fn refuse(&mut self, error: SyntaxError) {
        let offset = self.text.in_file(error.offset).min(self.text.as_str().len());
        let (line, column) = position(self.text.as_str(), offset);
        self.problems.push(Diagnostic {
            severity: Severity::Error,
            code: "syntax",
            message: error.message,
            help: error.help,
            file: self.name.clone(),
            line,
            column,
            span: offset..offset,
            filter: None,
            owner: String::new(),
            path: String::new(),
        });
    }
}

/// Reads the documents of a file.
pub(crate) fn read_documents(name: &str, text: &str) -> Result<Vec<Node>, SyntaxError> {
    let start = text.trim_ascii_start();
    let looks_like_json = name.ends_with(".json") || start.starts_with('{') && !start.starts_with("{{");
    if looks_like_json {
        match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) => return tree::parse(&without_surrogates(text)),
            // Text after the value, or JSON with comments: perhaps YAML.
            Err(error) => {
                if let (false, Ok(documents)) = (name.ends_with(".json"), tree::parse(text)) {
                    return Ok(documents);
                }
                let offset = Text::of_file(text.to_owned()).offset(error.line(), error.column());
                let position = format!(" at line {} column {}", error.line(), error.column());
                let message = error.to_string().replace(&position, "");
                let is_cut = error.is_eof();
                let help = if is_cut { "is it cut off?" } else { "well-formed JSON" }.to_owned();
                return Err(SyntaxError { offset, message, help });
            }
        }
    }
    tree::parse(text).map_err(|mut error| {
        if text.contains("{{") {
            error.help = "a template has to be rendered first: `helm template …`".to_owned();
        } else if error.offset >= text.trim_ascii_end().len() {
            error.help = "the text ends in the middle of a value: is it cut off?".to_owned();
        }
        error
    })
}

/// JSON writes characters outside of the Basic Multilingual Plane as two escapes, which YAML has not. Only places are read
/// from what this returns.
pub(crate) fn without_surrogates(json: &str) -> String {
    let mut text = json.to_owned();
    for digits in ["\\ud", "\\uD"] {
        let mut from = 0;
        while let Some(at) = text.get(from..).and_then(|rest| rest.find(digits)).map(|at| from + at) {
            let is_surrogate =
                text.as_bytes().get(at + 3).is_some_and(|byte| b"89abcdefABCDEF".contains(byte));
            if is_surrogate && text.is_char_boundary(at + 6) {
                text.replace_range(at..at + 6, "\\uFFFD");
            }
            from = at + 3;
        }
    }
    text
}

/// A config entry of Consul as `consul config write` takes it: `EnvoyExtensions = [ {` and the like.
fn is_hcl(name: &str, text: &str) -> bool {
    let begins = |line: &str| {
        let rest = line.trim_start().strip_prefix("EnvoyExtensions").map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with(['=', '{']))
    };
    name.ends_with(".hcl") || text.contains("builtin/wasm") && text.lines().any(begins)
}

fn is_seclang(name: &str, text: &str) -> bool {
    if name.ends_with(".conf") || name.ends_with(".conf.example") {
        return true;
    }
    let mut lines =
        text.lines().map(str::trim_start).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let word = lines.next().and_then(|line| line.split_ascii_whitespace().next()).unwrap_or_default();
    let begins = |start: &str| word.get(..start.len()).is_some_and(|part| part.eq_ignore_ascii_case(start));
    word.bytes().all(|byte| byte.is_ascii_alphanumeric()) && (begins("Sec") || begins("Include"))
}
