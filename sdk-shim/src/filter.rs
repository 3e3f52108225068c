use crate::{
    CalloutId, CalloutResponse, ConfigErrors, Flow, GrpcEvent, GrpcStreamId, Headers, Host, Setup, TimerId,
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

/// A filter: what it is configured with, and what it does in each phase of a stream.
///
/// One value serves all streams of a VM, so every method takes `&self`; what belongs to one stream goes into
/// [`Filter::Request`].
///
/// ```
/// use sdk_shim::{ConfigErrors, Filter, Flow, Host, MapKind, Setup};
///
/// struct Stamp { value: String }
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// #[serde(deny_unknown_fields)]
/// struct Config { value: String }
///
/// impl Filter for Stamp {
///     const NAME: &'static str = "stamp";
///     type Config = Config;
///     type Request = ();
///
///     fn new(config: Config, _: &mut Setup<'_>) -> Result<Self, ConfigErrors> {
///         Ok(Self { value: config.value })
///     }
///
///     fn request_headers(&self, _: &mut (), host: &mut dyn Host) -> Flow {
///         let _ = host.set_header(MapKind::RequestHeaders, "x-stamp", self.value.as_bytes());
///         Flow::Continue
///     }
/// }
/// # assert!(sdk_shim::load::<Stamp>(br#"{"value": "a"}"#, &|_| None).is_ok());
/// ```
pub trait Filter: Sized + 'static {
    /// The name in logs.
    const NAME: &'static str;

    /// The configuration, as JSON. Derive `serde(deny_unknown_fields)` on it, so that a misspelt field is refused.
    type Config: DeserializeOwned + JsonSchema;

    /// The state of one stream, made when the stream starts.
    type Request: Default;

    /// Whether the filter takes part in `request_headers` and `response_headers` alone, and never waits: no other method is
    /// called then, a [`Flow`] that waits is answered with 500, and a task of [`Setup::spawn`] is refused at load. Such a
    /// module exports less (`export_filter!(Mine, headers_only)`): a host enters the VM four times for a stream, not once for
    /// each phase and chunk.
    const HEADERS_ONLY: bool = false;

    /// Whether nothing of a stream concerns the filter behind the headers of its response: `response_body`,
    /// `response_trailers` and `done` are not called then, and a [`Flow`] of `response_headers` that waits is answered with 500.
    /// Such a module exports less (`export_filter!(Mine, until_response)`): a host does not enter the VM for each chunk of a
    /// response, nor for the log.
    const UNTIL_RESPONSE: bool = false;

    /// Checks the configuration and makes everything that can be made before the first request.
    ///
    /// # Errors
    /// All violations at once. The host then refuses the configuration: it keeps the one it has, or does not start.
    fn new(config: Self::Config, setup: &mut Setup<'_>) -> Result<Self, ConfigErrors>;

    /// What this filter wants of the request's body. Asked behind `request_headers`, whenever something of the body has
    /// come: it has to be the same each time.
    fn request_body_mode(&self, _request: &Self::Request) -> BodyMode {
        BodyMode::None
    }

    /// What this filter wants of the response's body, likewise.
    fn response_body_mode(&self, _request: &Self::Request) -> BodyMode {
        BodyMode::None
    }

    /// Called right before `request_headers`, with what no header says of an HTTP/1.1 request in Envoy, which keeps
    /// `transfer-encoding` to itself: whether anything follows the headers.
    fn request_starts(&self, _request: &mut Self::Request, _has_body: bool) {}

    /// The request's headers have arrived; nothing of the request has gone upstream. A request whose headers end it has
    /// no body: [`Flow::Buffer`] then calls `request_body` at once, with an empty one.
    fn request_headers(&self, _request: &mut Self::Request, _host: &mut dyn Host) -> Flow {
        Flow::Continue
    }

    /// The request's body has arrived: whole after [`Flow::Buffer`], else chunk by chunk.
    fn request_body(&self, _request: &mut Self::Request, _body: Body<'_>, _host: &mut dyn Host) -> Flow {
        Flow::Continue
    }

    /// The request's trailers have arrived. Without trailers this is not called.
    fn request_trailers(&self, _request: &mut Self::Request, _host: &mut dyn Host) -> Flow {
        Flow::Continue
    }

    /// The response's headers have arrived from the upstream, or from a local reply of the host or of another filter;
    /// not for a reply of this filter's own.
    fn response_headers(&self, _request: &mut Self::Request, _host: &mut dyn Host) -> Flow {
        Flow::Continue
    }

    /// The response's body has arrived: whole after [`Flow::Buffer`], else chunk by chunk.
    fn response_body(&self, _request: &mut Self::Request, _body: Body<'_>, _host: &mut dyn Host) -> Flow {
        Flow::Continue
    }

    /// The response's trailers have arrived. Without trailers this is not called.
    fn response_trailers(&self, _request: &mut Self::Request, _host: &mut dyn Host) -> Flow {
        Flow::Continue
    }

    /// A callout of this stream was answered, timed out or failed. The flow goes on from the phase that returned
    /// [`Flow::Await`]; with several callouts under way, return `Await` until the last one that matters.
    fn callout_response(
        &self,
        _request: &mut Self::Request,
        _callout: CalloutId,
        _response: CalloutResponse,
        _host: &mut dyn Host,
    ) -> Flow {
        Flow::Continue
    }

    /// Something has come on a gRPC stream that [`Host::open_grpc`] opened. The flow goes on as after an answered callout:
    /// return [`Flow::Await`] until what matters has come.
    fn grpc_event(
        &self,
        _request: &mut Self::Request,
        _stream: GrpcStreamId,
        _event: GrpcEvent,
        _host: &mut dyn Host,
    ) -> Flow {
        Flow::Continue
    }

    /// A timer of this stream has ended. The flow goes on as after an answered callout.
    fn woken(&self, _request: &mut Self::Request, _timer: TimerId, _host: &mut dyn Host) -> Flow {
        Flow::Continue
    }

    /// The stream has ended, or the client has gone. Headers can still be read here, not changed.
    fn done(&self, _request: &mut Self::Request, _host: &mut dyn Host) {}
}

/// What a filter wants of bodies in one direction.
///
/// ```
/// use sdk_shim::{BodyMode, OverLimit};
///
/// let whole = BodyMode::Buffered { limit: 64 << 10, over: OverLimit::Reject };
/// assert_ne!(whole, BodyMode::Streaming);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyMode {
    /// Nothing: bodies pass unseen.
    None,
    /// The whole body, when the headers' phase returned [`Flow::Buffer`]; else nothing.
    ///
    /// The host's own buffer limit has to be higher, or the host answers 413 first (Envoy:
    /// `per_connection_buffer_limit_bytes`, 1 MiB by default).
    Buffered {
        /// The longest body, in bytes.
        limit: usize,
        /// What happens to a longer one.
        over: OverLimit,
    },
    /// Each chunk as it arrives, when the headers' phase returned [`Flow::Continue`].
    Streaming,
}

