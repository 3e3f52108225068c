//! The audit log: one JSON object in Envoy's log, at level `info`, for each transaction that `SecAuditEngine` wants, in the form
//! that ModSecurity v3 writes with `SecAuditLogFormat JSON`.
//!
//! Of `SecAuditLogParts`, `B` (the request's headers), `F` (the response's headers) and `H` (what matched) are written; `A` always
//! is. Bodies (`C`, `E`, `I`, `J`) are not: they hold what nobody wants in a log.

use portcullis_engine::{MatchedRule, Transaction};
use sdk_shim::{Headers, Host, Level, MapKind, Property};
use serde_json::{Map, Value, json};

/// Headers whose values are secrets. They are replaced.
const SECRET_HEADERS: [&[u8]; 6] =
    [b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"x-api-key", b"x-auth-token"];

/// What parameters of the query are called whose values are secrets.
const SECRET_PARAMETERS: [&str; 8] =
    ["password", "passwd", "pwd", "secret", "token", "access_token", "api_key", "apikey"];

const REDACTED: &str = "[redacted]";

/// Writes the entry of a transaction that the client got this status for.
pub(crate) fn write(transaction: &Transaction, status: u16, request: &Headers, host: &mut dyn Host) {
    if host.logs(Level::Info) {
        let response = host.headers(MapKind::ResponseHeaders);
        let entry = entry(transaction, request, &response, status, host);
        host.log(Level::Info, format_args!("audit {entry}"));
    }
}

fn entry(
    transaction: &Transaction,
    request: &Headers,
    response: &Headers,
    status: u16,
    host: &mut dyn Host,
) -> Value {
    let wants = |part: u8| transaction.audit_log_parts().contains(&part);
    let [client, server] = [Property::SourceAddress, Property::DestinationAddress]
        .map(|property| host.address(property))
        .map(|address| address.map(|address| (address.ip().to_string(), address.port())).unwrap_or_default());
    let header = |name: &str| text(request.get(name).unwrap_or_default());
    let mut sent = json!({"method": header(":method"), "uri": without_secrets(&header(":path"))});
    let mut answered = json!({"http_code": status});
    if wants(b'B') {
        put(&mut sent, "headers", headers(request));
    }
    if wants(b'F') {
        put(&mut answered, "headers", headers(response));
    }
    let mut entry = json!({
        "client_ip": client.0,
        "client_port": client.1,
        "host_ip": server.0,
        "host_port": server.1,
        "time_stamp": host.now().as_secs_f64(),
        "unique_id": header("x-request-id"),
        "request": sent,
        "response": answered,
    });
    if wants(b'H') {
        put(
            &mut entry,
            "producer",
            json!({"connector": concat!("portcullis-waf ", env!("CARGO_PKG_VERSION"))}),
        );
        let relevant = transaction.matches().iter().filter(|rule| rule.audit_log);
        put(&mut entry, "messages", relevant.map(message).collect());
    }
    json!({ "transaction": entry })
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

fn message(rule: &MatchedRule) -> Value {
    json!({
        "message": text(&rule.message),
        "details": {
            "match": text(&rule.details),
            "ruleId": rule.id.to_string(),
            "file": &*rule.file,
            "lineNumber": rule.line.to_string(),
            "variable": text(&rule.variable),
            "data": text(&rule.data),
            "severity": rule.severity.map(|severity| severity.number().to_string()).unwrap_or_default(),
            "ver": text(&rule.version),
            "rev": text(&rule.revision),
            "tags": rule.tags.iter().map(|tag| text(tag)).collect::<Vec<_>>(),
            "maturity": rule.maturity.to_string(),
            "accuracy": rule.accuracy.to_string(),
        },
    })
}

/// By name; of those that repeat, all values.
fn headers(headers: &Headers) -> Value {
    let mut object = Map::new();
    for (name, value) in headers.iter().filter(|(name, _)| !name.starts_with(b":")) {
        let value = if SECRET_HEADERS.contains(&name) { REDACTED.to_owned() } else { text(value) };
        let values = object.entry(text(name)).or_insert_with(|| Value::String(String::new()));
        match values {
            Value::String(first) if first.is_empty() => *first = value,
            Value::String(first) => *values = json!([first, value]),
            Value::Array(all) => all.push(value.into()),
            _ => {}
        }
    }
    Value::Object(object)
}

fn without_secrets(uri: &str) -> String {
    let Some((path, query)) = uri.split_once('?') else { return uri.to_owned() };
    let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
        Some((name, _)) if SECRET_PARAMETERS.contains(&name.to_ascii_lowercase().as_str()) => {
            format!("{name}={REDACTED}")
        }
        _ => parameter.to_owned(),
    });
    format!("{path}?{}", parameters.collect::<Vec<_>>().join("&"))
}

/// Bytes that are not UTF-8 are replaced.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
