use std::time::Duration;

use bytes::Bytes;

use crate::request::Header;

/// What to answer.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<Header>,
    pub(super) body: Vec<(Duration, Bytes)>,
    pub(super) chunked: bool,
    pub(super) trailers: Vec<Header>,
    pub(super) delay: Duration,
    pub(super) broken: Option<Broken>,
    pub(super) early: bool,
    pub(super) conversation: Option<Conversation>,
}

/// What is sent while the request's body comes.
#[derive(Clone, Debug)]
pub(super) enum Conversation {
    /// The body itself.
    Echo,
    /// For each gRPC message these, framed.
    Grpc(Bytes),
}

/// Where an answer breaks off, if the test says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    BeforeHeaders,
    AfterBody,
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("broken off as the test said")
    }
}

impl std::error::Error for Broken {}

impl Reply {
    /// An empty answer with this status.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            chunked: false,
            trailers: Vec::new(),
            delay: Duration::ZERO,
            broken: None,
            early: false,
            conversation: None,
        }
    }

    /// 200 with a JSON body.
    pub fn json(body: &serde_json::Value) -> Self {
        Self::new(200).header("content-type", "application/json").body(body.to_string())
    }

    /// Adds a header. Over HTTP/1.1 any bytes are sent as they are; an HTTP/2 library refuses control characters.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Sets the body, sent with `content-length`.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = vec![(Duration::ZERO, Bytes::from(body.into()))];
        self.chunked = false;
        self
    }

    /// Adds a chunk, sent after a pause, without `content-length`.
    #[must_use]
    pub fn chunk(mut self, pause: Duration, chunk: impl Into<Vec<u8>>) -> Self {
        self.body.push((pause, Bytes::from(chunk.into())));
        self.chunked = true;
        self
    }

    /// Adds a trailer.
    #[must_use]
    pub fn trailer(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.trailers.push((name.to_owned(), value.as_ref().to_vec()));
        self.chunked = true;
        self
    }

    /// Waits before the headers.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Answers as soon as the request's headers are there, without waiting for its body.
    #[must_use]
    pub fn early(mut self) -> Self {
        self.early = true;
        self
    }

    /// Sends the request's body back, each part as it comes, and the trailers when the request has ended. HTTP/2 only.
    #[must_use]
    pub fn echo(mut self) -> Self {
        self.conversation = Some(Conversation::Echo);
        self
    }

    /// Answers each gRPC message with these, each after the delay, and ends with this status when the request has ended.
    /// HTTP/2 only.
    pub fn grpc(messages: &[Vec<u8>], status: u32) -> Self {
        let frame = |message: &Vec<u8>| {
            let length = u32::try_from(message.len()).expect("a message of a test is short");
            [&[0], length.to_be_bytes().as_slice(), message].concat()
        };
        let mut reply = Self::new(200)
            .header("content-type", "application/grpc")
            .trailer("grpc-status", status.to_string());
        reply.conversation = Some(Conversation::Grpc(messages.iter().flat_map(frame).collect()));
        reply
    }

    /// Closes the connection (HTTP/2: resets the stream) instead of answering.
    #[must_use]
    pub fn close_before_headers(mut self) -> Self {
        self.broken = Some(Broken::BeforeHeaders);
        self
    }

    /// Closes the connection (HTTP/2: resets the stream) after the chunks given so far, before the body's end.
    #[must_use]
    pub fn close_half_way(mut self) -> Self {
        self.broken = Some(Broken::AfterBody);
        self.chunked = true;
        self
    }

    /// The length of the body, where it is told beforehand.
    pub(super) fn content_length(&self) -> Option<usize> {
        let told = !self.chunked && !matches!(self.status, 100..200 | 204 | 304);
        told.then(|| self.body.iter().map(|(_, chunk)| chunk.len()).sum())
    }
}
