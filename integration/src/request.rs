//! Requests and responses as plain values, in bytes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

/// The header that carries a request's id.
pub const ID_HEADER: &str = "x-test-id";

/// Name and value of one header, in the order of the wire where the protocol library keeps it.
pub type Header = (String, Vec<u8>);

/// A request to send. A plain value: build it once, send it as often as needed; each sending gets its own id.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query, as sent. Over HTTP/1.1 any bytes are sent as they are.
    pub path: Vec<u8>,
    /// `host` or `:authority`; by default `localhost`.
    pub authority: String,
    /// Headers, in the order in which they are sent over HTTP/1.1.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Body,
    id: Id,
}

#[derive(Clone, Debug)]
enum Id {
    Fresh,
    Given(String),
    Absent,
}

impl Request {
    /// A request of any method.
    pub fn new(method: &str, path: impl AsRef<[u8]>) -> Self {
        Self {
            method: method.to_owned(),
            path: path.as_ref().to_vec(),
            authority: "localhost".to_owned(),
            headers: Vec::new(),
            body: Body::None,
            id: Id::Fresh,
        }
    }

    /// A `GET`.
    pub fn get(path: impl AsRef<[u8]>) -> Self {
        Self::new("GET", path)
    }

    /// A `POST` with that body.
    pub fn post(path: impl AsRef<[u8]>, body: impl Into<Body>) -> Self {
        Self::new("POST", path).body(body)
    }

    /// Adds a header; repeated names are sent repeatedly.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Sets `host` or `:authority`.
    #[must_use]
    pub fn authority(mut self, authority: &str) -> Self {
        authority.clone_into(&mut self.authority);
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends under this id, from [`unique_id`], instead of a fresh one: for what must be prepared before the request, as
    /// [`Upstream::answer_id`](crate::upstream::Upstream::answer_id).
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.id = Id::Given(id.to_owned());
        self
    }

    /// Sends no id. Neither the access log nor an upstream's record can then be asked for this request.
    #[must_use]
    pub fn without_id(mut self) -> Self {
        self.id = Id::Absent;
        self
    }

    /// The id to send with, empty when there shall be none.
    pub(crate) fn sending_id(&self) -> String {
        match &self.id {
            Id::Fresh => unique_id(),
            Id::Given(id) => id.clone(),
            Id::Absent => String::new(),
        }
    }
}

/// An id that no other request of this process has.
pub fn unique_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("t{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A request's body.
#[derive(Clone, Debug, Default)]
pub enum Body {
    /// None: HTTP/1.1 sends no `content-length`, HTTP/2 ends the stream with the headers.
    #[default]
    None,
    /// With `content-length`, in one write.
    Sized(Bytes),
    /// `transfer-encoding: chunked`, or as many DATA frames: each chunk after a pause, then the trailers.
    Chunked(Vec<(Duration, Bytes)>, Vec<Header>),
}

impl Body {
    /// The body in chunks of `size` bytes, without pauses.
    pub fn chunks(body: impl AsRef<[u8]>, size: usize) -> Self {
        Self::paced(body, size, Duration::ZERO)
    }

    /// The body in chunks of `size` bytes, with a pause before each.
    pub fn paced(body: impl AsRef<[u8]>, size: usize, pause: Duration) -> Self {
        let chunks = body.as_ref().chunks(size).map(|chunk| (pause, Bytes::copy_from_slice(chunk)));
        Self::Chunked(chunks.collect(), Vec::new())
    }

    /// The same body in one chunk, with trailers after it.
    #[must_use]
    pub fn trailers(self, trailers: Vec<Header>) -> Self {
        match self {
            Self::None => Self::Chunked(Vec::new(), trailers),
            Self::Sized(body) => Self::Chunked(vec![(Duration::ZERO, body)], trailers),
            Self::Chunked(chunks, _) => Self::Chunked(chunks, trailers),
        }
    }

    /// All bytes of it.
    pub fn to_vec(&self) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Sized(body) => body.to_vec(),
            Self::Chunked(chunks, _) => chunks.iter().flat_map(|(_, chunk)| chunk.iter().copied()).collect(),
        }
    }
}

impl From<&str> for Body {
    fn from(body: &str) -> Self {
        Self::Sized(Bytes::copy_from_slice(body.as_bytes()))
    }
}

impl From<String> for Body {
    fn from(body: String) -> Self {
        Self::Sized(body.into())
    }
}

impl From<Vec<u8>> for Body {
    fn from(body: Vec<u8>) -> Self {
        Self::Sized(body.into())
    }
}

impl From<&[u8]> for Body {
    fn from(body: &[u8]) -> Self {
        Self::Sized(Bytes::copy_from_slice(body))
    }
}

/// A complete response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The id that the request was sent with; empty if it had none.
    pub id: String,
    /// The status code.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<Header>,
    /// The body, with transfer coding removed.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Vec<Header>,
}

impl Response {
    /// The first value of a header, as text (bytes that are not UTF-8 replaced).
    pub fn header(&self, name: &str) -> Option<String> {
        first(&self.headers, name).map(lossy)
    }

    /// The first value of a header, in bytes.
    pub fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        first(&self.headers, name)
    }

    /// All values of a header.
    pub fn header_values(&self, name: &str) -> Vec<String> {
        values(&self.headers, name).map(lossy).collect()
    }

    /// The body as text (bytes that are not UTF-8 replaced).
    pub fn text(&self) -> String {
        lossy(&self.body)
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none, showing it.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("the body is no JSON ({e}): {}", self.text()))
    }

    /// The name of the [`Upstream`](crate::upstream::Upstream) that answered, or none if Envoy did.
    pub fn upstream(&self) -> Option<String> {
        self.header(crate::upstream::NAME_HEADER)
    }
}

/// The first value of that name.
pub(crate) fn first<'a>(headers: &'a [Header], name: &str) -> Option<&'a [u8]> {
    values(headers, name).next()
}

/// All values of that name.
pub(crate) fn values<'a>(headers: &'a [Header], name: &str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_slice())
}

/// Text for people: bytes that are not UTF-8 replaced.
pub(crate) fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// From the protocol library's map. Names come in the order of their first appearance.
pub(crate) fn from_map(map: &hyper::HeaderMap) -> Vec<Header> {
    map.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

/// To the protocol library's map.
pub(crate) fn to_map(headers: &[Header]) -> Result<hyper::HeaderMap, String> {
    let mut map = hyper::HeaderMap::new();
    for (name, value) in headers {
        let bad =
            || format!("no HTTP library sends the header {name}: {}; use raw::Connection", lossy(value));
        let name = hyper::header::HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        map.append(name, hyper::header::HeaderValue::from_bytes(value).map_err(|_| bad())?);
    }
    Ok(map)
}
