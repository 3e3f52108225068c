use crate::{Headers, HostError};
use std::fmt;
use std::time::Duration;

/// An HTTP request of the filter's own, all of it in bytes.
///
/// ```
/// use sdk_shim::HttpCall;
/// use std::time::Duration;
///
/// let call = HttpCall::post("tokens", "/introspect", b"token=abc")
///     .header("content-type", "application/x-www-form-urlencoded")
///     .timeout(Duration::from_millis(300));
/// assert_eq!(call.cluster, "tokens");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCall {
    /// The cluster that it goes to, as the host's configuration names it.
    pub cluster: String,
    /// Its headers, with `:method`, `:path` and `:authority`; names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Its body; empty for none.
    pub body: Vec<u8>,
    /// Its trailers.
    pub trailers: Vec<(String, Vec<u8>)>,
    /// How long the answer may take: [`HttpCall::TIMEOUT`] unless said otherwise. Less than a millisecond counts as one:
    /// zero would be for ever.
    pub timeout: Duration,
}

impl HttpCall {
    /// The timeout of calls that name none: five seconds.
    pub const TIMEOUT: Duration = Duration::from_secs(5);

    /// A request without body. The authority is the cluster's name; the scheme is the host's business.
    pub fn new(method: &str, cluster: &str, path: impl Into<Vec<u8>>) -> Self {
        let headers = [(":method", method.into()), (":path", path.into()), (":authority", cluster.into())];
        Self {
            cluster: cluster.to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
            body: Vec::new(),
            trailers: Vec::new(),
            timeout: Self::TIMEOUT,
        }
    }

    /// A `GET`.
    pub fn get(cluster: &str, path: impl Into<Vec<u8>>) -> Self {
        Self::new("GET", cluster, path)
    }

    /// A `POST` with a body.
    pub fn post(cluster: &str, path: impl Into<Vec<u8>>, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new("POST", cluster, path) }
    }

    /// Replaces the authority.
    #[must_use]
    pub fn authority(mut self, authority: impl Into<Vec<u8>>) -> Self {
        self.headers.retain(|(name, _)| name != ":authority");
        self.header(":authority", authority)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a trailer.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.trailers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the time that the answer may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// An HTTP request of the filter's own whose headers are text, borrowed: see [`HttpCall`] for the other.
///
/// ```
/// use sdk_shim::{Callout, Flow, Host};
/// use std::time::Duration;
///
/// fn ask(host: &mut dyn Host) -> Flow {
///     let headers = [(":method", "GET"), (":path", "/check"), (":authority", "auth")];
///     let call = Callout { cluster: "auth", headers: &headers, body: b"", timeout: Duration::from_secs(1) };
///     if host.call(&call).is_ok() { Flow::Await } else { Flow::Continue }
/// }
/// # assert_eq!(ask(&mut sdk_shim_testing::TestHost::new()), Flow::Continue);
/// ```
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

impl From<&Callout<'_>> for HttpCall {
    fn from(callout: &Callout<'_>) -> Self {
        let headers = callout.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).into()));
        Self {
            cluster: callout.cluster.to_owned(),
            headers: headers.collect(),
            body: callout.body.to_vec(),
            trailers: Vec::new(),
            timeout: callout.timeout,
        }
    }
}

/// A unary gRPC call of the filter's own.
///
/// ```
/// use sdk_shim::GrpcCall;
///
/// let call = GrpcCall::new("limits", "limits.v1.Limits", "Check", b"\x0a\x01a").metadata("x-tenant", "a");
/// assert_eq!(call.method, "Check");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcCall {
    /// The cluster that it goes to; it has to speak HTTP/2.
    pub cluster: String,
    /// The service with its package: `envoy.service.auth.v3.Authorization`.
    pub service: String,
    /// The method.
    pub method: String,
    /// The metadata that it begins with.
    pub metadata: Vec<(String, Vec<u8>)>,
    /// The message, in its serialised form.
    pub message: Vec<u8>,
    /// How long the answer may take, as [`HttpCall::timeout`].
    pub timeout: Duration,
}

impl GrpcCall {
    /// A call without metadata.
    pub fn new(cluster: &str, service: &str, method: &str, message: impl Into<Vec<u8>>) -> Self {
        Self {
            cluster: cluster.to_owned(),
            service: service.to_owned(),
            method: method.to_owned(),
            metadata: Vec::new(),
            message: message.into(),
            timeout: HttpCall::TIMEOUT,
        }
    }

