use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use http_body_util::channel::{Channel, Sender};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::reply::Broken;
use super::state::State;
use super::{NAME_HEADER, Reply, Seen};
use crate::request::{from_map, to_map};
use crate::runtime::spawn;

/// Serves a connection until it ends.
pub(super) async fn serve(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(move |request| respond(Arc::clone(&state), request));
    let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    server.max_header_list_size(1024 * 1024);
    // An error is what the peer did; the record shows it.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

type Answer = hyper::Response<Channel<Bytes, Broken>>;

async fn respond(state: Arc<State>, request: hyper::Request<Incoming>) -> Result<Answer, Broken> {
    let (head, body) = request.into_parts();
    let index = state.record(seen(&head));
    let Reply { early, echo, .. } = state.reply_to(index);
    if echo {
        let (sender, channel) = Channel::new(1);
        let reply = state.reply_to(index);
        let name = state.name.clone();
        spawn(send_back(state, index, body, sender));
        return Ok(head_of(&reply, &name, channel));
    }
    if early {
        spawn(receive(Arc::clone(&state), index, body));
    } else {
        receive(Arc::clone(&state), index, body).await.map_err(|_| Broken::BeforeHeaders)?;
    }
    let reply = state.reply_to(index);
    tokio::time::sleep(reply.delay).await;
    if reply.broken == Some(Broken::BeforeHeaders) {
        return Err(Broken::BeforeHeaders);
    }
    Ok(answer(reply, &state.name))
}

/// Reads the body into the record, and sends it back, frame by frame.
async fn send_back(state: Arc<State>, index: usize, mut body: Incoming, mut sender: Sender<Bytes, Broken>) {
    while let Some(Ok(frame)) = body.frame().await {
        if let Ok(data) = frame.into_data() {
            state.record_body(index, &data);
            if sender.send_data(data).await.is_err() {
                return;
            }
        }
    }
    if body.is_end_stream() {
        state.record_end(index, Vec::new());
        if let Ok(trailers) = to_map(&state.reply_to(index).trailers) {
            let _ = sender.send_trailers(trailers).await;
        }
    }
}

/// Reads the body into the record, frame by frame.
async fn receive(state: Arc<State>, index: usize, mut body: Incoming) -> hyper::Result<()> {
    let mut trailers = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(data) => state.record_body(index, &data),
            Err(frame) => trailers = frame.trailers_ref().map(from_map).unwrap_or_default(),
        }
    }
    state.record_end(index, trailers);
    Ok(())
}

fn seen(head: &hyper::http::request::Parts) -> Seen {
    Seen {
        method: head.method.to_string(),
        path: head.uri.path_and_query().map_or_else(|| head.uri.to_string(), ToString::to_string),
        authority: head.uri.authority().map(ToString::to_string).unwrap_or_default(),
        http2: true,
        headers: from_map(&head.headers),
        body: Vec::new(),
        trailers: Vec::new(),
        complete: false,
    }
}

fn answer(reply: Reply, name: &str) -> Answer {
    let (sender, channel) = Channel::new(1);
    let mut answer = head_of(&reply, name, channel);
    if let Some(length) = reply.content_length() {
        answer.headers_mut().entry("content-length").or_insert_with(|| length.into());
    }
    if reply.chunked || !reply.body.is_empty() {
        spawn(write_body(sender, reply));
    }
    answer
}

fn head_of(reply: &Reply, name: &str, channel: Channel<Bytes, Broken>) -> Answer {
    let mut answer = hyper::Response::new(channel);
    *answer.status_mut() = reply.status.try_into().expect("a status code");
    *answer.headers_mut() = to_map(&reply.headers).unwrap_or_else(|e| panic!("{e}"));
    answer.headers_mut().insert(NAME_HEADER, name.parse().expect("a plain name"));
    answer
}

async fn write_body(mut sender: Sender<Bytes, Broken>, reply: Reply) {
    for (pause, chunk) in reply.body {
        tokio::time::sleep(pause).await;
        if sender.send_data(chunk).await.is_err() {
            return;
        }
    }
    if let Some(broken) = reply.broken {
        // What was sent must reach the wire before the reset takes the stream away.
        tokio::time::sleep(Duration::from_millis(50)).await;
        sender.abort(broken);
    } else if let (false, Ok(trailers)) = (reply.trailers.is_empty(), to_map(&reply.trailers)) {
        let _ = sender.send_trailers(trailers).await;
    }
}
