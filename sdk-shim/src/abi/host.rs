//! What filters can ask of Envoy, as host calls. Every status that a host can return has its result here.

use super::beat::Metrics;
use super::core::{Call, Core, GrpcStream};
use super::imports::*;
use crate::host::{HeaderWrite, check_header};
use crate::stream::Transport;
use crate::{
    BodyKind, CalloutId, Counter, Gauge, GrpcCall, GrpcStreamCall, GrpcStreamId, Headers, Histogram, Host,
    HostError, HttpCall, Level, MAX_SHARED_KEY_BYTES, MAX_SHARED_VALUE_BYTES, MapKind, QueueId, Reply,
    SharedValue, TimerId,
};
use std::cell::Cell;
use std::fmt;
use std::ptr::null_mut;
use std::rc::Rc;
use std::task::Waker;
use std::time::Duration;

/// The host, for one call of the filter.
pub(super) struct EnvoyHost<'a> {
    pub(super) name: &'static str,
    pub(super) context_id: u32,
    pub(super) metrics: &'a Rc<Metrics>,
    pub(super) core: &'a Core,
    /// The context's callouts and timers under way.
    pub(super) under_way: &'a Cell<usize>,
}

impl Host for EnvoyHost<'_> {
    fn headers(&mut self, map: MapKind) -> Headers {
        header_map(map_number(map))
    }

    fn header(&mut self, map: MapKind, name: &str) -> Option<Vec<u8>> {
        returned(|data, size| unsafe {
            proxy_get_header_map_value(map_number(map), name.as_ptr(), name.len(), data, size)
        })
    }

    fn write_header(&mut self, map: MapKind, write: HeaderWrite<'_>) -> Result<(), HostError> {
        let map = map_number(map);
        status(unsafe {
            match write {
                HeaderWrite::Set(name, value) => proxy_replace_header_map_value(
                    map,
                    name.as_ptr(),
                    name.len(),
                    value.as_ptr(),
                    value.len(),
                ),
                HeaderWrite::Add(name, value) => {
                    proxy_add_header_map_value(map, name.as_ptr(), name.len(), value.as_ptr(), value.len())
                }
                HeaderWrite::Remove(name) => proxy_remove_header_map_value(map, name.as_ptr(), name.len()),
            }
        })
    }

    fn replace_body(&mut self, body: BodyKind, bytes: &[u8]) -> Result<(), HostError> {
        status(unsafe {
            proxy_set_buffer_bytes(body_number(body), 0, usize::MAX, bytes.as_ptr(), bytes.len())
        })
    }

    fn property(&mut self, path: &[&str]) -> Option<Vec<u8>> {
        let path = path.join("\0");
        returned(|data, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), data, size) })
    }

    fn set_filter_state(&mut self, key: &str, value: &[u8]) -> Result<(), HostError> {
        status(unsafe { proxy_set_property(key.as_ptr(), key.len(), value.as_ptr(), value.len()) })
    }

    fn clear_route_cache(&mut self) {
        // A host without it has no route cache either.
        let _ = self.foreign("clear_route_cache", b"");
    }

    fn now(&mut self) -> Duration {
        now()
    }

    fn coarse_now(&mut self) -> Duration {
        self.core.coarse_now()
    }

    fn random(&mut self, buffer: &mut [u8]) -> Result<(), HostError> {
        self.core.random.fill(buffer)
    }

    fn increment(&mut self, counter: Counter, by: u32) {
        self.core.count(self.metrics, counter, by);
    }

    fn set_gauge(&mut self, gauge: Gauge, value: u64) {
        self.record_metric(gauge.index(), value);
    }

    fn record(&mut self, histogram: Histogram, value: u64) {
        self.record_metric(histogram.index(), value);
    }

    fn logs(&mut self, level: Level) -> bool {
        level as u32 >= self.core.log_level()
    }

    fn write_log(&mut self, level: Level, message: fmt::Arguments<'_>) {
        write_log(level, &format!("{}[{}]: {message}", self.name, self.context_id));
    }

    fn send(&mut self, call: &HttpCall) -> Result<CalloutId, HostError> {
        let (headers, trailers) = (checked(&call.headers)?, checked(&call.trailers)?);
        let mut token = 0;
        status(unsafe {
            proxy_http_call(
                call.cluster.as_ptr(),
                call.cluster.len(),
                headers.as_ptr(),
                headers.len(),
                call.body.as_ptr(),
                call.body.len(),
                trailers.as_ptr(),
                trailers.len(),
                milliseconds(call.timeout),
                &mut token,
            )
        })?;
        Ok(self.started(Call::Http(token)))
    }

    fn send_grpc(&mut self, call: &GrpcCall) -> Result<CalloutId, HostError> {
        let metadata = checked(&call.metadata)?;
        let mut token = 0;
        to_cluster(&call.cluster, |cluster| unsafe {
            proxy_grpc_call(
                cluster.as_ptr(),
                cluster.len(),
                call.service.as_ptr(),
                call.service.len(),
                call.method.as_ptr(),
                call.method.len(),
                metadata.as_ptr(),
                metadata.len(),
                call.message.as_ptr(),
                call.message.len(),
                milliseconds(call.timeout),
                &mut token,
            )
        })?;
        Ok(self.started(Call::Grpc(token)))
    }

    fn open_grpc(&mut self, call: &GrpcStreamCall) -> Result<GrpcStreamId, HostError> {
        let metadata = checked(&call.metadata)?;
        let mut token = 0;
        to_cluster(&call.cluster, |cluster| unsafe {
            proxy_grpc_stream(
                cluster.as_ptr(),
                cluster.len(),
                call.service.as_ptr(),
                call.service.len(),
                call.method.as_ptr(),
                call.method.len(),
                metadata.as_ptr(),
                metadata.len(),
                &mut token,
            )
        })?;
        self.under_way.set(self.under_way.get() + 1);
        self.core.opened(token, self.context_id);
        Ok(GrpcStreamId(token))
    }

    fn grpc_send(&mut self, stream: GrpcStreamId, message: &[u8]) -> Result<(), HostError> {
        self.open_stream(stream).filter(|stream| !stream.finished).ok_or(HostError::Refused(NOT_FOUND))?;
        status(unsafe { proxy_grpc_send(stream.0, message.as_ptr(), message.len(), 0) })
    }

    fn grpc_finish(&mut self, stream: GrpcStreamId) -> Result<(), HostError> {
        self.open_stream(stream).filter(|stream| !stream.finished).ok_or(HostError::Refused(NOT_FOUND))?;
        // Of the two ways to say so, Envoy forgets a stream only after this one.
        status(unsafe { proxy_grpc_close(stream.0) })?;
        self.core.finished(stream.0);
        Ok(())
    }

    fn grpc_cancel(&mut self, stream: GrpcStreamId) -> Result<(), HostError> {
        self.open_stream(stream).ok_or(HostError::Refused(NOT_FOUND))?;
        self.core.closed(stream.0);
        self.under_way.set(self.under_way.get().saturating_sub(1));
        status(grpc_cancel(stream.0))
    }

    fn wake_after(&mut self, time: Duration) -> Result<TimerId, HostError> {
        let timer = self.core.start_timer(time, self.context_id)?;
        self.under_way.set(self.under_way.get() + 1);
        Ok(timer)
    }

    fn shared_data(&mut self, key: &str) -> Result<Option<SharedValue>, HostError> {
        let mut version = 0;
        let value = found(|data, size| unsafe {
            proxy_get_shared_data(key.as_ptr(), key.len(), data, size, &mut version)
        })?;
        Ok(value.map(|bytes| SharedValue { bytes, version }))
    }

    fn set_shared_data(&mut self, key: &str, value: &[u8], version: Option<u32>) -> Result<(), HostError> {
        if key.len() > MAX_SHARED_KEY_BYTES || value.len() > MAX_SHARED_VALUE_BYTES {
            return Err(HostError::TooLarge);
        }
        let version = version.unwrap_or(0);
        let set =
            unsafe { proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), version) };
        if set == CAS_MISMATCH { Err(HostError::Conflict) } else { status(set) }
    }

    fn register_queue(&mut self, name: &str) -> Result<QueueId, HostError> {
        let mut queue = 0;
        status(unsafe { proxy_register_shared_queue(name.as_ptr(), name.len(), &mut queue) })?;
        Ok(QueueId(queue))
    }

    fn resolve_queue(&mut self, vm_id: &str, name: &str) -> Result<QueueId, HostError> {
        let mut queue = 0;
        status(unsafe {
            proxy_resolve_shared_queue(vm_id.as_ptr(), vm_id.len(), name.as_ptr(), name.len(), &mut queue)
        })?;
        Ok(QueueId(queue))
    }

    fn enqueue(&mut self, queue: QueueId, item: &[u8]) -> Result<(), HostError> {
        if item.len() > MAX_SHARED_VALUE_BYTES {
            return Err(HostError::TooLarge);
        }
        status(unsafe { proxy_enqueue_shared_queue(queue.0, item.as_ptr(), item.len()) })
    }

    fn dequeue(&mut self, queue: QueueId) -> Result<Option<Vec<u8>>, HostError> {
        found(|data, size| unsafe { proxy_dequeue_shared_queue(queue.0, data, size) })
    }

    fn foreign(&mut self, name: &str, arguments: &[u8]) -> Result<Vec<u8>, HostError> {
        let (mut data, mut size) = (null_mut(), 0);
        status(unsafe {
            proxy_call_foreign_function(
                name.as_ptr(),
                name.len(),
                arguments.as_ptr(),
                arguments.len(),
                &mut data,
                &mut size,
            )
        })?;
        Ok(taken(data, size))
    }
}

