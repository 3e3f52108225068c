//! The upstream that the Core Rule Set's tests expect, albedo: 200 without a body to everything, but `POST /reflect` is
//! answered as the JSON in its body says. <https://github.com/coreruleset/albedo>

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use integration::prelude::*;
use serde::Deserialize;

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reflect {
    status: Option<u16>,
    headers: serde_json::Map<String, Value>,
    body: String,
    encoded_body: Option<String>,
}

pub(crate) fn answer(seen: &Seen) -> Reply {
    if seen.method != "POST" || !seen.path.starts_with("/reflect") {
        return Reply::new(200);
    }
    let Ok(reflect) = serde_json::from_slice::<Reflect>(&seen.body) else { return Reply::new(400) };
    let body = match reflect.encoded_body {
        Some(encoded) => STANDARD.decode(encoded).unwrap_or_default(),
        None => reflect.body.into_bytes(),
    };
    let mut reply = Reply::new(reflect.status.unwrap_or(200)).body(body);
    if !reflect.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
        reply = reply.header("content-type", "text/plain; charset=utf-8");
    }
    for (name, value) in &reflect.headers {
        reply = reply.header(name, value.as_str().unwrap_or_default());
    }
    reply
}
