use super::owned::Owned;
use super::{Allowed, Answered, CheckError, Checked, MAX_DENIED_BODY_BYTES, Question, is_free, is_value};
use crate::compile::is_header_name;
use crate::config::OpaCheck;
use percent_encoding::percent_decode;
use sdk_shim_config::{ConfigErrors, Environment, Path};
use sdk_shim_http::{Headers, split_target};
use serde_json::{Map, Value, json};
use std::net::SocketAddr;

/// An Open Policy Agent (its REST API, "Get a Document (with Input)").
#[derive(Debug)]
pub(super) struct Opa {
    path: String,
    authorization: Option<Credential>,
}

struct Credential(String);

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Credential(…)")
    }
}

impl Opa {
    pub(super) fn new(
        config: &OpaCheck,
        env: &Environment<'_>,
        path: &Path,
        errors: &mut ConfigErrors,
    ) -> Option<Self> {
        if !config.path.starts_with('/') || !config.path.bytes().all(|byte| byte.is_ascii_graphic()) {
            let expected = "a path that begins with `/`, such as /v1/data/http/authz/allow";
            errors.add(&path.field("path"), format!("{:?}", config.path), expected);
        }
        let path = path.field("authorization");
        let authorization = match &config.authorization {
            None => None,
            Some(secret) => {
                let value = secret.resolve(env, &path, errors)?;
                if !is_value(value.as_bytes()) {
                    errors.add(&path, "a value of several lines", "a value in one line");
                }
                Some(Credential(value))
            }
        };
        Some(Self { path: config.path.clone(), authorization })
    }

    pub(super) fn question(&self, request: &Checked<'_>) -> Question {
        let body = json!({ "input": input(request) }).to_string().into_bytes();
        let authority = request.headers.get(":authority").unwrap_or_default().to_vec();
        let mut headers = vec![
            (":method".to_owned(), b"POST".to_vec()),
            (":path".to_owned(), self.path.clone().into_bytes()),
            (":authority".to_owned(), authority),
            ("content-type".to_owned(), b"application/json".to_vec()),
            ("content-length".to_owned(), body.len().to_string().into_bytes()),
        ];
        if let Some(Credential(value)) = &self.authorization {
            headers.push(("authorization".to_owned(), value.clone().into_bytes()));
        }
        Question { headers, body }
    }
}

/// The input document of opa-envoy-plugin (its page "Envoy", "Example Input"), and who the request is from.
fn input(request: &Checked<'_>) -> Value {
    let get = |name: &str| lossy(request.headers.get(name).unwrap_or_default());
    let (path, query) = split_target(request.headers.get(":path").unwrap_or_default());
    let body = request.body.map(|(body, _)| body).filter(|body| !body.is_empty());
    let truncated = request.body.is_some_and(|(_, whole)| !whole);
    let is_json = request.headers.get("content-type").is_some_and(|value| {
        let kind = value.split(|byte| *byte == b';').next().unwrap_or_default();
        kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
    });
    let parsed_body =
        body.filter(|_| is_json && !truncated).and_then(|body| serde_json::from_slice(body).ok());
    let segments: Vec<Value> =
        path.strip_prefix(b"/").unwrap_or(path).split(|byte| *byte == b'/').map(decoded).collect();
    json!({
        "attributes": {
            "source": { "address": address(request.source), "principal": lossy(request.principal.unwrap_or_default()) },
            "destination": { "address": address(request.destination) },
            "request": { "http": {
                "id": get("x-request-id"),
                "method": get(":method"),
                "path": get(":path"),
                "host": get(":authority"),
                "scheme": get(":scheme"),
                "protocol": request.protocol,
                "headers": headers(request.headers),
                "body": body.map(lossy).unwrap_or_default(),
            } },
        },
        "parsed_path": segments,
        "parsed_query": parsed_query(query.unwrap_or_default()),
        "parsed_body": parsed_body.unwrap_or(Value::Null),
        "truncated_body": truncated,
        "identity": {
            "consumer": request.consumer,
            "claims": request.claims.map(|claims| Value::Object(claims.members.clone())),
        },
    })
}

fn headers(headers: &Headers) -> Value {
    let mut map = Map::new();
    for (name, _) in headers.iter() {
        let value = headers.get_joined(name).unwrap_or_default();
        map.insert(lossy(name), lossy(&value).into());
    }
    map.into()
}

