use super::owned::Owned;
use super::{
    Allowed, Answered, CheckError, Checked, MAX_DENIED_BODY_BYTES, Question, is_free, is_value, names, text,
};
use crate::changes::is_spelling;
use crate::compile::is_header_name;
use crate::config::HttpCheck;
use crate::pattern::PatternSet;
use sdk_shim_config::{ConfigErrors, Path};
use sdk_shim_http::Headers;

/// A service that speaks the HTTP protocol of Envoy's `ext_authz`
/// (source/extensions/filters/common/ext_authz/ext_authz_http_impl.cc).
#[derive(Debug)]
pub(super) struct HttpService {
    path_prefix: String,
    request: PatternSet,
    added: Vec<(String, String)>,
    upstream_append: PatternSet,
    /// `None`: all.
    client: Option<PatternSet>,
    client_on_success: PatternSet,
}

/// The header in which a service names those that are to be removed from the request.
const TO_REMOVE: &str = "x-envoy-auth-headers-to-remove";

/// The header that tells a service whether the body is cut.
const PARTIAL: &str = "x-envoy-auth-partial-body";

impl HttpService {
    pub(super) fn new(config: &HttpCheck, path: &Path, errors: &mut ConfigErrors) -> Self {
        let prefix = &config.path_prefix;
        let is_path = |byte: u8| byte.is_ascii_graphic() && !b"?#".contains(&byte);
        if !prefix.is_empty() && (!prefix.starts_with('/') || !prefix.bytes().all(is_path)) {
            errors.add(&path.field("path_prefix"), format!("{prefix:?}"), "a path that begins with `/`");
        }
        for (name, value) in &config.headers_to_add {
            if !is_header_name(name)
                || !is_free(name.to_ascii_lowercase().as_bytes())
                || !is_value(value.as_bytes())
            {
                let expected =
                    "the name of a header that is not one of the connection, and a value in one line";
                errors.add(&path.field("headers_to_add"), format!("{name:?}: {value:?}"), expected);
            }
        }
        let is_written_twice = |name: &&String| {
            config.allowed_upstream_headers.iter().any(|other| other.eq_ignore_ascii_case(name))
        };
        for name in config.allowed_upstream_headers_to_append.iter().filter(is_written_twice) {
            let path = path.field("allowed_upstream_headers_to_append");
            errors.add(&path, format!("{name:?}"), "a header that allowed_upstream_headers does not have");
        }
        let added = config.headers_to_add.iter();
        let mut list = |name: &str, list: &[String]| names(list, &path.field(name), errors);
        Self {
            path_prefix: prefix.clone(),
            request: list("allowed_headers", &config.allowed_headers),
            added: added.map(|(name, value)| (name.to_ascii_lowercase(), value.clone())).collect(),
            upstream_append: list(
                "allowed_upstream_headers_to_append",
                &config.allowed_upstream_headers_to_append,
            ),
            client: config
                .allowed_client_headers
                .as_ref()
                .map(|headers| list("allowed_client_headers", headers)),
            client_on_success: list(
                "allowed_client_headers_on_success",
                &config.allowed_client_headers_on_success,
            ),
        }
    }

    pub(super) fn question(&self, request: &Checked<'_>) -> Question {
        let get = |name: &str| request.headers.get(name).unwrap_or_default().to_vec();
        let path = [self.path_prefix.as_bytes(), &get(":path")].concat();
        let mut headers = vec![
            (":method".to_owned(), get(":method")),
            (":path".to_owned(), path),
            (":authority".to_owned(), get(":authority")),
        ];
        let mut seen: Vec<&[u8]> = Vec::new();
        for (name, _) in request.headers.iter() {
            let is_ours = |ours: &str| name == ours.as_bytes() || is_spelling(name, ours.as_bytes());
            let wanted = (name == b"authorization" || self.request.matches_text(name))
                && !is_ours(PARTIAL)
                && !self.added.iter().any(|(added, _)| is_ours(added));
            if wanted && is_free(name) && !seen.contains(&name) {
                seen.push(name);
                // Values that are repeated are joined, as Envoy does for its check request.
                let value = request.headers.get_joined(name).unwrap_or_default().into_owned();
                headers.push((text(name), value));
            }
        }
        let body = match request.body {
            Some((body, whole)) => {
                let partial = if whole { "false" } else { "true" };
                headers.push((PARTIAL.to_owned(), partial.into()));
                body.to_vec()
            }
            None => Vec::new(),
        };
        headers.push(("content-length".to_owned(), body.len().to_string().into_bytes()));
        for (name, value) in &self.added {
            headers.retain(|(other, _)| other != name);
            headers.push((name.clone(), value.clone().into_bytes()));
        }
        Question { headers, body }
    }

    pub(super) fn answered(&self, status: u16, headers: &Headers, body: &[u8], owned: &Owned) -> Answered {
        let matching = |is_wanted: &dyn Fn(&[u8]) -> bool| -> Vec<(String, Vec<u8>)> {
            let wanted = |(name, value): &(&[u8], &[u8])| is_free(name) && is_value(value) && is_wanted(name);
            headers.iter().filter(wanted).map(|(name, value)| (text(name), value.to_vec())).collect()
        };
        match status {
            200 => {
                let named =
                    headers.get_all(TO_REMOVE.as_bytes()).flat_map(|value| value.split(|byte| *byte == b','));
                let named = named.map(|name| name.trim_ascii().to_ascii_lowercase());
                Answered::Allow(Allowed {
                    remove: named.filter(|name| is_free(name)).map(|name| text(&name)).collect(),
                    set: last_of_each(matching(&|name| owned.has(name))),
                    append: matching(&|name| self.upstream_append.matches_text(name)),
                    response: matching(&|name| self.client_on_success.matches_text(name)),
                    unlisted: None,
                })
            }
            500..=599 => Answered::Error(CheckError::Status(status)),
            201..=499 => {
                let always: [&[u8]; 2] = [b"www-authenticate", b"location"];
                let wanted = |name: &[u8]| match &self.client {
                    None => true,
                    Some(patterns) => always.contains(&name) || patterns.matches_text(name),
                };
                let headers = headers
                    .iter()
                    .filter(|(name, value)| is_free(name) && is_value(value) && wanted(name))
                    .map(|(name, value)| (text(name), value.to_vec()));
                let body = body.get(..MAX_DENIED_BODY_BYTES).unwrap_or(body).to_vec();
                Answered::Deny { status, headers: headers.collect(), body }
            }
            _ => Answered::Error(CheckError::Status(status)),
        }
    }
}

/// Of headers that are repeated the last, which is what remains where each replaces the others.
pub(super) fn last_of_each(headers: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    let mut kept: Vec<(String, Vec<u8>)> = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        kept.retain(|(other, _)| *other != name);
        kept.push((name, value));
    }
    kept
}
