use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::net::SocketAddr;

/// A little more than the longest address: an IPv6 address of 39 characters, brackets, a colon and 5 digits.
const MAX_TEXT_BYTES: usize = 64;

/// The address and port of an upstream endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint(SocketAddr);

impl Endpoint {
    /// Reads the address as the host writes it: `10.1.2.3:8080` or `[2001:db8::1]:8080`.
    ///
    /// `None` for what cannot be named to the host again: a Unix socket, port 0, an address with a zone, and an address
    /// that the host writes in another form than this type. Envoy compares endpoints as text.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let address: SocketAddr = text.parse().ok()?;
        Self::from_address(address).filter(|endpoint| endpoint.text() == text)
    }

    /// The endpoint at `address`; `None` for port 0 and for an IPv6 address with a zone.
    pub fn from_address(address: SocketAddr) -> Option<Self> {
        let has_zone = matches!(address, SocketAddr::V6(v6) if v6.scope_id() != 0);
        (address.port() != 0 && !has_zone).then_some(Self(address))
    }

    /// The address.
    pub fn address(self) -> SocketAddr {
        self.0
    }

    /// The endpoint as Envoy's `stateful_session` in header mode reads it: its text in base64 (Envoy,
    /// `HeaderBasedSessionState`).
    pub fn header_value(self) -> String {
        STANDARD.encode(self.text())
    }

    /// What `Display` writes, for each request: IPv4 without the machinery of formatting.
    fn text(self) -> String {
        let SocketAddr::V4(address) = self.0 else { return self.0.to_string() };
        let mut text = String::with_capacity(MAX_TEXT_BYTES);
        for (place, octet) in address.ip().octets().into_iter().enumerate() {
            if place > 0 {
                text.push('.');
            }
            push_number(&mut text, octet.into());
        }
        text.push(':');
        push_number(&mut text, address.port());
        text
    }

    /// Reads what `stateful_session` writes of an endpoint that the request did not name.
    pub fn from_header_value(value: &[u8]) -> Option<Self> {
        let mut text = [0; MAX_TEXT_BYTES];
        let length = STANDARD.decode_slice(value, &mut text).ok()?;
        Self::parse(text.get(..length)?)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn push_number(text: &mut String, number: u16) {
    if number > 9 {
        push_number(text, number / 10);
    }
    text.push(char::from(b'0' + (number % 10) as u8));
}
