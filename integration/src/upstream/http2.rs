use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use super::reply::{Broken, Conversation};
use super::state::State;
use super::{NAME_HEADER, Reply, Seen};
use crate::frames::{Frames, Sender};
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

type Answer = hyper::Response<Frames<Broken>>;

async fn respond(state: Arc<State>, request: hyper::Request<Incoming>) -> Result<Answer, Broken> {
    let (head, body) = request.into_parts();
    let index = state.record(seen(&head));
    let reply = state.reply_to(index);
    let early = reply.early;
    if let Some(conversation) = reply.conversation.clone() {
        let (sender, frames) = Frames::new();
        let answer = head_of(&reply, &state.name, frames);
        spawn(converse(state, index, body, sender, conversation));
        return Ok(answer);
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

/// Reads the body into the record, and answers it part by part.
async fn converse(
    state: Arc<State>,
    index: usize,
    mut body: Incoming,
    sender: Sender<Broken>,
    conversation: Conversation,
) {
    let mut unread = Vec::new();
    while let Some(Ok(frame)) = body.frame().await {
        let Ok(data) = frame.into_data() else { continue };
        state.record_body(index, &data);
        let answers = match &conversation {
            Conversation::Echo => vec![data],
            Conversation::Grpc(answer) => {
                unread.extend_from_slice(&data);
                vec![answer.clone(); messages(&mut unread)]
            }
        };
        for answer in answers {
            tokio::time::sleep(state.reply_to(index).delay).await;
            if sender.send(Ok(Frame::data(answer))).await.is_err() {
                return;
            }
        }
    }
    if body.is_end_stream() {
        state.record_end(index, Vec::new());
        let reply = state.reply_to(index);
        tokio::time::sleep(reply.delay).await;
        if let Ok(trailers) = to_map(&reply.trailers) {
            let _ = sender.send(Ok(Frame::trailers(trailers))).await;
        }
    }
}

/// Takes whole gRPC messages from the front (a byte, the length in four, the message), and counts them.
fn messages(unread: &mut Vec<u8>) -> usize {
    let mut count = 0;
    while let Some(length) = unread.get(1..5) {
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        if unread.len() < 5 + length {
            break;
        }
        unread.drain(..5 + length);
        count += 1;
    }
    count
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
    let (sender, frames) = Frames::new();
    let mut answer = head_of(&reply, name, frames);
    if let Some(length) = reply.content_length() {
        answer.headers_mut().entry("content-length").or_insert_with(|| length.into());
    }
    if reply.chunked || !reply.body.is_empty() {
        spawn(write_body(sender, reply));
    }
    answer
}

fn head_of(reply: &Reply, name: &str, frames: Frames<Broken>) -> Answer {
    let mut answer = hyper::Response::new(frames);
    *answer.status_mut() = reply.status.try_into().expect("a status code");
    *answer.headers_mut() = to_map(&reply.headers).unwrap_or_else(|e| panic!("{e}"));
    answer.headers_mut().insert(NAME_HEADER, name.parse().expect("a plain name"));
    answer
}

async fn write_body(sender: Sender<Broken>, reply: Reply) {
    for (pause, chunk) in reply.body {
        tokio::time::sleep(pause).await;
        if sender.send(Ok(Frame::data(chunk))).await.is_err() {
            return;
        }
    }
    if let Some(broken) = reply.broken {
        // What was sent must reach the wire before the reset takes the stream away.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let _ = sender.send(Err(broken)).await;
    } else if let (false, Ok(trailers)) = (reply.trailers.is_empty(), to_map(&reply.trailers)) {
        let _ = sender.send(Ok(Frame::trailers(trailers))).await;
    }
}
