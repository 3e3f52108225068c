use crate::{Counter, Gauge, Headers, Histogram, Level};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// What a filter can ask of its host, for the stream that it is called for. Everything is bytes.
///
/// A call that returns a value costs about a microsecond in Envoy: where three or more headers are wanted, read the map.
pub trait Host {
    /// All pairs of a map. Empty where the host has no such map now.
    fn headers(&mut self, map: MapKind) -> Headers;

    /// The first value of a header, named in lower case. Where a client may repeat it, read the map.
    fn header(&mut self, map: MapKind, name: &str) -> Option<Vec<u8>>;

    /// Writes a header without looking at it: what [`Host::set_header`] and its kin do once they have checked it.
    ///
    /// # Errors
    /// [`HostError::Refused`] where the host has no such map now.
    fn write_header(&mut self, map: MapKind, write: HeaderWrite<'_>) -> Result<(), HostError>;

    /// Replaces all values of a header by one. A change of a request header has the host choose the route again.
    ///
    /// # Errors
    /// [`HostError::InvalidHeader`] for what would split the header; [`HostError::Refused`] where the host has no such
    /// map now (the headers have gone on).
    fn set_header(&mut self, map: MapKind, name: &str, value: &[u8]) -> Result<(), HostError> {
        check_header(name, value)?;
        self.write_header(map, HeaderWrite::Set(name, value))
    }

    /// Adds a value to a header.
    ///
    /// # Errors
    /// As [`Host::set_header`].
    fn add_header(&mut self, map: MapKind, name: &str, value: &[u8]) -> Result<(), HostError> {
        check_header(name, value)?;
        self.write_header(map, HeaderWrite::Add(name, value))
    }

    /// Removes all values of a header. One that is absent is no error.
    ///
    /// # Errors
    /// As [`Host::set_header`].
    fn remove_header(&mut self, map: MapKind, name: &str) -> Result<(), HostError> {
        check_header(name, b"")?;
        self.write_header(map, HeaderWrite::Remove(name))
    }

    /// Replaces a body, in that body's phase. The headers' phase has to have removed `content-length`, or set the new
    /// one.
    ///
    /// # Errors
    /// [`HostError::Refused`] where the host has no such body now.
    fn replace_body(&mut self, body: BodyKind, bytes: &[u8]) -> Result<(), HostError>;

    /// A property by its path, as the host serialises it ([Envoy attributes]). `None` where it has none.
    ///
    /// [Envoy attributes]: https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes
    fn property(&mut self, path: &[&str]) -> Option<Vec<u8>>;

    /// Records a value with the stream that no client can forge: Envoy's routes and access log know it as the filter
    /// state `wasm.<key>`.
    ///
    /// # Errors
    /// [`HostError::Refused`] where the host takes none.
    fn set_filter_state(&mut self, key: &str, value: &[u8]) -> Result<(), HostError>;

    /// Has the host choose the route again: after filter state that routes match.
    fn clear_route_cache(&mut self);

    /// The time since 1970-01-01 UTC.
    fn now(&mut self) -> Duration;

    /// Fills a buffer with random bytes, fit for keys and nonces.
    ///
    /// # Errors
    /// [`HostError::Refused`] where the host has none: a nonce must then not be made.
    fn random(&mut self, buffer: &mut [u8]) -> Result<(), HostError>;

    /// Adds to a counter.
    fn increment(&mut self, counter: Counter, by: u32);

    /// Sets a gauge.
    fn set_gauge(&mut self, gauge: Gauge, value: u64);

    /// Records a value in a histogram.
    fn record(&mut self, histogram: Histogram, value: u64);

    /// Whether messages of this level are logged.
    fn logs(&mut self, level: Level) -> bool;

    /// Logs a message whatever the level: what [`Host::log`] does once it has asked.
    fn write_log(&mut self, level: Level, message: fmt::Arguments<'_>);

    /// Logs a message, with the filter's name and the stream's number before it. Costs no formatting where the level is
    /// off.
    fn log(&mut self, level: Level, message: fmt::Arguments<'_>) {
        if self.logs(level) {
            self.write_log(level, message);
        }
    }

    /// Starts a callout; [`Filter::callout_response`](crate::Filter::callout_response) gets the answer.
    ///
    /// # Errors
    /// [`HostError::Refused`] for a cluster that the host does not know.
    fn call(&mut self, callout: &Callout<'_>) -> Result<CalloutId, HostError>;

    /// The text of a property; `None` where it has none or is not UTF-8.
    fn text(&mut self, property: Property) -> Option<String> {
        String::from_utf8(self.property(property.path())?).ok()
    }

    /// The number that a property is.
    fn number(&mut self, property: Property) -> Option<i64> {
        let bytes = self.property(property.path())?;
        Some(i64::from_le_bytes(bytes.try_into().ok()?))
    }

    /// Whether a property is true; `false` where there is none.
    fn flag(&mut self, property: Property) -> bool {
        self.property(property.path()).is_some_and(|bytes| bytes.first() == Some(&1))
    }

    /// The address that a property is.
    fn address(&mut self, property: Property) -> Option<SocketAddr> {
        crate::socket_address(&self.property(property.path())?)
    }
}

/// One change of a header map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderWrite<'a> {
    /// Replace all values of the name.
    Set(&'a str, &'a [u8]),
    /// Add a value.
    Add(&'a str, &'a [u8]),
    /// Remove all values of the name.
    Remove(&'a str),
}

/// The header maps of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "they say what they are")]
pub enum MapKind {
    RequestHeaders,
    RequestTrailers,
    ResponseHeaders,
    ResponseTrailers,
}

/// The bodies of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "they say what they are")]
pub enum BodyKind {
    Request,
    Response,
}

/// The properties that filters want most, as Envoy names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// The client's address with port. It follows `x-forwarded-for` unless `use_remote_address` is on: then it is the
    /// socket's peer, or the address that trusted hops name.
    SourceAddress,
    /// The address that the client connected to, with port.
    DestinationAddress,
    /// The port that the client connected to: a number.
    DestinationPort,
    /// Whether the client showed a certificate: a flag. True for one that was not verified where the listener accepts
    /// untrusted ones.
    ConnectionMtls,
    /// The first URI SAN of the client's certificate.
    PeerUriSan,
    /// The TLS version of the connection; absent without TLS.
    TlsVersion,
    /// The server name that the client asked for (SNI).
    RequestedServerName,
    /// The address of the endpoint that was chosen last, after retries the one that answered.
    UpstreamAddress,
    /// `https` or `http`, as the client's connection and trusted proxies say.
    RequestScheme,
    /// The route's name. As it was chosen last, not as it will be.
    RouteName,
    /// The cluster's name. As it was chosen last, not as it will be.
    ClusterName,
}

impl Property {
    /// The path that [`Host::property`] takes.
    pub fn path(self) -> &'static [&'static str] {
        match self {
            Self::SourceAddress => &["source", "address"],
            Self::DestinationAddress => &["destination", "address"],
            Self::DestinationPort => &["destination", "port"],
            Self::ConnectionMtls => &["connection", "mtls"],
            Self::PeerUriSan => &["connection", "uri_san_peer_certificate"],
            Self::TlsVersion => &["connection", "tls_version"],
            Self::RequestedServerName => &["connection", "requested_server_name"],
            Self::UpstreamAddress => &["upstream", "address"],
            Self::RequestScheme => &["request", "scheme"],
            Self::RouteName => &["xds", "route_name"],
            Self::ClusterName => &["xds", "cluster_name"],
        }
    }
}

/// An HTTP request of the filter's own.
#[derive(Clone, Copy, Debug)]
pub struct Callout<'a> {
    /// The cluster that it goes to, as the host's configuration names it.
    pub cluster: &'a str,
    /// Its headers, with `:method`, `:path` and `:authority`.
    pub headers: &'a [(&'a str, &'a str)],
    /// Its body; empty for none.
    pub body: &'a [u8],
    /// How long the answer may take. At least a millisecond: zero would be for ever.
    pub timeout: Duration,
}

