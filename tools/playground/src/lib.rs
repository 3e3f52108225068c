//! What the page's worker calls. Arguments and results are JSON; no call panics on what a person can type.

#![allow(unsafe_code, reason = "what wasm-bindgen writes for each export")]

use portcullis_explain::{Answer, Exchange, Message, config, request};
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::time::Duration;
use wasm_bindgen::prelude::wasm_bindgen;

/// What the page has: everything that the link to it holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Input {
    /// A configuration, a manifest, or rules.
    config: String,
    /// The filter, where the configuration does not say it itself.
    filter: Option<String>,
    method: String,
    url: String,
    /// A header on each line.
    headers: String,
    body: String,
    client: String,
    /// Seconds since 1970.
    now: u64,
    response: Response,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Response {
    status: u16,
    headers: String,
    body: String,
}

impl Default for Input {
    fn default() -> Self {
        Self {
            config: String::new(),
            filter: None,
            method: "GET".to_owned(),
            url: "http://shop.example/".to_owned(),
            headers: String::new(),
            body: String::new(),
            client: "192.0.2.10".to_owned(),
            now: 1_767_268_800,
            response: Response::default(),
        }
    }
}

impl Default for Response {
    fn default() -> Self {
        Self { status: 200, headers: String::new(), body: String::new() }
    }
}

/// What is wrong with the configuration, and what the filters in it decide on the request.
#[wasm_bindgen]
pub fn run(input: &str) -> String {
    let input: Input = match serde_json::from_str(input) {
        Ok(input) => input,
        Err(error) => return json!({"request_error": format!("the state of the page: {error}")}).to_string(),
    };
    let source = config::read("config", input.config.as_bytes(), input.filter.as_deref());
    let mut result = json!({"diagnostics": config::check(&source)});
    let loaded = config::load(&source, &|_| None);
    let exchange = exchange(&input);
    let set = |result: &mut Value, name: &str, value: Value| {
        if let Some(result) = result.as_object_mut() {
            result.insert(name.to_owned(), value);
        }
    };
    match (loaded, exchange) {
        (Ok(mut loaded), Ok(exchange)) => {
            set(&mut result, "explanation", json!(loaded.chain.explain(&exchange)));
            set(&mut result, "remarks", json!(loaded.remarks));
        }
        (Err(errors), exchange) => {
            set(&mut result, "config_errors", json!(errors));
            if let Err(error) = exchange {
                set(&mut result, "request_error", json!(error));
            }
        }
        (Ok(_), Err(error)) => set(&mut result, "request_error", json!(error)),
    }
    result.to_string()
}

/// Reads a curl command or raw HTTP into the fields of the page.
#[wasm_bindgen]
pub fn read_request(text: &str) -> String {
    let parsed = request::parse(text.as_bytes(), &|_| Err("a page can read no files".to_owned()));
    let request = match parsed {
        Ok(request) => request,
        Err(error) => return json!({"error": error}).to_string(),
    };
    let get =
        |name: &str| String::from_utf8_lossy(request.message.header(name).unwrap_or_default()).into_owned();
    // What is written anew from the other fields.
    let own = ["content-length", "x-forwarded-proto", "x-request-id"];
    let headers: Vec<String> = request
        .message
        .headers
        .iter()
        .filter(|(name, _)| !name.starts_with(':') && !own.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value)))
        .collect();
    json!({
        "method": get(":method"),
        "url": format!("{}://{}{}", get(":scheme"), get(":authority"), get(":path")),
        "headers": headers.join("\n"),
        "body": String::from_utf8_lossy(&request.message.body),
        "remarks": request.remarks,
    })
    .to_string()
}

/// Takes the Core Rule Set: its files by name, as JSON. Returns what is wrong with it, or nothing.
#[wasm_bindgen]
pub fn set_core_rule_set(files: &str) -> String {
    match serde_json::from_str::<Vec<(String, String)>>(files) {
        Ok(files) => {
            let files = files.into_iter().map(|(name, text)| (name, text.into_bytes()));
            portcullis_waf::replace_core_rule_set(files.collect());
            String::new()
        }
        Err(error) => error.to_string(),
    }
}

fn exchange(input: &Input) -> Result<Exchange, String> {
    let client: IpAddr = input.client.trim().parse().map_err(|_| {
        format!("found the client {:?}, expected an address such as 192.0.2.10", input.client)
    })?;
    let method = input.method.trim();
    let headers = input.headers.trim_end();
    let (method, url) = (if method.is_empty() { "GET" } else { method }, input.url.trim());
    let line_end = if headers.is_empty() { "" } else { "\n" };
    let raw = format!("{method} {url} HTTP/1.1\n{headers}{line_end}\n");
    let mut raw = raw.into_bytes();
    raw.extend_from_slice(input.body.as_bytes());
    let request = request::parse(&raw, &|_| Err(String::new()))?;
    let mut response = Message::response(input.response.status);
    for line in input.response.headers.lines().filter(|line| !line.trim().is_empty()) {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| format!("the response: found {line:?}, expected a header, `name: value`"))?;
        response = response.with_header(&name.trim().to_ascii_lowercase(), value.trim());
    }
    let mut exchange = Exchange::of(request.message);
    exchange.response = response.with_body(&input.response.body);
    exchange.client = client;
    exchange.now = Duration::from_secs(input.now);
    exchange.answers = Vec::<Answer>::new();
    Ok(exchange)
}

#[cfg(test)]
mod tests;
