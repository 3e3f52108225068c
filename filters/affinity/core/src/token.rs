use crate::Endpoint;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{AeadInOut, KeyInit, Nonce, Tag};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// The bytes of a nonce. Chosen at random they never repeat in practice, however long a key is in use
/// (XChaCha20-Poly1305, draft-irtf-cfrg-xchacha section 2.1).
pub const NONCE_BYTES: usize = 24;

/// What a cookie says once it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pin {
    pub(crate) target: Target,
    /// When the session was bound to its target, in seconds since 1970.
    pub(crate) issued: u32,
    /// When the session was last seen, in seconds since 1970; exact to a tenth of the idle timeout.
    pub(crate) seen: u32,
    /// The [`fingerprint`](crate::fingerprint) of the cluster that the endpoint is of; 0 where that does not count.
    pub(crate) cluster: u32,
    /// The fingerprint of what tells the endpoint from others that had its address; 0 where that does not count.
    pub(crate) identity: u32,
    /// Whether the cookie was sealed with a key other than the first.
    pub(crate) under_old_key: bool,
}

/// What a session is bound to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An endpoint, by its address.
    Endpoint(Endpoint),
    /// A random key, which the host hashes to an endpoint.
    Key([u8; 16]),
}

impl Pin {
    /// What the session is bound to.
    pub fn target(&self) -> Target {
        self.target
    }

    /// The endpoint that the session is bound to; `None` for one that is bound to a key.
    pub fn endpoint(&self) -> Option<Endpoint> {
        match self.target {
            Target::Endpoint(endpoint) => Some(endpoint),
            Target::Key(_) => None,
        }
    }

    /// When the session was bound to its target, in seconds since 1970.
    pub fn issued(&self) -> u32 {
        self.issued
    }

