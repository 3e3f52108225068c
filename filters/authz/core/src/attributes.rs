use portcullis_jwt::{Algorithm, Key};
use std::net::{IpAddr, SocketAddr};

/// What policies may ask about a request beside its headers. Each of these costs a call to the host: it is made when a
/// policy needs the answer, and at most once for a request.
pub trait Attributes {
    /// The address of the direct peer (Envoy: `directRemoteAddress`).
    fn peer_address(&mut self) -> PeerAddress;

    /// The address of the client as the proxy determined it, from `x-forwarded-for` or the PROXY protocol where it trusts
    /// them (Envoy: `remoteAddress`). `None` where it has no IP address, as on a Unix socket.
    fn remote_address(&mut self) -> Option<IpAddr>;

    /// The local address of the connection.
    fn local_address(&mut self) -> Option<SocketAddr>;

    /// The name in the peer's certificate: its URI SAN, else its DNS SAN, else its subject. `None` without a certificate.
    fn principal(&mut self) -> Option<Vec<u8>>;

    /// The value under a key of the dynamic metadata of a filter: a text as it is, a list in the host's serialised form.
    fn metadata(&mut self, _filter: &str, _key: &str) -> Option<Vec<u8>> {
        None
    }

    /// The server name of the TLS handshake (SNI).
    fn server_name(&mut self) -> Option<Vec<u8>>;

    /// The protocol of the request, as `HTTP/1.1` or `HTTP/2`. Asked where a signature covers it.
    fn protocol(&mut self) -> Option<Vec<u8>> {
        None
    }

    /// The time, in seconds since 1970-01-01 UTC. Asked where a request carries a credential with a time.
    fn now(&mut self) -> u64;

    /// Whether the request may wait for the keys of this source ([`Authz::sources`](crate::Authz::sources)). Asked where there are none yet, or
    /// none of the token's `kid`. If not, the token is refused.
    fn may_await_keys(&mut self, _source: usize) -> bool {
        false
    }

    /// Whether the external checks were made, and have allowed the request.
    fn is_checked(&self) -> bool {
        false
    }

    /// Whether `signature` is that of `message` by `key`. A host that can do it faster than [`Key::verify`] must give the same
    /// answer.
    fn verify(&mut self, key: &Key, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        key.verify(algorithm, message, signature)
    }
}

/// The address of the direct peer, as far as it can be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerAddress {
    /// This address.
    Ip(IpAddr),
    /// None that is an IP address, as on a Unix socket: no block contains it.
    NotIp,
    /// It cannot be told. A test on it fails closed: it holds in DENY and AUDIT policies, and not in ALLOW policies.
    Unknown,
}

impl PeerAddress {
    /// The direct peer, told from the address of the client. Envoy overwrites that with an address from
    /// `x-forwarded-for`, which anyone can write unless `use_remote_address` is set; such an address has port 0, which no
    /// connection has.
    pub fn from_remote(address: SocketAddr) -> Self {
        if address.port() == 0 { Self::Unknown } else { Self::Ip(address.ip()) }
    }
}
