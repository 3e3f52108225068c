use super::http::last_of_each;
use super::owned::Owned;
use super::{Allowed, Answered, CheckError, Checked, Question, is_free, is_value, text};
use crate::changes::is_spelling;
use crate::compile::is_header_name;
use crate::config::AuthRequestCheck;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sdk_shim_config::{ConfigErrors, Path};
use sdk_shim_http::Headers;

/// A service that speaks the protocol of nginx's `auth_request` (ngx_http_auth_request_module), with the headers that
/// ingress-nginx adds (rootfs/etc/nginx/template/nginx.tmpl, `external-auth`).
#[derive(Debug)]
pub(super) struct AuthRequest {
    method: String,
    authority: Text,
    path: Text,
    /// Names in lower case. They replace the client's.
    headers: Vec<(String, Text)>,
    signin: Option<Text>,
    always_set_cookie: bool,
}

/// What ingress-nginx tells the service, unless the configuration says otherwise.
const TOLD: [(&str, &str); 5] = [
    ("x-original-url", "{scheme}://{host}{path}"),
    ("x-original-method", "{method}"),
    ("x-real-ip", "{address}"),
    ("x-forwarded-for", "{address}"),
    ("x-auth-request-redirect", "{path}"),
];

const SET_COOKIE: &[u8] = b"set-cookie";

impl AuthRequest {
    pub(super) fn new(config: &AuthRequestCheck, path: &Path, errors: &mut ConfigErrors) -> Self {
        if !config.method.bytes().all(|byte| byte.is_ascii_uppercase()) || config.method.is_empty() {
            errors.add(&path.field("method"), format!("{:?}", config.method), "a method, such as GET");
        }
        let url = ["http://", "https://"].iter().find_map(|scheme| config.url.strip_prefix(scheme));
        let (authority, target) =
            url.map_or(("", ""), |url| url.split_at(url.find('/').unwrap_or(url.len())));
        if authority.is_empty() || config.url.bytes().any(|byte| !byte.is_ascii_graphic() || byte == b'#') {
            let expected = "an http:// or https:// URL without blanks and fragment";
            errors.add(&path.field("url"), format!("{:?}", config.url), expected);
        }
        let target = if target.is_empty() { "/" } else { target };
        let mut headers: Vec<(String, Text)> = Vec::with_capacity(TOLD.len() + config.headers.len());
        for (name, value) in TOLD {
            headers.push((name.to_owned(), Text::new(value, path, errors)));
        }
        for (name, value) in &config.headers {
            let path = path.field("headers").field(name);
            let lower = name.to_ascii_lowercase();
            if !is_header_name(name) || !is_free(lower.as_bytes()) || !is_value(value.as_bytes()) {
                let expected =
                    "the name of a header that is not one of the connection, and a value in one line";
                errors.add(&path, format!("{name:?}: {value:?}"), expected);
            }
            headers.retain(|(other, _)| *other != lower);
            headers.push((lower, Text::new(value, &path, errors)));
        }
        Self {
            method: config.method.clone(),
            authority: Text::new(authority, &path.field("url"), errors),
            path: Text::new(target, &path.field("url"), errors),
            headers,
            signin: config.signin.as_ref().map(|signin| Text::new(signin, &path.field("signin"), errors)),
            always_set_cookie: config.always_set_cookie,
        }
    }

    /// The client's headers go along, without its body.
    pub(super) fn question(&self, request: &Checked<'_>) -> Question {
        let address = request.source.map(|address| address.ip().to_string()).unwrap_or_default();
        let fill = |text: &Text| text.fill(request.headers, &address);
        let mut headers = vec![
            (":method".to_owned(), self.method.clone().into_bytes()),
            (":path".to_owned(), fill(&self.path)),
            (":authority".to_owned(), fill(&self.authority)),
        ];
        let is_told = |name: &[u8]| {
            let mut told = self.headers.iter().map(|(told, _)| told.as_bytes());
            told.any(|told| told == name || is_spelling(name, told))
        };
        let passed = request.headers.iter().filter(|(name, _)| is_free(name) && !is_told(name));
        headers.extend(passed.map(|(name, value)| (text(name), value.to_vec())));
        headers.extend(self.headers.iter().map(|(name, value)| (name.clone(), fill(value))));
        headers.push(("content-length".to_owned(), b"0".to_vec()));
        Question { headers, body: Vec::new() }
    }

