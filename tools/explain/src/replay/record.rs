use crate::Exchange;
use crate::request::Parts;
use sdk_shim_testing::Message;
use serde_json::{Map, Value};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, UNIX_EPOCH};

/// How requests are written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Envoy's default text format, and Istio's.
    Envoy,
    /// nginx's and Apache's `combined`.
    Combined,
    /// An object of JSON on each line.
    Json,
}

/// A request that was written down.
#[derive(Clone, Debug)]
pub struct Record {
    /// The request, as far as it is known, and the response's status.
    pub exchange: Exchange,
    /// How it was written down.
    pub format: Option<Format>,
}

/// Reads a line of an access log. `None` for one that is no request.
pub fn read_line(line: &[u8]) -> Option<Record> {
    let line = line.trim_ascii();
    match line.first()? {
        b'{' => json(line),
        b'[' => envoy(line),
        _ => combined(line),
    }
}

/// Reads an archive (HAR 1.2). Headers and bodies are there, so that all that the filters look at is.
///
/// # Errors
/// What is no archive.
pub fn read_har(text: &[u8]) -> Result<Vec<Record>, String> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let archive: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let entries = archive
        .pointer("/log/entries")
        .and_then(Value::as_array)
        .ok_or("found no log.entries, expected an archive in HAR 1.2")?;
    Ok(entries.iter().filter_map(har_entry).collect())
}

fn har_entry(entry: &Value) -> Option<Record> {
    let request = entry.get("request")?;
    let text = |value: &Value, name: &str| Some(value.get(name)?.as_str()?.to_owned());
    let pairs = |message: &Value| -> Vec<(String, Vec<u8>)> {
        let headers = message.get("headers").and_then(Value::as_array);
        let pair = |header: &Value| {
            let name = text(header, "name")?.to_ascii_lowercase();
            (!name.starts_with(':')).then_some((name, text(header, "value")?.into_bytes()))
        };
        headers.into_iter().flatten().filter_map(pair).collect()
    };
    let body = request.pointer("/postData/text").and_then(Value::as_str).unwrap_or_default();
    let protocol = text(request, "httpVersion").unwrap_or_default().to_ascii_uppercase();
    let protocol = if protocol.contains('2') || protocol == "H3" { "HTTP/2" } else { "HTTP/1.1" };
    let mut record = Known {
        method: text(request, "method")?,
        target: text(request, "url")?.into_bytes(),
        protocol: protocol.to_owned(),
        headers: pairs(request),
        body: body.as_bytes().to_vec(),
        time: text(entry, "startedDateTime").and_then(|text| time(&text)),
        ..Known::default()
    }
    .build(None)?;
    if let Some(response) = entry.get("response") {
        let status = response.get("status").and_then(Value::as_u64).and_then(|it| u16::try_from(it).ok());
        let body = response.pointer("/content/text").and_then(Value::as_str).unwrap_or_default();
        let is_text = response.pointer("/content/encoding").is_none();
        record.exchange.response =
            Message::response(status.filter(|it| (100..600).contains(it)).unwrap_or(200))
                .with_body(if is_text { body } else { "" });
        record.exchange.response.headers.extend(pairs(response));
    }
    Some(record)
}

/// What is known of a request.
#[derive(Default)]
struct Known {
    method: String,
    target: Vec<u8>,
    authority: Option<Vec<u8>>,
    protocol: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    client: Option<IpAddr>,
    time: Option<Duration>,
    status: Option<u16>,
}

impl Known {
    fn header(&mut self, name: &str, value: &str) {
        if !value.is_empty() && value != "-" && !self.headers.iter().any(|(known, _)| known == name) {
            self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        }
    }

