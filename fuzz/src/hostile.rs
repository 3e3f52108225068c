//! Requests that cost much.

use std::cell::RefCell;
use std::sync::LazyLock;

use crate::crs;
use crate::genome::Genome;
use crate::request::Request;
use portcullis_engine::{Connection, Options, Scratch, Waf};

/// How large a request is, in bytes.
pub const BYTES: usize = 8192;

/// Judges a request of [`BYTES`] at paranoia level 4, where all rules run. The input is a [`Genome`]. What it costs the fuzz
/// target counts; `make bench-hostile` tells milliseconds.
///
/// Without a Core Rule Set in `.tools/crs` (`make crs`) nothing is judged.
pub fn check(bytes: &[u8]) {
    thread_local! {
        static MEMORY: RefCell<Option<Scratch>> = const { RefCell::new(None) };
    }
    static WAF: LazyLock<Option<Waf>> = LazyLock::new(|| crs::load(4, "On", &Options::default()));
    let Some(waf) = &*WAF else { return };
    let request = Genome::from_bytes(bytes).request(BYTES);
    MEMORY.with_borrow_mut(|memory| *memory = Some(judge(waf, &request, memory.take().unwrap_or_default())));
}

/// Judges as the filter does: what is stopped goes no further than the log. The response shows what the request has, as a page of
/// search results does.
pub fn judge(waf: &Waf, request: &Request, memory: Scratch) -> Scratch {
    let mut tx = waf.transaction_in(memory);
    tx.connection(Connection { client_address: b"192.0.2.7", client_port: 50_123, ..Connection::default() });
    tx.unique_id(b"5c4a3e0e-6e0f-4f5e-9d26-3b0f6f1f0b11");
    tx.request_line(&request.method, &request.target, &request.version);
    for (name, value) in &request.headers {
        tx.request_header(name, value);
    }
    if tx.process_request_headers().or_else(|| tx.process_request_body(&request.body)).is_none() {
        tx.response_status(200, b"HTTP/1.1");
        tx.response_header(b"content-type", b"text/html");
        let body = [b"<p>", request.target.as_slice(), b"</p><p>", &request.body, b"</p>"].concat();
        let _ = tx.process_response_headers().or_else(|| tx.process_response_body(&body));
    }
    tx.process_logging();
    tx.finish()
}
