use crate::authentication::Authentication;
use crate::compile::is_header_name;
use crate::config::{Config, Redirect as RedirectConfig, Response as ResponseConfig};
use crate::credentials::Credentials;
use crate::search;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sdk_shim_config::{ConfigErrors, Path};
use sdk_shim_http::{Headers, Query, split_target};

/// What a denied request is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status; `None` for the one that the denial has by itself.
    pub status: Option<u16>,
    /// The headers, `content-type` among them where there is a body.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body; `None` for the one that the denial has by itself.
    pub body: Option<Vec<u8>>,
    /// Whether it sends the client elsewhere: a challenge would then ask for a password.
    pub is_redirect: bool,
}

/// What denials are answered with.
#[derive(Debug)]
pub(crate) struct Responses {
    /// By the index of the policy.
    pub(crate) by_policy: Vec<Option<Response>>,
    pub(crate) unauthenticated: Option<Response>,
    pub(crate) forbidden: Option<Response>,
    /// The query parameters that credentials stand in.
    pub(crate) secrets: Vec<String>,
}

impl Responses {
    #[inline(never)]
    pub(crate) fn new(
        config: &Config,
        credentials: &Credentials,
        authentication: Option<&Authentication>,
        errors: &mut ConfigErrors,
    ) -> Self {
        let root = Path::root();
        let of = |response: &Option<ResponseConfig>, path: Path, errors: &mut ConfigErrors| {
            response.as_ref().map(|response| Response::new(response, &path, errors))
        };
        let by_policy = config.policies.iter().enumerate().map(|(index, policy)| {
            let path = root.field("policies").index(index).field("deny_response");
            of(&policy.deny_response, path, errors)
        });
        let by_policy = by_policy.collect();
        let path = root.field("responses");
        let tokens = authentication.into_iter().flat_map(Authentication::param_names);
        Self {
            by_policy,
            unauthenticated: of(&config.responses.unauthenticated, path.field("unauthenticated"), errors),
            forbidden: of(&config.responses.forbidden, path.field("forbidden"), errors),
            secrets: credentials.param_names().chain(tokens).map(str::to_owned).collect(),
        }
    }
}

/// An answer, checked.
#[derive(Debug)]
pub(crate) struct Response {
    status: Option<u16>,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    redirect: Option<Redirect>,
}

#[derive(Debug)]
struct Redirect {
    status: u16,
    location: String,
    /// What stands before the return URL: `?rd=`, `&rd=`.
    parameter: Option<String>,
}

impl Response {
    pub(crate) fn new(config: &ResponseConfig, path: &Path, errors: &mut ConfigErrors) -> Self {
        if let Some(status) = config.status.filter(|status| !(400..=599).contains(status)) {
            errors.add(&path.field("status"), status.to_string(), "400 to 599");
        }
        if config.headers.len() > MAX_HEADERS {
            let expected = format!("at most {MAX_HEADERS}");
            errors.add(&path.field("headers"), format!("{} headers", config.headers.len()), expected);
        }
        let mut headers = Vec::with_capacity(config.headers.len() + 1);
        for (index, header) in config.headers.iter().enumerate() {
            let path = path.field("headers").index(index);
            let name = header.name.to_ascii_lowercase();
            if !is_header_name(&name) || FRAMING.contains(&name.as_str()) {
                let expected = "the name of a header, but none of the connection or the body's length";
                errors.add(&path.field("name"), format!("{:?}", header.name), expected);
            }
            if !header.value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f)) {
                errors.add(
                    &path.field("value"),
                    format!("{:?}", header.value),
                    "a value without control characters",
                );
            }
            headers.push((name, header.value.clone().into_bytes()));
        }
        let (body, kind) = match (&config.body, &config.json) {
            (Some(_), Some(_)) => {
                errors.add(path, "both body and json", "one of them");
                (None, "")
            }
            (Some(text), None) => (Some(text.clone().into_bytes()), "text/plain; charset=utf-8"),
            (None, Some(json)) => (Some(json.to_string().into_bytes()), "application/json"),
            (None, None) => (None, ""),
        };
        if let Some(length) = body.as_ref().map(Vec::len).filter(|length| *length > MAX_BODY_BYTES) {
            errors.add(path, format!("a body of {length} bytes"), format!("at most {MAX_BODY_BYTES}"));
        }
        if body.is_some() && !headers.iter().any(|(name, _)| name == "content-type") {
            headers.push(("content-type".to_owned(), kind.as_bytes().to_vec()));
        }
        let redirect = config.redirect.as_ref();
        let redirect = redirect.map(|redirect| Redirect::new(redirect, &path.field("redirect"), errors));
        Self { status: config.status, headers, body, redirect }
    }

    /// The answer to a request. `secrets` are the names of the query parameters that credentials stand in.
    pub(crate) fn answer(&self, headers: &Headers, secrets: &[String]) -> Answer {
        match &self.redirect {
            Some(redirect) if wants_page(headers) => redirect.answer(headers, &self.headers, secrets),
            _ => Answer {
                status: self.status,
                headers: self.headers.clone(),
                body: self.body.clone(),
                is_redirect: false,
            },
        }
    }
}

