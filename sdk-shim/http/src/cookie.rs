use crate::Headers;
use std::fmt;

/// The cookies of a request: pairs of name and value over all its `cookie` headers, in order.
///
/// Read as RFC 6265 5.4 has clients write it and as lenient servers read it: pairs end at `;`, blanks around names
/// and values are dropped, a value keeps its quotes, and what has no `=` is a value without a name. Nothing is decoded.
///
/// ```
/// use sdk_shim_http::{Cookies, Headers};
///
/// let headers = Headers::from_iter([("cookie", "a=1; session=x"), ("cookie", "b=2")]);
/// let cookies = Cookies::new(&headers);
/// assert_eq!(cookies.get("session"), Some(&b"x"[..]));
/// assert_eq!(cookies.iter().count(), 3);
/// ```
#[derive(Clone, Debug)]
pub struct Cookies<'a> {
    headers: &'a Headers,
}

impl<'a> Cookies<'a> {
    /// The cookies in `headers`.
    pub fn new(headers: &'a Headers) -> Self {
        Self { headers }
    }

    /// All pairs, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.headers.get_all(b"cookie").flat_map(Self::parse)
    }

    /// The first value of the cookie `name`; names are case-sensitive.
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&'a [u8]> {
        let name = name.as_ref();
        self.iter().find(|(candidate, _)| *candidate == name).map(|(_, value)| value)
    }

    /// The pairs of one `cookie` header's value.
    pub fn parse(header: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
        header.split(|byte| *byte == b';').filter_map(|pair| {
            let pair = pair.trim_ascii();
            match memchr::memchr(b'=', pair) {
                Some(at) => {
                    let (name, value) = pair.split_at_checked(at)?;
                    Some((name.trim_ascii_end(), value.get(1..)?.trim_ascii_start()))
                }
                None => (!pair.is_empty()).then_some((&[] as &[u8], pair)),
            }
        })
    }
}

/// When a browser sends a cookie across sites (RFC 6265bis 5.6.7).
///
/// ```
/// assert_ne!(sdk_shim_http::SameSite::Lax, sdk_shim_http::SameSite::Strict);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Always; browsers require `Secure` beside it.
    None,
    /// On top-level navigation only.
    Lax,
    /// Never.
    Strict,
}

/// A `set-cookie` header's value in the making (RFC 6265 4.1.1, RFC 6265bis for `SameSite` and `Partitioned`).
///
/// ```
/// use sdk_shim_http::SetCookie;
///
/// let cookie = SetCookie::new("session", b"x").and_then(|cookie| cookie.attribute("Path", Some(b"/"))).unwrap();
/// assert_eq!(cookie.as_bytes(), b"session=x; Path=/");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetCookie {
    text: Vec<u8>,
}

impl SetCookie {
    /// A cookie with this name and value, and no attributes.
    ///
    /// # Errors
    /// A name that is no token (RFC 9110 5.6.2), or a value with bytes that RFC 6265 4.1.1 excludes.
    pub fn new(name: &str, value: &[u8]) -> Result<Self, SetCookieError> {
        if !is_token(name.as_bytes()) {
            return Err(SetCookieError::Name);
        }
        if !value.iter().all(|byte| is_cookie_octet(*byte)) {
            return Err(SetCookieError::Value);
        }
        Ok(Self { text: [name.as_bytes(), b"=", value].concat() })
    }

    /// Adds an attribute: `Path` with `/`, or `Secure` without a value.
    ///
    /// # Errors
    /// A name that is no token, or a value with a control character or a semicolon (RFC 6265 4.1.1, `av-octet`).
    pub fn attribute(mut self, name: &str, value: Option<&[u8]>) -> Result<Self, SetCookieError> {
        let value_is_safe =
            |value: &[u8]| value.iter().all(|byte| matches!(byte, b' '..=b'~' if *byte != b';'));
        if !is_token(name.as_bytes()) || !value.is_none_or(value_is_safe) {
            return Err(SetCookieError::Attribute);
        }
        self.text.extend_from_slice(b"; ");
        self.text.extend_from_slice(name.as_bytes());
        if let Some(value) = value {
            self.text.push(b'=');
            self.text.extend_from_slice(value);
        }
        Ok(self)
    }

    /// The header's value.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text
    }
}

/// Why a `set-cookie` header cannot be written.
///
/// ```
/// use sdk_shim_http::{SetCookie, SetCookieError};
///
/// assert_eq!(SetCookie::new("session", b"a;b"), Err(SetCookieError::Value));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetCookieError {
    /// The name is no token.
    Name,
    /// The value has a blank, quote, comma, semicolon, backslash, control or non-ASCII byte.
    Value,
    /// An attribute's name is no token or its value has a control character, a semicolon or a non-ASCII byte.
    Attribute,
}

impl fmt::Display for SetCookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "a cookie's name must be a token",
            Self::Value => "a cookie's value holds a byte that RFC 6265 excludes",
            Self::Attribute => "a cookie attribute holds a byte that RFC 6265 excludes",
        })
    }
}

impl std::error::Error for SetCookieError {}

/// Whether a name is a token (RFC 9110 5.6.2): what names of headers and cookies are made of.
///
/// ```
/// assert!(sdk_shim_http::is_token(b"x-user"));
/// assert!(!sdk_shim_http::is_token(b"x user"));
/// ```
pub fn is_token(name: &[u8]) -> bool {
    !name.is_empty()
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

fn is_cookie_octet(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e)
}
