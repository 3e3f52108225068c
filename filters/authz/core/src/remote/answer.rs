use super::{Source, Target, UriError};
use portcullis_jwt::{Jwks, JwksError};
use sdk_shim_http::Headers;
use serde::Deserialize;
use std::fmt;
use std::time::Duration;

/// The largest key set that is fetched, in bytes: with what is known of it, it has to fit into a value that workers share.
pub const MAX_FETCHED_BYTES: usize = 63 << 10;

/// The answer to a fetch, as the host has it.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// `None` where the host gave up on it.
    pub status: Option<u16>,
    /// Its headers.
    pub headers: &'a Headers,
    /// Its body.
    pub body: &'a [u8],
}

/// What a fetch has brought.
#[derive(Debug)]
pub enum Fetched {
    /// These keys.
    Keys(Jwks),
    /// The keys that there are already.
    NotModified,
}

/// Why a fetch has brought no keys. Keys that there are already are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FetchError {
    /// The host did not make the call: it knows no such cluster.
    NotStarted(String),
    /// The host gave up on the answer: it broke off, or is far too large.
    NoAnswer,
    /// There was none in time.
    Timeout,
    /// The cluster could not be reached, or is overloaded.
    Unreachable,
    /// The answer sends elsewhere. That is not followed: whoever can redirect could name any host.
    Redirect(u16),
    /// The answer is another one than 200.
    Status(u16),
    /// It is larger than [`MAX_FETCHED_BYTES`].
    TooLarge(usize),
    /// It is no key set.
    Malformed(JwksError),
    /// It is a key set without a usable key.
    NoUsableKey(JwksError),
    /// The issuer's description is malformed.
    Discovery,
    /// The description is that of another issuer (OpenID Connect Discovery 1.0, 4.3).
    Issuer,
    /// The description names a place that cannot be fetched from.
    JwksUri(String, UriError),
}

impl FetchError {
    /// The outcome in metrics.
    pub fn outcome(&self) -> &'static str {
        match self {
            Self::NotStarted(_) => "not_started",
            Self::NoAnswer => "no_answer",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Redirect(_) => "redirect",
            Self::Status(_) => "status",
            Self::TooLarge(_) => "too_large",
            Self::Malformed(_) => "malformed",
            Self::NoUsableKey(_) => "no_usable_key",
            Self::Discovery | Self::Issuer | Self::JwksUri(..) => "discovery",
        }
    }

    /// All that [`FetchError::outcome`] can be.
    pub const OUTCOMES: [&'static str; 10] = [
        "not_started",
        "no_answer",
        "timeout",
        "unreachable",
        "redirect",
        "status",
        "too_large",
        "malformed",
        "no_usable_key",
        "discovery",
    ];
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotStarted(error) => {
                write!(f, "the fetch was not started, is there such a cluster? {error}")
            }
            Self::NoAnswer => f.write_str("the answer broke off, or is far too large"),
            Self::Timeout => f.write_str("there was no answer in time"),
            Self::Unreachable => f.write_str("the cluster cannot be reached (503)"),
            Self::Redirect(status) => write!(f, "the answer is a redirect ({status}), which is not followed"),
            Self::Status(status) => write!(f, "the answer has status {status}"),
            Self::TooLarge(bytes) => write!(f, "the answer has {bytes} bytes, more than {MAX_FETCHED_BYTES}"),
            Self::Malformed(error) | Self::NoUsableKey(error) => write!(f, "the answer is {error}"),
            Self::Discovery => {
                f.write_str("the issuer's description is no JSON object with issuer and jwks_uri")
            }
            Self::Issuer => f.write_str("the description is that of another issuer"),
            Self::JwksUri(uri, expected) => {
                write!(f, "the description has the jwks_uri {uri:?}, expected {expected}")
            }
        }
    }
}

impl std::error::Error for FetchError {}

impl Answer<'_> {
    /// The keys in the answer. `has_keys`: whether the request asked only for others than those that there are.
    ///
    /// # Errors
    /// Every answer but a usable key set, and 304 to that question.
    pub fn keys(&self, has_keys: bool) -> Result<Fetched, FetchError> {
        if self.status == Some(304) && has_keys {
            return Ok(Fetched::NotModified);
        }
        match Jwks::parse(self.body()?) {
            Ok(jwks) => Ok(Fetched::Keys(jwks)),
            Err(error @ JwksError::NoUsableKey(_)) => Err(FetchError::NoUsableKey(error)),
            Err(error) => Err(FetchError::Malformed(error)),
        }
    }

    /// Where the issuer says that its keys are.
    ///
    /// # Errors
    /// Every answer but a description of this issuer that names a place with a cluster.
    pub fn jwks_uri(&self, source: &Source) -> Result<Target, FetchError> {
        #[derive(Deserialize)]
        struct Description {
            issuer: String,
            jwks_uri: String,
        }
        let description: Description =
            serde_json::from_slice(self.body()?).map_err(|_| FetchError::Discovery)?;
        if Some(description.issuer.as_str()) != source.issuer() {
            return Err(FetchError::Issuer);
        }
        source
            .target(&description.jwks_uri)
            .map_err(|error| FetchError::JwksUri(description.jwks_uri.chars().take(200).collect(), error))
    }

    /// The validator for the next request (RFC 9110 8.8.3), where it can be sent back.
    pub fn etag(&self) -> Option<&[u8]> {
        const MAX_BYTES: usize = 256;
        let etag = self.headers.get("etag")?;
        (etag.len() <= MAX_BYTES && etag.iter().all(u8::is_ascii_graphic)).then_some(etag)
    }

    /// How long the answer says that it is fresh (RFC 9111 4.2.1). `None` where it does not.
    pub(super) fn max_age(&self) -> Option<Duration> {
        let seconds =
            |text: &[u8]| std::str::from_utf8(text.trim_ascii()).ok()?.trim_matches('"').parse().ok();
        let mut found = None;
        for directive in
            self.headers.get_all(b"cache-control").flat_map(|value| value.split(|byte| *byte == b','))
        {
            let mut parts = directive.trim_ascii().splitn(2, |byte| *byte == b'=');
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            match name.as_slice() {
                b"no-store" | b"no-cache" => return Some(Duration::ZERO),
                b"max-age" => found = parts.next().and_then(seconds),
                _ => {}
            }
        }
        let age = self.headers.get("age").and_then(seconds).unwrap_or(0);
        found.map(|max_age: u64| Duration::from_secs(max_age.saturating_sub(age)))
    }

    fn body(&self) -> Result<&[u8], FetchError> {
        match self.status {
            None => Err(FetchError::NoAnswer),
            Some(200) if self.body.len() > MAX_FETCHED_BYTES => Err(FetchError::TooLarge(self.body.len())),
            Some(200) => Ok(self.body),
            Some(503) => Err(FetchError::Unreachable),
            Some(504) => Err(FetchError::Timeout),
            Some(status @ (301..=303 | 307 | 308)) => Err(FetchError::Redirect(status)),
            Some(status) => Err(FetchError::Status(status)),
        }
    }
}
