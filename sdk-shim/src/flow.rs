use crate::Task;
use std::borrow::Cow;

/// What becomes of a stream after a phase.
///
/// ```
/// use sdk_shim::{Flow, Reply};
///
/// fn decide(allowed: bool) -> Flow {
///     if allowed { Flow::Continue } else { Reply::new(403, "not_allowed").into() }
/// }
/// assert!(matches!(decide(false), Flow::Reply(reply) if reply.status == 403));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It goes on.
    Continue,
    /// From a headers' phase: the headers wait until the body is there, within the limit of a declared
    /// [`BodyMode::Buffered`](crate::BodyMode::Buffered); then the body's method is called.
    Buffer,
    /// Everything waits until a callout that was started is answered, or a timer ends. Without one under way the stream
    /// would hang: the SDK answers 500 instead.
    Await,
    /// Everything waits for a task: see [`Flow::run`].
    Run(Task),
    /// The client gets this response. Nothing more of the request goes upstream, nothing of the upstream's response
    /// comes down.
    Reply(Reply),
}

impl From<Reply> for Flow {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

/// A response in place of the upstream's.
///
/// ```
/// use sdk_shim::Reply;
///
/// let reply = Reply::new(429, "too_many").with_header("retry-after", "1").with_body("Slow down.\n");
/// assert_eq!((reply.status, reply.body.as_slice()), (429, &b"Slow down.\n"[..]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code, 200 to 599. Any other is sent as 500.
    pub status: u16,
    /// Headers beside the ones that the host sets (`content-length`, `date`, `server`).
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, as `text/plain` unless a header says otherwise.
    pub body: Vec<u8>,
    /// Why, in one word: Envoy shows it as `%RESPONSE_CODE_DETAILS%`. Blanks become `_`.
    pub details: Cow<'static, str>,
    /// The gRPC status for gRPC clients, instead of the one that the host derives from `status`.
    pub grpc_status: Option<u32>,
}

impl Reply {
    /// A response without headers or body.
    pub fn new(status: u16, details: impl Into<Cow<'static, str>>) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), details: details.into(), grpc_status: None }
    }

    /// Adds a header. One with a CR, LF or NUL is left out when the reply is sent.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }
}
