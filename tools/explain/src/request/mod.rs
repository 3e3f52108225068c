//! Requests as people have them: raw HTTP, `curl -v`'s output, or a curl command line.

mod curl;
mod raw;
mod words;

pub use curl::from_arguments;
pub(crate) use raw::split_target;

use sdk_shim_testing::Message;

/// The longest text that a request is read from, in bytes.
pub const MAX_REQUEST_BYTES: usize = 16 << 20;

/// The most headers that a request may have here.
pub const MAX_HEADERS: usize = 10_000;

/// A request that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// As a proxy has it: pseudo-headers first, names in lower case, the host in `:authority`.
    pub message: Message,
    /// `HTTP/1.1`, or what the text says.
    pub protocol: String,
    /// What was read otherwise than it may have been meant.
    pub remarks: Vec<String>,
}

/// Reads the files that a curl command names.
pub type Files<'a> = dyn Fn(&str) -> Result<Vec<u8>, String> + 'a;

/// Reads a request from raw HTTP, from what `curl -v` prints, or from a curl command.
///
/// # Errors
/// What was found, and what was expected, with the line.
pub fn parse(text: &[u8], files: &Files<'_>) -> Result<Request, String> {
    if text.len() > MAX_REQUEST_BYTES {
        return Err(format!("found {} bytes, expected a request of at most {MAX_REQUEST_BYTES}", text.len()));
    }
    let trimmed = text.trim_ascii_start();
    let trimmed = trimmed.strip_prefix(b"$ ").unwrap_or(trimmed);
    if trimmed.starts_with(b"curl ") || trimmed.starts_with(b"curl.exe ") {
        let text = std::str::from_utf8(trimmed).map_err(|_| "the curl command is no UTF-8".to_owned())?;
        let words = words::split(text)?;
        return from_arguments(words.get(1..).unwrap_or_default(), files);
    }
    raw::parse(text)
}

/// Reads a response from raw HTTP, from `HTTP/1.1 200 OK` on.
///
/// # Errors
/// What was found, and what was expected, with the line.
pub fn parse_response(text: &[u8]) -> Result<Message, String> {
    raw::response(text)
}

/// Puts a request together, with what a proxy adds to it.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) method: String,
    pub(crate) scheme: String,
    pub(crate) authority: Vec<u8>,
    pub(crate) target: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) protocol: String,
    pub(crate) remarks: Vec<String>,
}

impl Parts {
    pub(crate) fn build(mut self) -> Request {
        let has = |headers: &[(String, Vec<u8>)], name: &str| headers.iter().any(|(known, _)| known == name);
        // Envoy keeps it to itself.
        let was_chunked = has(&self.headers, "transfer-encoding");
        self.headers
            .retain(|(name, _)| name != "transfer-encoding" && name != "host" && name != "connection");
        let takes_body = !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT" | "PATCH");
        if takes_body && !was_chunked && !has(&self.headers, "content-length") {
            self.headers.push(("content-length".to_owned(), self.body.len().to_string().into_bytes()));
        }
        for (name, value) in [("x-forwarded-proto", self.scheme.as_str()), ("x-request-id", REQUEST_ID)] {
            if !has(&self.headers, name) {
                self.headers.push((name.to_owned(), value.into()));
            }
        }
        let pseudo = [
            (":authority", self.authority),
            (":path", self.target),
            (":method", self.method.into_bytes()),
            (":scheme", self.scheme.into_bytes()),
        ];
        let pseudo = pseudo.into_iter().map(|(name, value)| (name.to_owned(), value));
        Request {
            message: Message {
                headers: pseudo.chain(self.headers).collect(),
                body: self.body,
                trailers: Vec::new(),
            },
            protocol: self.protocol,
            remarks: self.remarks,
        }
    }
}

/// Envoy gives every request one.
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// Whether a text can be the name of a header (RFC 9110 5.1).
pub(crate) fn is_token(name: &[u8]) -> bool {
    !name.is_empty()
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

#[cfg(test)]
mod tests;
