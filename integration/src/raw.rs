//! HTTP/1.1 by hand: requests that no library would send, and clients that go away.
//!
//! ```no_run
//! # use integration::raw;
//! # let address = "127.0.0.1:80".parse().unwrap();
//! let mut connection = raw::Connection::open(address);
//! connection.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nonly this");
//! drop(connection); // and the client is gone
//! ```

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::request::{Body, ID_HEADER, Request, Response};
use crate::runtime::{PATIENCE, block_on, spawn};
use crate::wire::{Framing, Reader, is_framed, write_chunk, write_end, write_header};

/// Anything that carries a connection: TCP or TLS over it.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why there was no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection, or no TLS handshake; the text says why.
    Connect(String),
    /// The connection ended before a complete response; what had come of it.
    Closed(Vec<u8>),
    /// There was no complete response in time.
    Timeout,
    /// What came is not HTTP.
    Malformed(String),
    /// The request can't be sent in this protocol.
    Request(String),
    /// The stream was reset, or another error of the protocol.
    Protocol(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(why) => write!(f, "no connection: {why}"),
            Self::Closed(rest) => {
                write!(f, "closed before a complete response, after {:?}", String::from_utf8_lossy(rest))
            }
            Self::Timeout => f.write_str("no complete response in time"),
            Self::Malformed(why) => write!(f, "the response is malformed: {why}"),
            Self::Request(why) => write!(f, "the request can't be sent: {why}"),
            Self::Protocol(why) => write!(f, "protocol error: {why}"),
        }
    }
}

impl std::error::Error for Failure {}

/// A connection on which the test writes what it likes. Dropping it closes the socket at once.
pub struct Connection {
    reader: Reader<ReadHalf<Box<dyn Stream>>>,
    write: WriteHalf<Box<dyn Stream>>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("received", &self.reader.received.len()).finish_non_exhaustive()
    }
}

impl Connection {
    /// Connects in plain text.
    ///
    /// # Panics
    /// If nothing listens there.
    pub fn open(address: SocketAddr) -> Self {
        let stream = block_on(TcpStream::connect(address))
            .unwrap_or_else(|e| panic!("no connection to {address}: {e}"));
        Self::over(Box::new(stream))
    }

    pub(crate) fn over(stream: Box<dyn Stream>) -> Self {
        let (read, write) = tokio::io::split(stream);
        Self { reader: Reader::new(read), write }
    }

    /// Writes these bytes. An error (the peer has closed) shows in the next read.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        block_on(async {
            let _ = timeout(PATIENCE, self.write.write_all(bytes.as_ref())).await;
            let _ = self.write.flush().await;
        });
    }

    /// Writes a request as [`Client`](crate::client::Client) would and returns its id; nothing is read.
    pub fn send_request(&mut self, request: &Request) -> String {
        let id = request.sending_id();
        block_on(async {
            let _ = timeout(PATIENCE, write_request(&mut self.write, request, &id)).await;
        });
        id
    }

    /// Ends our direction only: the peer reads an end of file and can still answer.
    pub fn half_close(&mut self) {
        let _ = block_on(self.write.shutdown());
    }

    /// Reads one response to a request that was not `HEAD`. Several can be read after each other.
    ///
    /// # Errors
    /// If none comes, or none that is complete.
    pub fn response(&mut self) -> Result<Response, Failure> {
        block_on(async {
            timeout(PATIENCE, response(&mut self.reader, false)).await.unwrap_or(Err(Failure::Timeout))
        })
    }

    /// What comes until the peer closes, or nothing has come for `silence`.
    pub fn rest(&mut self, silence: Duration) -> Vec<u8> {
        block_on(async { while timeout(silence, self.reader.more()).await == Ok(true) {} });
        std::mem::take(&mut self.reader.received)
    }

    /// True if the peer has closed the connection, or does so within `limit`. Bytes that come before are kept.
    pub fn closes_within(&mut self, limit: Duration) -> bool {
        block_on(async { timeout(limit, async { while self.reader.more().await {} }).await.is_ok() })
    }

    /// Sends a request and reads its response, at the same time: the peer may answer before it has read all.
    pub(crate) async fn exchange(mut self, request: Request, id: String) -> Result<Response, Failure> {
        let head = request.method == "HEAD";
        let mut write = self.write;
        let writing = spawn({
            let id = id.clone();
            async move {
                // An error here means that the peer has closed; whether it has answered shows in the reading.
                let _ = write_request(&mut write, &request, &id).await;
                write
            }
        });
        // The other half stays open until the answer is complete: some peers take its end for a client that left.
        let answer = response(&mut self.reader, head).await;
        writing.abort();
        answer.map(|response| Response { id, ..response })
    }
}

async fn response<R: AsyncRead + Unpin>(reader: &mut Reader<R>, to_head: bool) -> Result<Response, Failure> {
    // Interim responses come before the one that counts; 101 is final.
    let head = loop {
        let head = reader.response_head().await?;
        if !(100..200).contains(&head.status) || head.status == 101 {
            break head;
        }
    };
    let bodiless = to_head || matches!(head.status, 101 | 204 | 304);
    let framing =
        if bodiless { Framing::Length(0) } else { Framing::of(&head.headers, Framing::UntilClose)? };
    let mut body = Vec::new();
    let trailers = reader.body(framing, |part| body.extend_from_slice(part)).await?;
    Ok(Response { id: String::new(), status: head.status, headers: head.headers, body, trailers })
}

async fn write_request(
    write: &mut (impl AsyncWrite + Unpin),
    request: &Request,
    id: &str,
) -> std::io::Result<()> {
    write.write_all(&request_head(request, id)).await?;
    match &request.body {
        Body::None => {}
        Body::Sized(body) => write.write_all(body).await?,
        Body::Chunked(chunks, trailers) => {
            for (pause, chunk) in chunks {
                tokio::time::sleep(*pause).await;
                write_chunk(write, chunk).await?;
            }
            write_end(write, trailers).await?;
        }
    }
    write.flush().await
}

/// Request line and headers as they go over the wire, with the empty line.
pub(crate) fn request_head(request: &Request, id: &str) -> Vec<u8> {
    let mut head = [request.method.as_bytes(), b" ", &request.path, b" HTTP/1.1\r\n"].concat();
    write_header(&mut head, "host", request.authority.as_bytes());
    request.headers.iter().for_each(|(name, value)| write_header(&mut head, name, value));
    if !id.is_empty() {
        write_header(&mut head, ID_HEADER, id.as_bytes());
    }
    match &request.body {
        _ if is_framed(&request.headers) => {}
        Body::None => {}
        Body::Sized(body) => write_header(&mut head, "content-length", body.len().to_string().as_bytes()),
        Body::Chunked(..) => write_header(&mut head, "transfer-encoding", b"chunked"),
    }
    head.extend_from_slice(b"\r\n");
    head
}
