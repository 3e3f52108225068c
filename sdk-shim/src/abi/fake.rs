//! A host for tests of this folder: the imports as functions that note that they were called, and answer with the status
//! and the value that the test has set for them.

use super::allocate;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ptr::null_mut;

thread_local! {
    static HOST: RefCell<FakeHost> = RefCell::default();
}

#[derive(Default)]
struct FakeHost {
    statuses: HashMap<&'static str, u32>,
    values: HashMap<&'static str, Vec<u8>>,
    calls: Vec<(&'static str, Vec<u8>)>,
    now: u64,
    next_token: u32,
    random: u64,
}

/// Has this call, or all for `""`, answer with a status.
pub(super) fn answer(call: &'static str, status: u32) {
    HOST.with_borrow_mut(|host| host.statuses.insert(call, status));
}

/// Has this call return these bytes.
pub(super) fn value(call: &'static str, bytes: &[u8]) {
    HOST.with_borrow_mut(|host| host.values.insert(call, bytes.to_vec()));
}

/// Sets the clock.
pub(super) fn set_now(nanoseconds: u64) {
    HOST.with_borrow_mut(|host| host.now = nanoseconds);
}

/// The calls of that name since the last look, with what was said to them.
pub(super) fn calls(name: &str) -> Vec<String> {
    HOST.with_borrow_mut(|host| {
        let calls = host.calls.iter().filter(|(call, _)| *call == name);
        let calls = calls.map(|(_, said)| said.escape_ascii().to_string()).collect();
        host.calls.retain(|(call, _)| *call != name);
        calls
    })
}

fn call(name: &'static str, said: &[u8]) -> u32 {
    HOST.with_borrow_mut(|host| {
        host.calls.push((name, said.to_vec()));
        let status = host.statuses.get(name).or_else(|| host.statuses.get(""));
        status.copied().unwrap_or(0)
    })
}

fn bytes<'a>(data: *const u8, size: usize) -> &'a [u8] {
    if size == 0 { b"" } else { unsafe { std::slice::from_raw_parts(data, size) } }
}

/// As Envoy does: an answer without bytes leaves the pointer null.
fn give(name: &'static str, said: &[u8], data: *mut *mut u8, size: *mut usize) -> u32 {
    let status = call(name, said);
    if status == 0 {
        let value = HOST.with_borrow(|host| host.values.get(name).cloned()).unwrap_or_default();
        let place = if value.is_empty() { null_mut() } else { allocate(value.len()) };
        unsafe {
            if !value.is_empty() {
                std::ptr::copy_nonoverlapping(value.as_ptr(), place, value.len());
            }
            data.write(place);
            size.write(value.len());
        }
    }
    status
}

fn number(name: &'static str, said: &[u8], place: *mut u32) -> u32 {
    let status = call(name, said);
    if status == 0 {
        let token = HOST.with_borrow_mut(|host| {
            host.next_token += 1;
            host.next_token
        });
        unsafe { place.write(token) };
    }
    status
}

macro_rules! imports {
    ($($name:ident($($argument:ident: $type:ty),*) $body:expr;)*) => {
        $(
            #[allow(clippy::too_many_arguments, reason = "the ABI's")]
            pub(super) unsafe fn $name($($argument: $type),*) -> u32 {
                $(let _ = &$argument;)*
                $body
            }
        )*
    };
}

type In = *const u8;
type Out = *mut *mut u8;
type Size = *mut usize;

imports! {
    proxy_log(_level: u32, text: In, size: usize) call("proxy_log", bytes(text, size));
    proxy_get_log_level(level: *mut u32) {
        unsafe { level.write(0) };
        call("proxy_get_log_level", b"")
    };
    proxy_get_current_time_nanoseconds(time: *mut u64) {
        let status = call("proxy_get_current_time_nanoseconds", b"");
        if status == 0 {
            unsafe { time.write(HOST.with_borrow(|host| host.now)) };
        }
        status
    };
    proxy_get_buffer_bytes(_buffer: u32, _start: usize, _max: usize, data: Out, size: Size)
        give("proxy_get_buffer_bytes", b"", data, size);
    proxy_set_buffer_bytes(_buffer: u32, _start: usize, _replaced: usize, data: In, size: usize)
        call("proxy_set_buffer_bytes", bytes(data, size));
    proxy_get_header_map_pairs(_map: u32, data: Out, size: Size) give("proxy_get_header_map_pairs", b"", data, size);
    proxy_get_header_map_value(_map: u32, name: In, name_size: usize, data: Out, size: Size)
        give("proxy_get_header_map_value", bytes(name, name_size), data, size);
    proxy_replace_header_map_value(_map: u32, name: In, name_size: usize, _value: In, _size: usize)
        call("proxy_replace_header_map_value", bytes(name, name_size));
    proxy_add_header_map_value(_map: u32, name: In, name_size: usize, _value: In, _size: usize)
        call("proxy_add_header_map_value", bytes(name, name_size));
    proxy_remove_header_map_value(_map: u32, name: In, name_size: usize)
        call("proxy_remove_header_map_value", bytes(name, name_size));
    proxy_get_property(path: In, path_size: usize, data: Out, size: Size)
        give("proxy_get_property", bytes(path, path_size), data, size);
    proxy_set_property(path: In, path_size: usize, _value: In, _size: usize)
        call("proxy_set_property", bytes(path, path_size));
    proxy_continue_stream(stream: u32) call("proxy_continue_stream", &[b'0' + stream as u8]);
    proxy_send_local_response(
        _status: u32, details: In, details_size: usize, _body: In, _body_size: usize, _headers: In,
        _headers_size: usize, _grpc: i32
    ) call("proxy_send_local_response", bytes(details, details_size));
    proxy_call_foreign_function(name: In, name_size: usize, _arguments: In, _arguments_size: usize, data: Out, size: Size)
        give("proxy_call_foreign_function", bytes(name, name_size), data, size);
    proxy_http_call(
        cluster: In, cluster_size: usize, _headers: In, _headers_size: usize, _body: In, _body_size: usize,
        _trailers: In, _trailers_size: usize, _timeout: u32, token: *mut u32
    ) number("proxy_http_call", bytes(cluster, cluster_size), token);
    proxy_grpc_call(
        service: In, service_size: usize, _name: In, _name_size: usize, _method: In, _method_size: usize,
        _metadata: In, _metadata_size: usize, _message: In, _message_size: usize, _timeout: u32, token: *mut u32
    ) number("proxy_grpc_call", bytes(service, service_size), token);
    proxy_grpc_stream(
        service: In, service_size: usize, _name: In, _name_size: usize, _method: In, _method_size: usize,
        _metadata: In, _metadata_size: usize, token: *mut u32
    ) number("proxy_grpc_stream", bytes(service, service_size), token);
    proxy_grpc_send(_token: u32, message: In, size: usize, _end: u32) call("proxy_grpc_send", bytes(message, size));
    proxy_grpc_close(token: u32) call("proxy_grpc_close", token.to_string().as_bytes());
    proxy_grpc_cancel(token: u32) call("proxy_grpc_cancel", token.to_string().as_bytes());
    proxy_get_status(_code: *mut u32, data: Out, size: Size) give("proxy_get_status", b"", data, size);
    proxy_set_tick_period_milliseconds(period: u32)
        call("proxy_set_tick_period_milliseconds", period.to_string().as_bytes());
    proxy_set_effective_context(id: u32) call("proxy_set_effective_context", id.to_string().as_bytes());
    proxy_get_shared_data(key: In, key_size: usize, data: Out, size: Size, version: *mut u32) {
        let status = give("proxy_get_shared_data", bytes(key, key_size), data, size);
        unsafe { version.write(7) };
        status
    };
    proxy_set_shared_data(key: In, key_size: usize, _value: In, _size: usize, _version: u32)
        call("proxy_set_shared_data", bytes(key, key_size));
    proxy_register_shared_queue(name: In, name_size: usize, id: *mut u32)
        number("proxy_register_shared_queue", bytes(name, name_size), id);
    proxy_resolve_shared_queue(_vm: In, _vm_size: usize, name: In, name_size: usize, id: *mut u32)
        number("proxy_resolve_shared_queue", bytes(name, name_size), id);
    proxy_enqueue_shared_queue(_id: u32, item: In, size: usize) call("proxy_enqueue_shared_queue", bytes(item, size));
    proxy_dequeue_shared_queue(_id: u32, data: Out, size: Size) give("proxy_dequeue_shared_queue", b"", data, size);
    proxy_define_metric(_kind: u32, name: In, name_size: usize, id: *mut u32)
        number("proxy_define_metric", bytes(name, name_size), id);
    proxy_record_metric(id: u32, _value: u64) call("proxy_record_metric", id.to_string().as_bytes());
    proxy_increment_metric(id: u32, by: i64) call("proxy_increment_metric", format!("{id} {by}").as_bytes());
    random_get(buffer: *mut u8, size: usize) {
        let bytes = if size == 0 { &mut [] } else { unsafe { std::slice::from_raw_parts_mut(buffer, size) } };
        HOST.with_borrow_mut(|host| {
            for byte in bytes {
                host.random = host.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                *byte = (host.random >> 56) as u8;
            }
        });
        call("random_get", size.to_string().as_bytes())
    };
}