impl EnvoyHost<'_> {
    fn started(&mut self, call: Call) -> CalloutId {
        self.under_way.set(self.under_way.get() + 1);
        self.core.started(call, self.context_id)
    }

    /// A gRPC stream of this context.
    fn open_stream(&self, stream: GrpcStreamId) -> Option<GrpcStream> {
        self.core.stream(stream.0).filter(|stream| stream.context == self.context_id)
    }

    fn record_metric(&mut self, index: usize, value: u64) {
        if let Some(id) = self.metrics.id(index) {
            unsafe { proxy_record_metric(id, value) };
        }
    }
}

impl Transport for EnvoyHost<'_> {
    fn body(&mut self, body: BodyKind, start: usize, max: usize) -> Vec<u8> {
        buffer(body_number(body), start, max)
    }

    fn send_reply(&mut self, reply: &Reply) {
        send_reply(reply);
    }

    fn callouts_under_way(&self) -> usize {
        self.under_way.get()
    }

    fn waker(&self) -> Waker {
        self.core.waker(self.context_id)
    }

    fn resume(&mut self, direction: BodyKind) {
        // The numbers of the bodies are those of the streams.
        unsafe { proxy_continue_stream(body_number(direction)) };
    }

    fn as_host(&mut self) -> &mut dyn Host {
        self
    }
}

