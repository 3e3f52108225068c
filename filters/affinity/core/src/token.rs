use crate::Endpoint;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{AeadInOut, KeyInit, Nonce, Tag};
use sha2::{Digest, Sha256};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The bytes of a nonce. Chosen at random they never repeat in practice, however long a key is in use
/// (XChaCha20-Poly1305, draft-irtf-cfrg-xchacha section 2.1).
pub const NONCE_BYTES: usize = 24;

/// What a cookie says once it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    pub(crate) endpoint: Endpoint,
    /// When the session was bound to this endpoint, in seconds since 1970.
    pub(crate) issued: u32,
    /// When the session was last seen, in seconds since 1970; exact to a tenth of the idle timeout.
    pub(crate) seen: u32,
    /// Whether the cookie was sealed with a key other than the first.
    pub(crate) under_old_key: bool,
}

impl Pin {
    /// The endpoint that the session is bound to.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Whether the cookie was sealed with a key other than the first: once no such cookie comes, that key can go.
    pub fn under_old_key(&self) -> bool {
        self.under_old_key
    }
}

/// Why a cookie is not honoured. The client sees no difference between these, nor to having sent no cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// It has not the form of a sealed token: its length, alphabet or version.
    Malformed,
    /// It names a key that is not configured (any more, or not yet on this replica).
    UnknownKey,
    /// It does not open: altered, or sealed for another audience or cookie name.
    Tampered,
    /// It is older than the absolute timeout.
    Expired,
    /// It was last used longer ago than the idle timeout.
    Idle,
    /// Its time lies more than a day ahead: a clock is wrong, here or where it was sealed (HAProxy, `cookie maxidle`).
    Future,
}

impl Rejection {
    /// All reasons.
    pub const ALL: [Self; 6] =
        [Self::Malformed, Self::UnknownKey, Self::Tampered, Self::Expired, Self::Idle, Self::Future];

    /// The reason in one word, for metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::Tampered => "tampered",
            Self::Expired => "expired",
            Self::Idle => "idle",
            Self::Future => "future",
        }
    }
}

/// The keys, and what they seal for. Sealed tokens look like this, in base64url without padding (96 characters):
///
/// | bytes | |
/// |---|---|
/// | 1 | version, 1 |
/// | 4 | key tag, derived from the secret |
/// | 24 | nonce |
/// | 27 | sealed: address family (4 or 6), address (16, IPv4 mapped), port (2), issued (4), last seen (4) |
/// | 16 | authentication tag, over the sealed bytes, audience and cookie name |
///
/// All tokens have one length, so that not even the address family shows. Numbers are big-endian; times are seconds
/// since 1970 and last until 2106.
pub(crate) struct Keyring {
    keys: Vec<Key>,
    /// Audience, NUL, cookie name: a name is a token and has no NUL, so the pair is unambiguous.
    context: Vec<u8>,
}

impl Keyring {
    /// The first secret seals, all open.
    pub(crate) fn new(secrets: &[String], audience: &str, cookie_name: &str) -> Self {
        let keys = secrets.iter().map(|secret| Key::derive(secret.as_bytes())).collect();
        Self { keys, context: [audience.as_bytes(), b"\0", cookie_name.as_bytes()].concat() }
    }

    /// Opens a token. Does not look at its times.
    pub(crate) fn open(&self, token: &[u8]) -> Result<Pin, Rejection> {
        let parts = Parts::decode(token).ok_or(Rejection::Malformed)?;
        let mut rejection = Rejection::UnknownKey;
        for (index, key) in self.keys.iter().enumerate().filter(|(_, key)| key.tag == parts.key_tag) {
            let mut plain = parts.sealed;
            let nonce = Nonce::<XChaCha20Poly1305>::from(parts.nonce);
            let tag = Tag::<XChaCha20Poly1305>::from(parts.tag);
            let opened =
                key.cipher.decrypt_inout_detached(&nonce, &self.context, plain.as_mut_slice().into(), &tag);
            rejection = match opened {
                Ok(()) => {
                    return Pin::from_bytes(&plain, index > 0).ok_or(Rejection::Malformed);
                }
                Err(_) => Rejection::Tampered,
            };
        }
        Err(rejection)
    }

    /// Seals with the first key. `None` without a key, which no configuration allows.
    pub(crate) fn seal(&self, pin: &Pin, nonce: [u8; NONCE_BYTES]) -> Option<String> {
        let key = self.keys.first()?;
        let mut sealed = pin.to_bytes();
        let tag = key
            .cipher
            .encrypt_inout_detached(&nonce.into(), &self.context, sealed.as_mut_slice().into())
            .ok()?;
        Some(Parts { key_tag: key.tag, nonce, sealed, tag: tag.into() }.encode())
    }
}

