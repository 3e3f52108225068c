//! The audit log: one JSON object for each transaction that `SecAuditEngine` wants, in the form that ModSecurity v3 writes with
//! `SecAuditLogFormat JSON`, to Envoy's log at level `info` and to the collector that the configuration names.
//!
//! `SecAuditLogParts` says what is in it: `A` always is, `B` the request's headers, `C` its body, `E` the response's body, `F` its
//! headers, `H` what matched, `I` the request's body without files, `J` the files, `K` the rules that matched. `Z` ends the parts.
//! Secrets are hidden: see [`redaction`].

mod collector;
mod json;
mod redaction;

use portcullis_engine::{MatchedRule, Transaction};
use portcullis_seclang::ast::BodyProcessor;
use schemars::JsonSchema;
use sdk_shim::{ConfigErrors, Headers, Host, Level, MapKind, Path, Property, Setup};
use serde::Deserialize;

pub(crate) use collector::Collector;
pub use collector::CollectorConfig;
use json::{Object, list};
use redaction::Redaction;

/// Where the audit log goes. Whether there is one, and what is in it, say `SecAuditEngine`, `SecAuditLogRelevantStatus` and
/// `SecAuditLogParts` in the rules.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuditLogConfig {
    /// Write entries to Envoy's log, at level `info`.
    pub to_envoy_log: bool,
    /// Send entries to an HTTP service, too.
    pub collector: Option<CollectorConfig>,
    /// The most bytes of a body in an entry; what is longer is cut, and the entry says so.
    pub max_body_bytes: usize,
}

impl Default for AuditLogConfig {
    fn default() -> Self {
        Self { to_envoy_log: true, collector: None, max_body_bytes: 65_536 }
    }
}

/// Writes entries.
pub(crate) struct AuditLog {
    to_envoy_log: bool,
    max_body_bytes: usize,
    collector: Option<Collector>,
}

/// What is known of a response that the client got.
#[derive(Clone, Copy)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    /// The rule or limit that stopped the transaction, and the phase.
    pub(crate) stopped: Option<(&'a str, &'a str)>,
}

impl AuditLog {
    pub(crate) fn new(config: &AuditLogConfig, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
        let path = Path::root().field("audit_log").field("collector");
        let collector = config.collector.as_ref();
        let collector = collector.map(|config| Collector::start(config, &path, setup)).transpose()?;
        Ok(Self { to_envoy_log: config.to_envoy_log, max_body_bytes: config.max_body_bytes, collector })
    }

    /// Writes the entry of a transaction.
    pub(crate) fn write(
        &self,
        transaction: &Transaction,
        answer: Answer<'_>,
        request: &Headers,
        host: &mut dyn Host,
    ) {
        let to_envoy_log = self.to_envoy_log && host.logs(Level::Info);
        if !to_envoy_log && self.collector.is_none() {
            return;
        }
        let response = host.headers(MapKind::ResponseHeaders);
        let entry = self.entry(transaction, answer, request, &response, host);
        if to_envoy_log {
            host.write_log(Level::Info, format_args!("audit {entry}"));
        }
        if let Some(collector) = &self.collector {
            collector.send(entry, host);
        }
    }

    fn entry(
        &self,
        transaction: &Transaction,
        answer: Answer<'_>,
        request: &Headers,
        response: &Headers,
        host: &mut dyn Host,
    ) -> String {
        let redaction = Redaction::new(transaction);
        let wants = |part: u8| transaction.audit_log_parts().contains(&part);
        let [client, server] = [Property::SourceAddress, Property::DestinationAddress]
            .map(|property| host.address(property))
            .map(|address| {
                address.map(|address| (address.ip().to_string(), address.port())).unwrap_or_default()
            });
        // In the order of the alphabet, here and in all objects.
        let mut entry = Object::new();
        entry.put_text("client_ip", &client.0);
        entry.put_number("client_port", client.1.into());
        entry.put_text("host_ip", &server.0);
        entry.put_number("host_port", server.1.into());
        if wants(b'H') {
            let intercepted = answer.stopped.map(|(cause, phase)| {
                let mut intercepted = Object::new();
                intercepted.put_text("cause", cause);
                intercepted.put_text("phase", phase);
                intercepted.end()
            });
            entry.put("intercepted", intercepted.as_deref().unwrap_or("null"));
            let relevant = transaction.matches().iter().filter(|rule| rule.audit_log);
            let messages: Vec<String> = relevant.map(|rule| message(rule, &redaction)).collect();
            entry.put("messages", &list(&messages));
            let mut producer = Object::new();
            producer.put_text("connector", concat!("portcullis-waf ", env!("CARGO_PKG_VERSION")));
            entry.put("producer", &producer.end());
        }
        entry.put("request", &self.request(transaction, request, &redaction));
        entry.put("response", &self.response(transaction, answer.status, response, &redaction));
        if wants(b'K') {
            let rules: Vec<String> = transaction.fired_rules().map(rule).collect();
            entry.put("rules", &list(&rules));
        }
        let now = host.now();
        entry.put("time_stamp", &format!("{}.{:06}", now.as_secs(), now.subsec_micros()));
        entry.put_text("unique_id", &plain(request.get("x-request-id").unwrap_or_default()));
        let mut whole = Object::new();
        whole.put("transaction", &entry.end());
        whole.end()
    }

