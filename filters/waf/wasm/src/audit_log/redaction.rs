//! What an audit log entry does not show: headers and arguments that are called like secrets, and what `sanitise…` actions name.
//!
//! An argument's value is hidden wherever it stands: in the query, in bodies, in what a rule's message quotes. Where that can't be
//! told apart from the rest (it is not found as it is, or too short to be looked for) the whole text is hidden.

use portcullis_engine::{Sanitised, Transaction};
use portcullis_seclang::ast::BodyProcessor;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Stands in place of what is hidden.
pub(super) const REDACTED: &str = "[redacted]";

/// Headers that are secrets.
const HEADERS: [&[u8]; 6] =
    [b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"x-api-key", b"x-auth-token"];

/// What arguments are called that are secrets, in a form or as the last part of a name in JSON.
const ARGUMENTS: [&[u8]; 12] = [
    b"password",
    b"passwd",
    b"pwd",
    b"secret",
    b"client_secret",
    b"token",
    b"access_token",
    b"refresh_token",
    b"id_token",
    b"api_key",
    b"apikey",
    b"authorization",
];

/// Shorter values can't be looked for: they occur everywhere.
const SHORTEST: usize = 4;

/// What to hide in an entry.
pub(super) struct Redaction<'t> {
    sanitised: &'t [Sanitised],
    /// The values of secret arguments.
    values: Vec<&'t [u8]>,
}

impl<'t> Redaction<'t> {
    pub(super) fn new(transaction: &'t Transaction) -> Self {
        let mut redaction = Self { sanitised: transaction.sanitised(), values: Vec::new() };
        let secret = transaction
            .arguments()
            .filter(|(name, value)| !value.is_empty() && redaction.hides_argument(name));
        // The longest first: one may be a part of another.
        let values: BinaryHeap<_> = secret.map(|(_, value)| (Reverse(value.len()), value)).collect();
        redaction.values = values.into_sorted_vec().into_iter().map(|(_, value)| value).collect();
        redaction.values.dedup();
        redaction
    }

    pub(super) fn hides_request_header(&self, name: &[u8]) -> bool {
        let is_named = |what: &Sanitised| matches!(what, Sanitised::RequestHeader(header) if header == name);
        HEADERS.contains(&name) || self.sanitised.iter().any(is_named)
    }

    pub(super) fn hides_response_header(&self, name: &[u8]) -> bool {
        let is_named = |what: &Sanitised| matches!(what, Sanitised::ResponseHeader(header) if header == name);
        HEADERS.contains(&name) || self.sanitised.iter().any(is_named)
    }

    fn hides_argument(&self, name: &[u8]) -> bool {
        let name = name.to_ascii_lowercase();
        let is_named = |what: &Sanitised| matches!(what, Sanitised::Argument(argument) if *argument == name);
        // `user[password]`, `json.user.password`
        let mut parts = name.rsplit(|byte| matches!(byte, b'.' | b'[' | b']'));
        let last = parts.find(|part| !part.is_empty()).unwrap_or_default();
        ARGUMENTS.contains(&last) || self.sanitised.iter().any(is_named)
    }

    /// Whether a variable's value is a secret, or may hold one that is written in another way than its value.
    pub(super) fn hides_variable(&self, variable: &[u8]) -> bool {
        let colon = variable.iter().position(|byte| *byte == b':');
        let (collection, name) =
            variable.split_at_checked(colon.unwrap_or(variable.len())).unwrap_or_default();
        let name = name.get(1..).unwrap_or_default();
        match collection {
            b"ARGS" | b"ARGS_GET" | b"ARGS_POST" => self.hides_argument(name),
            b"ARGS_RAW" | b"ARGS_GET_RAW" | b"ARGS_POST_RAW" => self.hides_argument(&decoded(name)),
            b"REQUEST_HEADERS" => self.hides_request_header(&name.to_ascii_lowercase()),
            b"RESPONSE_HEADERS" => self.hides_response_header(&name.to_ascii_lowercase()),
            b"REQUEST_COOKIES" | b"FULL_REQUEST" => true,
            b"REQUEST_URI" | b"REQUEST_URI_RAW" | b"REQUEST_LINE" | b"QUERY_STRING" | b"REQUEST_BODY" => {
                !self.values.is_empty()
            }
            _ => false,
        }
    }

    /// The target of the request: its query is read as a form.
    pub(super) fn target(&self, target: &[u8]) -> String {
        match target.iter().position(|byte| *byte == b'?').and_then(|at| target.split_at_checked(at + 1)) {
            Some((path, query)) => format!("{}{}", self.text(path), self.raw_form(query)),
            None => self.text(target),
        }
    }

