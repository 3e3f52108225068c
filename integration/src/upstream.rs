//! Real upstreams, HTTP/1.1 and HTTP/2 on one port, that record what reaches them and answer as told.

mod http1;
mod http2;
mod reply;
mod state;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

pub use self::reply::Reply;
use self::state::State;
use crate::request::{Header, ID_HEADER, first, lossy, values};
use crate::runtime::{block_on, poll, spawn};

/// The response header in which every upstream puts its name.
pub const NAME_HEADER: &str = "x-upstream";

/// A server. Without further instruction it answers 200 with a JSON description of the request ([`Seen::describe`]).
/// It stops on drop.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    state: Arc<State>,
    serving: Mutex<Serving>,
}

impl Upstream {
    /// Starts one on a free port of 127.0.0.1. The name is what it puts into the header `x-upstream`.
    pub fn start(name: &str) -> Self {
        Self::start_at(name, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Starts one at a given address; port 0 takes a free one.
    ///
    /// # Panics
    /// If the address is taken.
    pub fn start_at(name: &str, address: SocketAddr) -> Self {
        let state = Arc::new(State::new(name));
        let socket = bind(address);
        let address = socket.local_addr().expect("a bound socket has an address");
        let serving = Mutex::new(Serving::start(socket, Arc::clone(&state)));
        Self { address, state, serving }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Answers every request so, unless something more specific was said.
    pub fn answer(&self, reply: Reply) {
        self.state.lock().always = Some(reply);
    }

    /// Answers every request as this says, whatever else was said.
    pub fn answer_with(&self, handler: impl Fn(&Seen) -> Reply + Send + 'static) {
        self.state.lock().handler = Some(Box::new(handler));
    }

    /// Answers every request of this path (without query) so.
    pub fn answer_path(&self, path: &str, reply: Reply) {
        self.state.lock().by_path.insert(path.to_owned(), reply);
    }

    /// Answers the request with this id so. Goes before the others: tests that share an upstream don't meet.
    pub fn answer_id(&self, id: &str, reply: Reply) {
        self.state.lock().by_id.insert(id.to_owned(), reply);
    }

    /// What reached it under this id, in order; more than one when Envoy tried again. A request whose body broke off is in it, too.
    pub fn seen(&self, id: &str) -> Vec<Seen> {
        self.state.lock().seen.iter().filter(|seen| seen.id() == id).cloned().collect()
    }

    /// All that reached it, in order.
    pub fn all_seen(&self) -> Vec<Seen> {
        self.state.lock().seen.clone()
    }

    /// The one request that reached it under this id.
    ///
    /// # Panics
    /// If it is not exactly one.
    pub fn only(&self, id: &str) -> Seen {
        let mut seen = self.seen(id);
        assert_eq!(seen.len(), 1, "requests {id} that reached {}: {seen:#?}", self.name());
        seen.remove(0)
    }

    /// Panics if anything of this request reached it, were it only the headers.
    pub fn assert_untouched(&self, id: &str) {
        let seen = self.seen(id);
        assert!(seen.is_empty(), "request {id} must not reach {}, but did: {seen:#?}", self.name());
    }

    /// Waits until `count` requests in all have reached it.
    ///
    /// # Panics
    /// If they have not after ten seconds.
    pub fn wait_for(&self, count: usize) {
        let arrived = || (self.state.lock().seen.len() >= count).then_some(());
        poll(Duration::from_secs(10), arrived).unwrap_or_else(|| {
            panic!("{} has seen {} requests, not {count}", self.name(), self.state.lock().seen.len())
        });
    }

    /// Stops listening and closes all connections. The port stays ours: connecting to it is refused.
    pub fn stop(&self) {
        let mut serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        *serving = Serving::Stopped(None);
        *serving = Serving::Stopped(Some(bind(self.address)));
    }

    /// Listens again, after [`stop`](Self::stop), at the same address.
    pub fn restart(&self) {
        let mut serving = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        let held = match &mut *serving {
            Serving::Stopped(socket) => socket.take(),
            Serving::Running(..) => None,
        };
        if let Some(socket) = held {
            *serving = Serving::start(socket, Arc::clone(&self.state));
        }
    }
}

/// A request as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// `host` or `:authority`.
    pub authority: String,
    /// True for HTTP/2.
    pub http2: bool,
    /// Headers, names in lower case, values in bytes; over HTTP/2 without pseudo-headers.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers.
    pub trailers: Vec<Header>,
    /// False while the body is still coming, and for ever if it broke off.
    pub complete: bool,
}

impl Seen {
    /// The first value of a header, as text.
    pub fn header(&self, name: &str) -> Option<String> {
        first(&self.headers, name).map(lossy)
    }

    /// The first value of a header, in bytes.
    pub fn header_bytes(&self, name: &str) -> Option<&[u8]> {
        first(&self.headers, name)
    }

    /// All values of a header.
    pub fn header_values(&self, name: &str) -> Vec<String> {
        values(&self.headers, name).map(lossy).collect()
    }

    /// The id that it was sent with; empty if none.
    pub fn id(&self) -> String {
        self.header(ID_HEADER).unwrap_or_default()
    }

    /// What the echo answers: `upstream`, `method`, `path`, `authority`, `http2`, `headers` (pairs), `body_size`, and the
    /// first 4 KB of `body`. Bytes that are not UTF-8 are replaced.
    pub fn describe(&self, upstream: &str) -> serde_json::Value {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name, lossy(value))).collect();
        json!({
            "upstream": upstream,
            "method": self.method,
            "path": self.path,
            "authority": self.authority,
            "http2": self.http2,
            "headers": headers,
            "body_size": self.body.len(),
            "body": lossy(&self.body[..self.body.len().min(4096)]),
        })
    }
}

#[derive(Debug)]
enum Serving {
    Running(JoinHandle<()>, Option<oneshot::Sender<Infallible>>),
    Stopped(Option<TcpSocket>),
}

impl Serving {
    fn start(socket: TcpSocket, state: Arc<State>) -> Self {
        let listener = block_on(async { socket.listen(1024) }).expect("a bound socket listens");
        let (stop, stopped) = oneshot::channel();
        Self::Running(spawn(accept(listener, state, stopped)), Some(stop))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if let Self::Running(task, stop) = self {
            drop(stop.take());
            // The port is free, and no connection open, only when the task has ended.
            poll(Duration::from_secs(5), || task.is_finished().then_some(()));
        }
    }
}

/// Serves until the sender of `stopped` is gone.
async fn accept(listener: TcpListener, state: Arc<State>, mut stopped: oneshot::Receiver<Infallible>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => break,
        };
        let Ok((stream, _)) = accepted else { continue };
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let _ = stream.set_nodelay(true);
            if is_http2(&stream).await {
                http2::serve(stream, state).await;
            } else {
                http1::serve(stream, state).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    // To abort a task is not to end it: on a busy machine Envoy would find a connection open that is about to break, and does not
    // try again what was sent on one.
    connections.shutdown().await;
}

/// True if the connection begins as HTTP/2's preface does; no method of HTTP/1.1 does.
async fn is_http2(stream: &TcpStream) -> bool {
    let mut start = [0; 3];
    loop {
        match stream.peek(&mut start).await {
            Ok(3) => return &start == b"PRI",
            Ok(1..) => tokio::time::sleep(Duration::from_millis(1)).await,
            _ => return false,
        }
    }
}

fn bind(address: SocketAddr) -> TcpSocket {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.expect("a socket");
    socket.set_reuseaddr(true).expect("the option exists");
    socket.bind(address).unwrap_or_else(|e| panic!("{address} can't be bound: {e}"));
    socket
}
