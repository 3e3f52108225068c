//! A module that traps on every request: the harness must notice, or no test of a filter's robustness means anything.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use integration::prelude::*;

#[test]
fn a_vm_that_traps_is_noticed() {
    let app = Upstream::start("app");
    let module = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trap.wasm");
    std::fs::write(&module, module_with(TRAP)).unwrap();
    let envoy = Config::new()
        .cluster(Cluster::new("app", [&app]))
        .listener(Listener::new("main").filter(Wasm::file("trap", &module)).route_to("app"))
        .start();
    envoy.assert_no_vm_failure();

    let answer = envoy.send(Request::get("/"));
    assert_eq!((answer.status, envoy.access_log(&answer.id).details().as_str()), (503, "wasm_fail_stream"));
    app.assert_untouched(&answer.id);
    let noticed = catch_unwind(AssertUnwindSafe(|| envoy.assert_no_vm_failure()));
    assert!(noticed.is_err(), "the trap went unnoticed:\n{}", envoy.log());
}

/// `unreachable`, the instruction that traps.
const TRAP: &[u8] = &[0x00];

/// The smallest module that Envoy takes, with these instructions in its `proxy_on_request_headers`. They find the context's id, the
/// number of headers, and whether the stream ends in the locals 0, 1 and 2; one that returns leaves the action (0, continue) on the stack.
pub(crate) fn module_with(on_request_headers: &[u8]) -> Vec<u8> {
    const FUNCTION: u8 = 0;
    const MEMORY: u8 = 2;
    let exports = [
        ("memory", MEMORY, 0),
        ("proxy_abi_version_0_2_1", FUNCTION, 0),
        ("proxy_on_memory_allocate", FUNCTION, 1),
        ("proxy_on_request_headers", FUNCTION, 2),
    ];
    let exports =
        exports.map(|(name, kind, index)| [&[size(name)][..], name.as_bytes(), &[kind, index]].concat());
    let sections: [(u8, Vec<u8>); 5] = [
        // () -> (), (i32) -> i32, (i32, i32, i32) -> i32
        (1, vec![3, 0x60, 0, 0, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 3, 0x7f, 0x7f, 0x7f, 1, 0x7f]),
        (3, vec![3, 0, 1, 2]),
        (5, vec![1, 0, 1]),
        (7, [vec![4], exports.concat()].concat()),
        // end; i32.const 0, end; …, end
        (
            10,
            [
                vec![3, 2, 0, 0x0b, 4, 0, 0x41, 0, 0x0b, size(on_request_headers) + 2, 0],
                on_request_headers.to_vec(),
                vec![0x0b],
            ]
            .concat(),
        ),
    ];
    let sections = sections.map(|(id, content)| [vec![id, size(&content)], content].concat());
    [b"\0asm\x01\0\0\0".to_vec(), sections.concat()].concat()
}

/// A length in LEB128, which is one byte below 128.
fn size(content: impl AsRef<[u8]>) -> u8 {
    let length = u8::try_from(content.as_ref().len()).unwrap();
    assert!(length < 128);
    length
}