pub(super) fn send_reply(reply: &Reply) {
    let headers = reply.headers.iter().filter(|(name, value)| check_header(name, value).is_ok());
    let headers = serialize(headers.map(|(name, value)| (name.as_bytes(), value.as_slice())));
    let status = if (200..600).contains(&reply.status) { reply.status } else { 500 };
    // Envoy writes the details into access logs as they are, a column of its own.
    let details = reply.details.replace(|byte: char| byte.is_whitespace() || byte.is_control(), "_");
    unsafe {
        proxy_send_local_response(
            status.into(),
            details.as_ptr(),
            details.len(),
            reply.body.as_ptr(),
            reply.body.len(),
            headers.as_ptr(),
            headers.len(),
            reply.grpc_status.and_then(|status| i32::try_from(status).ok()).unwrap_or(-1),
        )
    };
}

pub(super) fn write_log(level: Level, message: &str) {
    unsafe { proxy_log(level as u32, message.as_ptr(), message.len()) };
}

pub(super) fn header_map(map: u32) -> Headers {
    returned(|data, size| unsafe { proxy_get_header_map_pairs(map, data, size) })
        .and_then(Headers::from_serialized)
        .unwrap_or_default()
}

pub(super) fn buffer(number: u32, start: usize, max: usize) -> Vec<u8> {
    returned(|data, size| unsafe { proxy_get_buffer_bytes(number, start, max, data, size) })
        .unwrap_or_default()
}

/// The header map's serialised form (see [`Headers::from_serialized`]).
fn serialize<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])> + Clone) -> Vec<u8> {
    // A reply's headers are the filter's own: far from 4 GiB.
    let number = |length: usize| (length as u32).to_le_bytes();
    let mut map = number(pairs.clone().count()).to_vec();
    for (name, value) in pairs.clone() {
        map.extend(number(name.len()));
        map.extend(number(value.len()));
    }
    for (name, value) in pairs {
        for part in [name, value] {
            map.extend_from_slice(part);
            map.push(0);
        }
    }
    map
}

/// The bytes that a host call returns. `None` where the call failed.
fn returned(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Option<Vec<u8>> {
    let (mut data, mut size) = (null_mut(), 0);
    (call(&mut data, &mut size) == OK).then(|| taken(data, size))
}

/// The bytes that a host call returns where it tells what is not there from what fails.
fn found(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Option<Vec<u8>>, HostError> {
    let (mut data, mut size) = (null_mut(), 0);
    match call(&mut data, &mut size) {
        OK => Ok(Some(taken(data, size))),
        NOT_FOUND | EMPTY => Ok(None),
        other => Err(HostError::Refused(other)),
    }
}

/// What a host call has left at this place: it has the module allocate it with [`allocate`](super::allocate), and hands
/// it over. For no bytes, such as those of an empty header, the host allocates nothing and leaves the pointer null.
fn taken(data: *mut u8, size: usize) -> Vec<u8> {
    if data.is_null() {
        return Vec::new();
    }
    // Sound: a pointer that is not null comes from that allocation, of this size, and is nobody else's.
    unsafe { Vec::from_raw_parts(data, size, size) }
}

/// The serialised form of a callout's headers.
fn checked(headers: &[(String, Vec<u8>)]) -> Result<Vec<u8>, HostError> {
    headers.iter().try_for_each(|(name, value)| check_header(name, value))?;
    Ok(serialize(headers.iter().map(|(name, value)| (name.as_bytes(), value.as_slice()))))
}

/// A timeout. None of zero, which is for ever.
fn milliseconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX).max(1)
}

