//! What rules do, in small: one row for each behaviour that ModSecurity's own tests leave out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod actions;
mod bodies;
mod debug_log;
mod limits;
mod plan;
mod refusals;
mod rules;

use portcullis_engine::{Connection, Document, Intervention, Options, Transaction, Waf};
use portcullis_seclang::loader::NoFiles;

fn compile(rules: &str, options: &Options) -> Waf {
    let document = Document { name: "inline", text: rules.as_bytes() };
    Waf::compile(&[document], &NoFiles, options).unwrap_or_else(|errors| {
        panic!("{rules}\n{}", errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

fn run(waf: &Waf, target: &str, content_type: &[u8], body: &[u8]) -> (Transaction, Option<Intervention>) {
    let mut tx = waf.transaction();
    tx.connection(Connection { client_address: b"192.0.2.1", ..Connection::default() });
    tx.request_line(if body.is_empty() { b"GET" } else { b"POST" }, target.as_bytes(), b"HTTP/1.1");
    tx.request_header(b"Host", b"example.com");
    if !content_type.is_empty() {
        tx.request_header(b"Content-Type", content_type);
    }
    let mut found = tx.process_request_headers();
    if found.is_none() {
        found = tx.process_request_body(body);
    }
    if found.is_none() {
        tx.response_status(200, b"HTTP/1.1");
        found = tx.process_response_headers().or_else(|| tx.process_response_body(b""));
    }
    tx.process_logging();
    (tx, found)
}
