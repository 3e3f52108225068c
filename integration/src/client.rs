//! The client: HTTP/1.1 and HTTP/2 with prior knowledge, in plain text or over TLS, one connection for each request.
//!
//! HTTP/1.1 is written byte by byte, because a filter must see what real clients send, also where an HTTP library would
//! refuse to (`/?q=<script>`). HTTP/2 goes through hyper; what hyper refuses comes back as [`Failure::Request`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::certs::Identity;
use crate::frames::{Frames, Sender};
use crate::raw::{self, Connection, Failure};
use crate::request::{Body, ID_HEADER, Request, Response, from_map, lossy, to_map};
use crate::runtime::{PATIENCE, block_on, spawn};

/// Where and how to send requests. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    http2: bool,
    tls: Option<Tls>,
    patience: Duration,
}

impl Client {
    /// HTTP/1.1 in plain text.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, http2: false, tls: None, patience: PATIENCE }
    }

    /// HTTP/2 with prior knowledge; over TLS by ALPN.
    #[must_use]
    pub fn http2(mut self) -> Self {
        self.http2 = true;
        self
    }

    /// Over TLS.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// How long to wait for a complete response, by default [`PATIENCE`]. Shorter where a test expects that none comes.
    #[must_use]
    pub fn patience(mut self, limit: Duration) -> Self {
        self.patience = limit;
        self
    }

    /// Sends a request.
    ///
    /// # Panics
    /// If there is no complete response.
    pub fn send(&self, request: impl Into<Request>) -> Response {
        let request = request.into();
        let named = format!("{} {}", request.method, lossy(&request.path));
        self.try_send(request).unwrap_or_else(|e| panic!("{named}: {e}"))
    }

    /// Sends a request.
    ///
    /// # Errors
    /// If there is no complete response.
    pub fn try_send(&self, request: impl Into<Request>) -> Result<Response, Failure> {
        block_on(self.clone().exchange(request.into()))
    }

    /// Sends many requests at once and returns the answers in their order: for weights, limits and load.
    pub fn send_all(&self, requests: impl IntoIterator<Item = Request>) -> Vec<Result<Response, Failure>> {
        let running: Vec<_> =
            requests.into_iter().map(|request| spawn(self.clone().exchange(request))).collect();
        let finish = |task: tokio::task::JoinHandle<_>| {
            block_on(task).unwrap_or_else(|e| Err(Failure::Protocol(format!("the task ended: {e}"))))
        };
        running.into_iter().map(finish).collect()
    }

    /// Opens a connection to write on by hand.
    ///
    /// # Panics
    /// If nothing listens there or TLS fails.
    pub fn raw(&self) -> Connection {
        block_on(self.connect()).map(Connection::over).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Sends a request, as a future for code that runs on the harness's runtime.
    ///
    /// # Errors
    /// If there is no complete response.
    pub async fn exchange(self, request: Request) -> Result<Response, Failure> {
        let id = request.sending_id();
        let exchange = async {
            let stream = self.connect().await?;
            if self.http2 {
                self.exchange_http2(stream, request, id).await
            } else {
                Connection::over(stream).exchange(request, id).await
            }
        };
        timeout(self.patience, exchange).await.unwrap_or(Err(Failure::Timeout))
    }

    async fn connect(&self) -> Result<Box<dyn raw::Stream>, Failure> {
        let failed = |e: &dyn std::fmt::Display| Failure::Connect(format!("{}: {e}", self.address));
        let stream = TcpStream::connect(self.address).await.map_err(|e| failed(&e))?;
        stream.set_nodelay(true).map_err(|e| failed(&e))?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let protocol: &[u8] = if self.http2 { b"h2" } else { b"http/1.1" };
        let mut config = ClientConfig::clone(&tls.config);
        config.alpn_protocols = vec![protocol.to_vec()];
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = connector.connect(tls.server.clone(), stream).await.map_err(|e| failed(&e))?;
        Ok(Box::new(stream))
    }

    async fn exchange_http2(
        &self,
        stream: Box<dyn raw::Stream>,
        request: Request,
        id: String,
    ) -> Result<Response, Failure> {
        let protocol = |e: hyper::Error| Failure::Protocol(with_causes(&e));
        let (mut http2, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
                .await
                .map_err(protocol)?;
        let connection = spawn(connection);
        let (head, body) = self.http2_parts(&request, &id)?;
        let (sender, frames) = Frames::new();
        let writing = (!matches!(body, Body::None)).then(|| spawn(write_body(sender, body)));
        let outcome = async {
            let (head, body) =
                http2.send_request(head.map(|()| frames)).await.map_err(protocol)?.into_parts();
            let body = body.collect().await.map_err(protocol)?;
            let trailers = body.trailers().map(from_map).unwrap_or_default();
            let (status, headers) = (head.status.as_u16(), from_map(&head.headers));
            Ok(Response { id, status, headers, body: body.to_bytes().to_vec(), trailers })
        };
        let outcome = outcome.await;
        if let Some(writing) = writing {
            writing.abort();
        }
        connection.abort();
        outcome
    }

    fn http2_parts(&self, request: &Request, id: &str) -> Result<(hyper::Request<()>, Body), Failure> {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let mut head = hyper::Request::builder()
            .method(request.method.as_str())
            .uri([scheme.as_bytes(), b"://", request.authority.as_bytes(), &request.path].concat())
            .body(())
            .map_err(|e| Failure::Request(format!("{e}: {} {}", request.method, lossy(&request.path))))?;
        *head.headers_mut() = to_map(&request.headers).map_err(Failure::Request)?;
        if !id.is_empty() {
            head.headers_mut().append(ID_HEADER, id.parse().expect("ids are plain"));
        }
        Ok((head, request.body.clone()))
    }
}

async fn write_body(sender: Sender<Failure>, body: Body) {
    // A failed send means that the stream has ended; the response, or its absence, says how.
    match body {
        Body::None => {}
        Body::Sized(body) => {
            let _ = sender.send(Ok(Frame::data(body))).await;
        }
        Body::Chunked(chunks, trailers) => {
            for (pause, chunk) in chunks {
                tokio::time::sleep(pause).await;
                if sender.send(Ok(Frame::data(chunk))).await.is_err() {
                    return;
                }
            }
            if let (false, Ok(trailers)) = (trailers.is_empty(), to_map(&trailers)) {
                let _ = sender.send(Ok(Frame::trailers(trailers))).await;
            }
        }
    }
}

/// How a client speaks TLS: whom it trusts, who it says it is.
#[derive(Clone, Debug)]
pub struct Tls {
    config: Arc<ClientConfig>,
    server: ServerName<'static>,
}

impl Tls {
    /// Trusts this certificate authority (PEM) and expects a certificate for `server` (also sent as SNI). With an
    /// identity it presents that certificate when asked for one.
    ///
    /// # Panics
    /// If the PEM texts or the name are not valid.
    pub fn new(authority: &str, server: &str, identity: Option<&Identity>) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in crate::certs::certificates(authority) {
            roots.add(certificate).expect("the authority's certificate is usable");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("ring has the default versions")
            .with_root_certificates(roots);
        let config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(
                    crate::certs::certificates(&identity.certificate),
                    crate::certs::key(&identity.key),
                )
                .expect("certificate and key fit"),
        };
        let server = ServerName::try_from(server.to_owned()).expect("a valid server name");
        Self { config: Arc::new(config), server }
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl From<&Request> for Request {
    fn from(request: &Request) -> Self {
        request.clone()
    }
}