    /// Arguments as a form.
    pub(super) fn form<'a>(&self, arguments: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> String {
        let pairs = arguments.map(|(name, value)| {
            let value =
                if self.hides_argument(name) { REDACTED.to_owned() } else { encoded(&self.masked(value)) };
            format!("{}={value}", encoded(name))
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    /// A request's body as it came.
    pub(super) fn request_body(&self, transaction: &Transaction, body: &[u8]) -> String {
        if transaction.body_processor() == Some(BodyProcessor::Urlencoded) {
            return self.raw_form(body);
        }
        let mut values = transaction
            .body_arguments()
            .filter(|(name, value)| !value.is_empty() && self.hides_argument(name));
        let is_found =
            |value: &[u8]| forms(value).iter().any(|form| memchr::memmem::find(body, form).is_some());
        if values.any(|(_, value)| value.len() < SHORTEST || !is_found(value)) {
            return REDACTED.to_owned();
        }
        self.text(body)
    }

    /// ModSecurity's sentence about a match, without the value in it.
    pub(super) fn sentence(&self, details: &[u8]) -> String {
        const VALUE: &[u8] = b"(Value: `";
        let end =
            details.windows(VALUE.len()).rposition(|part| part == VALUE).map_or(0, |at| at + VALUE.len());
        format!("{}{REDACTED}' )", self.text(details.get(..end).unwrap_or_default()))
    }

    /// A text that may quote a secret value.
    pub(super) fn without(&self, text: &[u8], value: &[u8]) -> String {
        let mut text = Cow::Borrowed(text);
        if !value.is_empty() {
            replace(&mut text, value, REDACTED.as_bytes());
        }
        self.text(&text)
    }

    /// Any other text.
    pub(super) fn text(&self, text: &[u8]) -> String {
        String::from_utf8_lossy(&self.masked(text)).into_owned()
    }

    /// `a=b&c=d`, as it came.
    fn raw_form(&self, form: &[u8]) -> String {
        let pairs = form.split(|byte| *byte == b'&').map(|pair| {
            let equals =
                pair.iter().position(|byte| *byte == b'=').and_then(|at| pair.split_at_checked(at + 1));
            let Some((name, value)) = equals else { return self.text(pair) };
            let plain = decoded(name.strip_suffix(b"=").unwrap_or(name));
            if self.hides_argument(&plain) || self.masked(&decoded(value)) != decoded(value) {
                return format!("{}{REDACTED}", String::from_utf8_lossy(name));
            }
            String::from_utf8_lossy(pair).into_owned()
        });
        pairs.collect::<Vec<_>>().join("&")
    }

    /// Without the secrets.
    fn masked<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let mut text = Cow::Borrowed(text);
        for value in self.values.iter().filter(|value| value.len() >= SHORTEST) {
            for form in forms(value) {
                replace(&mut text, &form, REDACTED.as_bytes());
            }
        }
        for what in self.sanitised {
            if let Sanitised::Text { text: secret, first, last } = what
                && !secret.is_empty()
            {
                let keeps = |at: usize| at < *first || at >= secret.len().saturating_sub(*last);
                let stars = secret.iter().enumerate().map(|(at, byte)| if keeps(at) { *byte } else { b'*' });
                replace(&mut text, secret, &stars.collect::<Vec<_>>());
            }
        }
        text
    }
}

/// How a value can stand in a text: as it is, and in JSON.
fn forms(value: &[u8]) -> Vec<Cow<'_, [u8]>> {
    let mut forms = vec![Cow::Borrowed(value)];
    let json = std::str::from_utf8(value).ok().and_then(|text| serde_json::to_string(text).ok());
    let inner = json.as_deref().and_then(|json| json.strip_prefix('"')?.strip_suffix('"'));
    if let Some(inner) = inner.filter(|inner| inner.as_bytes() != value) {
        forms.push(Cow::Owned(inner.as_bytes().to_vec()));
    }
    forms
}

fn replace(text: &mut Cow<'_, [u8]>, what: &[u8], by: &[u8]) {
    let finder = memchr::memmem::Finder::new(what);
    if finder.find(text).is_none() {
        return;
    }
    let mut out = Vec::with_capacity(text.len());
    let mut from = 0;
    for at in finder.find_iter(text) {
        out.extend_from_slice(text.get(from..at).unwrap_or_default());
        out.extend_from_slice(by);
        from = at + what.len();
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
    *text = Cow::Owned(out);
}

/// Percent-encoded, for a form.
fn encoded(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' | b'[' | b']' => {
                out.push(*byte as char)
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// As the rules see a name or value of a form.
fn decoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    match portcullis_engine::transformations::Transformation::UrlDecode.apply(text, &mut out) {
        true => out,
        false => text.to_vec(),
    }
}