    /// 2xx allows, 401 and 403 deny, everything else is an error, as in nginx.
    pub(super) fn answered(
        &self,
        status: u16,
        headers: &Headers,
        request: &Headers,
        owned: &Owned,
    ) -> Answered {
        let all = |wanted: &dyn Fn(&[u8]) -> bool| -> Vec<(String, Vec<u8>)> {
            let kept = headers.iter().filter(|(name, value)| wanted(name) && is_value(value));
            kept.map(|(name, value)| (text(name), value.to_vec())).collect()
        };
        match status {
            200..=299 => Answered::Allow(Allowed {
                set: last_of_each(all(&|name| owned.has(name))),
                response: all(&|name| name == SET_COOKIE),
                ..Allowed::default()
            }),
            401 | 403 => {
                let mut shown = match (&self.signin, status) {
                    (Some(signin), 401) => vec![
                        ("location".to_owned(), signin.fill(request, "")),
                        ("cache-control".to_owned(), b"no-store".to_vec()),
                    ],
                    _ => all(&|name| name == b"www-authenticate"),
                };
                let is_redirect = status == 401 && self.signin.is_some();
                if self.always_set_cookie {
                    shown.extend(all(&|name| name == SET_COOKIE));
                }
                let status = if is_redirect { 302 } else { status };
                Answered::Deny { status, headers: shown, body: Vec::new() }
            }
            _ => Answered::Error(CheckError::Status(status)),
        }
    }
}

/// A text with placeholders for what a request says.
#[derive(Debug)]
struct Text(Vec<Part>);

#[derive(Debug)]
enum Part {
    Literal(String),
    Of(Placeholder),
}

#[derive(Clone, Copy, Debug)]
enum Placeholder {
    Scheme,
    Host,
    Path,
    EscapedPath,
    Method,
    Address,
}

const PLACEHOLDERS: [(&str, Placeholder); 6] = [
    ("{scheme}", Placeholder::Scheme),
    ("{host}", Placeholder::Host),
    ("{path}", Placeholder::Path),
    ("{escaped_path}", Placeholder::EscapedPath),
    ("{method}", Placeholder::Method),
    ("{address}", Placeholder::Address),
];

impl Text {
    fn new(text: &str, path: &Path, errors: &mut ConfigErrors) -> Self {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, at)) = rest.find('{').and_then(|at| rest.split_at_checked(at)) {
            parts.push(Part::Literal(before.to_owned()));
            let found = PLACEHOLDERS.iter().find_map(|(name, part)| Some((at.strip_prefix(name)?, *part)));
            let Some((behind, part)) = found else {
                let known: Vec<_> = PLACEHOLDERS.iter().map(|(name, _)| *name).collect();
                errors.add(path, format!("{text:?}"), format!("no `{{` but in {}", known.join(", ")));
                return Self(parts);
            };
            parts.push(Part::Of(part));
            rest = behind;
        }
        parts.push(Part::Literal(rest.to_owned()));
        Self(parts)
    }

    /// What a header can hold, whatever the request says.
    fn fill(&self, headers: &Headers, address: &str) -> Vec<u8> {
        let get = |name: &str| headers.get(name).unwrap_or_default();
        let mut filled = Vec::new();
        for part in &self.0 {
            match part {
                Part::Literal(text) => filled.extend_from_slice(text.as_bytes()),
                Part::Of(Placeholder::Scheme) => filled.extend_from_slice(get(":scheme")),
                Part::Of(Placeholder::Host) => filled.extend_from_slice(get(":authority")),
                Part::Of(Placeholder::Path) => filled.extend_from_slice(get(":path")),
                Part::Of(Placeholder::EscapedPath) => {
                    filled.extend(percent_encode(get(":path"), UNRESERVED).flat_map(str::bytes));
                }
                Part::Of(Placeholder::Method) => filled.extend_from_slice(get(":method")),
                Part::Of(Placeholder::Address) => filled.extend_from_slice(address.as_bytes()),
            }
        }
        filled.retain(|byte| !byte.is_ascii_control());
        filled
    }
}

/// RFC 3986 2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
