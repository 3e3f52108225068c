//! A real upstream that costs little: one thread for each connection, one write for each answer. The harness's own records
//! every request, which a million of them would not survive.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// Of a type whose bodies the recommended configuration inspects.
const BODY: &str = "<!doctype html><title>Orders</title><p>Thank you, all is well.\n";

/// Starts it on a free port of 127.0.0.1. It serves as long as the process runs.
pub(crate) fn start() -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let address = listener.local_addr().expect("a bound socket has an address");
    let answer: Arc<[u8]> = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncache-control: no-store\r\n\
         content-length: {}\r\n\r\n{BODY}",
        BODY.len()
    )
    .into_bytes()
    .into();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || serve(stream, &answer));
        }
    });
    address
}

fn serve(mut stream: TcpStream, answer: &[u8]) {
    stream.set_nodelay(true).expect("the option exists");
    let mut buffer = vec![0; 64 << 10];
    let mut filled = 0;
    loop {
        while let Some(length) = request_length(&buffer[..filled]).filter(|length| *length <= filled) {
            if stream.write_all(answer).is_err() {
                return;
            }
            buffer.copy_within(length..filled, 0);
            filled -= length;
        }
        assert!(filled < buffer.len(), "the benchmark's requests are smaller");
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => return,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

/// The length of the request at the start, once its headers are there.
fn request_length(bytes: &[u8]) -> Option<usize> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes).expect("Envoy sends correct requests") {
        httparse::Status::Partial => None,
        httparse::Status::Complete(head) => Some(head + body_length(request.headers)),
    }
}

/// The value of `content-length`, or 0.
pub(crate) fn body_length(headers: &[httparse::Header<'_>]) -> usize {
    let chunked = headers.iter().any(|header| header.name.eq_ignore_ascii_case("transfer-encoding"));
    assert!(!chunked, "nothing in the benchmark is chunked");
    let length = headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let text = length.and_then(|header| std::str::from_utf8(header.value).ok());
    text.map_or(0, |text| text.parse().expect("a length is a number"))
}
