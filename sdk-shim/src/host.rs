use crate::{
    Callout, CalloutId, Counter, Gauge, GrpcCall, GrpcStreamCall, GrpcStreamId, Headers, Histogram, HttpCall,
    Level, Property, QueueId, SharedValue, TimerId,
};
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

/// What a filter can ask of its host, for the stream that it is called for. Everything is bytes.
///
/// A call that returns a value costs about a microsecond in Envoy: where three or more headers are wanted, read the map.
///
/// ```
/// use sdk_shim::{Host, Level, MapKind, Property};
///
/// fn note(host: &mut dyn Host) {
///     let agent = host.header(MapKind::RequestHeaders, "user-agent").unwrap_or_default();
///     let from = host.address(Property::SourceAddress);
///     host.log(Level::Info, format_args!("{from:?} {}", agent.escape_ascii()));
/// }
/// # let mut host = sdk_shim_testing::TestHost::new();
/// # note(&mut host);
/// # assert_eq!(host.logs.len(), 1);
/// ```
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
    /// [`HostError::Refused`] where the host has no such body now. A message that ends with its headers has none, and
    /// cannot be given one.
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

    /// The same as it was at most a tenth of a second ago, or as late as the host's timers are: no call of the host for most
    /// requests.
    fn coarse_now(&mut self) -> Duration {
        self.now()
    }

    /// Fills a buffer with random bytes, fit for keys and nonces.
    ///
    /// # Errors
    /// [`HostError::Refused`] where the host has none: a nonce must then not be made.
    fn random(&mut self, buffer: &mut [u8]) -> Result<(), HostError>;

    /// Adds to a counter. The host learns of it within a tenth of a second, when the configuration goes at the latest: a call of
    /// the host for each request would cost more than the filter's own work. A module that traps loses what it has gathered.
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

    /// Starts an HTTP callout; [`Filter::callout_response`](crate::Filter::callout_response) gets the answer. In a task,
    /// [`Handle::call`](crate::Handle::call) waits for it.
    ///
    /// # Errors
    /// [`HostError::InvalidHeader`] for a header that would split the request; [`HostError::Refused`] for a cluster that
    /// the host does not know.
    fn send(&mut self, _call: &HttpCall) -> Result<CalloutId, HostError> {
        Err(HostError::Refused(UNIMPLEMENTED))
    }

    /// Starts a unary gRPC callout, which is answered likewise.
    ///
    /// # Errors
    /// As [`Host::send`].
    fn send_grpc(&mut self, _call: &GrpcCall) -> Result<CalloutId, HostError> {
        Err(HostError::Refused(UNIMPLEMENTED))
    }

    /// Opens a gRPC stream; [`Filter::grpc_event`](crate::Filter::grpc_event) gets what comes on it. In a task,
    /// [`Handle::open_grpc`](crate::Handle::open_grpc) does. One that is open when the filter's stream ends is cancelled.
    ///
    /// # Errors
    /// As [`Host::send`].
    fn open_grpc(&mut self, _call: &GrpcStreamCall) -> Result<GrpcStreamId, HostError> {
        Err(HostError::Refused(UNIMPLEMENTED))
    }

    /// Sends a message on a gRPC stream.
    ///
    /// # Errors
    /// [`HostError::Refused`] where it is not open.
    fn grpc_send(&mut self, _stream: GrpcStreamId, _message: &[u8]) -> Result<(), HostError> {
        Err(HostError::Refused(UNIMPLEMENTED))
    }

    /// Says that no more messages are sent on a gRPC stream. What the service sends still comes.
    ///
    /// # Errors
    /// As [`Host::grpc_send`].
    fn grpc_finish(&mut self, _stream: GrpcStreamId) -> Result<(), HostError> {
        Err(HostError::Refused(UNIMPLEMENTED))
    }

    /// Breaks a gRPC stream off. Nothing comes on it any more.
    ///
    /// # Errors
    /// As [`Host::grpc_send`].
    fn grpc_cancel(&mut self, _stream: GrpcStreamId) -> Result<(), HostError> {
        Err(HostError::Refused(UNIMPLEMENTED))
    }

    /// Has [`Filter::woken`](crate::Filter::woken) called after this time, to the millisecond. In a task,
    /// [`Handle::sleep`](crate::Handle::sleep) waits so. A stream that ends is not woken.
    ///
    /// # Errors
    /// [`HostError::Refused`] where the host has no timers, or 65,536 are under way.
    fn wake_after(&mut self, _time: Duration) -> Result<TimerId, HostError> {
        Err(HostError::Refused(UNIMPLEMENTED))
    }

    /// A value that all workers of a host process share, and survives the filter's reload. `None` where none is set.
    ///
    /// # Errors
    /// [`HostError::Refused`] where the host has no such store.
    fn shared_data(&mut self, _key: &str) -> Result<Option<SharedValue>, HostError> {
        Err(HostError::Refused(UNIMPLEMENTED))
    }

    /// Sets a shared value: only where it still has the version that was read, or whatever it is now for `None`.
    ///
    /// The host never forgets a key, so never make one of what a request says. All filters whose `vm_id` is the same
    /// share the keys: begin them with the filter's name.
    ///
    /// # Errors
    /// [`HostError::Conflict`] where another worker was faster; [`HostError::TooLarge`] for a key over
    /// [`MAX_SHARED_KEY_BYTES`] or a value over [`MAX_SHARED_VALUE_BYTES`].
    fn set_shared_data(&mut self, _key: &str, _value: &[u8], _version: Option<u32>) -> Result<(), HostError> {
        Err(HostError::Refused(UNIMPLEMENTED))
    }

    /// Makes or joins the queue of this name, so that this VM is told of what comes into it
    /// ([`Handle::receive`](crate::Handle::receive)).
    ///
    /// # Errors
    /// [`HostError::Refused`] where the host has no queues.
    fn register_queue(&mut self, _name: &str) -> Result<QueueId, HostError> {
        Err(HostError::Refused(UNIMPLEMENTED))
    }

    /// The queue of this name that a VM with this `vm_id` has registered.
    ///
    /// # Errors
    /// [`HostError::Refused`] where there is none.
    fn resolve_queue(&mut self, _vm_id: &str, _name: &str) -> Result<QueueId, HostError> {
        Err(HostError::Refused(UNIMPLEMENTED))
    }

    /// Puts an item into a queue: one of the VMs that registered it gets it.
    ///
    /// # Errors
    /// [`HostError::TooLarge`] for an item over [`MAX_SHARED_VALUE_BYTES`]; [`HostError::Refused`] where there is no such
    /// queue.
    fn enqueue(&mut self, _queue: QueueId, _item: &[u8]) -> Result<(), HostError> {
        Err(HostError::Refused(UNIMPLEMENTED))
    }

    /// Takes the next item out of a queue; `None` where it is empty.
    ///
    /// # Errors
    /// [`HostError::Refused`] where there is no such queue.
    fn dequeue(&mut self, _queue: QueueId) -> Result<Option<Vec<u8>>, HostError> {
        Err(HostError::Refused(UNIMPLEMENTED))
    }

    /// Calls a function that the host offers by name, with arguments as it wants them. Empty where it returns nothing.
    ///
    /// # Errors
    /// [`HostError::Refused`] where the host has no such function, or it fails.
    fn foreign(&mut self, _name: &str, _arguments: &[u8]) -> Result<Vec<u8>, HostError> {
        Err(HostError::Refused(UNIMPLEMENTED))
    }
}

