//! Requests in every form that HTTP has for them.

use integration::prelude::*;
use integration::request::unique_id;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use super::{FORM, config, envoy_with, holding};

/// Finds `attack` in the query, in a form, and in trailers' neighbourhood: at the end of the body.
const RULES: [&str; 3] = [
    "SecRuleEngine On",
    "SecRequestBodyAccess On",
    "SecRule ARGS|REQUEST_HEADERS \"@contains attack\" \"id:5,phase:2,deny\"",
];

#[test]
fn every_framing_of_a_body_is_judged_before_it_goes_upstream() {
    let app = Upstream::start("app");
    let envoy = envoy_with(&RULES, &app);
    let trailers = || vec![("x-checksum".into(), b"1".to_vec())];
    for client in [envoy.client(), envoy.client().http2()] {
        for method in ["POST", "GET", "DELETE", "PATCH"] {
            for (text, status) in [("a=1&b=attack", 403), ("a=1&b=flower", 200)] {
                let framings = [
                    ("sized", Body::from(text)),
                    ("chunked", Body::chunks(text, 5)),
                    ("slow", Body::paced(text, 5, Duration::from_millis(5))),
                    ("with trailers", Body::from(text).trailers(trailers())),
                ];
                for (framing, body) in framings {
                    let request = Request::new(method, "/").header(FORM.0, FORM.1).body(body);
                    let answer = client.send(request);
                    let what = format!("{method}, {framing}, {text}");
                    assert_eq!(answer.status, status, "{what}");
                    match status {
                        403 => app.assert_untouched(&answer.id),
                        _ => assert_eq!(app.only(&answer.id).body, text.as_bytes(), "{what}"),
                    }
                }
            }
        }
    }
    envoy.assert_no_vm_failure();
}

#[test]
fn a_client_that_waits_for_100_gets_it_and_is_judged() {
    let app = Upstream::start("app");
    let envoy = envoy_with(&RULES, &app);
    for (text, status) in [("b=attack", "403"), ("b=flower", "200")] {
        let mut connection = envoy.client().raw();
        let head = format!(
            "POST / HTTP/1.1\r\nhost: a\r\n{}: {}\r\ncontent-length: {}\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n",
            FORM.0,
            FORM.1,
            text.len()
        );
        connection.send(&head);
        let interim = String::from_utf8_lossy(&connection.rest(Duration::from_millis(500))).into_owned();
        assert!(interim.starts_with("HTTP/1.1 100"), "{interim}");
        connection.send(text);
        let answer = String::from_utf8_lossy(&connection.rest(Duration::from_secs(2))).into_owned();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
}

#[test]
fn of_grpc_the_headers_are_judged_and_the_stream_is_not_held() {
    let app = Upstream::start("app");
    let envoy = envoy_with(&RULES, &app);
    let call = |path: &str| {
        Request::new("POST", path)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Body::paced(b"\0\0\0\0\x06attack", 4, Duration::from_millis(10)))
    };
    let client = envoy.client().http2();
    let answer = client.send(call("/a.B/C"));
    assert_eq!((answer.status, app.only(&answer.id).body.len()), (200, 11), "the message is not looked at");
    // As gRPC clients expect it: 200, and the status in a header.
    let answer = client.send(call("/a.B/C?x=attack"));
    assert_eq!((answer.status, answer.header("grpc-status").as_deref()), (200, Some("7")));
    app.assert_untouched(&answer.id);
}

#[test]
fn a_websocket_is_judged_by_its_headers_and_then_let_alone() {
    let echo = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = echo.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in echo.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 4096];
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let read = stream.read(&mut buffer).unwrap();
                head.extend_from_slice(&buffer[..read]);
            }
            let switching =
                b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
            stream.write_all(switching).unwrap();
            while let Ok(read @ 1..) = stream.read(&mut buffer) {
                stream.write_all(&buffer[..read]).unwrap();
            }
        }
    });
    let wasm = holding(Wasm::module("waf").config(config(&RULES)));
    let envoy = Config::new()
        .cluster(Cluster::new("app", [address]))
        .listener(
            Listener::new("main")
                .filter(wasm)
                .with_manager("upgrade_configs", json!([{"upgrade_type": "websocket"}]))
                .route_to("app"),
        )
        .start();
    let upgrade = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
    };
    let mut connection = envoy.client().raw();
    connection.send(upgrade("/chat"));
    let head = String::from_utf8_lossy(&connection.rest(Duration::from_millis(500))).into_owned();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    for message in ["an attack", "and an answer"] {
        connection.send(message);
        let echoed = connection.rest(Duration::from_millis(500));
        assert_eq!(String::from_utf8_lossy(&echoed), message);
    }
    let mut connection = envoy.client().raw();
    connection.send(upgrade("/chat?x=attack"));
    let head = String::from_utf8_lossy(&connection.rest(Duration::from_secs(2))).into_owned();
    assert!(head.starts_with("HTTP/1.1 403"), "{head}");
}