    fn build(self, format: Option<Format>) -> Option<Record> {
        if !crate::request::is_token(self.method.as_bytes()) || self.target.is_empty() {
            return None;
        }
        let (scheme, authority, target) = crate::request::split_target(&self.target);
        let host = self.headers.iter().find(|(name, _)| name == "host").map(|(_, value)| value.clone());
        let parts = Parts {
            method: self.method,
            scheme: scheme.unwrap_or_else(|| "http".to_owned()),
            authority: self.authority.or(authority).or(host).unwrap_or_else(|| b"unknown.invalid".to_vec()),
            target,
            headers: self.headers,
            body: self.body,
            protocol: self.protocol.clone(),
            remarks: Vec::new(),
        };
        let mut exchange = Exchange::of(parts.build().message);
        exchange.protocol = if self.protocol.is_empty() { "HTTP/1.1".to_owned() } else { self.protocol };
        if let Some(client) = self.client {
            exchange.client = client;
        }
        if let Some(time) = self.time {
            exchange.now = time;
        }
        if let Some(status) = self.status.filter(|status| (100..600).contains(status)) {
            exchange.response = Message::response(status);
        }
        Some(Record { exchange, format })
    }
}

/// Envoy documentation, "Access logging", default format; Istio's begins and ends alike, with more between.
fn envoy(line: &[u8]) -> Option<Record> {
    let text = String::from_utf8_lossy(line);
    let (start, rest) = text.strip_prefix('[')?.split_once(']')?;
    let fields = fields(rest);
    let quoted: Vec<&str> =
        fields.iter().filter(|(_, quoted)| *quoted).map(|(text, _)| text.as_str()).collect();
    let mut known = request_line(quoted.first()?)?;
    known.time = time(start);
    known.status = fields.get(1).and_then(|(text, _)| text.parse().ok());
    // The request's id stands between the client's addresses and user agent, and the authority.
    let id = quoted.iter().position(|text| is_uuid(text)).or((quoted.len() >= 6).then_some(3))?;
    let field = |back: usize| id.checked_sub(back).and_then(|at| quoted.get(at)).copied().unwrap_or("-");
    let (forwarded, agent) = (field(2), field(1));
    known.client = forwarded.rsplit(',').next().and_then(|text| text.trim().parse().ok());
    known.header("x-forwarded-for", forwarded);
    known.header("user-agent", agent);
    known.header("x-request-id", field(0));
    let authority = quoted.get(id + 1).filter(|text| **text != "-");
    known.authority = authority.map(|text| text.as_bytes().to_vec());
    known.build(Some(Format::Envoy))
}

/// nginx documentation, `ngx_http_log_module`, `combined`.
fn combined(line: &[u8]) -> Option<Record> {
    let text = String::from_utf8_lossy(line);
    let (client, rest) = text.split_once(' ')?;
    let (_, rest) = rest.split_once('[')?;
    let (_, rest) = rest.split_once(']')?;
    let fields = fields(rest);
    let (line, _) = fields.first().filter(|(_, quoted)| *quoted)?;
    let mut known = request_line(line)?;
    known.client = client.parse().ok();
    known.status = fields.get(1).and_then(|(text, _)| text.parse().ok());
    if let Some((referer, true)) = fields.get(3) {
        known.header("referer", referer);
    }
    if let Some((agent, true)) = fields.get(4) {
        known.header("user-agent", agent);
    }
    known.build(Some(Format::Combined))
}