// What is made of these calls. Not in the trait: each of its methods would be in every module.
impl dyn Host + '_ {
    /// Starts an HTTP callout whose headers are text: [`Host::send`] with borrowed parts.
    ///
    /// # Errors
    /// As [`Host::send`].
    pub fn call(&mut self, callout: &Callout<'_>) -> Result<CalloutId, HostError> {
        self.send(&HttpCall::from(callout))
    }

    /// Changes a shared value by a function of what it is now (empty where none is set), and loses nothing however many
    /// workers do so at once, where [`Setup::shared_data`](crate::Setup::shared_data) has it there at load. Returns what
    /// it became.
    ///
    /// # Errors
    /// As [`Host::set_shared_data`]; [`HostError::Conflict`] only after 64 attempts.
    pub fn update_shared_data(
        &mut self,
        key: &str,
        change: &mut dyn FnMut(&[u8]) -> Vec<u8>,
    ) -> Result<Vec<u8>, HostError> {
        for _ in 0..64 {
            let current = self.shared_data(key)?;
            let (bytes, version) =
                current.map_or((Vec::new(), None), |value| (value.bytes, Some(value.version)));
            let next = change(&bytes);
            match self.set_shared_data(key, &next, version) {
                Err(HostError::Conflict) => {}
                Ok(()) => return Ok(next),
                Err(error) => return Err(error),
            }
        }
        Err(HostError::Conflict)
    }

    /// Verifies a signature with the host's own library: RSA PKCS#1 v1.5 and ECDSA (in DER) by the kind of the key, a
    /// public key as DER SubjectPublicKeyInfo. Some twenty times faster than in the module.
    ///
    /// # Errors
    /// [`HostError::Refused`] where the host has no such function. `Ok(false)` is everything else that is no valid
    /// signature, a key that cannot be read among it.
    pub fn verify_signature(
        &mut self,
        hash: crate::SignatureHash,
        public_key: &[u8],
        signature: &[u8],
        text: &[u8],
    ) -> Result<bool, HostError> {
        let arguments = crate::foreign::verify_signature_arguments(hash, public_key, signature, text);
        self.foreign("verify_signature", &arguments).map(|answer| crate::foreign::is_verified(&answer))
    }

    /// Sets filter state under one of Envoy's own keys, such as `envoy.string` or `envoy.hashable_string` (from Envoy
    /// 1.38), for routes, hash policies and other filters. [`Host::set_filter_state`] has keys of the filter's own.
    ///
    /// # Errors
    /// [`HostError::Refused`] where the host knows no such key, or has it set already.
    pub fn set_envoy_filter_state(
        &mut self,
        key: &str,
        value: &[u8],
        life: crate::FilterStateLife,
    ) -> Result<(), HostError> {
        let arguments = crate::foreign::filter_state_arguments(key, value, life);
        self.foreign("set_envoy_filter_state", &arguments).map(drop)
    }

    /// The filter state that [`Host::set_filter_state`] recorded under this key, in this filter or in one before it.
    pub fn filter_state(&mut self, key: &str) -> Option<Vec<u8>> {
        self.property(&[key])
    }

    /// The text of a property; `None` where it has none or is not UTF-8.
    pub fn text(&mut self, property: Property) -> Option<String> {
        String::from_utf8(self.property(property.path())?).ok()
    }

    /// The number that a property is.
    pub fn number(&mut self, property: Property) -> Option<i64> {
        let bytes = self.property(property.path())?;
        Some(i64::from_le_bytes(bytes.try_into().ok()?))
    }

    /// Whether a property is true; `false` where there is none.
    pub fn flag(&mut self, property: Property) -> bool {
        self.property(property.path()).is_some_and(|bytes| bytes.first() == Some(&1))
    }

    /// The address that a property is.
    pub fn address(&mut self, property: Property) -> Option<SocketAddr> {
        crate::socket_address(&self.property(property.path())?)
    }
}

