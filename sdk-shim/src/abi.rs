//! The one file that talks to the host: proxy-wasm's dispatcher calls in, the imports call out.
//!
//! The imports are declared here and not taken from the proxy-wasm crate, because its wrappers panic on statuses that
//! they do not expect, and on header values that are not UTF-8. The names and numbers are those of the proxy-wasm ABI
//! 0.2.1.

#![allow(unsafe_code, reason = "host calls are foreign functions")]

pub use proxy_wasm;

use crate::host::{HeaderWrite, check_header};
use crate::stream::{Action, Stream, Transport};
use crate::{
    BodyKind, Callout, CalloutId, CalloutResponse, Counter, Filter, Gauge, Headers, Histogram, Host,
    HostError, Level, Loaded, MapKind, MetricKind, Reply, load,
};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action as HostAction, ContextType};
use std::fmt;
use std::ptr::null_mut;
use std::rc::Rc;
use std::time::Duration;

/// Registers the filter with the dispatcher: what [`export_filter!`](crate::export_filter) has the module do first.
pub fn start<F: Filter>() {
    proxy_wasm::set_root_context(|_| Box::new(Root::<F>(None)));
}

/// A loaded filter with the host's numbers for its metrics.
struct Running<F> {
    filter: F,
    metrics: Box<[u32]>,
}

/// One configuration of the filter.
struct Root<F>(Option<Rc<Running<F>>>);

impl<F: Filter> Context for Root<F> {}

impl<F: Filter> RootContext for Root<F> {
    fn on_configure(&mut self, _: usize) -> bool {
        let config = buffer(PLUGIN_CONFIGURATION, 0, usize::MAX);
        let loaded = load::<F>(&config, &|name| std::env::var(name).ok());
        self.0 = loaded.map(|loaded| Rc::new(run(loaded))).map_err(|errors| refuse(F::NAME, &errors)).ok();
        self.0.is_some()
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http { running: self.0.clone(), stream: Stream::default(), context_id, callouts: 0 }))
    }
}

fn run<F: Filter>(loaded: Loaded<F>) -> Running<F> {
    for warning in &loaded.warnings {
        write_log(Level::Warn, &format!("{}: {warning}", F::NAME));
    }
    for notice in &loaded.notices {
        write_log(Level::Info, &format!("{}: {notice}", F::NAME));
    }
    let metrics = loaded.metrics.iter().map(|metric| {
        let mut id = u32::MAX;
        // A metric that the host refuses keeps a number that no metric has: counting it does nothing.
        unsafe {
            proxy_define_metric(
                match metric.kind {
                    MetricKind::Counter => 0,
                    MetricKind::Gauge => 1,
                    MetricKind::Histogram => 2,
                },
                metric.name.as_ptr(),
                metric.name.len(),
                &mut id,
            )
        };
        id
    });
    Running { metrics: metrics.collect(), filter: loaded.filter }
}

fn refuse(name: &str, errors: &crate::ConfigErrors) {
    let text = errors.to_string();
    write_log(Level::Error, &format!("{name}: configuration refused:\n  {}", text.replace('\n', "\n  ")));
}

/// One stream, as the dispatcher knows it.
struct Http<F: Filter> {
    /// Absent where the configuration was refused. Envoy sends such a VM no streams; should a host do so, they are
    /// refused.
    running: Option<Rc<Running<F>>>,
    stream: Stream<F>,
    context_id: u32,
    callouts: usize,
}

impl<F: Filter> Http<F> {
    fn drive<T>(&mut self, step: impl FnOnce(&mut Stream<F>, &F, &mut dyn Transport) -> T) -> Option<T> {
        let Some(running) = &self.running else {
            send_reply(&Reply::new(500, "sdk_not_configured"));
            return None;
        };
        let mut host = Envoy {
            name: F::NAME,
            context_id: self.context_id,
            metrics: &running.metrics,
            callouts: &mut self.callouts,
        };
        Some(step(&mut self.stream, &running.filter, &mut host))
    }

    fn phase(&mut self, step: impl FnOnce(&mut Stream<F>, &F, &mut dyn Transport) -> Action) -> HostAction {
        match self.drive(step) {
            Some(Action::Continue) => HostAction::Continue,
            Some(Action::Pause) | None => HostAction::Pause,
        }
    }
}

impl<F: Filter> Context for Http<F> {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _: usize) {
        self.callouts = self.callouts.saturating_sub(1);
        // Without headers the host gave up on the answer, and has no maps to read.
        let response = if headers == 0 {
            CalloutResponse::default()
        } else {
            CalloutResponse {
                headers: header_map(HTTP_CALL_RESPONSE_HEADERS),
                body: buffer(HTTP_CALL_RESPONSE_BODY, 0, body),
            }
        };
        self.drive(|stream, filter, host| stream.callout_response(filter, CalloutId(token), response, host));
    }
}

