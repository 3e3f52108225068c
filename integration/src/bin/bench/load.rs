//! The client: keep-alive connections over HTTP/1.1, each with one request at a time, their bytes made before.

use super::measure::Probe;
use super::origin::body_length;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Connections to one Envoy.
#[derive(Debug)]
pub(crate) struct Client {
    connections: Vec<Mutex<Connection>>,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What a load came to.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) took: Duration,
    /// How long each request took, in seconds.
    pub(crate) latencies: Vec<f64>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr, connections: u32) -> Self {
        Self { connections: (0..connections).map(|_| Mutex::new(Connection::open(address))).collect() }
    }

    /// Sends this request over all connections for this long.
    ///
    /// # Panics
    /// If an answer has another status.
    pub(crate) fn run(&self, request: &Probe, status: u16, time: Duration) -> Outcome {
        let start = Instant::now();
        let end = start + time;
        let latencies = std::thread::scope(|scope| {
            let work = |connection| move || repeat(connection, request, status, end);
            let threads: Vec<_> = self.connections.iter().map(|each| scope.spawn(work(each))).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("requests are answered")).collect()
        });
        Outcome { took: start.elapsed(), latencies }
    }

    /// Sends a request once, and returns the answer's status and the cookies that it sets, as a client sends them back.
    pub(crate) fn once(&self, request: &[u8]) -> (u16, String) {
        self.connections[0].lock().expect("nobody panicked").exchange(request)
    }
}

fn repeat(connection: &Mutex<Connection>, probe: &Probe, status: u16, end: Instant) -> Vec<f64> {
    /// No number comes twice, whatever the connection.
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut connection = connection.lock().expect("nobody panicked");
    let mut request = probe.bytes.clone();
    let mut latencies = Vec::new();
    let mut now = Instant::now();
    while now < end {
        if let Some(place) = probe.number.clone() {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let text = format!("{number:0width$}", width = place.len());
            request[place].copy_from_slice(text.as_bytes());
        }
        let (found, _) = connection.exchange(&request);
        assert_eq!(found, status, "the status of the answer to {}", String::from_utf8_lossy(&request));
        let after = Instant::now();
        latencies.push((after - now).as_secs_f64());
        now = after;
    }
    latencies
}

impl Connection {
    fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("Envoy listens");
        stream.set_nodelay(true).expect("the option exists");
        stream.set_read_timeout(Some(integration::runtime::PATIENCE)).expect("the option exists");
        Self { stream, buffer: vec![0; 16 << 10] }
    }

    fn exchange(&mut self, request: &[u8]) -> (u16, String) {
        self.stream.write_all(request).expect("Envoy reads");
        let mut filled = 0;
        loop {
            let count = self.stream.read(&mut self.buffer[filled..]).expect("Envoy answers");
            assert!(count > 0, "Envoy has closed the connection in an answer");
            filled += count;
            let mut headers = [httparse::EMPTY_HEADER; 64];
            let mut answer = httparse::Response::new(&mut headers);
            let parsed = answer.parse(&self.buffer[..filled]).expect("Envoy sends correct answers");
            if let httparse::Status::Complete(head) = parsed
                && head + body_length(answer.headers) <= filled
            {
                let status = answer.code.expect("a complete answer has a status");
                return (status, cookies(answer.headers));
            }
        }
    }
}

fn cookies(headers: &[httparse::Header<'_>]) -> String {
    let cookies = headers.iter().filter(|header| header.name.eq_ignore_ascii_case("set-cookie"));
    let pairs = cookies.map(|header| String::from_utf8_lossy(header.value));
    pairs.map(|cookie| cookie.split(';').next().unwrap_or_default().to_owned()).collect::<Vec<_>>().join("; ")
}
