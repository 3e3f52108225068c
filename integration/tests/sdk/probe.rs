//! What the SDK asks of its host that no example does: gRPC, signatures, filter state, queues, several callouts at once.

use std::time::Duration;

use integration::prelude::*;
use integration::runtime::poll;
use rcgen::{KeyPair, PublicKeyData, SigningKey};

#[test]
fn the_host_does_what_the_sdk_says_of_it() {
    let (http, grpc, key) = (Upstream::start("http"), Upstream::start("grpc"), KeyPair::generate().unwrap());
    for path in ["/a", "/b", "/c"] {
        let delay = Duration::from_millis(if path == "/a" { 60 } else { 5 });
        http.answer_path(path, Reply::new(200).body(path).delay(delay));
    }
    let message = |reply: Reply| reply.header("content-type", "application/grpc");
    grpc.answer(message(Reply::new(200)).body(b"\0\0\0\0\x06answer".to_vec()).trailer("grpc-status", "0"));
    let config = json!({
        "public_key": key.subject_public_key_info(),
        "signature": key.sign(b"signed").unwrap(),
    });
    let envoy = Config::new()
        .log_field("envoy.string", "%FILTER_STATE(envoy.string:PLAIN)%")
        .cluster(Cluster::new("http", [&http]).http1())
        .cluster(Cluster::new("grpc", [&grpc]).http2())
        .listener(
            Listener::new("main").filter(Wasm::module("examples/probe").config(config)).route_to("http"),
        )
        .start();
    let ask = |path: &str| {
        let answer = envoy.send(Request::get(path));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer
    };

    assert_eq!(ask("/three").text(), "/a /b /c");
    assert_eq!(http.all_seen().last().unwrap().header_bytes("x-bytes"), Some(&b"\xfe\xff"[..]));
    assert_eq!(ask("/verify").text(), "true false");
    let state = ask("/state");
    assert_eq!(state.text(), "kept");
    let line = envoy.access_log(&state.id);
    assert!(line.to_string().contains("envoy.string=shown"), "{line}");
    assert_eq!(ask("/no-such-state").text(), "Err(Refused(1))");
    assert_eq!(ask("/no-such-function").text(), "Err(Refused(1))");
    assert_eq!(ask("/conflict").text(), "Ok(()) Err(Conflict)");

    assert_eq!(ask("/grpc").text(), "answer");
    let asked = grpc.all_seen().pop().unwrap();
    assert_eq!(
        (asked.path.as_str(), asked.body.as_slice()),
        ("/probe.v1.Probe/Ask", &b"\0\0\0\0\x08question"[..])
    );
    grpc.answer(message(Reply::new(200)).trailer("grpc-status", "7").trailer("grpc-message", "go away"));
    // Envoy puts details of its own behind.
    assert_eq!(ask("/grpc").text(), "the answer has gRPC status 7 go away{via_upstream}");
    grpc.stop();
    assert!(ask("/grpc").text().starts_with("the answer has gRPC status 14"), "{}", ask("/grpc").text());

    ask("/enqueue");
    ask("/enqueue");
    let received = || (ask("/received").text() == "item item ").then_some(());
    poll(Duration::from_secs(10), received).expect("both items arrive, each once");
    envoy.assert_no_vm_failure();
}