    /// Adds metadata.
    #[must_use]
    pub fn metadata(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.metadata.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the time that the answer may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// A callout under way. Its number is the SDK's own, not the host's token.
///
/// ```
/// use sdk_shim::{CalloutId, Host, HostError, HttpCall};
///
/// /// Which answer is which is told by these.
/// fn ask_both(host: &mut dyn Host) -> Result<[CalloutId; 2], HostError> {
///     Ok([host.send(&HttpCall::get("users", "/"))?, host.send(&HttpCall::get("limits", "/"))?])
/// }
/// # assert!(ask_both(&mut sdk_shim_testing::TestHost::new()).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CalloutId(pub u32);

/// A timer under way. Later ones are greater.
///
/// ```
/// use sdk_shim::Host;
/// use sdk_shim_testing::TestHost;
/// use std::time::Duration;
///
/// let mut host = TestHost::new();
/// let (first, second) = (host.wake_after(Duration::from_secs(1)), host.wake_after(Duration::from_secs(1)));
/// assert!(first.unwrap() < second.unwrap());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub u32);

/// A queue that VMs share.
///
/// ```
/// use sdk_shim::Host;
/// use sdk_shim_testing::TestHost;
///
/// let mut host = TestHost::new();
/// let queue = host.register_queue("jobs").unwrap();
/// host.enqueue(queue, b"job").unwrap();
/// assert_eq!(host.dequeue(queue).unwrap().unwrap(), b"job");
/// assert_eq!(host.dequeue(queue), Ok(None));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueueId(pub u32);

/// A value that VMs share.
///
/// ```
/// use sdk_shim::{Host, HostError};
/// use sdk_shim_testing::TestHost;
///
/// let mut host = TestHost::new();
/// host.set_shared_data("mine.state", b"a", None).unwrap();
/// let read = host.shared_data("mine.state").unwrap().unwrap();
/// assert_eq!(host.set_shared_data("mine.state", b"b", Some(read.version)), Ok(()));
/// assert_eq!(host.set_shared_data("mine.state", b"c", Some(read.version)), Err(HostError::Conflict));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedValue {
    /// The value.
    pub bytes: Vec<u8>,
    /// Which value it is: changes with each that is set.
    pub version: u32,
}

/// The answer to a callout. A host that could not reach the cluster answers 503, after the timeout 504.
///
/// ```
/// use sdk_shim::{CalloutError, CalloutResponse, Headers};
///
/// let headers = Headers::from_iter([(":status", "404")]);
/// let answer = CalloutResponse { headers, ..CalloutResponse::default() };
/// assert_eq!(answer.status(), Some(404));
/// assert_eq!(answer.success().unwrap_err(), CalloutError::Status(404));
/// ```
#[derive(Clone, Debug, Default)]
pub struct CalloutResponse {
    /// Its headers, with `:status`. Empty where the host gave up on the answer (Envoy: one over 32 MB), and for gRPC.
    pub headers: Headers,
    /// Its body; for gRPC the message.
    pub body: Vec<u8>,
    /// Its trailers.
    pub trailers: Headers,
    /// How a gRPC call came out.
    pub grpc: Option<GrpcStatus>,
}

/// How a gRPC call came out.
///
/// ```
/// use sdk_shim::{CalloutError, GrpcStatus};
///
/// let denied = GrpcStatus { code: 7, message: b"not yours".to_vec() };
/// assert_eq!(CalloutError::Grpc(denied).to_string(), "the answer has gRPC status 7 not yours");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrpcStatus {
    /// The code: 0 is success, 4 the timeout, 14 that the service could not be reached.
    pub code: u32,
    /// What the service says of it. Envoy puts details of its own behind, in braces.
    pub message: Vec<u8>,
}

impl CalloutResponse {
    /// The status code; `None` where the host gave up on the answer, and for gRPC.
    pub fn status(&self) -> Option<u16> {
        std::str::from_utf8(self.headers.get(":status")?).ok()?.parse().ok()
    }

    /// The answer itself where it is a success: a status of 200 to 299, for gRPC the code 0.
    ///
    /// # Errors
    /// What it is otherwise.
    pub fn success(self) -> Result<Self, CalloutError> {
        match (&self.grpc, self.status()) {
            (Some(grpc), _) if grpc.code != 0 => Err(CalloutError::Grpc(grpc.clone())),
            (Some(_), _) | (None, Some(200..=299)) => Ok(self),
            (None, Some(status)) => Err(CalloutError::Status(status)),
            (None, None) => Err(CalloutError::NoAnswer),
        }
    }
}

/// Why a callout brought no answer that can be used.
///
/// ```
/// use sdk_shim::{CalloutError, Handle, HttpCall};
///
/// async fn plan(host: &Handle) -> Result<Vec<u8>, CalloutError> {
///     match host.call(HttpCall::get("users", "/plan")).await?.success() {
///         Err(CalloutError::Status(404)) => Ok(b"free".to_vec()),
///         answer => Ok(answer?.body),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CalloutError {
    /// It was not started.
    Host(HostError),
    /// The host gave up on the answer: it broke off, or is too large for it.
    NoAnswer,
    /// The answer is no success. 503 and 504 are the host's own words too, for a cluster that cannot be reached and for
    /// the timeout.
    Status(u16),
    /// The service, or the host in its place, answered with another gRPC code than 0.
    Grpc(GrpcStatus),
    /// The time that [`Handle::timeout`](crate::Handle::timeout) gave was over.
    Timeout,
    /// More messages came on a gRPC stream than are kept for whoever receives them.
    Unread,
}

impl fmt::Display for CalloutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(error) => write!(f, "the callout was not started: {error}"),
            Self::NoAnswer => f.write_str("the host gave up on the answer"),
            Self::Status(status) => write!(f, "the answer has status {status}"),
            Self::Grpc(status) => {
                write!(f, "the answer has gRPC status {} {}", status.code, status.message.escape_ascii())
            }
            Self::Timeout => f.write_str("the time was over"),
            Self::Unread => f.write_str("more messages came than were received"),
        }
    }
}

impl std::error::Error for CalloutError {}

impl From<HostError> for CalloutError {
    fn from(error: HostError) -> Self {
        Self::Host(error)
    }
}