/// A callout under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CalloutId(pub u32);

/// The answer to a callout. A host that could not reach the cluster answers 503, after the timeout 504.
#[derive(Clone, Debug, Default)]
pub struct CalloutResponse {
    /// Its headers, with `:status`. Empty where the host gave up on the answer.
    pub headers: Headers,
    /// Its body.
    pub body: Vec<u8>,
}

impl CalloutResponse {
    /// The status code; `None` where the host gave up on the answer.
    pub fn status(&self) -> Option<u16> {
        std::str::from_utf8(self.headers.get(":status")?).ok()?.parse().ok()
    }
}

/// Why a host call came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostError {
    /// The name or value holds a CR, LF or NUL, or the name is empty: it would split the message.
    InvalidHeader,
    /// The host said no. The number is the proxy-wasm status.
    Refused(u32),
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidHeader => f.write_str("the header's name is empty, or it holds a CR, LF or NUL"),
            Self::Refused(status) => write!(f, "the host refused the call (status {status})"),
        }
    }
}

impl std::error::Error for HostError {}

/// Envoy writes what it is given: a line break in a value would start a header of its own.
pub(crate) fn check_header(name: &str, value: &[u8]) -> Result<(), HostError> {
    let breaks = |bytes: &[u8]| bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
    if name.is_empty() || breaks(name.as_bytes()) || breaks(value) {
        return Err(HostError::InvalidHeader);
    }
    Ok(())
}