#[test]
fn allow_reaches_as_far_as_it_says() {
    let app = Upstream::start("app");
    let rules = [
        "SecRuleEngine On",
        "SecRule ARGS:scope \"@streq phase\" \"id:1,phase:1,nolog,allow:phase\"",
        "SecRule ARGS:scope \"@streq request\" \"id:2,phase:1,nolog,allow:request\"",
        "SecRule ARGS:scope \"@streq all\" \"id:3,phase:1,nolog,allow\"",
        "SecRule ARGS:stop \"@eq 1\" \"id:11,phase:1,deny\"",
        "SecRule ARGS:stop \"@eq 2\" \"id:12,phase:2,deny\"",
        "SecRule ARGS:stop \"@eq 3\" \"id:13,phase:3,deny\"",
    ];
    let envoy = envoy_with(&rules, &app);
    for (scope, statuses) in [
        ("none", [403, 403, 403]),
        ("phase", [200, 403, 403]),
        ("request", [200, 200, 403]),
        ("all", [200; 3]),
    ] {
        for (phase, status) in (1..).zip(statuses) {
            let answer = envoy.send(Request::get(format!("/?scope={scope}&stop={phase}")));
            assert_eq!(answer.status, status, "allow {scope}, a rule in phase {phase}");
        }
    }
}

/// What a rule stops in phase 4 is replaced, whatever the upstream's framing.
#[test]
fn nothing_of_a_stopped_response_comes_down() {
    let app = Upstream::start("app");
    let rules = [
        "SecRuleEngine On",
        "SecResponseBodyAccess On",
        "SecResponseBodyMimeType text/html",
        "SecRule RESPONSE_BODY \"@contains secret\" \"id:6,phase:4,deny,status:502\"",
        "SecRule RESPONSE_STATUS \"@eq 299\" \"id:7,phase:3,redirect:https://safe.test/\"",
    ];
    let envoy = envoy_with(&rules, &app);
    let html = || Reply::new(200).header("content-type", "text/html").header("x-app", "1");
    let pause = Duration::from_millis(20);
    for client in [envoy.client(), envoy.client().http2()] {
        for reply in [
            html().body("a secret"),
            html().chunk(pause, "a sec").chunk(pause, "ret"),
            html().chunk(pause, "a secret").trailer("x-end", "1"),
        ] {
            let id = unique_id();
            app.answer_id(&id, reply);
            let answer = client.send(Request::get("/").id(&id));
            assert_eq!((answer.status, answer.header("x-app")), (502, None));
            assert!(!answer.text().contains("secret"), "{}", answer.text());
            assert_eq!(envoy.access_log(&id).details(), "waf_6");
        }
        let id = unique_id();
        app.answer_id(&id, Reply::new(299).body("a secret"));
        let answer = client.send(Request::get("/").id(&id));
        assert_eq!((answer.status, answer.header("location").as_deref()), (302, Some("https://safe.test/")));
    }
}

