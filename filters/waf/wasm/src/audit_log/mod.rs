//! The audit log: one JSON object for each transaction that `SecAuditEngine` wants, in the form that ModSecurity v3 writes with
//! `SecAuditLogFormat JSON`, to Envoy's log at level `info` and to the collector that the configuration names.
//!
//! `SecAuditLogParts` says what is in it: `A` always is, `B` the request's headers, `C` its body, `E` the response's body, `F` its
//! headers, `H` what matched, `I` the request's body without files, `J` the files, `K` the rules that matched. `Z` ends the parts.
//! Secrets are hidden: see [`redaction`].

mod collector;
mod redaction;

use portcullis_engine::{MatchedRule, Transaction};
use portcullis_seclang::ast::BodyProcessor;
use schemars::JsonSchema;
use sdk_shim::{ConfigErrors, Headers, Host, Level, MapKind, Path, Property, Setup};
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub(crate) use collector::Collector;
pub use collector::CollectorConfig;
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
        let entry = self.entry(transaction, answer, request, &response, host).to_string();
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
    ) -> Value {
        let redaction = Redaction::new(transaction);
        let wants = |part: u8| transaction.audit_log_parts().contains(&part);
        let [client, server] = [Property::SourceAddress, Property::DestinationAddress]
            .map(|property| host.address(property))
            .map(|address| {
                address.map(|address| (address.ip().to_string(), address.port())).unwrap_or_default()
            });
        let header = |name: &str| request.get(name).unwrap_or_default();
        let mut sent = json!({
            "method": text(header(":method")),
            "uri": redaction.target(header(":path")),
            "hostname": text(header(":authority")),
        });
        if wants(b'B') {
            put(
                &mut sent,
                "headers",
                headers(request, |name| redaction.hides_request_header(name), &redaction),
            );
        }
        // I takes the place of C.
        if wants(b'I') && transaction.body_processor() == Some(BodyProcessor::Multipart) {
            self.body(&mut sent, Some(redaction.form(transaction.body_arguments())));
        } else if wants(b'C') || wants(b'I') {
            self.body(
                &mut sent,
                transaction.audit_request_body().map(|body| redaction.request_body(transaction, body)),
            );
        }
        if wants(b'J') {
            let file = |file: portcullis_engine::UploadedFile<'_>| {
                json!({
                    "field": redaction.text(file.field),
                    "name": redaction.text(file.name),
                    "size": file.size,
                })
            };
            put(&mut sent, "files", transaction.files().map(file).collect());
        }
        let mut answered = json!({"http_code": answer.status});
        if wants(b'F') {
            put(
                &mut answered,
                "headers",
                headers(response, |name| redaction.hides_response_header(name), &redaction),
            );
        }
        if wants(b'E') {
            self.body(&mut answered, transaction.audit_response_body().map(|body| redaction.text(body)));
        }
        let mut entry = json!({
            "client_ip": client.0,
            "client_port": client.1,
            "host_ip": server.0,
            "host_port": server.1,
            "time_stamp": host.now().as_secs_f64(),
            "unique_id": text(header("x-request-id")),
            "request": sent,
            "response": answered,
        });
        if wants(b'H') {
            put(
                &mut entry,
                "producer",
                json!({"connector": concat!("portcullis-waf ", env!("CARGO_PKG_VERSION"))}),
            );
            let intercepted = answer.stopped.map(|(cause, phase)| json!({"cause": cause, "phase": phase}));
            put(&mut entry, "intercepted", intercepted.into());
            let relevant = transaction.matches().iter().filter(|rule| rule.audit_log);
            put(&mut entry, "messages", relevant.map(|rule| message(rule, &redaction)).collect());
        }
        if wants(b'K') {
            let rule = |rule: portcullis_engine::FiredRule<'_>| json!({"id": rule.id, "file": rule.file, "line": rule.line});
            put(&mut entry, "rules", transaction.fired_rules().map(rule).collect());
        }
        json!({ "transaction": entry })
    }

    fn body(&self, object: &mut Value, body: Option<String>) {
        let Some(body) = body else { return };
        let end = body.floor_char_boundary(self.max_body_bytes);
        if end < body.len() {
            put(object, "body_is_cut", true.into());
        }
        put(object, "body", body.get(..end).unwrap_or_default().into());
    }
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

fn message(rule: &MatchedRule, redaction: &Redaction) -> Value {
    let is_secret = redaction.hides_variable(&rule.variable);
    let value = |field: &[u8]| {
        if is_secret && !field.is_empty() { redaction::REDACTED.to_owned() } else { redaction.text(field) }
    };
    json!({
        "message": if is_secret { redaction.without(&rule.message, &rule.value) } else { redaction.text(&rule.message) },
        "details": {
            "match": if is_secret { redaction.sentence(&rule.details) } else { redaction.text(&rule.details) },
            "reference": text(&rule.reference),
            "ruleId": rule.id.to_string(),
            "file": &*rule.file,
            "lineNumber": rule.line.to_string(),
            "variable": text(&rule.variable),
            "data": value(&rule.data),
            "severity": rule.severity.map(|severity| severity.number().to_string()).unwrap_or_default(),
            "ver": text(&rule.version),
            "rev": text(&rule.revision),
            "tags": rule.tags.iter().map(|tag| redaction.text(tag)).collect::<Vec<_>>(),
            "maturity": rule.maturity.to_string(),
            "accuracy": rule.accuracy.to_string(),
        },
    })
}

/// By name; of those that repeat, all values.
fn headers(headers: &Headers, hides: impl Fn(&[u8]) -> bool, redaction: &Redaction) -> Value {
    let mut object = Map::new();
    for (name, value) in headers.iter().filter(|(name, _)| !name.starts_with(b":")) {
        let value = if hides(name) { redaction::REDACTED.to_owned() } else { redaction.text(value) };
        match object.entry(text(name)).or_insert(Value::Null) {
            absent @ Value::Null => *absent = value.into(),
            Value::Array(all) => all.push(value.into()),
            first => *first = json!([first.take(), value]),
        }
    }
    Value::Object(object)
}

/// Bytes that are not UTF-8 are replaced.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests;