impl Redirect {
    fn new(config: &RedirectConfig, path: &Path, errors: &mut ConfigErrors) -> Self {
        let location = &config.location;
        let is_url = ["https://", "http://"].iter().any(|scheme| {
            location.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        });
        let is_path =
            location.starts_with('/') && !location.starts_with("//") && !location.starts_with("/\\");
        let is_plain = location.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
        if !(is_url || is_path) || !is_plain {
            let expected = "an https:// or http:// URL or a path, without blanks and fragment";
            errors.add(&path.field("location"), format!("{location:?}"), expected);
        }
        if ![302, 303, 307].contains(&config.status) {
            errors.add(&path.field("status"), config.status.to_string(), "302, 303 or 307");
        }
        let parameter = config.return_parameter.as_ref().map(|name| {
            if name.is_empty()
                || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
            {
                let expected = "the name of a query parameter: letters, digits and -._~";
                errors.add(&path.field("return_parameter"), format!("{name:?}"), expected);
            }
            format!("{}{name}=", if location.contains('?') { '&' } else { '?' })
        });
        Self { status: config.status, location: location.clone(), parameter }
    }

    fn answer(&self, headers: &Headers, more: &[(String, Vec<u8>)], secrets: &[String]) -> Answer {
        let mut location = self.location.clone();
        if let Some(parameter) = &self.parameter {
            let target = return_target(headers.get(":path").unwrap_or_default(), secrets);
            let encoded = percent_encode(&target, UNRESERVED).to_string();
            location += parameter;
            location += if encoded.len() <= MAX_RETURN_BYTES { &encoded } else { "%2F" };
        }
        let mut all = vec![
            ("location".to_owned(), location.into_bytes()),
            // Whom it is for, and to where, is this request's only.
            ("cache-control".to_owned(), b"no-store".to_vec()),
        ];
        let is_kept = |name: &str| !["location", "cache-control", "content-type"].contains(&name);
        all.extend(more.iter().filter(|(name, _)| is_kept(name)).cloned());
        Answer { status: Some(self.status), headers: all, body: Some(Vec::new()), is_redirect: true }
    }
}

const MAX_HEADERS: usize = 32;
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The longest return URL, encoded. A longer one is `/`.
const MAX_RETURN_BYTES: usize = 2048;

const FRAMING: [&str; 6] =
    ["connection", "content-length", "transfer-encoding", "upgrade", "keep-alive", "te"];

/// RFC 3986 2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Whether somebody looks at the answer: others cannot log in on a page.
fn wants_page(headers: &Headers) -> bool {
    let is_read = matches!(headers.get(":method"), Some(b"GET" | b"HEAD"));
    let accepts = |value: &[u8]| search::find(&value.to_ascii_lowercase(), b"text/html").is_some();
    is_read && headers.get_all(b"accept").any(accepts)
}

/// Path and query, without parameters that carry credentials. Where they could be read as another host, `/`.
fn return_target(target: &[u8], secrets: &[String]) -> Vec<u8> {
    let (path, query) = split_target(target);
    let is_local = path.starts_with(b"/") && !matches!(path.get(1), Some(b'/' | b'\\'));
    if !is_local || path.iter().any(|byte| *byte <= b' ' || *byte >= 0x7f) {
        return b"/".to_vec();
    }
    let is_secret =
        |name: &[u8]| secrets.iter().any(|secret| percent_encoding::percent_decode(name).eq(secret.bytes()));
    let kept = Query::new(query.unwrap_or_default()).iter().filter(|(name, _)| !is_secret(name));
    let mut target = path.to_vec();
    for (index, (name, value)) in kept.enumerate() {
        target.push(if index == 0 { b'?' } else { b'&' });
        target.extend_from_slice(name);
        if !value.is_empty() {
            target.push(b'=');
            target.extend_from_slice(value);
        }
    }
    target
}
