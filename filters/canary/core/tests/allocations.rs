//! A decision allocates nothing in the common path. Alone in its binary, since it counts for the whole process.
#![allow(unsafe_code, clippy::unwrap_used)]

use portcullis_canary_core::{Canary, Facts};
use sdk_shim_http::Headers;
use std::alloc::{GlobalAlloc, Layout, System};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: hands everything through to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Client;

impl Facts for Client {
    fn source_ip(&mut self) -> Option<IpAddr> {
        "2001:db8:1234:5678:9abc:def0:1234:5678".parse().ok()
    }

    fn random(&mut self) -> u64 {
        7
    }

    fn now(&mut self) -> Duration {
        Duration::ZERO
    }

    fn principal(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn claim(&mut self, _: &[String]) -> Option<Vec<u8>> {
        None
    }
}

#[test]
fn a_decision_allocates_nothing() {
    let config = br#"{"releases": [
        {"name": "a", "hosts": ["*.example.com"], "paths": ["/api"],
         "by_header": {"name": "x-canary", "pattern": "^v[0-9]+$"}, "by_cookie": {"name": "canary"},
         "weight": 10, "key": [{"header": "x-user"}, {"cookie": "uid"}]},
        {"name": "b", "by_header": {"name": "x-canary", "value": "b"}, "weight": 10}
    ]}"#;
    let canary = Canary::new(sdk_shim_config::parse(config).unwrap()).unwrap();
    let requests = [
        Headers::from_iter([
            (":authority", "shop.example.com"),
            (":path", "/api/x"),
            ("cookie", "a=b; uid=7"),
        ]),
        Headers::from_iter([(":authority", "shop.example.com"), (":path", "/api/x"), ("x-canary", "v7")]),
        Headers::from_iter([(":authority", "shop.example.com"), (":path", "/"), ("x-user", "alice")]),
        Headers::from_iter([(":authority", "other"), (":path", "/"), ("cookie", "canary=always")]),
    ];
    // The first match of a pattern builds its automaton.
    for headers in &requests {
        canary.decide(headers, &mut Client);
    }
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    let taken =
        requests.iter().filter(|headers| canary.decide(headers, &mut Client).release.is_some()).count();
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0);
    assert!(taken > 0);
}
