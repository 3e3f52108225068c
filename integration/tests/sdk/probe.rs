//! What the SDK asks of its host that no example does: gRPC, signatures, filter state, queues, several callouts at once.

use std::time::Duration;

use integration::certs::Authority;
use integration::client::Tls;
use integration::prelude::*;
use integration::runtime::poll;
use rcgen::{KeyPair, PublicKeyData, SigningKey};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

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

/// A filter's gRPC stream, in an Envoy whose upstream sends back what it gets.
#[test]
fn grpc_streams_go_in_both_directions() {
    let (app, grpc) = (Upstream::start("app"), Upstream::start("grpc"));
    let echo = Reply::new(200).header("content-type", "application/grpc").echo();
    grpc.answer(echo.clone().trailer("grpc-status", "0"));
    let envoy = Config::new()
        .cluster(Cluster::new("app", [&app]))
        .cluster(Cluster::new("grpc", [&grpc]).http2())
        .listener(
            Listener::new("main")
                .filter(Wasm::module("examples/probe").config(json!({"public_key": [], "signature": []})))
                .route_to("app"),
        )
        .start();
    let ask = |path: &str| envoy.send(Request::get(path)).text();
    let active = || envoy.admin().stat("cluster.grpc.upstream_rq_active");

    assert_eq!(ask("/stream"), "one two None application/grpc 0");
    let seen = grpc.all_seen().pop().unwrap();
    assert_eq!((seen.path.as_str(), seen.complete), ("/probe.v1.Probe/Talk", true));
    assert_eq!(seen.body, b"\0\0\0\0\x03one\0\0\0\0\x03two");
    assert_eq!(seen.header("x-meta").as_deref(), Some("m"));

    // Dropped while it is open: cancelled, not finished.
    assert_eq!(ask("/stream-cancelled"), "one");
    poll(Duration::from_secs(10), || (active() == 0).then_some(())).expect("the stream is gone");
    assert!(!grpc.all_seen().pop().unwrap().complete);

    // Open when the client leaves: it ends with the request.
    for (path, seen) in [("/stream-left", 3), ("/stream-left-open", 4)] {
        let impatient = envoy.client().patience(Duration::from_millis(300));
        let answer = impatient.try_send(Request::get(path));
        assert!(answer.is_err(), "{path}: {answer:?}");
        grpc.wait_for(seen);
        poll(Duration::from_secs(10), || (active() == 0).then_some(())).expect("the stream is gone");
        assert_eq!(grpc.all_seen().pop().unwrap().body, b"\0\0\0\0\x04left");
    }

    grpc.answer(echo.trailer("grpc-status", "7").trailer("grpc-message", "enough"));
    let denied = ask("/stream");
    assert!(denied.starts_with("the answer has gRPC status 7 enough"), "{denied}");
    grpc.stop();
    let down = ask("/stream");
    assert!(down.starts_with("the answer has gRPC status 14"), "{down}");
    envoy.assert_no_vm_failure();
}

#[test]
fn properties_tell_who_the_tls_client_is() {
    let app = Upstream::start("app");
    let authority = Authority::new();
    let server = authority.server(&["shop.example"]);
    let inspector = json!([{
        "name": "tls_inspector",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector",
        },
    }]);
    let envoy = Config::new()
        .cluster(Cluster::new("app", [&app]))
        .listener(
            Listener::new("main")
                .tls(authority.downstream(&server, false))
                .with("listener_filters", inspector)
                .filter(Wasm::module("examples/probe").config(json!({"public_key": [], "signature": []})))
                .route_to("app"),
        )
        .start();
    let spiffe = "spiffe://cluster.local/ns/foo/sa/bar";
    let client = authority.client_named(spiffe, "bar.foo.svc");
    let der = CertificateDer::from_pem_slice(client.certificate.as_bytes()).unwrap();
    let digest: String = Sha256::digest(&der).iter().map(|byte| format!("{byte:02x}")).collect();
    let told = |identity| {
        let tls = Tls::new(authority.certificate(), "shop.example", identity);
        envoy.client().tls(tls).send(Request::get("/peer")).text()
    };
    assert_eq!(
        told(Some(&client)),
        format!(
            "PeerSubject=O=Acme,CN=client\nPeerUriSan={spiffe}\nPeerDnsSan=bar.foo.svc\n\
             PeerCertificateDigest={digest}\nRequestedServerName=shop.example\nTlsVersion=TLSv1.3\nmtls=true\n"
        )
    );
    assert_eq!(
        told(None),
        "PeerSubject=\nPeerUriSan=-\nPeerDnsSan=-\nPeerCertificateDigest=-\n\
         RequestedServerName=shop.example\nTlsVersion=TLSv1.3\nmtls=false\n"
    );
    envoy.assert_no_vm_failure();
}
