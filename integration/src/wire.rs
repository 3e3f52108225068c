//! HTTP/1.1 as bytes, for both ends: what libraries refuse (`/?q=<script>`, a header `\xff`) must pass here.

use std::fmt;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::raw::Failure;
use crate::request::{Header, first, values};

/// The most headers that are read.
const HEADERS: usize = 512;

/// The first line's parts and the headers: method and target of a request, `""` and the status of a response.
pub(crate) struct Head {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) status: u16,
    pub(crate) headers: Vec<Header>,
}

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

impl Framing {
    /// As the headers say; `otherwise` if they don't.
    pub(crate) fn of(headers: &[Header], otherwise: Self) -> Result<Self, Failure> {
        if values(headers, "transfer-encoding").any(|value| value.to_ascii_lowercase().ends_with(b"chunked"))
        {
            return Ok(Self::Chunked);
        }
        let Some(length) = first(headers, "content-length") else { return Ok(otherwise) };
        let length = std::str::from_utf8(length).ok().and_then(|text| text.parse().ok());
        length.map(Self::Length).ok_or_else(|| Failure::Malformed("content-length is no number".to_owned()))
    }
}

/// Reads messages from a stream.
pub(crate) struct Reader<R> {
    pub(crate) stream: R,
    pub(crate) received: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self { stream, received: Vec::new() }
    }

    pub(crate) async fn request_head(&mut self) -> Result<Head, Failure> {
        self.head(|bytes| {
            let mut slots = [httparse::EMPTY_HEADER; HEADERS];
            let mut parsed = httparse::Request::new(&mut slots);
            let httparse::Status::Complete(length) = parsed.parse(bytes)? else { return Ok(None) };
            let text = |part: Option<&str>| part.unwrap_or_default().to_owned();
            let head = Head {
                method: text(parsed.method),
                target: text(parsed.path),
                status: 0,
                headers: owned(parsed.headers),
            };
            Ok(Some((length, head)))
        })
        .await
    }

    pub(crate) async fn response_head(&mut self) -> Result<Head, Failure> {
        self.head(|bytes| {
            let mut slots = [httparse::EMPTY_HEADER; HEADERS];
            let mut parsed = httparse::Response::new(&mut slots);
            let httparse::Status::Complete(length) = parsed.parse(bytes)? else { return Ok(None) };
            let status = parsed.code.unwrap_or_default();
            let headers = owned(parsed.headers);
            Ok(Some((length, Head { method: String::new(), target: String::new(), status, headers })))
        })
        .await
    }

    /// Gives the body's bytes to `sink` as they come; returns the trailers.
    pub(crate) async fn body(
        &mut self,
        framing: Framing,
        mut sink: impl FnMut(&[u8]),
    ) -> Result<Vec<Header>, Failure> {
        match framing {
            Framing::Length(length) => self.pass(length, &mut sink).await?,
            Framing::UntilClose => {
                while self.more().await {
                    sink(&std::mem::take(&mut self.received));
                }
                sink(&std::mem::take(&mut self.received));
            }
            Framing::Chunked => loop {
                let size = self.chunk_size().await?;
                if size == 0 {
                    return self.trailers().await;
                }
                self.pass(size, &mut sink).await?;
                self.pass(2, &mut |_| ()).await?;
            },
        }
        Ok(Vec::new())
    }

    /// Waits for more bytes; false at the end. A reset counts as an end: what came before it is what a test wants to see.
    pub(crate) async fn more(&mut self) -> bool {
        self.received.reserve(16 * 1024);
        matches!(self.stream.read_buf(&mut self.received).await, Ok(1..))
    }

    async fn head(
        &mut self,
        parse: impl Fn(&[u8]) -> Result<Option<(usize, Head)>, httparse::Error>,
    ) -> Result<Head, Failure> {
        loop {
            if let Some((length, head)) = parse(&self.received).map_err(|e| self.malformed(&e))? {
                self.received.drain(..length);
                return Ok(head);
            }
            self.need().await?;
        }
    }

    async fn chunk_size(&mut self) -> Result<usize, Failure> {
        loop {
            match httparse::parse_chunk_size(&self.received) {
                Ok(httparse::Status::Complete((length, size))) => {
                    self.received.drain(..length);
                    return usize::try_from(size).map_err(|e| self.malformed(&e));
                }
                Ok(httparse::Status::Partial) => self.need().await?,
                Err(_) => return Err(self.malformed(&"invalid chunk size")),
            }
        }
    }

    async fn trailers(&mut self) -> Result<Vec<Header>, Failure> {
        loop {
            let mut slots = [httparse::EMPTY_HEADER; HEADERS];
            match httparse::parse_headers(&self.received, &mut slots).map_err(|e| self.malformed(&e))? {
                httparse::Status::Complete((length, found)) => {
                    let found = owned(found);
                    self.received.drain(..length);
                    return Ok(found);
                }
                httparse::Status::Partial => self.need().await?,
            }
        }
    }

    async fn pass(&mut self, mut length: usize, sink: &mut impl FnMut(&[u8])) -> Result<(), Failure> {
        while length > 0 {
            if self.received.is_empty() {
                self.need().await?;
            }
            let part = length.min(self.received.len());
            sink(&self.received[..part]);
            self.received.drain(..part);
            length -= part;
        }
        Ok(())
    }

    async fn need(&mut self) -> Result<(), Failure> {
        if self.more().await { Ok(()) } else { Err(Failure::Closed(std::mem::take(&mut self.received))) }
    }

    fn malformed(&self, why: &dyn fmt::Display) -> Failure {
        Failure::Malformed(format!("{why} in {:?}", String::from_utf8_lossy(&self.received)))
    }
}

/// Appends `name: value` and the line's end, whatever the bytes are.
pub(crate) fn write_header(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Writes one chunk of a chunked body.
pub(crate) async fn write_chunk(stream: &mut (impl AsyncWrite + Unpin), chunk: &[u8]) -> std::io::Result<()> {
    let size = format!("{:x}\r\n", chunk.len());
    stream.write_all(&[size.as_bytes(), chunk, b"\r\n"].concat()).await?;
    stream.flush().await
}

/// Writes the end of a chunked body.
pub(crate) async fn write_end(
    stream: &mut (impl AsyncWrite + Unpin),
    trailers: &[Header],
) -> std::io::Result<()> {
    let mut end = b"0\r\n".to_vec();
    trailers.iter().for_each(|(name, value)| write_header(&mut end, name, value));
    end.extend_from_slice(b"\r\n");
    stream.write_all(&end).await?;
    stream.flush().await
}

/// True if the headers say where the body ends.
pub(crate) fn is_framed(headers: &[Header]) -> bool {
    ["content-length", "transfer-encoding"].iter().any(|name| first(headers, name).is_some())
}

fn owned(headers: &[httparse::Header<'_>]) -> Vec<Header> {
    headers.iter().map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec())).collect()
}
