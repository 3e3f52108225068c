use serde::de::{Deserialize, Deserializer, Error};
use std::fmt;

/// Bytes that test files write as text: `\xff` is a byte, `\\` a backslash, `\r`, `\n`, `\t` and `\0` are what they are
/// in Rust.
///
/// ```
/// use sdk_shim_testing::Bytes;
///
/// assert_eq!(Bytes::unescape(r"a\xff\n").unwrap().0, b"a\xff\n");
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub Vec<u8>);

impl Bytes {
    /// Reads the escaped form.
    ///
    /// # Errors
    /// An escape that is not one of those above.
    pub fn unescape(text: &str) -> Result<Self, String> {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('\\') {
            bytes.extend_from_slice(before.as_bytes());
            let mut following = after.chars();
            bytes.push(match following.next() {
                Some('\\') => b'\\',
                Some('r') => b'\r',
                Some('n') => b'\n',
                Some('t') => b'\t',
                Some('0') => 0,
                Some('x') => {
                    let digits: String = following.by_ref().take(2).collect();
                    let byte = u8::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 2);
                    byte.ok_or_else(|| format!("\\x{digits} in {text:?}: two hex digits expected"))?
                }
                other => return Err(format!("unknown escape \\{} in {text:?}", other.unwrap_or(' '))),
            });
            rest = following.as_str();
        }
        bytes.extend_from_slice(rest.as_bytes());
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::unescape(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// A request or a response.
///
/// ```
/// use sdk_shim_testing::Message;
///
/// let request = Message::request("GET", "/search?q=a").with_header("x-tag", b"\xff");
/// assert_eq!(request.header("x-tag"), Some(&b"\xff"[..]));
/// assert_eq!(Message::response(404).status(), 404);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The headers in order, pseudo-headers first, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body; empty for none.
    pub body: Vec<u8>,
    /// The trailers in order.
    pub trailers: Vec<(String, Vec<u8>)>,
}

impl Message {
    /// A request for `http://example.test<path>` without body.
    pub fn request(method: &str, path: &str) -> Self {
        Self::default()
            .with_header(":method", method)
            .with_header(":scheme", "http")
            .with_header(":authority", "example.test")
            .with_header(":path", path)
    }

    /// A response without body.
    pub fn response(status: u16) -> Self {
        Self::default().with_header(":status", status.to_string())
    }

    /// Adds a header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = body.as_ref().to_vec();
        self
    }

    /// Adds a trailer.
    #[must_use]
    pub fn with_trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.trailers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(candidate, _)| candidate == name).map(|(_, value)| value.as_slice())
    }

    /// A response's status code; 0 for what is none.
    pub fn status(&self) -> u16 {
        let text = self.header(":status").and_then(|status| std::str::from_utf8(status).ok());
        text.and_then(|text| text.parse().ok()).unwrap_or_default()
    }
}