    fn request(&self, transaction: &Transaction, headers: &Headers, redaction: &Redaction) -> String {
        let wants = |part: u8| transaction.audit_log_parts().contains(&part);
        let header = |name: &str| headers.get(name).unwrap_or_default();
        let mut sent = Object::new();
        // I takes the place of C.
        if wants(b'I') && transaction.body_processor() == Some(BodyProcessor::Multipart) {
            self.body(&mut sent, Some(redaction.form(transaction.body_arguments())));
        } else if wants(b'C') || wants(b'I') {
            let body = transaction.audit_request_body();
            self.body(&mut sent, body.map(|body| redaction.request_body(transaction, body)));
        }
        if wants(b'J') {
            let file = |file: portcullis_engine::UploadedFile<'_>| {
                let mut object = Object::new();
                object.put_text("field", &redaction.text(file.field));
                object.put_text("name", &redaction.text(file.name));
                object.put_number("size", file.size);
                object.end()
            };
            let files: Vec<String> = transaction.files().map(file).collect();
            sent.put("files", &list(&files));
        }
        if wants(b'B') {
            let hides = |name: &[u8]| redaction.hides_request_header(name);
            sent.put("headers", &by_name(headers, &hides, redaction));
        }
        sent.put_text("hostname", &plain(header(":authority")));
        sent.put_text("method", &plain(header(":method")));
        sent.put_text("uri", &redaction.target(header(":path")));
        sent.end()
    }

    fn response(
        &self,
        transaction: &Transaction,
        status: u16,
        headers: &Headers,
        redaction: &Redaction,
    ) -> String {
        let wants = |part: u8| transaction.audit_log_parts().contains(&part);
        let mut answered = Object::new();
        if wants(b'E') {
            self.body(&mut answered, transaction.audit_response_body().map(|body| redaction.text(body)));
        }
        if wants(b'F') {
            let hides = |name: &[u8]| redaction.hides_response_header(name);
            answered.put("headers", &by_name(headers, &hides, redaction));
        }
        answered.put_number("http_code", status.into());
        answered.end()
    }

    fn body(&self, object: &mut Object, body: Option<String>) {
        let Some(body) = body else { return };
        let end = body.floor_char_boundary(self.max_body_bytes);
        object.put_text("body", body.get(..end).unwrap_or_default());
        if end < body.len() {
            object.put("body_is_cut", "true");
        }
    }
}

fn rule(rule: portcullis_engine::FiredRule<'_>) -> String {
    let mut object = Object::new();
    object.put_text("file", rule.file);
    object.put_number("id", rule.id);
    object.put_number("line", rule.line.into());
    object.end()
}

fn message(rule: &MatchedRule, redaction: &Redaction) -> String {
    let is_secret = redaction.hides_variable(&rule.variable);
    let value = |field: &[u8]| {
        if is_secret && !field.is_empty() { redaction::REDACTED.to_owned() } else { redaction.text(field) }
    };
    let severity = rule.severity.map(|severity| severity.number().to_string());
    let tags: Vec<String> = rule.tags.iter().map(|tag| json::text(&redaction.text(tag))).collect();
    let mut details = Object::new();
    details.put_text("accuracy", &rule.accuracy.to_string());
    details.put_text("data", &value(&rule.data));
    details.put_text("file", &rule.file);
    details.put_text("lineNumber", &rule.line.to_string());
    let sentence = if is_secret { redaction.sentence(&rule.details) } else { redaction.text(&rule.details) };
    details.put_text("match", &sentence);
    details.put_text("maturity", &rule.maturity.to_string());
    details.put_text("reference", &plain(&rule.reference));
    details.put_text("rev", &plain(&rule.revision));
    details.put_text("ruleId", &rule.id.to_string());
    details.put_text("severity", &severity.unwrap_or_default());
    details.put("tags", &list(&tags));
    details.put_text("variable", &plain(&rule.variable));
    details.put_text("ver", &plain(&rule.version));
    let mut object = Object::new();
    object.put("details", &details.end());
    let text = match is_secret {
        true => redaction.without(&rule.message, &rule.value),
        false => redaction.text(&rule.message),
    };
    object.put_text("message", &text);
    object.end()
}

/// By name; of those that repeat, all values.
fn by_name(headers: &Headers, hides: &dyn Fn(&[u8]) -> bool, redaction: &Redaction) -> String {
    let mut names: Vec<(String, Vec<String>)> = Vec::new();
    for (name, value) in headers.iter().filter(|(name, _)| !name.starts_with(b":")) {
        let value = if hides(name) { redaction::REDACTED.to_owned() } else { redaction.text(value) };
        let (name, value) = (plain(name), json::text(&value));
        match names.binary_search_by(|(known, _)| known.cmp(&name)) {
            Ok(at) => names.get_mut(at).into_iter().for_each(|(_, values)| values.push(value.clone())),
            Err(at) => names.insert(at, (name, vec![value])),
        }
    }
    let mut object = Object::new();
    for (name, values) in names {
        match values.as_slice() {
            [one] => object.put(&name, one),
            all => object.put(&name, &list(all)),
        }
    }
    object.end()
}

/// Bytes that are not UTF-8 are replaced.
fn plain(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests;