/// What happens to a body over its limit.
///
/// ```
/// use sdk_shim::{BodyMode, OverLimit};
///
/// let beginning = BodyMode::Buffered { limit: 4096, over: OverLimit::Partial };
/// assert_ne!(beginning, BodyMode::Buffered { limit: 4096, over: OverLimit::Reject });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverLimit {
    /// A request is answered with 413, a response replaced by 502, both with details that name the SDK.
    Reject,
    /// The filter gets the first `limit` bytes; the rest passes unseen.
    Partial,
}

/// A body, or a chunk of one.
///
/// ```
/// use sdk_shim::Body;
///
/// fn is_json(body: Body<'_>) -> bool {
///     body.end && body.bytes.trim_ascii_start().first() == Some(&b'{')
/// }
/// assert!(is_json(Body { bytes: b" {}", end: true }));
/// assert!(!is_json(Body { bytes: b"{", end: false }));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// Whether the body ends with these bytes. False for a chunk with more to come, and for a body that is cut at its
    /// limit.
    pub end: bool,
}

/// Whether a stream with these request headers has a body that never ends: a protocol upgrade, a tunnel or gRPC. To
/// buffer such a body is to hang the stream.
///
/// ```
/// use sdk_shim::{Headers, never_ends};
///
/// assert!(never_ends(&Headers::from_iter([("upgrade", "websocket")])));
/// assert!(!never_ends(&Headers::from_iter([("content-type", "application/json")])));
/// ```
pub fn never_ends(request_headers: &Headers) -> bool {
    // The first of several counts.
    let mut has_type = false;
    request_headers.iter().any(|(name, value)| match name {
        b"upgrade" | b":protocol" => true,
        b":method" => value == b"CONNECT",
        b"content-type" => !std::mem::replace(&mut has_type, true) && value.starts_with(b"application/grpc"),
        _ => false,
    })
}