struct Key {
    cipher: XChaCha20Poly1305,
    tag: [u8; KEY_TAG_BYTES],
}

impl Key {
    /// Key and tag are SHA-256 of the secret behind a label each: independent of each other, and the same on all replicas
    /// that have the secret, in whatever encoding it was made. A secret is random text, no password, so nothing is
    /// stretched.
    fn derive(secret: &[u8]) -> Self {
        let hash = |label: &[u8]| -> [u8; 32] {
            Sha256::new().chain_update(label).chain_update(b"\0").chain_update(secret).finalize().into()
        };
        let [a, b, c, d, ..] = hash(b"portcullis affinity v1 key tag");
        Self {
            cipher: XChaCha20Poly1305::new(&hash(b"portcullis affinity v1 key").into()),
            tag: [a, b, c, d],
        }
    }
}

struct Parts {
    key_tag: [u8; KEY_TAG_BYTES],
    nonce: [u8; NONCE_BYTES],
    sealed: [u8; PLAIN_BYTES],
    tag: [u8; TAG_BYTES],
}

impl Parts {
    fn decode(token: &[u8]) -> Option<Self> {
        let mut bytes = [0; TOKEN_BYTES];
        if token.len() != TOKEN_CHARACTERS
            || URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()? != TOKEN_BYTES
        {
            return None;
        }
        let (version, rest) = bytes.split_first_chunk::<1>()?;
        let (key_tag, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (sealed, rest) = rest.split_first_chunk()?;
        let tag = rest.first_chunk()?;
        (*version == [VERSION]).then_some(Self {
            key_tag: *key_tag,
            nonce: *nonce,
            sealed: *sealed,
            tag: *tag,
        })
    }

    fn encode(&self) -> String {
        let fields =
            [VERSION].into_iter().chain(self.key_tag).chain(self.nonce).chain(self.sealed).chain(self.tag);
        URL_SAFE_NO_PAD.encode(collect::<TOKEN_BYTES>(fields))
    }
}

impl Pin {
    fn to_bytes(self) -> [u8; PLAIN_BYTES] {
        let (family, address) = match self.endpoint.address().ip() {
            IpAddr::V4(address) => (FAMILY_IPV4, address.to_ipv6_mapped()),
            IpAddr::V6(address) => (FAMILY_IPV6, address),
        };
        let port = self.endpoint.address().port();
        collect(
            [family]
                .into_iter()
                .chain(address.octets())
                .chain(port.to_be_bytes())
                .chain(self.issued.to_be_bytes())
                .chain(self.seen.to_be_bytes()),
        )
    }

    fn from_bytes(bytes: &[u8; PLAIN_BYTES], under_old_key: bool) -> Option<Self> {
        let (family, rest) = bytes.split_first()?;
        let (address, rest) = rest.split_first_chunk::<16>()?;
        let (port, rest) = rest.split_first_chunk()?;
        let (issued, rest) = rest.split_first_chunk()?;
        let seen = rest.first_chunk()?;
        let address = Ipv6Addr::from(*address);
        let address = match *family {
            FAMILY_IPV4 => address.to_ipv4_mapped()?.into(),
            FAMILY_IPV6 => IpAddr::V6(address),
            _ => return None,
        };
        Some(Self {
            endpoint: Endpoint::from_address(SocketAddr::new(address, u16::from_be_bytes(*port)))?,
            issued: u32::from_be_bytes(*issued),
            seen: u32::from_be_bytes(*seen),
            under_old_key,
        })
    }
}

const VERSION: u8 = 1;
const KEY_TAG_BYTES: usize = 4;
const PLAIN_BYTES: usize = 27;
const TAG_BYTES: usize = 16;
const TOKEN_BYTES: usize = 1 + KEY_TAG_BYTES + NONCE_BYTES + PLAIN_BYTES + TAG_BYTES;
/// A multiple of 4 without padding: there is one encoding of each token, and no spare bits to alter.
pub(crate) const TOKEN_CHARACTERS: usize = TOKEN_BYTES / 3 * 4;
const FAMILY_IPV4: u8 = 4;
const FAMILY_IPV6: u8 = 6;

fn collect<const N: usize>(bytes: impl Iterator<Item = u8>) -> [u8; N] {
    let mut array = [0; N];
    for (slot, byte) in array.iter_mut().zip(bytes) {
        *slot = byte;
    }
    array
}