/// One change of a header map.
///
/// ```
/// use sdk_shim::HeaderWrite;
///
/// let write = HeaderWrite::Set("x-user", b"ann");
/// assert_ne!(write, HeaderWrite::Remove("x-user"));
/// ```
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
///
/// ```
/// use sdk_shim::{Host, HostError, MapKind};
///
/// fn hide(host: &mut dyn Host) -> Result<(), HostError> {
///     host.remove_header(MapKind::ResponseHeaders, "x-powered-by")
/// }
/// # assert!(hide(&mut sdk_shim_testing::TestHost::new()).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "they say what they are")]
pub enum MapKind {
    RequestHeaders,
    RequestTrailers,
    ResponseHeaders,
    ResponseTrailers,
}

/// The bodies of a stream.
///
/// ```
/// use sdk_shim::{BodyKind, Host, HostError};
///
/// fn blank(host: &mut dyn Host) -> Result<(), HostError> {
///     host.replace_body(BodyKind::Response, b"")
/// }
/// # assert!(blank(&mut sdk_shim_testing::TestHost::new()).is_err());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "they say what they are")]
pub enum BodyKind {
    Request,
    Response,
}

/// Why a host call came to nothing.
///
/// ```
/// use sdk_shim::{Host, HostError, MapKind};
/// use sdk_shim_testing::TestHost;
///
/// let split = TestHost::new().set_header(MapKind::RequestHeaders, "x", b"a\r\nb: c");
/// assert_eq!(split, Err(HostError::InvalidHeader));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostError {
    /// The name or value holds a CR, LF or NUL, or the name is empty: it would split the message.
    InvalidHeader,
    /// The host said no. The number is the proxy-wasm status (1 not found, 2 bad argument, 10 internal failure, 12
    /// not implemented).
    Refused(u32),
    /// A shared value is no longer what was read.
    Conflict,
    /// A key, value or item is longer than the SDK gives to the host.
    TooLarge,
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidHeader => f.write_str("the header's name is empty, or it holds a CR, LF or NUL"),
            Self::Conflict => f.write_str("the shared value was changed by another worker"),
            Self::TooLarge => f.write_str("the key, value or item is too long"),
            Self::Refused(status) => write!(f, "the host refused the call (status {status})"),
        }
    }
}

impl std::error::Error for HostError {}

/// The longest key of a shared value, in bytes.
pub const MAX_SHARED_KEY_BYTES: usize = 256;

/// The longest shared value, and the longest item of a queue, in bytes.
pub const MAX_SHARED_VALUE_BYTES: usize = 64 << 10;

/// proxy-wasm's status for what a host does not have.
const UNIMPLEMENTED: u32 = 12;

/// Envoy writes what it is given: a line break in a value would start a header of its own.
pub(crate) fn check_header(name: &str, value: &[u8]) -> Result<(), HostError> {
    let breaks = |bytes: &[u8]| memchr::memchr3(b'\r', b'\n', 0, bytes).is_some();
    if name.is_empty() || breaks(name.as_bytes()) || breaks(value) {
        return Err(HostError::InvalidHeader);
    }
    Ok(())
}