fn parsed_query(query: &[u8]) -> Value {
    let mut map = Map::new();
    for pair in query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut parts = pair.splitn(2, |byte| *byte == b'=');
        let mut plain = || {
            let text = parts.next().unwrap_or_default();
            text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect::<Vec<u8>>()
        };
        let (name, value) = (plain(), plain());
        let name = lossy(&percent_decode(&name).collect::<Vec<u8>>());
        let list = map.entry(name).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(list) = list {
            list.push(decoded(&value));
        }
    }
    map.into()
}

fn decoded(text: &[u8]) -> Value {
    lossy(&percent_decode(text).collect::<Vec<u8>>()).into()
}

fn address(address: Option<SocketAddr>) -> Value {
    match address {
        None => Value::Null,
        Some(address) => {
            json!({"socketAddress": {"address": address.ip().to_string(), "portValue": address.port()}})
        }
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What an answer means. Only `true` allows: a result that is absent is that of a rule which is not defined for the request.
pub(super) fn answered(status: u16, body: &[u8], owned: &Owned) -> Answered {
    if status != 200 {
        return Answered::Error(CheckError::Status(status));
    }
    let Ok(Value::Object(mut answer)) = serde_json::from_slice(body) else {
        return Answered::Error(CheckError::Malformed);
    };
    let denied = Answered::Deny { status: 403, headers: Vec::new(), body: Vec::new() };
    match answer.remove("result") {
        Some(Value::Bool(true)) => Answered::Allow(Allowed::default()),
        None | Some(Value::Bool(false)) => denied,
        Some(Value::Object(result)) => {
            decision(&result, owned).unwrap_or(Answered::Error(CheckError::Malformed))
        }
        Some(_) => Answered::Error(CheckError::Malformed),
    }
}

/// An object as opa-envoy-plugin reads it, or with the names that the plugins of Kong and APISIX have for the same.
fn decision(result: &Map<String, Value>, owned: &Owned) -> Option<Answered> {
    let Value::Bool(allowed) = member(result, &["allowed", "allow"])?? else { return None };
    let mut headers = pairs(result.get("headers"))?;
    if *allowed {
        let remove = match result.get("request_headers_to_remove") {
            None => Vec::new(),
            Some(Value::Array(list)) => list
                .iter()
                .map(|name| name.as_str().map(str::to_ascii_lowercase))
                .collect::<Option<Vec<String>>>()?,
            Some(_) => return None,
        };
        let remove = remove.into_iter().filter(|name| is_free(name.as_bytes())).collect();
        let response = pairs(result.get("response_headers_to_add"))?;
        let is_listed = |(name, _): &(String, Vec<u8>)| owned.has(name.as_bytes());
        let unlisted = headers.iter().find(|header| !is_listed(header)).map(|(name, _)| name.clone());
        headers.retain(is_listed);
        let append = Vec::new();
        return Some(Answered::Allow(Allowed { remove, set: headers, append, response, unlisted }));
    }
    let status = match member(result, &["http_status", "status", "status_code"])? {
        None => 403,
        Some(status) => status.as_u64().and_then(|status| u16::try_from(status).ok())?,
    };
    let body = match member(result, &["body", "message", "reason"])? {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Object(object)) => json!(object).to_string(),
        Some(_) => return None,
    };
    let body = body.as_bytes();
    (200..=599).contains(&status).then(|| Answered::Deny {
        status,
        headers,
        body: body.get(..MAX_DENIED_BODY_BYTES).unwrap_or(body).to_vec(),
    })
}

/// The member that has one of these names. `None` where several have, and differ.
fn member<'v>(result: &'v Map<String, Value>, names: &[&str]) -> Option<Option<&'v Value>> {
    let mut found = names.iter().filter_map(|name| result.get(*name));
    let first = found.next();
    found.all(|other| Some(other) == first).then_some(first)
}

/// An object of headers: each a text, or a list of texts.
fn pairs(headers: Option<&Value>) -> Option<Vec<(String, Vec<u8>)>> {
    let mut pairs = Vec::new();
    let headers = match headers {
        None => return Some(pairs),
        Some(headers) => headers.as_object()?,
    };
    for (name, value) in headers {
        let name = name.to_ascii_lowercase();
        let values = match value {
            Value::Array(list) => list.iter().map(Value::as_str).collect::<Option<Vec<&str>>>()?,
            value => vec![value.as_str()?],
        };
        if !is_header_name(&name)
            || !is_free(name.as_bytes())
            || !values.iter().all(|value| is_value(value.as_bytes()))
        {
            return None;
        }
        pairs.extend(values.into_iter().map(|value| (name.clone(), value.as_bytes().to_vec())));
    }
    Some(pairs)
}