pub(super) fn now() -> Duration {
    let mut nanoseconds = 0;
    unsafe { proxy_get_current_time_nanoseconds(&mut nanoseconds) };
    Duration::from_nanos(nanoseconds)
}

pub(super) fn log_level() -> u32 {
    let mut lowest = 0;
    unsafe { proxy_get_log_level(&mut lowest) };
    lowest
}

pub(super) fn set_tick_period(milliseconds: u32) -> bool {
    unsafe { proxy_set_tick_period_milliseconds(milliseconds) == OK }
}

pub(super) fn set_effective_context(id: u32) -> bool {
    unsafe { proxy_set_effective_context(id) == OK }
}

/// The number of a metric. One that the host refuses gets a number that no metric has: counting it does nothing.
pub(super) fn define_metric(kind: u32, name: &str) -> u32 {
    let mut id = u32::MAX;
    unsafe { proxy_define_metric(kind, name.as_ptr(), name.len(), &mut id) };
    id
}

pub(super) fn increment_metric(id: u32, by: u64) {
    let by = i64::try_from(by).unwrap_or(i64::MAX);
    unsafe { proxy_increment_metric(id, by) };
}

pub(super) fn random(buffer: &mut [u8]) -> Result<(), HostError> {
    status(unsafe { random_get(buffer.as_mut_ptr(), buffer.len()) })
}

/// Breaks a gRPC stream off.
pub(super) fn grpc_cancel(token: u32) -> u32 {
    unsafe { proxy_grpc_cancel(token) }
}

/// Has the host forget a gRPC stream that the service has closed: Envoy keeps it until both sides are.
pub(super) fn grpc_forget(token: u32) {
    unsafe { proxy_grpc_close(token) };
}

/// What is said of the gRPC call that was just closed.
pub(super) fn status_message() -> Vec<u8> {
    let mut code = 0;
    returned(|data, size| unsafe { proxy_get_status(&mut code, data, size) }).unwrap_or_default()
}

/// Names a cluster as Envoy wants it, and by its bare name to a host that cannot read that: the ABI (0.2.1, "proxy_grpc_call") has
/// names. Envoy is never asked twice: it answers so only to what does not parse.
fn to_cluster(cluster: &str, mut call: impl FnMut(&[u8]) -> u32) -> Result<(), HostError> {
    match call(&crate::foreign::grpc_service(cluster)) {
        PARSE_FAILURE => status(call(cluster.as_bytes())),
        found => status(found),
    }
}

fn status(status: u32) -> Result<(), HostError> {
    if status == OK { Ok(()) } else { Err(HostError::Refused(status)) }
}

fn map_number(map: MapKind) -> u32 {
    match map {
        MapKind::RequestHeaders => 0,
        MapKind::RequestTrailers => 1,
        MapKind::ResponseHeaders => 2,
        MapKind::ResponseTrailers => 3,
    }
}

fn body_number(body: BodyKind) -> u32 {
    match body {
        BodyKind::Request => 0,
        BodyKind::Response => 1,
    }
}

const OK: u32 = 0;
const NOT_FOUND: u32 = 1;
const PARSE_FAILURE: u32 = 4;
const EMPTY: u32 = 7;
const CAS_MISMATCH: u32 = 8;
pub(super) const INTERNAL_FAILURE: u32 = 10;

pub(super) const GRPC_INITIAL_METADATA: u32 = 4;
pub(super) const GRPC_TRAILING_METADATA: u32 = 5;
pub(super) const HTTP_CALL_RESPONSE_BODY: u32 = 4;
pub(super) const GRPC_RECEIVE_BUFFER: u32 = 5;
pub(super) const PLUGIN_CONFIGURATION: u32 = 7;
pub(super) const HTTP_CALL_RESPONSE_HEADERS: u32 = 6;
pub(super) const HTTP_CALL_RESPONSE_TRAILERS: u32 = 7;