    /// When the session was last seen, in seconds since 1970; exact to a tenth of the idle timeout.
    pub fn seen(&self) -> u32 {
        self.seen
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

/// The keys, and what they seal for. Sealed tokens look like this, in base64url without padding (96 characters, or 108 in
/// version 2):
///
/// | bytes | |
/// |---|---|
/// | 1 | version, 1 or 2 |
/// | 4 | key tag, derived from the secret |
/// | 24 | nonce |
/// | 27 | sealed: kind (4, 6, or 0 for a key), address (16, IPv4 mapped) or key, port (2), issued (4), last seen (4) |
/// | 9 | in version 2 only, sealed: cluster (4), identity (4), 0 |
/// | 16 | authentication tag, over the sealed bytes, audience, cookie name and scope |
///
/// One configuration writes one version, so that not even the address family shows in the length. Numbers are big-endian;
/// times are seconds since 1970 and last until 2106.
pub(crate) struct Keyring {
    keys: Vec<Key>,
    /// Audience, NUL, cookie name: a name is a token and has no NUL, so the pair is unambiguous.
    context: Vec<u8>,
    /// Whether cluster and identity are sealed, too.
    is_extended: bool,
}

impl Keyring {
    /// The first secret seals, all open.
    pub(crate) fn new(secrets: &[String], audience: &str, cookie_name: &str, is_extended: bool) -> Self {
        let keys = secrets.iter().map(|secret| Key::derive(secret.as_bytes())).collect();
        Self { keys, context: [audience.as_bytes(), b"\0", cookie_name.as_bytes()].concat(), is_extended }
    }

    /// What tokens of this scope are bound to.
    pub(crate) fn context(&self, scope: &[u8]) -> Cow<'_, [u8]> {
        if scope.is_empty() {
            Cow::Borrowed(&self.context)
        } else {
            Cow::Owned([&self.context[..], b"\0", scope].concat())
        }
    }

    /// Opens a token. Does not look at its times.
    pub(crate) fn open(&self, token: &[u8], context: &[u8]) -> Result<Pin, Rejection> {
        let parts = Parts::decode(token).ok_or(Rejection::Malformed)?;
        let mut rejection = Rejection::UnknownKey;
        for (index, key) in self.keys.iter().enumerate().filter(|(_, key)| key.tag == parts.key_tag) {
            let mut plain = parts.sealed;
            let nonce = Nonce::<XChaCha20Poly1305>::from(parts.nonce);
            let tag = Tag::<XChaCha20Poly1305>::from(parts.tag);
            let sealed = plain.get_mut(..parts.length).unwrap_or_default();
            rejection = match key.cipher.decrypt_inout_detached(&nonce, context, sealed.into(), &tag) {
                Ok(()) => return Pin::from_bytes(&plain, index > 0).ok_or(Rejection::Malformed),
                Err(_) => Rejection::Tampered,
            };
        }
        Err(rejection)
    }

    /// Seals with the first key. `None` without a key, which no configuration allows.
    pub(crate) fn seal(&self, pin: &Pin, nonce: [u8; NONCE_BYTES], context: &[u8]) -> Option<String> {
        let key = self.keys.first()?;
        let mut sealed = pin.to_bytes();
        let (version, length) = if self.is_extended { (2, EXTENDED_BYTES) } else { (1, PLAIN_BYTES) };
        let used = sealed.get_mut(..length)?;
        let tag = key.cipher.encrypt_inout_detached(&nonce.into(), context, used.into()).ok()?;
        Some(URL_SAFE_NO_PAD.encode([&[version][..], &key.tag, &nonce, sealed.get(..length)?, &tag].concat()))
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
    /// As many as `length` says; the rest is 0.
    sealed: [u8; EXTENDED_BYTES],
    length: usize,
    tag: [u8; TAG_BYTES],
}

impl Parts {
    fn decode(token: &[u8]) -> Option<Self> {
        let length = match token.len() {
            TOKEN_CHARACTERS => PLAIN_BYTES,
            EXTENDED_TOKEN_CHARACTERS => EXTENDED_BYTES,
            _ => return None,
        };
        let mut bytes = [0; MAX_TOKEN_BYTES];
        let decoded = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
        let (version, rest) = bytes.get(..decoded)?.split_first()?;
        let (key_tag, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (text, tag) = rest.split_last_chunk()?;
        let mut sealed = [0; EXTENDED_BYTES];
        sealed.get_mut(..length)?.copy_from_slice(text.get(..length)?);
        let is_version = *version == if length == PLAIN_BYTES { 1 } else { 2 };
        is_version.then_some(Self { key_tag: *key_tag, nonce: *nonce, sealed, length, tag: *tag })
    }
}

impl Pin {
    fn to_bytes(self) -> [u8; EXTENDED_BYTES] {
        let (kind, address, port) = match self.target {
            Target::Key(key) => (KIND_KEY, key, 0),
            Target::Endpoint(endpoint) => match endpoint.address() {
                SocketAddr::V4(v4) => (KIND_IPV4, v4.ip().to_ipv6_mapped().octets(), v4.port()),
                SocketAddr::V6(v6) => (KIND_IPV6, v6.ip().octets(), v6.port()),
            },
        };
        let mut bytes = [0; EXTENDED_BYTES];
        let mut rest = &mut bytes[..];
        let mut put = |part: &[u8]| {
            if let Some((place, behind)) = std::mem::take(&mut rest).split_at_mut_checked(part.len()) {
                place.copy_from_slice(part);
                rest = behind;
            }
        };
        put(&[kind]);
        put(&address);
        put(&port.to_be_bytes());
        for number in [self.issued, self.seen, self.cluster, self.identity] {
            put(&number.to_be_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8; EXTENDED_BYTES], under_old_key: bool) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (octets, rest) = rest.split_first_chunk::<16>()?;
        let (port, rest) = rest.split_first_chunk()?;
        let (issued, rest) = rest.split_first_chunk()?;
        let (seen, rest) = rest.split_first_chunk()?;
        let (cluster, rest) = rest.split_first_chunk()?;
        let identity = rest.first_chunk()?;
        let address = Ipv6Addr::from(*octets);
        let at = |ip: IpAddr| Endpoint::from_address(SocketAddr::new(ip, u16::from_be_bytes(*port)));
        let target = match *kind {
            KIND_KEY => Target::Key(*octets),
            KIND_IPV4 => Target::Endpoint(at(address.to_ipv4_mapped()?.into())?),
            KIND_IPV6 => Target::Endpoint(at(address.into())?),
            _ => return None,
        };
        Some(Self {
            target,
            issued: u32::from_be_bytes(*issued),
            seen: u32::from_be_bytes(*seen),
            cluster: u32::from_be_bytes(*cluster),
            identity: u32::from_be_bytes(*identity),
            under_old_key,
        })
    }
}

const KEY_TAG_BYTES: usize = 4;
const PLAIN_BYTES: usize = 27;
const EXTENDED_BYTES: usize = PLAIN_BYTES + 9;
const TAG_BYTES: usize = 16;
const OVERHEAD_BYTES: usize = 1 + KEY_TAG_BYTES + NONCE_BYTES + TAG_BYTES;
const MAX_TOKEN_BYTES: usize = OVERHEAD_BYTES + EXTENDED_BYTES;
/// Multiples of 4 without padding: there is one encoding of each token, and no spare bits to alter.
pub(crate) const TOKEN_CHARACTERS: usize = (OVERHEAD_BYTES + PLAIN_BYTES) / 3 * 4;
pub(crate) const EXTENDED_TOKEN_CHARACTERS: usize = MAX_TOKEN_BYTES / 3 * 4;
const KIND_KEY: u8 = 0;
const KIND_IPV4: u8 = 4;
const KIND_IPV6: u8 = 6;