impl<F: Filter> HttpContext for Http<F> {
    fn on_http_request_headers(&mut self, _: usize, end: bool) -> HostAction {
        self.phase(|stream, filter, host| stream.headers(filter, BodyKind::Request, end, host))
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> HostAction {
        self.phase(|stream, filter, host| stream.body(filter, BodyKind::Request, size, end, host))
    }

    fn on_http_request_trailers(&mut self, _: usize) -> HostAction {
        self.phase(|stream, filter, host| stream.trailers(filter, BodyKind::Request, host))
    }

    fn on_http_response_headers(&mut self, _: usize, end: bool) -> HostAction {
        self.phase(|stream, filter, host| stream.headers(filter, BodyKind::Response, end, host))
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> HostAction {
        self.phase(|stream, filter, host| stream.body(filter, BodyKind::Response, size, end, host))
    }

    fn on_http_response_trailers(&mut self, _: usize) -> HostAction {
        self.phase(|stream, filter, host| stream.trailers(filter, BodyKind::Response, host))
    }

    fn on_log(&mut self) {
        if self.running.is_some() {
            self.drive(|stream, filter, host| stream.done(filter, host));
        }
    }
}

/// The host, for one call of the filter.
struct Envoy<'a> {
    name: &'static str,
    context_id: u32,
    metrics: &'a [u32],
    callouts: &'a mut usize,
}

impl Host for Envoy<'_> {
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
        const NAME: &str = "clear_route_cache";
        returned(|data, size| unsafe {
            proxy_call_foreign_function(NAME.as_ptr(), NAME.len(), null_mut(), 0, data, size)
        });
    }

    fn now(&mut self) -> Duration {
        let mut nanoseconds = 0;
        unsafe { proxy_get_current_time_nanoseconds(&mut nanoseconds) };
        Duration::from_nanos(nanoseconds)
    }

    fn random(&mut self, buffer: &mut [u8]) -> Result<(), HostError> {
        status(unsafe { random_get(buffer.as_mut_ptr(), buffer.len()) })
    }

    fn increment(&mut self, counter: Counter, by: u32) {
        if let Some(id) = self.metrics.get(counter.index()) {
            unsafe { proxy_increment_metric(*id, by.into()) };
        }
    }

    fn set_gauge(&mut self, gauge: Gauge, value: u64) {
        self.record_metric(gauge.index(), value);
    }

    fn record(&mut self, histogram: Histogram, value: u64) {
        self.record_metric(histogram.index(), value);
    }

    fn logs(&mut self, level: Level) -> bool {
        let mut lowest = 0;
        unsafe { proxy_get_log_level(&mut lowest) };
        level as u32 >= lowest
    }

    fn write_log(&mut self, level: Level, message: fmt::Arguments<'_>) {
        write_log(level, &format!("{}[{}]: {message}", self.name, self.context_id));
    }

    fn call(&mut self, callout: &Callout<'_>) -> Result<CalloutId, HostError> {
        // The dispatcher knows only the callouts that its own wrapper starts.
        let token = proxy_wasm::hostcalls::dispatch_http_call(
            callout.cluster,
            callout.headers.to_vec(),
            (!callout.body.is_empty()).then_some(callout.body),
            Vec::new(),
            callout.timeout.max(Duration::from_millis(1)),
        );
        let token = token.map_err(|status| HostError::Refused(status as u32))?;
        *self.callouts += 1;
        Ok(CalloutId(token))
    }
}

impl Envoy<'_> {
    fn record_metric(&mut self, index: usize, value: u64) {
        if let Some(id) = self.metrics.get(index) {
            unsafe { proxy_record_metric(*id, value) };
        }
    }
}

impl Transport for Envoy<'_> {
    fn body(&mut self, body: BodyKind, start: usize, max: usize) -> Vec<u8> {
        buffer(body_number(body), start, max)
    }

    fn send_reply(&mut self, reply: &Reply) {
        send_reply(reply);
    }

    fn callouts_under_way(&self) -> usize {
        *self.callouts
    }

    fn resume(&mut self, direction: BodyKind) {
        // The numbers of the bodies are those of the streams.
        unsafe { proxy_continue_stream(body_number(direction)) };
    }

    fn as_host(&mut self) -> &mut dyn Host {
        self
    }
}

fn send_reply(reply: &Reply) {
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

fn write_log(level: Level, message: &str) {
    unsafe { proxy_log(level as u32, message.as_ptr(), message.len()) };
}

fn header_map(map: u32) -> Headers {
    returned(|data, size| unsafe { proxy_get_header_map_pairs(map, data, size) })
        .and_then(Headers::from_serialized)
        .unwrap_or_default()
}

fn buffer(number: u32, start: usize, max: usize) -> Vec<u8> {
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

/// The bytes that a host call returns: it has the module allocate them with `proxy_on_memory_allocate`, which is a
/// `Vec` of that capacity, and hands them over. `None` where the call failed. For no bytes, such as those of an empty
/// header, the host allocates nothing and leaves the pointer null.
fn returned(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Option<Vec<u8>> {
    let (mut data, mut size) = (null_mut(), 0);
    if call(&mut data, &mut size) != OK {
        return None;
    }
    if data.is_null() {
        return Some(Vec::new());
    }
    // Sound: a pointer that is not null comes from the allocation above, of this size, and is nobody else's.
    Some(unsafe { Vec::from_raw_parts(data, size, size) })
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
const HTTP_CALL_RESPONSE_BODY: u32 = 4;
const PLUGIN_CONFIGURATION: u32 = 7;
const HTTP_CALL_RESPONSE_HEADERS: u32 = 6;

unsafe extern "C" {
    fn proxy_log(level: u32, message: *const u8, message_size: usize) -> u32;
    fn proxy_get_log_level(level: *mut u32) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_set_buffer_bytes(
        buffer: u32,
        start: usize,
        replaced: usize,
        data: *const u8,
        size: usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_add_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_get_property(path: *const u8, path_size: usize, data: *mut *mut u8, size: *mut usize) -> u32;
    fn proxy_set_property(path: *const u8, path_size: usize, value: *const u8, value_size: usize) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        arguments: *const u8,
        arguments_size: usize,
        data: *mut *mut u8,
        size: *mut usize,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
    fn proxy_increment_metric(id: u32, by: i64) -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn random_get(buffer: *mut u8, size: usize) -> u32;
}