/// What is too deep, too long or no body at all sets the variables that rules test, and the worker goes on.
#[test]
fn hostile_requests_are_answered_as_the_rules_say() {
    let app = Upstream::start("app");
    let rules = [
        "Include @recommended-conf",
        "SecRuleEngine On",
        "SecRequestBodyLimit 3000000",
        "SecRequestBodyNoFilesLimit 3000000",
        "SecRule REQUEST_HEADERS:x-long \"@endsWith attack\" \"id:8,phase:1,deny\"",
        "SecRule REQUEST_HEADERS:Content-Encoding \"!@streq identity\" \"id:10,phase:1,deny,status:415\"",
        "SecRule REQUEST_HEADERS|ARGS \"@validateByteRange 1-255\" \"id:9,phase:2,deny,status:422\"",
    ];
    let wasm = holding(Wasm::module("waf").config(config(&rules)));
    let envoy = Config::new()
        .cluster(Cluster::new("app", [&app]))
        .listener(
            Listener::new("main")
                .buffer_limit(4 << 20)
                .filter(wasm)
                .with_manager("max_request_headers_kb", 96)
                .route_to("app"),
        )
        .start();
    let before = envoy.resident_memory();
    let typed = |kind: &str, body: Vec<u8>| Request::post("/", Body::from(body)).header("content-type", kind);
    let multipart = |body: &str| typed("multipart/form-data; boundary=x", body.as_bytes().to_vec());
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x54\x48\xb2\x35\x04\0\x5b\x2c\x6c\xf6\x05\0\0\0".to_vec();
    let cases = [
        ("JSON 10,000 deep", typed("application/json", b"[".repeat(10_000)), 400),
        (
            "JSON 10,000 deep, and closed",
            typed("application/json", [b"[".repeat(10_000), b"]".repeat(10_000)].concat()),
            400,
        ),
        ("XML 10,000 deep", typed("text/xml", [b"<a>".repeat(10_000), b"</a>".repeat(10_000)].concat()), 400),
        ("100,000 arguments", typed(FORM.1, b"a=1&".repeat(100_000)), 400),
        ("20,000 arguments in the query", Request::get(format!("/?{}", "a&".repeat(20_000))), 400),
        ("a multipart body without its boundary", multipart("--y\r\n\r\nv\r\n--y--\r\n"), 400),
        (
            "a multipart body that never ends",
            multipart("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nv"),
            400,
        ),
        ("a compressed form", typed(FORM.1, gzip.clone()).header("content-encoding", "gzip"), 415),
        ("compressed JSON", typed("application/json", gzip).header("content-encoding", "gzip"), 415),
        ("NULs in a form", typed(FORM.1, b"a=%00".to_vec()), 422),
        ("bytes that are no UTF-8 in JSON", typed("application/json", b"{\"a\":\"\xff\"}".to_vec()), 400),
        ("bytes that are no UTF-8 in a form", typed(FORM.1, b"a=\xff\xfe".to_vec()), 200),
        ("a header of 60 KB", Request::get("/").header("x-long", "x".repeat(60_000)), 200),
        (
            "a header of 60 KB that ends badly",
            Request::get("/").header("x-long", format!("{}attack", "x".repeat(60_000))),
            403,
        ),
        ("a body of 100 MB", Request::post("/", Body::chunks(vec![b'a'; 100 << 20], 1 << 20)), 413),
    ];
    for client in [envoy.client(), envoy.client().http2()] {
        for (name, request, status) in &cases {
            let answer = client.clone().patience(Duration::from_secs(30)).send(request.clone());
            assert_eq!(answer.status, *status, "{name}: {}", envoy.access_log(&answer.id).details());
        }
    }
    let grown = envoy.resident_memory().saturating_sub(before);
    assert!(grown < 150 << 20, "Envoy has grown by {grown} bytes");
    envoy.assert_no_vm_failure();
}

/// `drop` is `deny` without a text, in all phases and protocols. Envoy takes `connection: close` out of a filter's answers.
#[test]
fn drop_answers_with_the_status_alone() {
    let app = Upstream::start("app");
    app.answer_path("/leak", Reply::new(200).header("content-type", "text/html").body("a secret"));
    let rules = [
        "SecRuleEngine On",
        "SecRequestBodyAccess On",
        "SecResponseBodyAccess On",
        "SecResponseBodyMimeType text/html",
        "SecRule ARGS:drop \"@streq 1\" \"id:1,phase:1,drop\"",
        "SecRule ARGS:drop \"@streq 2\" \"id:2,phase:2,drop,status:418\"",
        "SecRule ARGS:drop \"@streq 3\" \"id:3,phase:3,drop\"",
        "SecRule RESPONSE_BODY \"@contains secret\" \"id:4,phase:4,drop\"",
    ];
    let envoy = envoy_with(&rules, &app);
    let form = |path: &str, body: &str| Request::post(path, body).header(FORM.0, FORM.1);
    let cases = [
        (1, Request::get("/?drop=1"), 403),
        (1, form("/?drop=1", "a=b"), 403),
        (2, Request::get("/?drop=2"), 418),
        (2, form("/", "drop=2"), 418),
        (3, Request::get("/?drop=3"), 403),
        (3, form("/", "drop=3"), 403),
        (4, Request::get("/leak"), 403),
    ];
    for client in [envoy.client(), envoy.client().http2()] {
        for (rule, request, status) in &cases {
            let what = format!("rule {rule}, {} {}", request.method, String::from_utf8_lossy(&request.path));
            let answer = client.send(request.clone());
            assert_eq!((answer.status, answer.text().as_str()), (*status, ""), "{what}");
            assert_eq!(envoy.access_log(&answer.id).details(), format!("waf_{rule}"), "{what}");
            if *rule < 3 {
                app.assert_untouched(&answer.id);
            }
        }
    }
    // gRPC has its own status.
    let call = Request::new("POST", "/a.B/C?drop=1").header("content-type", "application/grpc");
    let answer = envoy.client().http2().send(call.header("te", "trailers"));
    assert_eq!((answer.status, answer.header("grpc-status").as_deref()), (200, Some("7")));
    envoy.assert_no_vm_failure();
}