/// The names that logs in JSON commonly have for a field.
fn json(line: &[u8]) -> Option<Record> {
    let Value::Object(object) = serde_json::from_slice(line).ok()? else { return None };
    let find = |names: &[&str]| names.iter().find_map(|name| text_of(&object, name));
    let mut known = match find(&["request", "request_line"]).as_deref().and_then(request_line) {
        Some(known) => known,
        None => Known {
            method: find(&["method", "request_method", "req_method", "http_method", ":method"])?,
            target: find(&[
                "path",
                "x_envoy_original_path",
                "request_uri",
                "uri",
                "url",
                "request_path",
                "original_path",
                ":path",
            ])?
            .into_bytes(),
            protocol: find(&["protocol", "server_protocol"]).unwrap_or_default(),
            ..Known::default()
        },
    };
    if let Some(query) =
        find(&["query", "query_string", "args"]).filter(|query| !query.is_empty() && query != "-")
        && !known.target.contains(&b'?')
    {
        known.target.push(b'?');
        known.target.extend_from_slice(query.trim_start_matches('?').as_bytes());
    }
    known.authority = find(&["authority", ":authority", "host", "http_host", "server_name", "request_host"])
        .filter(|text| text != "-")
        .map(String::into_bytes);
    known.client = find(&[
        "client",
        "client_ip",
        "remote_addr",
        "remote_ip",
        "downstream_remote_address",
        "x_forwarded_for",
        "http_x_forwarded_for",
        "source_address",
    ])
    .and_then(|text| address(&text));
    known.status =
        find(&["status", "response_code", "code", "response_status"]).and_then(|text| text.parse().ok());
    known.time = find(&["start_time", "time", "timestamp", "@timestamp", "time_iso8601", "ts"])
        .and_then(|text| time(&text));
    for name in ["request_headers", "headers", "req_headers"] {
        if let Some(Value::Object(headers)) = object.get(name) {
            for header in headers.keys() {
                let name = header.to_ascii_lowercase();
                if let Some(value) = text_of(headers, header).filter(|_| !name.starts_with(':')) {
                    known.header(&name, &value);
                }
            }
        }
    }
    for (header, names) in [
        ("user-agent", ["user_agent", "http_user_agent", "user-agent"]),
        ("referer", ["referer", "http_referer", "http_referrer"]),
        ("content-type", ["content_type", "http_content_type", "content-type"]),
        ("cookie", ["cookie", "http_cookie", "cookies"]),
    ] {
        if let Some(value) = find(&names) {
            known.header(header, &value);
        }
    }
    known.body = find(&["request_body", "body"]).filter(|body| body != "-").unwrap_or_default().into_bytes();
    known.build(Some(Format::Json))
}

fn text_of(object: &Map<String, Value>, name: &str) -> Option<String> {
    match object.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `GET /path HTTP/1.1`, with what nginx escapes.
fn request_line(text: &str) -> Option<Known> {
    let (method, rest) = text.split_once(' ')?;
    let (target, protocol) =
        rest.rsplit_once(' ').filter(|(_, it)| it.starts_with("HTTP/")).unwrap_or((rest, ""));
    let target = unescape(target);
    Some(Known { method: method.to_owned(), target, protocol: protocol.to_owned(), ..Known::default() })
}

/// `\xhh`, as nginx writes what is no printable ASCII, and quotes.
fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let code = more.strip_prefix(b"x").and_then(|more| std::str::from_utf8(more.get(..2)?).ok());
        let byte = code.filter(|_| *first == b'\\').and_then(|code| u8::from_str_radix(code, 16).ok());
        out.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { more.get(3..).unwrap_or_default() } else { more };
    }
    out
}

/// Fields that blanks separate, and whether each was in quotes.
fn fields(text: &str) -> Vec<(String, bool)> {
    let mut fields = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() && fields.len() < MAX_FIELDS {
        let (field, after) = match rest.strip_prefix('"') {
            Some(inner) => {
                let end = inner
                    .match_indices('"')
                    .map(|(at, _)| at)
                    .find(|at| !inner.get(..*at).is_some_and(|before| before.ends_with('\\')));
                // Without its end the line is cut off, and nobody knows what else stood there.
                let length = end.unwrap_or(inner.len());
                let field = inner.get(..length).unwrap_or_default();
                ((field.to_owned(), end.is_some()), inner.get(length + 1..).unwrap_or_default())
            }
            None => {
                let (field, after) = rest.split_once(' ').unwrap_or((rest, ""));
                ((field.to_owned(), false), after)
            }
        };
        fields.push(field);
        rest = after.trim_start();
    }
    fields
}

const MAX_FIELDS: usize = 64;

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn address(text: &str) -> Option<IpAddr> {
    let text = text.split(',').next()?.trim();
    text.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()))
}

fn time(text: &str) -> Option<Duration> {
    // Without an offset, or with that of UTC.
    let text = text.replace("+00:00", "Z");
    humantime::parse_rfc3339_weak(&text).ok()?.duration_since(UNIX_EPOCH).ok()
}
