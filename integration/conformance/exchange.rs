//! A request as bytes, over a connection of its own whose local port nobody else uses: by the port the logs know it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use integration::runtime::block_on;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// How long a response may take. Longer than Envoy waits for a body that does not come.
const PATIENCE: Duration = Duration::from_secs(8);

/// Sends the bytes and waits for the response.
///
/// Returns the local port and the status; no status where the connection ended before one came.
pub(crate) fn exchange(server: SocketAddr, request: &[u8]) -> (u16, Option<u16>) {
    block_on(async {
        let (port, mut stream) = connect(server).await;
        // The server may answer and close before it has read all.
        let _ = timeout(PATIENCE, stream.write_all(request)).await;
        let mut received = Vec::new();
        let reading = async {
            while !is_complete(&received) && matches!(stream.read_buf(&mut received).await, Ok(1..)) {}
        };
        let _ = timeout(PATIENCE, reading).await;
        (port, status(&received))
    })
}

async fn connect(server: SocketAddr) -> (u16, TcpStream) {
    static NEXT: AtomicU16 = AtomicU16::new(20_000);
    loop {
        let port = NEXT.fetch_add(1, Ordering::Relaxed);
        assert!(port < 60_000, "all ports have been used");
        let socket = TcpSocket::new_v4().expect("a socket");
        if socket.bind(SocketAddr::from(([127, 0, 0, 1], port))).is_err() {
            continue;
        }
        if let Ok(stream) = socket.connect(server).await {
            return (port, stream);
        }
    }
}

fn status(received: &[u8]) -> Option<u16> {
    let line = received.split(|byte| *byte == b'\n').next()?;
    std::str::from_utf8(line).ok()?.split(' ').nth(1)?.parse().ok()
}

/// Whether the response is there, as far as one can tell: else it ends with the connection.
fn is_complete(received: &[u8]) -> bool {
    let mut slots = [httparse::EMPTY_HEADER; 128];
    let mut response = httparse::Response::new(&mut slots);
    let Ok(httparse::Status::Complete(head)) = response.parse(received) else { return false };
    let header = |name: &str| {
        response
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value)
    };
    let length = header("content-length").and_then(|length| std::str::from_utf8(length).ok()?.parse().ok());
    match length {
        Some(length) => received.len() - head >= length,
        None => header("transfer-encoding").is_some() && received.ends_with(b"\r\n0\r\n\r\n"),
    }
}
