//! HTTP/1.1 by hand: hyper's server answers 400 to paths that Envoy lets through (`/?q=<script>`).

use std::io::Result;
use std::sync::Arc;

use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::reply::Broken;
use super::state::State;
use super::{NAME_HEADER, Reply, Seen};
use crate::request::{first, lossy, values};
use crate::wire::{Framing, Head, Reader, is_framed, write_chunk, write_end, write_header};

/// Serves a connection until it ends, as the peer or the test wants.
pub(super) async fn serve(stream: TcpStream, state: Arc<State>) -> Option<()> {
    let (read, mut write) = stream.into_split();
    let mut reader = Reader::new(read);
    loop {
        let head = reader.request_head().await.ok()?;
        let framing = Framing::of(&head.headers, Framing::Length(0)).ok()?;
        let last = values(&head.headers, "connection").any(|value| value.eq_ignore_ascii_case(b"close"));
        let expects =
            first(&head.headers, "expect").is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
        let to_head = head.method == "HEAD";
        let index = state.record(seen(head));
        let early = state.reply_to(index).early;
        if early {
            answer(&mut write, state.reply_to(index), to_head, &state.name).await.ok()?;
        } else if expects {
            write.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.ok()?;
        }
        let trailers = reader.body(framing, |part| state.record_body(index, part)).await.ok()?;
        state.record_end(index, trailers);
        if !early {
            answer(&mut write, state.reply_to(index), to_head, &state.name).await.ok()?;
        }
        if last {
            return Some(());
        }
    }
}

fn seen(head: Head) -> Seen {
    Seen {
        authority: first(&head.headers, "host").map(lossy).unwrap_or_default(),
        method: head.method,
        path: head.target,
        http2: false,
        headers: head.headers,
        body: Vec::new(),
        trailers: Vec::new(),
        complete: false,
    }
}

async fn answer(
    write: &mut (impl AsyncWrite + Unpin),
    reply: Reply,
    to_head: bool,
    name: &str,
) -> Result<()> {
    tokio::time::sleep(reply.delay).await;
    let broken = || Err(std::io::Error::other(Broken::AfterBody));
    if reply.broken == Some(Broken::BeforeHeaders) {
        return broken();
    }
    let mut head = format!("HTTP/1.1 {} {}\r\n", reply.status, reason(reply.status)).into_bytes();
    reply.headers.iter().for_each(|(name, value)| write_header(&mut head, name, value));
    write_header(&mut head, NAME_HEADER, name.as_bytes());
    let framed = is_framed(&reply.headers);
    match reply.content_length() {
        _ if framed => {}
        Some(length) => write_header(&mut head, "content-length", length.to_string().as_bytes()),
        None if reply.chunked => write_header(&mut head, "transfer-encoding", b"chunked"),
        None => {}
    }
    head.extend_from_slice(b"\r\n");
    write.write_all(&head).await?;
    if to_head {
        return write.flush().await;
    }
    for (pause, chunk) in &reply.body {
        tokio::time::sleep(*pause).await;
        if reply.chunked && !framed {
            write_chunk(write, chunk).await?;
        } else {
            write.write_all(chunk).await?;
            write.flush().await?;
        }
    }
    if reply.broken.is_some() {
        return broken();
    }
    if reply.chunked && !framed {
        write_end(write, &reply.trailers).await?;
    }
    write.flush().await
}

fn reason(status: u16) -> &'static str {
    hyper::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Status")
}
