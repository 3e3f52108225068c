//! The functions that a module provides. They are written out in the module's own crate, for its filter, so that a
//! crate that merely depends on the SDK exports nothing.

use std::alloc::{Layout, alloc};
use std::ptr::{NonNull, null_mut};

/// `_initialize`: runs the constructors of the C library, which has the environment variables.
pub fn initialize() {
    #[cfg(target_os = "wasi")]
    {
        unsafe extern "C" {
            fn __wasm_call_ctors();
        }
        unsafe { __wasm_call_ctors() };
    }
}

/// `proxy_on_memory_allocate`: memory for what a host call returns; null where there is none left, which the host
/// answers with a status.
pub fn allocate(size: usize) -> *mut u8 {
    match Layout::array::<u8>(size) {
        Ok(layout) if size > 0 => unsafe { alloc(layout) },
        Ok(_) => NonNull::dangling().as_ptr(),
        Err(_) => null_mut(),
    }
}

/// Exports a filter: what [`export_filter!`](crate::export_filter) writes on WebAssembly.
///
/// The host does not call what is not there, and each call costs. So there is no `proxy_on_done`, which only asks whether
/// to wait before a stream is deleted, and a filter for headers has what it needs for them.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_module {
    ($filter:ty, headers_only) => {
        const _: () = assert!(
            <$filter as $crate::Filter>::HEADERS_ONLY,
            "`headers_only` needs `const HEADERS_ONLY: bool = true` in the filter"
        );
        $crate::__export_module!(@headers $filter);
    };
    ($filter:ty, until_response) => {
        const _: () = assert!(
            <$filter as $crate::Filter>::UNTIL_RESPONSE,
            "`until_response` needs `const UNTIL_RESPONSE: bool = true` in the filter"
        );
        $crate::__export_module!(@headers $filter);
        $crate::__export_module!(@requests $filter);
    };
    ($filter:ty) => {
        const _: () = assert!(
            !<$filter as $crate::Filter>::HEADERS_ONLY && !<$filter as $crate::Filter>::UNTIL_RESPONSE,
            "a filter with `HEADERS_ONLY` is exported with `headers_only`, one with `UNTIL_RESPONSE` with `until_response`"
        );
        $crate::__export_module!(@headers $filter);
        $crate::__export_module!(@requests $filter);

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_response_body(id: u32, size: usize, end: u32) -> u32 {
            VM.with(|vm| vm.body(id, $crate::BodyKind::Response, size, end != 0))
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_response_trailers(id: u32, _: usize) -> u32 {
            VM.with(|vm| vm.trailers(id, $crate::BodyKind::Response))
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_log(id: u32) {
            VM.with(|vm| vm.log(id));
        }
    };
    (@requests $filter:ty) => {
        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_queue_ready(id: u32, queue: u32) {
            VM.with(|vm| vm.queue_ready(id, queue));
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_request_body(id: u32, size: usize, end: u32) -> u32 {
            VM.with(|vm| vm.body(id, $crate::BodyKind::Request, size, end != 0))
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_request_trailers(id: u32, _: usize) -> u32 {
            VM.with(|vm| vm.trailers(id, $crate::BodyKind::Request))
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_http_call_response(
            id: u32,
            token: u32,
            headers: usize,
            body: usize,
            trailers: usize,
        ) {
            VM.with(|vm| vm.http_call_response(id, token, headers, body, trailers));
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_grpc_receive_initial_metadata(id: u32, token: u32, _: usize) {
            VM.with(|vm| vm.grpc_metadata(id, token, false));
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_grpc_receive_trailing_metadata(id: u32, token: u32, _: usize) {
            VM.with(|vm| vm.grpc_metadata(id, token, true));
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_grpc_receive(id: u32, token: u32, size: usize) {
            VM.with(|vm| vm.grpc_receive(id, token, size));
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_grpc_close(id: u32, token: u32, code: u32) {
            VM.with(|vm| vm.grpc_close(id, token, code));
        }
    };
    (@headers $filter:ty) => {
        ::std::thread_local! {
            // It lives as long as the VM: nothing is to be run at its end.
            static VM: ::std::mem::ManuallyDrop<$crate::abi::Vm<$filter>> =
                const { ::std::mem::ManuallyDrop::new($crate::abi::Vm::new()) };
        }

        #[unsafe(no_mangle)]
        extern "C" fn _initialize() {
            $crate::abi::initialize();
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_abi_version_0_2_1() {}

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
            $crate::abi::allocate(size)
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_context_create(id: u32, root: u32) {
            VM.with(|vm| vm.create(id, root));
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_vm_start(_: u32, _: usize) -> u32 {
            1
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_configure(id: u32, _: usize) -> u32 {
            VM.with(|vm| vm.configure(id)).into()
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_tick(id: u32) {
            VM.with(|vm| vm.tick(id));
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_request_headers(id: u32, _: usize, end: u32) -> u32 {
            VM.with(|vm| vm.headers(id, $crate::BodyKind::Request, end != 0))
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_response_headers(id: u32, _: usize, end: u32) -> u32 {
            VM.with(|vm| vm.headers(id, $crate::BodyKind::Response, end != 0))
        }

        #[unsafe(no_mangle)]
        extern "C" fn proxy_on_delete(id: u32) {
            VM.with(|vm| vm.delete(id));
        }
    };
}
